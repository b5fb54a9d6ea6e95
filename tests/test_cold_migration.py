"""A cold migration from the request to its end, on the fake cloud."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django_q.models import OrmQ

from nmigrate import inventory, services
from nmigrate.cloud import api
from nmigrate.errors import Conflict
from nmigrate.models import Approval, AuditEvent, Instance, Migration, Order
from nmigrate.states import State
from nmigrate.stranding import how_it_is
from tests.conftest import follow, no_patience, play, run_tasks
from tests.fakecloud import ADMIN, FakeCloud


def ask(actor: User, instance: Instance, host: str = "") -> Migration:
    return services.request_migration(
        actor=actor, instance=instance, host=host, reason="disk errors", ticket="OPS-1"
    )


def trail(migration: Migration) -> list[str]:
    rows = AuditEvent.objects.filter(migration_id=migration.pk).order_by("id")
    return [f"{row.actor}:{row.action}" for row in rows]


def test_cold_migration_waits_for_a_decision(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    assert migration.state == State.WAITING
    assert (migration.source_host, migration.dest_host) == ("compute1", "compute3")
    assert migration.before["status"] == "SHUTOFF"
    assert migration.request_id.startswith("req-")


def test_confirmed_migration_is_done_and_stopped_as_before(
    synced: FakeCloud, helpdesk: User, manager: User, vm2: Instance
) -> None:
    migration = play(synced, ask(helpdesk, vm2, "compute3"))
    services.confirm_migration(actor=manager, migration=migration, comment="fine")
    play(synced, migration)
    assert migration.state == State.DONE
    vm2.refresh_from_db()
    assert (vm2.host, vm2.status) == ("compute3", "SHUTOFF")
    assert trail(migration) == [
        "helpdesk:request",
        "nmigrate:claim",
        "nmigrate:accept",
        "nmigrate:arrive",
        "nmigrate:lock_accepted",
        "manager:confirm",
        "nmigrate:confirm_accepted",
        "nmigrate:unlock_accepted",
        "nmigrate:complete",
    ]


def test_rejected_migration_goes_back(
    synced: FakeCloud, helpdesk: User, manager: User, vm2: Instance
) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    services.reject_migration(actor=manager, migration=migration, comment="wrong host")
    play(synced, migration)
    assert migration.state == State.REVERTED
    vm2.refresh_from_db()
    assert vm2.host == "compute1"


def test_running_instance_runs_again(synced: FakeCloud, helpdesk: User, manager: User) -> None:
    instance = Instance.objects.get(name="demo_zone")
    migration = ask(helpdesk, instance, "compute4")
    services.approve_migration(actor=manager, migration=migration)
    play(synced, migration)
    services.confirm_migration(actor=manager, migration=migration)
    play(synced, migration)
    instance.refresh_from_db()
    assert (migration.state, instance.status, instance.host) == (State.DONE, "ACTIVE", "compute4")


def test_requester_cannot_confirm_own_migration(synced: FakeCloud, manager: User, vm2: Instance) -> None:
    migration = play(synced, ask(manager, vm2))
    with pytest.raises(PermissionDenied, match="another manager"):
        services.confirm_migration(actor=manager, migration=migration)
    assert services.permitted_actions(manager, migration) == ()


def test_helpdesk_cannot_decide(synced: FakeCloud, helpdesk: User, manager: User, vm2: Instance) -> None:
    migration = play(synced, ask(manager, vm2))
    for decide in (services.confirm_migration, services.reject_migration):
        with pytest.raises(PermissionDenied):
            decide(actor=helpdesk, migration=migration)
    assert Approval.objects.count() == 0


def test_second_request_is_refused_with_the_first_ones_name(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    ask(helpdesk, vm2)
    with pytest.raises(Conflict, match="is open already: helpdesk"):
        ask(helpdesk, vm2)
    assert Migration.objects.count() == 1


def test_request_without_a_reason_is_refused(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    with pytest.raises(Conflict, match="need a reason"):
        services.request_migration(actor=helpdesk, instance=vm2, reason="  ")
    assert not OrmQ.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"locked": True, "locked_reason": "do not touch"}, "is locked .“do not touch”"),
        ({"status": "PAUSED"}, "is paused"),
        ({"status": "SHELVED_OFFLOADED"}, "on no host"),
        ({"task_state": "image_snapshot"}, "is busy .a snapshot of it"),
    ],
)
def test_instance_that_cannot_move_is_refused_before_anything_is_sent(
    synced: FakeCloud, helpdesk: User, vm2: Instance, change: dict[str, object], words: str
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(**change)
    vm2.refresh_from_db()
    with pytest.raises(Conflict, match=words):
        ask(helpdesk, vm2)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("compute1", "is on compute1 already"),
        ("compute2", "bound to zone nova-1"),
        ("nowhere", "There is no host nowhere"),
    ],
)
def test_destination_that_cannot_be_is_refused(
    synced: FakeCloud, helpdesk: User, vm2: Instance, host: str, words: str
) -> None:
    with pytest.raises(Conflict, match=words):
        ask(helpdesk, vm2, host)


def test_lock_set_after_the_request_is_respected_though_nova_would_ignore_it(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = ask(helpdesk, vm2)
    synced.change(vm2.uuid, locked=True, locked_reason="owner says no")
    run_tasks()
    migration.refresh_from_db()
    assert migration.state == State.FAILED
    assert "owner says no" in migration.why
    assert synced.calls["migrate"] == 0


def test_instance_deleted_after_the_request(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    migration = ask(helpdesk, vm2)
    synced.delete(vm2.uuid)
    run_tasks()
    migration.refresh_from_db()
    assert migration.state == State.FAILED
    assert "deleted" in migration.why


def test_instance_deleted_while_it_waits(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    synced.delete(vm2.uuid)
    play(synced, migration, 1)
    assert migration.state == State.FAILED
    assert "was deleted" in migration.failure


def test_nova_refusal_is_told_in_plain_words(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    migration = ask(helpdesk, vm2)

    def goes_down_meanwhile(_call: str) -> None:
        synced.hosts["compute1"] = synced.add_host("compute1", "nova-1", forced_down=True)

    synced.before_post = goes_down_meanwhile
    run_tasks()
    migration.refresh_from_db()
    assert migration.state == State.FAILED
    assert "does not answer" in migration.why
    assert "Service is unavailable" in migration.nova_said
    assert (migration.after["host"], migration.after["status"]) == ("compute1", "SHUTOFF")


def test_no_valid_host_leaves_it_unharmed_and_says_why(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = ask(helpdesk, vm2)

    def goes_out_of_service_meanwhile(_call: str) -> None:
        synced.add_host("compute3", "nova-1", status="disabled")

    synced.before_post = goes_out_of_service_meanwhile
    play(synced, migration)
    assert migration.state == State.FAILED
    assert migration.why.startswith("Most likely: no host can take it now.")
    assert "compute3 is out of service." in migration.why
    assert "unharmed and is stopped on compute1" in migration.failure
    assert "No valid host" in migration.nova_said


def test_failure_on_the_way_names_what_is_broken(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    synced.fail_at["compute3"] = "finish_migration"
    migration = play(synced, ask(helpdesk, vm2))
    assert migration.state == State.FAILED
    assert "in error on compute3" in migration.failure
    assert "injected failure" in migration.nova_said


def test_what_is_in_error_needs_an_operator_before_it_can_be_planned_again(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    """Nova moves nothing that is in error, whatever else would help."""
    synced.fail_at["compute3"] = "finish_migration"
    synced.words_of["finish_migration"] = "Binding failed for port 5f1c"
    migration = play(synced, ask(helpdesk, vm2))
    assert (migration.cause, migration.next_step_by) == ("port-binding", "operator")
    assert migration.next_step.startswith("An operator must bring it out of its error first. Plan it again")


@pytest.mark.parametrize("cause", ["wrong-host", "interrupted"])
def test_nothing_is_called_unharmed_that_an_operator_must_look_for(
    synced: FakeCloud, helpdesk: User, vm2: Instance, cause: str
) -> None:
    move = ask(helpdesk, vm2)
    assert how_it_is(move, vm2, cause) == "The cloud shows it on compute1: stopped."
    assert how_it_is(move, vm2) == "It is unharmed and is stopped on compute1, as before."


def test_confirm_outside_is_noticed_and_recorded_with_who(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    synced.confirm_outside(vm2.uuid, ADMIN)
    play(synced, migration)
    assert migration.state == State.DONE
    assert migration.is_decided_outside
    entry = AuditEvent.objects.get(migration_id=migration.pk, action="observe_confirm")
    assert (entry.actor, entry.is_outside) == ("cloud-admin", True)
    assert "decided outside nmigrate" in entry.reason
    assert Approval.objects.get().decided_by is None


def test_revert_outside_is_noticed(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    synced.revert_outside(vm2.uuid, ADMIN)
    play(synced, migration)
    assert (migration.state, migration.is_decided_outside) == (State.REVERTED, True)


def test_novas_own_auto_confirm_is_told_as_such(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    synced.auto_confirm = True
    migration = play(synced, ask(helpdesk, vm2))
    assert migration.state == State.DONE
    assert "Nova itself" in AuditEvent.objects.get(action="observe_confirm").actor


def test_author_of_an_earlier_decision_is_not_blamed_for_a_later_one(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    first = play(synced, ask(helpdesk, vm2))
    synced.confirm_outside(vm2.uuid, ADMIN)  # by an administrator, whom the lock does not stop
    play(synced, first)
    vm2.refresh_from_db()
    second = play(synced, ask(helpdesk, vm2))
    synced.confirm_outside(vm2.uuid, ADMIN)
    synced.history[vm2.uuid].pop()  # a decision that left no action behind, such as one made in the database
    play(synced, second)
    entry = AuditEvent.objects.get(migration_id=second.pk, action="observe_confirm")
    assert "cloud-admin" not in entry.actor


def test_decision_that_crosses_an_outside_one_settles_on_the_truth(
    synced: FakeCloud, helpdesk: User, manager: User, vm2: Instance
) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    services.confirm_migration(actor=manager, migration=migration)
    synced.revert_outside(vm2.uuid, ADMIN)
    play(synced, migration)
    assert (migration.state, migration.is_decided_outside) == (State.REVERTED, True)
    assert synced.calls["confirm_resize"] == 0


def test_second_manager_gets_a_conflict(
    synced: FakeCloud, helpdesk: User, manager: User, manager2: User, vm2: Instance
) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    stale = Migration.objects.get(pk=migration.pk)
    services.confirm_migration(actor=manager, migration=migration)
    with pytest.raises(Conflict, match="manager has decided meanwhile: confirmed"):
        services.reject_migration(actor=manager2, migration=stale, comment="no")
    assert Approval.objects.count() == 1


def test_request_can_be_withdrawn_until_a_worker_takes_it(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = ask(helpdesk, vm2)
    services.cancel_migration(actor=helpdesk, migration=migration)
    run_tasks()
    migration.refresh_from_db()
    assert migration.state == State.CANCELLED
    assert synced.calls["migrate"] == 0


def test_one_click_starts_it_again(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    order = services.start_instance(actor=helpdesk, instance=vm2)
    run_tasks()
    follow(synced, 3)
    order.refresh_from_db()
    assert order.state == Order.State.DONE
    vm2.refresh_from_db()
    assert vm2.status == "ACTIVE"
    actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["start", "start_accepted", "started"]


def test_cloud_calls_of_a_tick_do_not_grow_with_migrations(synced: FakeCloud, helpdesk: User) -> None:
    for number in range(20):
        synced.add(f"many-{number}", "compute1", pinned_zone="nova-1")
    inventory.read_all_servers(synced, inventory.Names())
    migrations = [ask(helpdesk, row) for row in Instance.objects.filter(name__startswith="many-")]
    run_tasks()
    follow(synced, 2)
    synced.calls.clear()
    follow(synced)
    assert dict(synced.calls) == {"servers": 1, "server_migrations": 1}
    for migration in migrations:
        play(synced, migration, 1)
    assert {m.state for m in Migration.objects.all()} == {State.WAITING}


def test_unreachable_cloud_keeps_the_request_and_the_picture(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = ask(helpdesk, vm2)
    synced.down = api.Unreachable("lab cannot be reached. nmigrate keeps trying.")
    run_tasks()
    migration.refresh_from_db()
    assert migration.state == State.QUEUED
    assert "cannot be reached" in migration.orders.get().problem
    synced.down = None
    Order.objects.update(enqueued_at=migration.requested_at.replace(year=2020))
    from nmigrate import orders

    assert orders.requeue_stale_orders("lab") == 1
    play(synced, migration)
    assert migration.state == State.WAITING


def test_reset_state_outside_ends_the_wait(
    synced: FakeCloud, helpdesk: User, vm2: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    synced.change(vm2.uuid, status="ACTIVE", vm_state="active")
    no_patience(monkeypatch)
    play(synced, migration, 2)
    assert migration.state == State.FAILED
    assert "reset its state outside" in migration.why
