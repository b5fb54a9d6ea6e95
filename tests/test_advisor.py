"""Which ways lead from zone to zone, what each costs, and which one is recommended, from the inventory alone."""

from typing import Any

import pytest

from nmigrate import advisor
from nmigrate.advisor import Target
from nmigrate.models import Cloud, Hypervisor, Instance
from nmigrate.scene import scene_of
from nmigrate.ways import BAD, Way
from tests.fakecloud import FakeCloud

NONE_HERE = "It is bound to zone nova-1, and of its hosts none can take it."


def ways(instance: Instance, target: Target, *, may_evacuate: bool = False) -> dict[str, Way]:
    found = advisor.ways(scene_of(instance), target, may_evacuate=may_evacuate)
    return {way.key: way for way in found}


def best(found: dict[str, Way]) -> str:
    return next((way.key for way in found.values() if way.is_recommended), "")


def instance(name: str, **changes: Any) -> Instance:
    Instance.objects.filter(name=name).update(**changes)
    return Instance.objects.get(name=name)


def test_pinned_instance_is_freed_moved_and_bound_again(synced: FakeCloud) -> None:
    found = ways(instance("vm2"), Target(zone="nova"))
    assert set(found) == {"unpin-live", "unpin-cold", "shelve", "copy"}
    assert best(found) == "unpin-cold"  # it is stopped
    assert found["unpin-live"].objections[0].startswith("vm2 is stopped")
    assert found["unpin-cold"].host == "compute2"


def test_who_must_be_asked_is_named_by_their_project(synced: FakeCloud) -> None:
    found = ways(instance("vm2", status="ACTIVE", power_state=1), Target(zone="nova"))["unpin-live"]
    assert "none here; ask its owner (project demo) first" in [cost.text for cost in found.costs]
    assert found.warnings[-1].endswith("Be sure that its owner (project demo) wants that.")
    found = ways(instance("vm2", status="SUSPENDED"), Target())["cold"]
    assert found.objections[0].endswith("Ask its owner (project demo) to resume it first.")
    found = ways(instance("vm2", project_name=""), Target())["cold"]
    assert found.objections[0].endswith("Ask its owner to resume it first.")


def test_running_instance_goes_live(synced: FakeCloud) -> None:
    found = ways(instance("demo_zone"), Target(zone="nova-1"))
    assert set(found) == {"live", "cold", "shelve", "copy"}
    assert best(found) == "live"
    assert "does not interrupt" in found["live"].why


def test_nova_without_2_104_cannot_clear_the_pin_and_says_so(synced: FakeCloud) -> None:
    Cloud.objects.update(nova_used="2.96")
    found = ways(instance("vm2"), Target(zone="nova"))
    assert best(found) == "shelve"
    for key in ("unpin-live", "unpin-cold"):
        assert any("2.104" in words and "2.96" in words for words in found[key].objections)


def test_nova_that_tells_no_pin_is_warned_about(synced: FakeCloud) -> None:
    Cloud.objects.update(nova_used="2.93")
    found = ways(instance("demo_zone", pin_known=False), Target(zone="nova-1"))
    assert "does not tell whether it is bound" in found["live"].warnings[0]
    assert best(found) == "live"


def test_instance_on_a_volume_is_not_copied(synced: FakeCloud) -> None:
    found = ways(instance("vm2", image_id="", volumes=["v1"]), Target(zone="nova"))
    assert "starts from a volume" in found["copy"].objections[0]


def test_copy_needs_a_right_in_its_project(synced: FakeCloud) -> None:
    Cloud.objects.update(own_projects=[])
    found = ways(instance("vm2"), Target(zone="nova"))
    assert any("An operator must give it the member role" in words for words in found["copy"].objections)


def test_copy_cannot_leave_the_host_of_its_affinity_group(synced: FakeCloud) -> None:
    group = {"uuid": "g", "name": "together", "policy": "affinity"}
    found = ways(instance("vm2", server_groups=[group]), Target(zone="nova"))
    assert any("together" in words for words in found["copy"].objections)


@pytest.mark.parametrize(
    ("key", "name", "words"),
    [
        ("copy", "UUID", "a new one"),
        ("copy", "Addresses", "new ones"),
        ("copy", "Room", "taken twice"),
        ("shelve", "UUID", "stays"),
        ("shelve", "Firmware", "lost"),
        ("unpin-cold", "Room", "both hosts"),
        ("unpin-cold", "Downtime", "none"),
    ],
)
def test_costs_are_told(synced: FakeCloud, key: str, name: str, words: str) -> None:
    found = ways(instance("vm2"), Target(zone="nova"))[key]
    assert words in next(cost.text for cost in found.costs if cost.name == name)


