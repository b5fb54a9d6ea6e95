"""The state table, every state times every action, and the guards that stand on it."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from nmigrate import audit, services
from nmigrate.errors import Conflict
from nmigrate.models import Approval, AuditEvent, Migration
from nmigrate.states import ACTIVE, FIRST, LABELS, MEANINGS, TERMINAL, TRANSITIONS, Perm, State


def made(user: User, state: State, uuid: str = "u-1") -> Migration:
    return Migration.objects.create(
        cloud="lab", instance_uuid=uuid, instance_name="vm2", kind="cold", state=state, reason="because",
        requested_by=user, requested_by_name=user.username, requested_at=timezone.now(), source_host="compute1",
    )  # fmt: skip


def test_terminal_states_are_the_ones_nothing_leaves() -> None:
    assert {"done", "reverted", "aborted", "failed", "declined", "cancelled"} == TERMINAL
    assert set(State) == ACTIVE | TERMINAL


def test_every_state_has_words() -> None:
    assert set(LABELS) == set(MEANINGS) == set(State)


def test_every_state_can_be_reached() -> None:
    reached = set(FIRST)
    for _ in State:
        reached |= {row.target for row in TRANSITIONS.values() if row.sources & reached}
    assert reached == set(State)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("action", list(TRANSITIONS))
def test_each_action_in_each_state_does_what_the_table_says_or_nothing(
    manager: User, helpdesk: User, state: State, action: str
) -> None:
    migration = made(helpdesk, state)
    row = TRANSITIONS[action]
    actor = audit.SYSTEM if row.permission is Perm.SYSTEM else manager
    if state in row.sources:
        services.transition(migration, action, actor=actor, note="why")
        entry = AuditEvent.objects.get()
        assert (entry.action, entry.state_before, entry.state_after) == (action, state, row.target)
        assert migration.state == row.target
        assert migration.version == 2
    else:
        with pytest.raises(Conflict):
            services.transition(migration, action, actor=actor)
        migration.refresh_from_db()
        assert migration.state == state
        assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    "action", [name for name, row in TRANSITIONS.items() if row.permission is Perm.SYSTEM]
)
def test_no_person_may_do_what_only_nova_can_tell(manager: User, action: str) -> None:
    migration = made(manager, next(iter(TRANSITIONS[action].sources)))
    with pytest.raises(PermissionDenied):
        services.transition(migration, action, actor=manager)


def test_database_refuses_a_second_active_migration_of_an_instance(helpdesk: User) -> None:
    made(helpdesk, State.RUNNING)
    with pytest.raises(IntegrityError), transaction.atomic():
        made(helpdesk, State.QUEUED)
    made(helpdesk, State.DONE)


def test_database_refuses_a_decision_by_the_requester(manager: User) -> None:
    migration = made(manager, State.WAITING)
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.create(
            migration=migration, decision="confirm", requested_by=manager, decided_by=manager,
            decided_by_name="manager", decided_at=timezone.now(),
        )  # fmt: skip


def test_database_refuses_a_migration_without_a_reason(helpdesk: User) -> None:
    migration = made(helpdesk, State.QUEUED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Migration.objects.filter(pk=migration.pk).update(reason="")
