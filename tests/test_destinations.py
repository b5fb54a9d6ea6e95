"""Every kind of move to every host, judged at once: the same as judged one by one, and the best one of them."""

from dataclasses import replace
from typing import Any

import pytest

from nmigrate import preflight
from nmigrate.destinations import ORDER, Matrix, changes_pin, matrix
from nmigrate.models import Cloud, Hypervisor, Instance
from nmigrate.preflight import Level
from nmigrate.scene import Scene, scene_of
from nmigrate.states import Kind
from tests.fakecloud import FakeCloud
from tests.wide import wide_cloud


def judged(name: str = "demo_zone", *, may_evacuate: bool = True, **changes: Any) -> Matrix:
    Instance.objects.filter(name=name).update(**changes)
    return matrix(scene_of(Instance.objects.get(name=name)), may_evacuate=may_evacuate)


def level(found: Matrix, host: str, kind: Kind) -> Level:
    row = next(row for row in found.rows if row.host.host == host)
    return next(cell for cell in row.cells if cell.kind is kind).verdict.level


def one_by_one(scene: Scene, kind: Kind, host: str) -> preflight.Verdict:
    there = scene.hosts[host]
    zone = there.zone if kind in (Kind.SHELVE, Kind.COPY) else ""
    return preflight.judge(scene.case(kind, host, zone, changes_pin=changes_pin(scene, kind, there)))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "SHUTOFF", "power_state": 4},
        {"locked": True},
        {"image_id": "", "volumes": ["v"]},
        {"pinned_zone": None},
        {"extra_specs": {"hw:tpm_version": "2.0", "trait:CUSTOM_SSD": "required"}},
        {"host": "node-003.rack1"},
    ],
    ids=lambda changes: "-".join(changes) or "as it is",
)
def test_all_at_once_is_as_one_by_one(db: None, changes: dict[str, Any]) -> None:
    vm = wide_cloud(60)
    Instance.objects.filter(pk=vm.pk).update(**changes)
    scene = scene_of(Instance.objects.get(pk=vm.pk))
    found = matrix(scene, may_evacuate=True)
    assert len(found.rows) == 59
    for row in found.rows:
        for cell in row.cells:
            alone = one_by_one(scene, cell.kind, row.host.host)
            assert cell.verdict.level is alone.level, (row.host.host, cell.kind)
            column = next(one for one in found.columns if one.kind is cell.kind)
            if not column.is_closed:
                assert cell.verdict == alone
                assert {*cell.own, *column.common} == set(alone.reasons)


def test_hosts_of_a_wide_cloud_differ(db: None) -> None:
    found = matrix(scene_of(wide_cloud(100)), may_evacuate=True)
    rules = {reason.rule for row in found.rows for cell in row.cells for reason in cell.verdict.reasons}
    assert rules >= {
        "host_down", "host_disabled", "memory", "disk", "disk_headroom", "processor", "hypervisor_version",
        "zone_changed", "group_apart", "config_drive", "source_state",
    }  # fmt: skip


def test_the_host_it_is_on_is_no_destination(synced: FakeCloud) -> None:
    assert {row.host.host for row in judged().rows} == {"compute1", "compute3", "compute4"}


def test_a_kind_that_leads_nowhere_says_so_once(synced: FakeCloud) -> None:
    found = judged("vm2")
    live = found.columns[ORDER.index(Kind.LIVE)]
    assert (live.is_closed, live.possible) == (True, 0)
    assert live.common[0].text.startswith("vm2 is stopped")


def test_a_lock_closes_nothing_but_no_host_can_be_chosen_without_a_manager(synced: FakeCloud) -> None:
    found = judged(locked=True)
    live = found.columns[ORDER.index(Kind.LIVE)]
    assert (live.is_closed, live.possible, live.common[0].rule) == (False, 0, "lock")
    assert level(found, "compute4", Kind.LIVE) is Level.OURS
    assert found.best is None


def test_another_zone_is_reached_by_freeing_it(synced: FakeCloud) -> None:
    Cloud.objects.update(nova_used="2.104")
    found = judged("vm2")
    row = next(row for row in found.rows if row.host.host == "compute2")
    ways = {cell.kind: cell.way for cell in row.cells}
    assert (ways[Kind.COLD], ways[Kind.SHELVE]) == ("unpin-cold", "shelve")
    assert level(found, "compute2", Kind.COLD) is Level.AMBER
    Cloud.objects.update(nova_used="2.96")
    assert level(judged("vm2"), "compute2", Kind.COLD) is Level.FORBIDDEN


def test_only_an_operator_may_evacuate(synced: FakeCloud) -> None:
    Hypervisor.objects.filter(host="compute2").update(state="down")
    assert level(judged(), "compute4", Kind.EVACUATE) is Level.GREEN
    assert level(judged(may_evacuate=False), "compute4", Kind.EVACUATE) is Level.FORBIDDEN
    assert judged().best is not None
    assert judged(may_evacuate=False).best is None


def test_the_best_is_the_least_harm_and_then_the_most_room(synced: FakeCloud) -> None:
    best = judged(image_id="cirros", pinned_zone=None).best
    assert best is not None
    assert (best.host.host, best.cell.kind) == ("compute4", Kind.LIVE)  # in its zone
    Hypervisor.objects.filter(host="compute4").update(memory_mb_used=190000)
    best = judged().best
    assert best is not None
    assert best.host.host == "compute1"  # as good as compute3, and first by name


def test_a_warning_counts_more_than_room(synced: FakeCloud) -> None:
    # compute4 suits better, but live its processor would not do.
    features = ["HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"]
    Hypervisor.objects.update(traits=features)
    Hypervisor.objects.filter(host="compute4").update(traits=features[:1])
    Hypervisor.objects.exclude(host__in=("compute4", "compute2")).update(memory_mb_used=150000)
    best = judged(pinned_zone=None).best
    assert best is not None
    assert (best.host.host, best.cell.kind, best.cell.verdict.level) == ("compute1", Kind.LIVE, Level.GREEN)


def test_a_scene_may_be_of_fresh_records(synced: FakeCloud) -> None:
    scene = scene_of(Instance.objects.get(name="demo_zone"))
    server = next(server for server in synced.servers() if server.name == "demo_zone")
    fresh = replace(scene, subject=server, hosts=synced.hosts)
    assert [row.level for row in matrix(fresh, may_evacuate=True).rows] == [
        row.level for row in judged().rows
    ]
