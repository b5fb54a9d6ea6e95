"""Moves that others made: seen, told once with who made them, and never confused with ours."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import audit, inventory, outside_moves, services
from nmigrate.cloud import api
from nmigrate.models import AuditEvent, Cloud, Instance, Migration, Order, OutsideMove
from nmigrate.states import Kind, State
from tests.conftest import follow, no_patience, play, run_tasks
from tests.fake.base import MEMBER, OWN
from tests.fakecloud import FakeCloud


def told() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(action__startswith="outside_move").order_by("id")
    return list(rows.values_list("action", "actor"))


def test_a_cold_move_of_an_administrator_is_followed_from_begin_to_end(
    synced: FakeCloud, vm2: Instance
) -> None:
    request_id = synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 2)
    row = OutsideMove.objects.get()
    assert (row.type, row.instance_name, row.source_host, row.user_name) == (
        "migration",
        "vm2",
        "compute1",
        "cloud-admin",
    )
    assert row.request_id == request_id
    assert OutsideMove.objects.filter(ended_at=None).count() == 1
    follow(synced, 4)
    row.refresh_from_db()
    assert (row.status, row.dest_host) == ("finished", "compute3")

    synced.confirm_outside(vm2.uuid)
    follow(synced, 3)

    row.refresh_from_db()
    assert row.status == "confirmed"
    assert row.ended_at is not None
    assert told() == [("outside_move", "cloud-admin"), ("outside_move_ended", "cloud-admin")]
    event = AuditEvent.objects.get(action="outside_move")
    assert event.is_outside
    assert event.migration_id is None
    assert (event.from_host, event.request_id, event.instance_uuid) == ("compute1", request_id, vm2.uuid)
    assert AuditEvent.objects.get(action="outside_move_ended").to_host == "compute3"
    assert audit.verify()[0]


def test_a_live_move_of_a_member_is_seen(synced: FakeCloud) -> None:
    running = Instance.objects.get(name="demo_zone")
    synced.shared_storage = True
    synced.live_outside(running.uuid, "compute4", MEMBER)
    follow(synced, 10)

    row = OutsideMove.objects.get()
    assert (row.type, row.status, row.user_name, row.dest_host) == (
        "live-migration",
        "completed",
        "demo",
        "compute4",
    )
    assert told() == [("outside_move", "demo"), ("outside_move_ended", "demo")]


@pytest.mark.parametrize("kind", [Kind.COLD, Kind.LIVE])
def test_our_own_moves_are_none_of_them(synced: FakeCloud, helpdesk: User, vm2: Instance, kind: Kind) -> None:
    synced.shared_storage = True
    instance = vm2 if kind == Kind.COLD else Instance.objects.get(name="demo_zone")
    move = services.request_migration(actor=helpdesk, instance=instance, kind=kind, reason="x")
    for _ in range(10):
        run_tasks()
        follow(synced)
        assert not OutsideMove.objects.exists()

    move.refresh_from_db()
    assert move.server_migration_id is not None
    assert told() == []


def test_our_own_whose_answer_was_lost_is_none_either(
    synced: FakeCloud, helpdesk: User, vm2: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        outside_moves, "UNMATCHED", timedelta(0)
    )  # its account and its time alone tell nothing
    synced.lose_answer_of = {"migrate"}
    move = services.request_migration(actor=helpdesk, instance=vm2, reason="x")
    run_tasks()
    follow(synced, 3)  # the record is there, and nobody knows yet whether the order arrived
    move.refresh_from_db()
    assert move.state == State.SENDING
    assert not OutsideMove.objects.exists()

    no_patience(monkeypatch)
    play(synced, move)

    assert move.state == State.WAITING
    assert not OutsideMove.objects.exists()
    assert told() == []


def test_a_decision_of_others_on_our_move_is_no_move_of_theirs(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    move = play(synced, services.request_migration(actor=helpdesk, instance=vm2, reason="x"))
    synced.revert_outside(vm2.uuid, OWN)
    play(synced, move)

    assert move.is_decided_outside
    assert told() == []


def test_a_move_of_others_before_our_order_is_theirs(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    """The record that Nova had before the call cannot be our order's."""
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 6)
    synced.revert_outside(vm2.uuid, OWN)
    follow(synced, 4)
    move = play(
        synced,
        services.request_migration(actor=helpdesk, instance=Instance.objects.get(pk=vm2.pk), reason="x"),
    )

    assert OutsideMove.objects.get().server_migration_id != move.server_migration_id
    assert told() == [("outside_move", "cloud-admin"), ("outside_move_ended", "cloud-admin")]


def test_what_turns_out_to_be_ours_is_taken_back(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 2)
    row = OutsideMove.objects.get()
    move = Migration.objects.create(
        cloud="lab", instance_uuid=vm2.uuid, instance_name="vm2", kind="cold", state=State.RUNNING, reason="x",
        requested_by=helpdesk, requested_by_name="helpdesk", requested_at=timezone.now(), source_host="compute1",
        server_migration_id=row.server_migration_id,
    )  # fmt: skip

    follow(synced, 2)

    assert not OutsideMove.objects.exists()
    assert told()[-1] == ("outside_move_ours", "nmigrate")
    assert AuditEvent.objects.get(action="outside_move_ours").migration_id == move.pk


