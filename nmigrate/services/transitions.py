"""`transition`: the one place where a migration changes state."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F

from nmigrate import audit
from nmigrate.errors import Conflict
from nmigrate.models import AuditEvent, Migration
from nmigrate.sentences import say
from nmigrate.states import LABELS, TRANSITIONS, Perm, State

Actor = User | str
"""A user, or a word for who else it was (audit.SYSTEM, "outside nmigrate")."""


def transition(
    migration: Migration,
    action: str,
    *,
    actor: Actor,
    note: str = "",
    request_id: str = "",
    is_outside: bool = False,
    **changes: Any,
) -> AuditEvent:
    """Take `migration` through one row of the state table and write the audit entry, both or neither.

    `changes` are further fields set in the same UPDATE. PermissionDenied when a person may not; Conflict when
    the migration is not, or no longer, in a state that the action starts from: exactly one of several wins.
    """
    row = TRANSITIONS[action]
    if isinstance(actor, str):
        if row.permission is not Perm.SYSTEM and not is_outside:
            raise PermissionDenied(f"{action} needs a person")
    elif row.permission is Perm.SYSTEM or not actor.has_perm(row.permission):
        raise PermissionDenied(f"{actor.get_username()} may not {action}")
    before = migration.state
    if State(before) not in row.sources:
        raise Conflict(_passed_by(migration))
    with transaction.atomic():
        won = Migration.objects.filter(pk=migration.pk, state=before).update(
            state=row.target.value, version=F("version") + 1, **changes
        )
        migration.refresh_from_db()
        if won != 1:
            raise Conflict(_passed_by(migration))
        return audit.record(
            action,
            actor=actor,
            migration=migration,
            is_outside=is_outside,
            state_before=before,
            state_after=row.target.value,
            reason=note,
            request_id=request_id,
        )


def _passed_by(migration: Migration) -> str:
    return say(
        "The move of {name} has gone on meanwhile ({state}), so this is no longer possible.",
        name=migration.instance_name,
        state=LABELS[State(migration.state)],
    )
