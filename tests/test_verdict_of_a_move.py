"""The verdict is kept with the request, and taken again from fresh data before the first step."""

import pytest
from django.contrib.auth.models import User

from nmigrate import inventory, services
from nmigrate.cloud import api
from nmigrate.errors import Conflict
from nmigrate.models import Hypervisor, Instance, Migration
from nmigrate.states import Kind, State
from tests.conftest import run_tasks
from tests.fakecloud import FakeCloud


def ask(helpdesk: User, instance: Instance, host: str = "compute3", kind: Kind = Kind.COLD) -> Migration:
    return services.request_migration(actor=helpdesk, instance=instance, host=host, kind=kind, reason="why")


def sent(move: Migration) -> Migration:
    run_tasks()
    move.refresh_from_db()
    return move


def rules(verdict: dict[str, list[dict[str, str]]]) -> list[str]:
    return [reason["rule"] for reason in verdict["reasons"]]


def test_what_was_judged_is_kept_with_the_request(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    kept = ask(helpdesk, vm2).verdict
    assert (kept["level"], kept["host"], kept["zone"]) == ("green", "compute3", "nova-1")
    assert kept["score"]["points"] == sum(part["points"] for part in kept["score"]["parts"])
    assert kept["at"].startswith("20")


def test_it_is_taken_again_before_the_start(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    move = sent(ask(helpdesk, vm2))
    assert (move.state, move.verdict_at_start["level"]) == (State.RUNNING, "green")
    assert move.verdict_at_start["at"] > move.verdict["at"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "down"}, "compute3 is down"),
        ({"status": "disabled", "disabled_reason": "broken fan"}, "“broken fan”"),
        ({"memory_mb": api.Amount(4096, 0, 1.0, 4000)}, "compute3 is too full: 96 MiB"),
        ({"traits": ("COMPUTE_STATUS_DISABLED",)}, "still takes compute3 for out of service"),
    ],
)
def test_what_the_inventory_has_not_seen_yet_stops_it(
    synced: FakeCloud, helpdesk: User, vm2: Instance, change: dict[str, object], words: str
) -> None:
    move = ask(helpdesk, vm2)
    synced.add_host("compute3", "nova-1", **change)
    move = sent(move)
    assert (move.state, words in move.why) == (State.FAILED, True)
    assert move.verdict_at_start["level"] == "forbidden"
    assert synced.calls["migrate"] == 0


def test_a_lock_found_at_the_start_tells_whom_to_ask(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    move = ask(helpdesk, vm2)
    synced.lock(vm2.uuid, "closing the year")
    assert "Either its owner (project demo) or an operator unlocks it first" in sent(move).why


def test_source_that_went_down_meanwhile_stops_it(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    move = ask(helpdesk, vm2)
    synced.add_host("compute1", "nova-1", state="down")
    assert "compute1, where vm2 is now, is down" in sent(move).why


def test_server_group_read_freshly_stops_it(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    members = (vm2.uuid, Instance.objects.get(name="vm1").uuid)
    synced.groups = [api.ServerGroup("g", "apart", "anti-affinity", members)]
    inventory.read_server_groups(synced)
    vm2.refresh_from_db()
    move = ask(helpdesk, vm2)
    synced.groups = [api.ServerGroup("g", "together", "affinity", members)]
    assert "keeps its members on one host" in sent(move).why


def test_a_folder_shared_since_stops_a_live_move(synced: FakeCloud, helpdesk: User) -> None:
    demo = Instance.objects.get(name="demo_zone")
    move = ask(helpdesk, demo, "compute4", Kind.LIVE)
    synced.shared[demo.uuid] = ("a-share",)
    assert "uses shared folders" in sent(move).why
    assert synced.calls["live_migrate"] == 0


def test_a_new_warning_is_kept_and_stops_nothing(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    demo = Instance.objects.get(name="demo_zone")
    move = ask(helpdesk, demo, "compute4", Kind.LIVE)
    synced.add_host("compute4", "nova", disk_gb=api.Amount(2000, 0, 1.0, 1900))
    move = sent(move)
    assert (move.state, "disk_headroom" in rules(move.verdict)) == (State.RUNNING, False)
    assert "disk_headroom" in rules(move.verdict_at_start)


def test_it_costs_three_calls_whatever_the_number_of_hosts(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    for number in range(20):
        synced.add_host(f"more-{number}", "nova-1")
    inventory.read_hosts(synced)
    synced.calls.clear()
    sent(ask(helpdesk, vm2))
    assert (synced.calls["services"], synced.calls["room"], synced.calls["shares_of"]) == (1, 1, 1)
    assert (synced.calls["hypervisors"], synced.calls["server_groups"]) == (0, 0)


def test_nothing_of_it_changes_the_inventory(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    move = ask(helpdesk, vm2)
    synced.add_host("compute3", "nova-1", state="down")
    sent(move)
    assert Hypervisor.objects.get(host="compute3").state == "up"


def test_where_nova_chooses_there_is_no_score(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    move = sent(ask(helpdesk, vm2, ""))
    assert (move.verdict["host"], move.verdict["score"]) == ("", {})
    assert synced.calls["room"] == 0


@pytest.mark.parametrize(
    ("change", "cause"),
    [({"state": "down"}, "host-down"), ({"status": "disabled"}, "host-out-of-service")],
)
def test_where_nova_chooses_a_last_host_that_went_meanwhile_stops_it(
    synced: FakeCloud, helpdesk: User, vm2: Instance, change: dict[str, object], cause: str
) -> None:
    move = ask(helpdesk, vm2, "")
    synced.add_host("compute3", "nova-1", **change)
    move = sent(move)
    assert (move.state, move.verdict_at_start["level"]) == (State.FAILED, "forbidden")
    assert move.why.startswith("It is bound to zone nova-1, and of its hosts none can take it. compute3 is ")
    assert (move.next_step, move.next_step_by) == ("Choose another zone.", "helpdesk")
    assert move.cause == cause
    assert synced.calls["migrate"] == 0


def test_where_nova_chooses_its_server_group_read_freshly_stops_it(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    vm1 = Instance.objects.get(name="vm1")
    members = (vm2.uuid, vm1.uuid)
    synced.groups = [api.ServerGroup("g", "apart", "soft-anti-affinity", members)]
    inventory.read_server_groups(synced)
    Instance.objects.filter(pk=vm1.pk).update(host="compute3")
    vm2.refresh_from_db()
    move = ask(helpdesk, vm2, "")
    synced.groups = [api.ServerGroup("g", "apart", "anti-affinity", members)]
    assert "keeps its members apart, and one is on compute3" in sent(move).why
    assert synced.calls["migrate"] == 0


def test_where_nova_chooses_it_costs_one_call_whatever_the_number_of_hosts(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    for number in range(20):
        synced.add_host(f"more-{number}", "nova-1")
    inventory.read_hosts(synced)
    synced.calls.clear()
    assert sent(ask(helpdesk, vm2, "")).state == State.RUNNING
    assert [synced.calls[name] for name in ("services", "room", "hypervisors", "server_groups")] == [
        1,
        0,
        0,
        0,
    ]


def test_a_move_to_nowhere_is_not_taken(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    Hypervisor.objects.filter(host="compute3").update(memory_mb_used=196000)
    with pytest.raises(Conflict, match="bound to zone nova-1, and of its hosts none can take it"):
        ask(helpdesk, vm2, "")
