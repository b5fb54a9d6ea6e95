"""Every write that a person causes, and `transition`, the one place where a migration changes state."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django_q.tasks import async_task

from nmigrate import audit, preflight
from nmigrate.errors import Conflict
from nmigrate.models import Approval, AuditEvent, Hypervisor, Instance, Migration, Order
from nmigrate.states import ACTIVE, LABELS, TRANSITIONS, Kind, Perm, State, actions_from

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
    now = LABELS[State(migration.state)]
    return (
        f"The move of {migration.instance_name} has gone on meanwhile ({now}), so this is no longer possible."
    )


def request_migration(
    *,
    actor: User,
    instance: Instance,
    kind: Kind = Kind.COLD,
    host: str = "",
    reason: str,
    ticket: str = "",
) -> Migration:
    """Ask for a move: the record, its audit entry, the order and the queued task commit together or not at all.

    Conflict with the reason when something speaks against it, or when the instance is being moved already.
    """
    if not actor.has_perm(Perm.REQUEST):
        raise PermissionDenied("may not ask for migrations")
    reason = reason.strip()
    if not reason:
        raise Conflict("Say why it is moved: the manager and the audit trail need a reason.")
    hosts = hosts_named(instance.cloud_id, host, instance.host)
    if host and host not in hosts:
        raise Conflict(f"There is no host {host} in {instance.cloud_id}. Choose one from the list.")
    under_way = active_migration(instance.cloud_id, instance.uuid)
    if under_way:
        raise Conflict(_under_way(under_way))
    found = preflight.objections(instance, kind=kind, host=hosts.get(host), source=hosts.get(instance.host))
    if found:
        raise Conflict(found[0])
    now = timezone.now()
    try:
        with transaction.atomic():
            migration = Migration.objects.create(
                cloud=instance.cloud_id,
                instance_uuid=instance.uuid,
                instance_name=instance.name,
                project_name=instance.project_name,
                kind=kind.value,
                reason=reason,
                ticket=ticket.strip(),
                requested_by=actor,
                requested_by_name=actor.get_username(),
                requested_at=now,
                source_host=instance.host,
                source_zone=instance.zone,
                asked_host=host,
            )
            audit.record(
                "request",
                actor=actor,
                migration=migration,
                state_after=migration.state,
                reason=migration.reason,
            )
            place_order(Order.Action.MIGRATE, actor=actor, about=migration, host=host)
    except IntegrityError as error:
        # Two people at once, or a double click: the database let one through.
        winner = active_migration(instance.cloud_id, instance.uuid)
        if winner is None:
            raise Conflict(f"{instance.name} is being worked on right now. Try again in a moment.") from error
        raise Conflict(_under_way(winner)) from error
    return migration


def hosts_named(cloud: str, *names: str) -> dict[str, Hypervisor]:
    """Those of these hosts that the inventory has, by name."""
    return {row.host: row for row in Hypervisor.objects.filter(cloud=cloud, host__in=names)}


def _under_way(migration: Migration) -> str:
    return (
        f"{migration.instance_name} is being moved already: {migration.requested_by_name} asked for it "
        f"({LABELS[State(migration.state)]})."
    )


def active_migration(cloud: str, uuid: str) -> Migration | None:
    return Migration.objects.filter(
        cloud=cloud, instance_uuid=uuid, state__in=[s.value for s in ACTIVE]
    ).first()


def place_order(action: Order.Action, *, actor: User, about: Migration | Instance, host: str = "") -> Order:
    """Write the order and enqueue its task, inside the caller's transaction (the queue is a table too).

    IntegrityError when the instance has an order that no answer has come to yet.
    """
    if isinstance(about, Migration):
        cloud, uuid, name = about.cloud, about.instance_uuid, about.instance_name
    else:
        cloud, uuid, name = about.cloud_id, about.uuid, about.name
    now = timezone.now()
    order = Order.objects.create(
        cloud=cloud,
        instance_uuid=uuid,
        instance_name=name,
        migration=about if isinstance(about, Migration) else None,
        action=action,
        host=host,
        asked_by=actor,
        asked_by_name=actor.get_username(),
        created_at=now,
        enqueued_at=now,
    )
    async_task("nmigrate.tasks.send_order", order.pk)
    return order


def cancel_migration(*, actor: User, migration: Migration, note: str = "") -> None:
    """Withdraw a request that no worker has taken yet."""
    with transaction.atomic():
        transition(migration, "cancel", actor=actor, note=note, ended_at=timezone.now())
        withdrawn = Order.objects.filter(migration=migration, state=Order.State.QUEUED).update(
            state=Order.State.REFUSED, ended_at=timezone.now(), problem="Withdrawn before it was sent."
        )
        if withdrawn != 1:
            raise Conflict(f"The move of {migration.instance_name} is being sent to Nova already.")


def confirm_migration(*, actor: User, migration: Migration, comment: str = "") -> None:
    """A manager keeps the instance on its new host."""
    _decide(migration, "confirm", Order.Action.CONFIRM, Approval.CONFIRM, actor=actor, comment=comment)


def reject_migration(*, actor: User, migration: Migration, comment: str = "") -> None:
    """A manager sends the instance back to its old host."""
    _decide(migration, "reject", Order.Action.REVERT, Approval.REJECT, actor=actor, comment=comment)


def _decide(
    migration: Migration,
    action: str,
    order: Order.Action,
    decision: str,
    *,
    actor: User,
    comment: str,
) -> None:
    if not actor.has_perm(TRANSITIONS[action].permission):
        raise PermissionDenied(f"may not {action}")
    if migration.requested_by_id == actor.pk:
        raise PermissionDenied(why_not_decide(actor, migration))
    with transaction.atomic():
        transition(migration, action, actor=actor, note=comment.strip())
        Approval.objects.create(
            migration=migration,
            decision=decision,
            comment=comment.strip(),
            requested_by_id=migration.requested_by_id,
            decided_by=actor,
            decided_by_name=actor.get_username(),
            decided_at=timezone.now(),
        )
        place_order(order, actor=actor, about=migration)


def why_not_decide(actor: User, migration: Migration) -> str:
    """Why this person may not decide on this migration; empty when they may."""
    if not actor.has_perm(Perm.APPROVE):
        return "Only a manager can decide."
    if migration.requested_by_id == actor.pk:
        return "You asked for this move yourself; another manager has to decide."
    return ""


def permitted_actions(actor: User, migration: Migration) -> tuple[str, ...]:
    """What this person may do with this migration now: state table, permission and four eyes together."""
    possible = []
    for action in actions_from(State(migration.state)):
        permission = TRANSITIONS[action].permission
        if not actor.has_perm(permission):
            continue
        if permission is Perm.APPROVE and why_not_decide(actor, migration):
            continue
        possible.append(action)
    return tuple(possible)


def start_instance(*, actor: User, instance: Instance) -> Order:
    """Ask Nova to start a stopped instance. Conflict when it is not stopped, is locked, or is being worked on."""
    if not actor.has_perm(Perm.OPERATE):
        raise PermissionDenied("may not start instances")
    found = preflight.start_objections(instance)
    if found:
        raise Conflict(found[0])
    under_way = active_migration(instance.cloud_id, instance.uuid)
    if under_way:
        raise Conflict(_under_way(under_way))
    if Order.objects.filter(
        cloud=instance.cloud_id,
        instance_uuid=instance.uuid,
        action=Order.Action.START,
        state=Order.State.ACCEPTED,
    ).exists():
        raise Conflict(f"{instance.name} is being started already.")
    try:
        with transaction.atomic():
            order = place_order(Order.Action.START, actor=actor, about=instance)
            audit.record(
                "start",
                actor=actor,
                cloud=instance.cloud_id,
                instance_uuid=instance.uuid,
                instance_name=instance.name,
                from_host=instance.host,
            )
    except IntegrityError as error:
        raise Conflict(f"{instance.name} is being worked on right now. Try again in a moment.") from error
    return order