def test_volumes_do_not_follow_a_copy(synced: FakeCloud) -> None:
    found = ways(instance("vm2", volumes=["v1", "v2"]), Target(zone="nova"))
    texts = {key: next(c.text for c in way.costs if c.name == "Volumes") for key, way in found.items()}
    assert texts["copy"] == "2 do not follow"
    assert texts["unpin-cold"] == "all 2 stay attached"


def test_vtpm_is_lost_by_shelving(synced: FakeCloud) -> None:
    found = ways(instance("vm2", extra_specs={"hw:tpm_version": "2.0"}), Target(zone="nova"))
    firmware = next(cost for cost in found["shelve"].costs if cost.name == "Firmware")
    assert (firmware.tone, "vTPM" in firmware.text) == (BAD, True)


def test_full_zone_leaves_only_what_nova_places_itself(synced: FakeCloud) -> None:
    Hypervisor.objects.filter(zone="nova").update(memory_mb_capacity=100, memory_mb_used=100)
    found = ways(instance("vm2"), Target(zone="nova"))
    assert "No host of zone nova" in found["unpin-cold"].objections[0]


def test_every_way_leads_to_a_host_of_the_same_zone_and_nova_itself_only_migrates(synced: FakeCloud) -> None:
    found = ways(instance("vm2"), Target(host="compute3"))
    assert set(found) == {"live", "cold", "shelve", "copy"}
    assert best(found) == "cold"
    assert set(ways(instance("vm2"), Target())) == {"live", "cold"}


def test_host_that_is_down_leaves_evacuation_to_operators(synced: FakeCloud) -> None:
    Hypervisor.objects.filter(host="compute1").update(state="down", forced_down=True)
    found = ways(instance("vm2"), Target())
    assert set(found) == {"evacuate"}
    assert set(ways(instance("vm2"), Target(host="compute3"))) == {"evacuate", "shelve", "copy"}
    assert "Only an operator" in found["evacuate"].objections[-1]
    assert best(ways(instance("vm2"), Target(), may_evacuate=True)) == "evacuate"


def test_evacuation_of_a_bound_instance_stays_in_its_zone(synced: FakeCloud) -> None:
    Hypervisor.objects.filter(host="compute1").update(state="down", forced_down=True)
    bound = ways(instance("vm2"), Target(host="compute2"), may_evacuate=True)["evacuate"]
    assert "bound to zone nova-1" in bound.objections[0]
    assert ways(instance("vm2"), Target(host="compute3"), may_evacuate=True)["evacuate"].is_possible
    free = ways(instance("vm2", pinned_zone=None), Target(host="compute2"), may_evacuate=True)["evacuate"]
    assert free.is_possible


def test_nothing_is_recommended_where_the_scheduler_finds_no_host(synced: FakeCloud) -> None:
    Hypervisor.objects.filter(host="compute3").update(status="disabled")
    bound = instance("demo_zone", host="compute1", zone="nova-1", pinned_zone="nova-1")
    found = ways(bound, Target())
    assert best(found) == ""
    for key in ("live", "cold"):
        assert found[key].objections == (f"{NONE_HERE} compute3 is out of service. Choose another zone.",)
    assert best(ways(bound, Target(zone="nova"))) == "unpin-live"


def test_where_live_goes_nowhere_cold_is_recommended(synced: FakeCloud) -> None:
    Hypervisor.objects.filter(host="compute1").update(version=9000000)
    Hypervisor.objects.exclude(host="compute1").update(version=8000000)
    found = ways(instance("demo_zone", host="compute1", zone="nova-1", pinned_zone="nova-1"), Target())
    assert best(found) == "cold"
    assert found["live"].objections[0].endswith("is older than that of compute1. Move it cold.")


def test_evacuation_finds_no_host_in_its_zone(synced: FakeCloud) -> None:
    Hypervisor.objects.filter(host__in=("compute1", "compute3")).update(state="down")
    found = ways(instance("vm2"), Target(), may_evacuate=True)["evacuate"]
    assert found.objections == (
        f"{NONE_HERE} compute3 is down. An operator must make room, or bring a host back.",
    )