def test_the_record_of_an_order_of_ours_that_came_to_nothing_is_ours(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    """It failed before its record was found; the record is of our account, and of that moment."""
    move = services.request_migration(actor=helpdesk, instance=vm2, reason="x")
    run_tasks()
    Migration.objects.filter(pk=move.pk).update(state=State.FAILED, ended_at=timezone.now())
    follow(synced, 3)

    assert synced.records
    assert not OutsideMove.objects.exists()


def test_a_process_that_starts_again_tells_nothing_twice_and_forgets_nothing(
    synced: FakeCloud, vm2: Instance, helpdesk: User
) -> None:
    synced.lose_answer_of = {"migrate"}
    services.request_migration(actor=helpdesk, instance=vm2, reason="x")
    run_tasks()  # sent, and not answered: what happens to vm2 cannot be judged yet
    doem = Instance.objects.get(name="doem")
    synced.migrate_outside(doem.uuid)
    follow(synced, 2)
    assert OutsideMove.objects.get().instance_name == "doem"
    mine = next(row for row in synced.records.values() if row.instance_uuid == vm2.uuid)
    Order.objects.update(state=Order.State.LOST, known={"migrations": [mine.id]})  # so it was never ours
    Migration.objects.update(state=State.FAILED)
    Cloud.objects.update(
        migrations_cursor=timezone.now() + timedelta(minutes=5)
    )  # it is not among what changed

    outside_moves.forget()
    follow(synced)

    assert {row.instance_name for row in OutsideMove.objects.all()} == {"doem", "vm2"}
    assert [action for action, _ in told()].count("outside_move") == 2


def test_what_was_over_long_before_is_history_and_no_event(synced: FakeCloud, vm2: Instance) -> None:
    old = timezone.now() - timedelta(days=3)
    synced.records[7] = api.ServerMigration(
        7, "uuid-7", vm2.uuid, "confirmed", "migration", "compute3", "compute1", MEMBER, old, old
    )
    synced.records[8] = api.ServerMigration(
        8, "uuid-8", vm2.uuid, "finished", "resize", "compute3", "compute1", MEMBER, old, old
    )
    before = synced.calls["actions"]
    follow(synced)

    assert OutsideMove.objects.get(server_migration_id=7).ended_at == old
    assert told() == [("outside_move", "demo")]  # the one that is not over
    assert synced.calls["actions"] == before + 1


def test_not_all_of_a_long_history_is_kept(
    synced: FakeCloud, vm2: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_moves, "MOST", 5)
    old = timezone.now() - timedelta(days=3)
    for number in range(1, 30):
        status = "finished" if number == 2 else "completed"
        synced.records[number] = api.ServerMigration(
            number, f"uuid-{number}", vm2.uuid, status, "migration", "compute3", "compute1", MEMBER, old, old
        )
    follow(synced)

    assert set(OutsideMove.objects.values_list("server_migration_id", flat=True)) == {2, 25, 26, 27, 28, 29}


def test_the_cloud_is_asked_once_for_each_new_one_and_never_again(synced: FakeCloud, vm2: Instance) -> None:
    follow(synced)
    before = sum(synced.calls.values())
    follow(synced)
    each_tick = sum(synced.calls.values()) - before
    synced.migrate_outside(vm2.uuid, "compute3")
    calls = []
    for _ in range(6):
        before = sum(synced.calls.values())
        follow(synced)
        calls.append(sum(synced.calls.values()) - before - each_tick)

    assert sum(calls) == 1


def test_a_cloud_that_fails_between_reading_and_noting_loses_nothing(
    synced: FakeCloud, vm2: Instance, helpdesk: User
) -> None:
    follow(synced)
    synced.migrate_outside(vm2.uuid, "compute3")
    synced.step()
    outside_moves.remember(
        synced, inventory.read_changes(synced, inventory.Names())
    )  # and then it was cut off
    Cloud.objects.update(migrations_cursor=timezone.now() + timedelta(minutes=5))
    follow(synced)

    assert OutsideMove.objects.get().instance_name == "vm2"


def test_the_number_of_queries_is_the_same_for_few_and_many_that_stay_as_they_are(synced: FakeCloud) -> None:
    counts = []
    for number in (3, 60):
        for index in range(number):
            now = timezone.now()
            synced.records[number * 100 + index] = api.ServerMigration(
                number * 100 + index, "", f"gone-{index}", "finished", "migration", "a", "b", MEMBER, now, now
            )
        follow(synced)
        with CaptureQueriesContext(connection) as queries:
            follow(synced)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_an_instance_that_others_move_cannot_be_asked_for(
    synced: FakeCloud, vm2: Instance, helpdesk: User, refused: Callable[[Instance], str]
) -> None:
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 2)
    assert "it" in refused(vm2)

    follow(synced, 4)

    assert "must be confirmed or reverted first" in refused(vm2)


@pytest.fixture
def refused(helpdesk: User) -> Callable[[Instance], str]:
    def ask(instance: Instance) -> str:
        instance.refresh_from_db()
        with pytest.raises(services.transitions.Conflict) as conflict:
            services.request_migration(actor=helpdesk, instance=instance, reason="x")
        return str(conflict.value)

    return ask
