"""Any process may die at any instruction: nothing is lost, and Nova is never asked twice."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from nmigrate import audit, orders, services
from nmigrate.cloud import api
from nmigrate.models import AuditEvent, Instance, Migration, Order
from nmigrate.states import TERMINAL, State
from tests.conftest import no_patience, play, run_tasks
from tests.fakecloud import FakeCloud

AT_REST = TERMINAL | {State.WAITING}


class Died(BaseException):
    """kill -9, as far as one process can play it: nothing catches this."""


def die_at(statement: int) -> Callable[..., Any]:
    """A wrapper for the database connection that dies instead of executing the nth statement."""
    left = statement

    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        if sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            return execute(sql, params, many, context)
        left -= 1
        if left == 0:
            raise Died(sql[:60])
        return execute(sql, params, many, context)

    return wrapper


def long_ago() -> None:
    """Let the time pass after which the follower takes care of an order."""
    past = timezone.now() - timedelta(minutes=9)
    Order.objects.filter(state=Order.State.QUEUED).update(enqueued_at=past)
    Order.objects.filter(state=Order.State.SENT).update(claimed_at=past)


def ask(actor: User, instance: Instance) -> Migration:
    return services.request_migration(actor=actor, instance=instance, reason="disk errors")


def recover(cloud: FakeCloud, migration: Migration) -> Migration:
    OrmQ.objects.all().delete()  # a dead worker's queue row is locked for minutes; the follower need not wait for it
    for _ in range(3):
        long_ago()
        orders.requeue_stale_orders(cloud.name)
        play(cloud, migration, 6)
        if not Order.objects.filter(state__in=Order.OPEN).exists() and migration.state in AT_REST:
            break  # nothing is left that anybody could send
    return migration


def send_and_die(order: Order, cloud: FakeCloud, statement: int) -> bool:
    """Run the task and die at the nth statement; False when it has fewer, so that it ran to its end."""
    try:
        with connection.execute_wrapper(die_at(statement)):
            orders.send_order(order.pk, cloud)
    except Died:
        return True
    return False


@pytest.mark.parametrize("statement", range(1, 20))
def test_worker_that_dies_at_any_database_statement_sends_once_or_not_at_all(
    synced: FakeCloud, helpdesk: User, vm2: Instance, statement: int
) -> None:
    migration = ask(helpdesk, vm2)
    died = send_and_die(migration.orders.get(), synced, statement)
    recover(synced, migration)
    assert synced.calls["migrate"] <= 1
    if synced.calls["migrate"] == 1:
        assert migration.state == State.WAITING
    else:
        assert died
        assert migration.state == State.FAILED
        assert "never arrived" in migration.why
    assert audit.verify()[0]


@pytest.mark.parametrize("statement", range(1, 20))
def test_decision_survives_a_worker_that_dies_at_any_statement(
    synced: FakeCloud, helpdesk: User, manager: User, vm2: Instance, statement: int
) -> None:
    migration = play(synced, ask(helpdesk, vm2))
    services.confirm_migration(actor=manager, migration=migration)
    send_and_die(migration.orders.get(action=Order.Action.CONFIRM), synced, statement)
    recover(synced, migration)
    assert synced.calls["confirm_resize"] <= 1
    if synced.calls["confirm_resize"] == 1:
        assert migration.state == State.DONE
    else:
        assert migration.state == State.WAITING
        assert "never arrived" in migration.remark


@pytest.mark.parametrize("statement", range(1, 16))
def test_web_process_that_dies_while_it_records_a_request_leaves_all_or_nothing(
    synced: FakeCloud, helpdesk: User, vm2: Instance, statement: int
) -> None:
    before = AuditEvent.objects.count()
    try:
        with connection.execute_wrapper(die_at(statement)):
            ask(helpdesk, vm2)
    except Died:
        assert (Migration.objects.count(), Order.objects.count(), OrmQ.objects.count()) == (0, 0, 0)
        assert AuditEvent.objects.count() == before
    else:
        assert (Migration.objects.count(), Order.objects.count(), OrmQ.objects.count()) == (1, 1, 1)
        assert AuditEvent.objects.count() == before + 1


def test_answer_that_nobody_heard_is_found_by_looking(
    synced: FakeCloud, helpdesk: User, vm2: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced.lose_answer_of = {"migrate"}
    migration = ask(helpdesk, vm2)
    run_tasks()
    migration.refresh_from_db()
    assert migration.state == State.SENDING
    assert "looking whether" in migration.orders.get().problem
    no_patience(monkeypatch)
    play(synced, migration)
    assert migration.state == State.WAITING
    assert synced.calls["migrate"] == 1
    moved = [action for action in synced.history[vm2.uuid] if action.action == "migrate"]
    assert [migration.request_id] == [action.request_id for action in moved]


def test_order_of_somebody_else_is_not_taken_for_ours(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    """Our POST dies on the way, and at that moment the owner migrates the same instance with the command line."""
    migration = ask(helpdesk, vm2)

    def die(call: str) -> None:
        synced.before_post = None
        synced._migrate(vm2.uuid, "", "member-user-id")
        raise api.Unreachable("lab did not answer in time.")

    synced.before_post = die
    run_tasks()
    recover(synced, migration)
    assert migration.state == State.FAILED
    assert "never arrived" in migration.why


def test_task_delivered_twice_sends_once(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    migration = ask(helpdesk, vm2)
    order = migration.orders.get()
    for _ in range(3):
        orders.send_order(order.pk, synced)
    assert synced.calls["migrate"] == 1


def test_worker_that_was_passed_while_it_read_the_baseline_leaves(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = ask(helpdesk, vm2)
    order = migration.orders.get()
    real = synced.server_migrations_of

    def slow(uuid: str) -> list[api.ServerMigration]:
        synced.server_migrations_of = real  # type: ignore[method-assign]
        orders.send_order(order.pk, synced)  # another worker, delivered the same task
        return real(uuid)

    synced.server_migrations_of = slow  # type: ignore[method-assign]
    orders.send_order(order.pk, synced)
    assert synced.calls["migrate"] == 1


def test_cloud_that_stays_away_ends_the_wait_in_words(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = ask(helpdesk, vm2)
    synced.down = api.Unreachable("lab cannot be reached. nmigrate keeps trying.")
    Order.objects.update(created_at=timezone.now() - timedelta(hours=1))
    run_tasks()
    migration.refresh_from_db()
    assert migration.state == State.FAILED
    assert "nothing was sent" in migration.why


def test_order_of_ours_from_an_earlier_move_is_not_taken_for_this_one(
    synced: FakeCloud, helpdesk: User, manager: User, vm2: Instance
) -> None:
    first = play(synced, ask(helpdesk, vm2))
    services.confirm_migration(actor=manager, migration=first)
    play(synced, first)
    vm2.refresh_from_db()
    second = ask(helpdesk, vm2)

    def die(call: str) -> None:
        raise api.Unreachable("lab did not answer in time.")  # and it did not arrive

    synced.before_post = die
    run_tasks()
    synced.before_post = None
    recover(synced, second)
    assert second.state == State.FAILED
    assert "never arrived" in second.why


@pytest.mark.parametrize("action", ["confirm", "start"])
def test_two_workers_that_read_the_same_baseline_send_a_decision_or_a_start_once(
    synced: FakeCloud, helpdesk: User, manager: User, vm2: Instance, action: str
) -> None:
    """These orders have no claiming transition of a migration: the order's own claim alone keeps them single."""
    if action == "confirm":
        migration = play(synced, ask(helpdesk, vm2))
        services.confirm_migration(actor=manager, migration=migration)
        order = migration.orders.get(action=Order.Action.CONFIRM)
    else:
        order = services.start_instance(actor=helpdesk, instance=vm2)
    real = synced.actions
    posts: list[str] = []
    synced.before_post = posts.append

    def slow(uuid: str) -> list[api.Action]:
        synced.actions = real  # type: ignore[method-assign]
        with contextlib.suppress(api.CloudError):
            orders.send_order(order.pk, synced)
        synced.change(uuid, **still)  # the picture that the slower worker has read before
        return real(uuid)

    still = {"task_state": ""} if action == "start" else {}
    synced.actions = slow  # type: ignore[method-assign]
    orders.send_order(order.pk, synced)
    assert len(posts) == 1
