"""`transition`: the one place where a migration changes state."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F

from nmigrate import audit
from nmigrate.errors import Conflict
from nmigrate.models import Approval, AuditEvent, Migration
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
        raise Conflict(_passed_by(migration, action, actor))
    with transaction.atomic():
        won = Migration.objects.filter(pk=migration.pk, state=before).update(
            state=row.target.value, version=F("version") + 1, **changes
        )
        migration.refresh_from_db()
        if won != 1:
            raise Conflict(_passed_by(migration, action, actor))
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


_ANSWERS = {
    **dict.fromkeys(("approve", "decline"), (Approval.APPROVE, Approval.DECLINE)),
    **dict.fromkeys(("confirm", "reject"), (Approval.CONFIRM, Approval.REJECT)),
    "cancel": (Approval.DECLINE,),
}
"""Which decisions come before an action that then is too late."""


def decided_meanwhile(migration: Migration, action: str, actor: Actor) -> Approval | None:
    """The decision of somebody else for which this action comes too late."""
    last = migration.approvals.last()
    if last is None or last.decision not in _ANSWERS.get(action, ()):
        return None
    return None if isinstance(actor, User) and last.decided_by_id == actor.pk else last


def _passed_by(migration: Migration, action: str, actor: Actor) -> str:
    made = decided_meanwhile(migration, action, actor)
    if made is not None:
        return say(
            "{person} has decided meanwhile: {decision}. Your click changed nothing.",
            person=audit.OTHERS.get(made.decided_by_name, made.decided_by_name),
            decision=dict(Approval.WORDS)[made.decision],
        )
    return say(
        "The move of {name} has gone on meanwhile ({state}), so this is no longer possible.",
        name=migration.instance_name,
        state=LABELS[State(migration.state)],
    )
