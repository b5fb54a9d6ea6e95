"""What goes on around an instance, from the inventory and the record: groups, moves in line, evacuations."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import inventory, services
from nmigrate.cloud import api
from nmigrate.models import Instance, Migration, OutsideMove
from nmigrate.selectors import around
from nmigrate.states import Kind, State
from tests.fakecloud import FakeCloud


def uuid_of(name: str) -> str:
    return Instance.objects.get(name=name).uuid


def grouped(synced: FakeCloud, *names: str, policy: str = "anti-affinity", most: int = 1) -> None:
    members = tuple(uuid_of(name) for name in names)
    synced.groups.append(api.ServerGroup(f"uuid-of-{policy}", policy, policy, members, most))
    inventory.read_server_groups(synced)


def instance(name: str, **changes: Any) -> Instance:
    Instance.objects.filter(name=name).update(**changes)
    return Instance.objects.get(name=name)


def asked(helpdesk: User, name: str, kind: Kind, **fields: Any) -> Migration:
    """A move in the record, as far as it is asked for or under way."""
    about = Instance.objects.get(name=name)
    move = Migration(
        cloud="lab",
        instance_uuid=about.uuid,
        instance_name=name,
        kind=kind,
        reason="disk errors",
        requested_by=helpdesk,
        requested_by_name="helpdesk",
        requested_at=timezone.now(),
        source_host=about.host,
    )
    for field, value in fields.items():
        setattr(move, field, value)
    move.save()
    return move


def outside(kind: str, status: str, uuid: str = "somebody", source: str = "compute1") -> OutsideMove:
    return OutsideMove.objects.create(
        cloud="lab",
        server_migration_id=OutsideMove.objects.count() + 1,
        instance_uuid=uuid,
        type=kind,
        status=status,
        source_host=source,
    )


def test_nothing_goes_on(synced: FakeCloud, vm2: Instance) -> None:
    found = around(vm2)
    assert (found.groups, found.live_from, found.evacuated, found.moving) == ((), {}, frozenset(), "")


def test_other_members_of_its_groups_are_counted_on_their_hosts(synced: FakeCloud) -> None:
    grouped(synced, "vm1", "vm2", "doem", "demo_zone")
    grouped(synced, "doem", policy="affinity")  # a group that vm2 is not in
    (group,) = around(instance("vm2")).groups
    assert (group.name, group.policy, group.max_per_host) == ("anti-affinity", "anti-affinity", 1)
    assert group.hosts == {"compute1": 1, "compute2": 2}


def test_a_member_on_no_host_counts_nowhere(synced: FakeCloud) -> None:
    grouped(synced, "vm1", "vm2")
    instance("vm1", host="", status="SHELVED_OFFLOADED")
    assert around(instance("vm2")).groups[0].hosts == {}


def test_how_many_members_may_share_a_host_is_known(synced: FakeCloud) -> None:
    grouped(synced, "vm2", "doem", most=3)
    assert around(instance("vm2")).groups[0].max_per_host == 3


def test_groups_read_freshly_stand_in_for_those_of_the_inventory(synced: FakeCloud) -> None:
    grouped(synced, "vm1", "vm2")
    assert around(instance("vm2"), groups=[]).groups == ()


def test_live_moves_off_a_host_are_counted_each_once(synced: FakeCloud, helpdesk: User) -> None:
    instance("demo_zone", task_state="migrating", status="MIGRATING")
    asked(helpdesk, "demo_zone", Kind.LIVE, state=State.RUNNING)
    asked(helpdesk, "doem", Kind.LIVE, state=State.QUEUED)
    outside("live-migration", "running", uuid_of("demo_zone"), "compute2")
    outside("live-migration", "queued", source="compute3")
    assert around(instance("vm2")).live_from == {"compute2": 2, "compute3": 1}


def test_an_instance_is_not_in_its_own_way(synced: FakeCloud) -> None:
    moving = instance("demo_zone", task_state="migrating")
    assert around(moving).live_from == {}


@pytest.mark.parametrize("state", [State.ASKING, State.DONE, State.FAILED])
def test_a_live_move_that_has_not_begun_or_is_over_is_not_in_line(
    synced: FakeCloud, helpdesk: User, state: State
) -> None:
    asked(helpdesk, "doem", Kind.LIVE, state=state)
    outside("live-migration", "completed")
    assert around(instance("vm2")).live_from == {}


def test_hosts_that_are_being_evacuated_are_named(synced: FakeCloud, operator: User) -> None:
    asked(operator, "doem", Kind.EVACUATE, state=State.RUNNING)
    outside("evacuation", "accepted", source="compute3")
    outside("evacuation", "done", source="compute4")
    assert around(instance("vm2")).evacuated == {"compute2", "compute3"}


def test_another_move_of_it_is_told_with_who_asked(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    move = services.request_migration(actor=helpdesk, instance=vm2, host="compute3", reason="disk errors")
    assert around(vm2).moving == "A move of vm2 is open already: helpdesk asked for it (waiting to be sent)."
    assert around(vm2, ignoring=move).moving == ""


def test_as_the_copy_of_another_it_is_being_moved_too(synced: FakeCloud, helpdesk: User) -> None:
    asked(helpdesk, "doem", Kind.COPY, state=State.WAITING, copy_uuid=uuid_of("vm2"))
    assert around(instance("vm2")).moving.startswith("A move of doem is open already")


def test_the_number_of_queries_does_not_grow(synced: FakeCloud, helpdesk: User) -> None:
    grouped(synced, "vm1", "vm2")
    with CaptureQueriesContext(
        connection,
    ) as few:
        around(instance("vm2"))
    for number in range(30):
        synced.add(f"more-{number}", "compute2", "ACTIVE", task_state="migrating")
    inventory.read_all_servers(synced, inventory.Names())
    grouped(synced, "vm1", "vm2", *(f"more-{number}" for number in range(30)), policy="soft-affinity")
    for number in range(30):
        outside("live-migration", "running", f"uuid-{number}")
        asked(helpdesk, f"more-{number}", Kind.LIVE, state=State.RUNNING)
    with CaptureQueriesContext(connection) as many:
        found = around(instance("vm2"))
    assert found.live_from["compute2"] == 30
    assert len(many) == len(few)
