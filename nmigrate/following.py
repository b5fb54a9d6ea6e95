"""The follower's judgement: from what Nova's lists say to the next state of each migration. Never from hope.

All active migrations of a cloud are judged from the same two list calls; only a failure, an outside decision or
a record that cannot be found costs a call of its own, once.
"""

import logging
from collections.abc import Iterable
from datetime import timedelta
from itertools import takewhile
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from nmigrate import audit, orders
from nmigrate.cloud import api
from nmigrate.diagnosis import explain_move
from nmigrate.errors import Conflict
from nmigrate.models import Approval, Instance, Migration, Observation, Order
from nmigrate.services import transition
from nmigrate.states import FOLLOWED, State

log = logging.getLogger(__name__)

SETTLED = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
"""States of a server that is at rest again."""
PATIENCE = timedelta(seconds=10)
"""How long a picture that does not fit together may last before it is taken for the truth."""


def follow(cloud: api.Cloud, changed: list[api.ServerMigration]) -> None:
    """Judge every followed migration and started instance of one cloud, given Nova's changed migrations.

    One migration that cannot be judged does not keep the others waiting. Unreachable is raised: the next tick
    starts again, and nothing is lost, since every judgement starts from what Nova says then.
    """
    active = list(
        Migration.objects.filter(cloud=cloud.name, state__in=[s.value for s in FOLLOWED]).order_by("id")
    )
    followed_orders = list(
        Order.objects.filter(cloud=cloud.name, state=Order.State.ACCEPTED, action=Order.Action.START)
    )
    uuids = {m.instance_uuid for m in active} | {o.instance_uuid for o in followed_orders}
    instances = {row.uuid: row for row in Instance.objects.filter(cloud=cloud.name, uuid__in=uuids)}
    by_instance: dict[str, list[api.ServerMigration]] = {}
    for row in changed:
        by_instance.setdefault(row.instance_uuid, []).append(row)
    for migration in active:
        try:
            _follow_one(cloud, migration, instances.get(migration.instance_uuid), by_instance)
        except Conflict:
            log.info("migration %s: somebody else was faster", migration.pk)
        except api.Unreachable:
            raise
        except api.CloudError as error:
            log.warning("migration %s cannot be judged now: %s (%s)", migration.pk, error, error.said)
    for order in followed_orders:
        _follow_start(order, instances.get(order.instance_uuid))


def _follow_one(
    cloud: api.Cloud,
    migration: Migration,
    instance: Instance | None,
    by_instance: dict[str, list[api.ServerMigration]],
) -> None:
    if migration.state == State.SENDING:
        return  # orders.resolve_sent_orders finds out whether it arrived
    record = _record(cloud, migration, by_instance.get(migration.instance_uuid, []))
    if record is not None:
        _note_record(migration, record)
    if instance is None:
        _deleted(cloud, migration)
        return
    _observe(migration, instance)
    judge = {
        State.RUNNING: _judge_running,
        State.WAITING: _judge_waiting,
        State.CONFIRMING: _judge_ending,
        State.REVERTING: _judge_ending,
    }[State(migration.state)]
    judge(cloud, migration, instance)


# -- what Nova's own record says


def _record(
    cloud: api.Cloud, migration: Migration, changed: Iterable[api.ServerMigration]
) -> api.ServerMigration | None:
    """Nova's record of this migration, if it is among the changed ones, or must be looked for."""
    if migration.server_migration_id is not None:
        return next((row for row in changed if row.id == migration.server_migration_id), None)
    found = _unknown_before(migration, changed)
    if (
        found is None
        and migration.accepted_at
        and timezone.now() - migration.accepted_at > timedelta(seconds=5)
    ):
        found = _unknown_before(migration, cloud.server_migrations_of(migration.instance_uuid))
    return found


def _unknown_before(migration: Migration, rows: Iterable[api.ServerMigration]) -> api.ServerMigration | None:
    order = migration.orders.filter(action=Order.Action.MIGRATE).first()
    newest_before = max(order.known.get("migrations") or [0]) if order else 0
    new = [row for row in rows if row.id > newest_before and row.type in ("migration", "resize")]
    return min(new, key=lambda row: row.id, default=None)


def _note_record(migration: Migration, record: api.ServerMigration) -> None:
    changes: dict[str, Any] = {
        "server_migration_id": record.id,
        "server_migration_uuid": record.uuid,
        "nova_status": record.status,
        "dest_host": record.dest_host or migration.dest_host,
    }
    _change(migration, **changes)


def _change(migration: Migration, **changes: Any) -> None:
    """Set fields other than `state`, if they differ, so that open pages notice only real changes."""
    if any(getattr(migration, name) != value for name, value in changes.items()):
        Migration.objects.filter(pk=migration.pk).update(version=F("version") + 1, **changes)
        migration.refresh_from_db()


def _observe(migration: Migration, instance: Instance) -> None:
    """Keep what was seen, if it differs from what was seen last."""
    seen = {
        "nova_status": migration.nova_status,
        "status": instance.status,
        "task_state": instance.task_state,
        "host": instance.host,
    }
    last = migration.observations.order_by("-id").first()
    if last is not None and all(getattr(last, name) == value for name, value in seen.items()):
        return
    Observation.objects.create(migration=migration, at=timezone.now(), **seen)
    Migration.objects.filter(pk=migration.pk).update(version=F("version") + 1)


def _unchanged_for(migration: Migration) -> timedelta:
    """How long Nova has said the same, by our own clock."""
    last = migration.observations.order_by("-id").first()
    return timezone.now() - last.at if last else timedelta(0)


# -- one judgement a state


def _judge_running(cloud: api.Cloud, migration: Migration, instance: Instance) -> None:
    if migration.nova_status == "finished" and instance.status == "VERIFY_RESIZE" and not instance.task_state:
        transition(
            migration,
            "arrive",
            actor=audit.SYSTEM,
            waiting_since=timezone.now(),
            dest_host=instance.host,
            dest_zone=instance.zone,
            after=orders.snapshot(instance),
        )
    elif migration.nova_status in ("confirming", "confirmed", "reverting", "reverted"):
        _decided_outside(cloud, migration)
    elif _is_over(migration, instance) or (
        migration.server_migration_id is None and _gave_up(cloud, migration)
    ):
        _fail_move(cloud, migration, instance)


def _is_over(migration: Migration, instance: Instance) -> bool:
    if instance.task_state:
        return False
    return migration.nova_status in ("error", "failed") or instance.status == "ERROR"


def _gave_up(cloud: api.Cloud, migration: Migration) -> bool:
    """Nova has no record of the move: whether the action itself says that it failed."""
    if migration.accepted_at is None or timezone.now() - migration.accepted_at < PATIENCE:
        return False
    return cloud.action(migration.instance_uuid, migration.request_id).message == "Error"


def _judge_waiting(cloud: api.Cloud, migration: Migration, instance: Instance) -> None:
    if migration.nova_status in ("confirming", "confirmed", "reverting", "reverted"):
        _decided_outside(cloud, migration)
    elif _is_over(migration, instance):
        _fail_move(cloud, migration, instance)
    elif instance.status in SETTLED and not instance.task_state and _unchanged_for(migration) > PATIENCE:
        _end(
            migration,
            "fail",
            instance,
            failure=f"Nova no longer holds {instance.name} for a decision: somebody reset its state outside nmigrate.",
            next_step=f"It is on {instance.host}. An operator must check it and free the room kept on the other host.",
        )


def _judge_ending(cloud: api.Cloud, migration: Migration, instance: Instance) -> None:
    """A decision is being carried out: done only when Nova says so, it rests, and it is where it should be."""
    if migration.state == State.CONFIRMING:
        action, wanted, host, crossed = (
            "complete",
            "confirmed",
            migration.dest_host,
            ("reverting", "reverted"),
        )
    else:
        action, wanted, host, crossed = (
            "restore",
            "reverted",
            migration.source_host,
            ("confirming", "confirmed"),
        )
    if migration.nova_status == wanted and instance.status in SETTLED and not instance.task_state:
        if instance.host == host:
            _end(migration, action, instance, remark=_power_remark(migration, instance))
        elif _unchanged_for(migration) > PATIENCE:  # a picture between two reads is given time first
            _end(
                migration,
                "fail",
                instance,
                failure=f"Nova says that it is finished, but {instance.name} is on {instance.host} and not on {host}.",
                next_step="An operator must look at it at once; do not move it or reset its state before.",
            )
    elif migration.nova_status in crossed:
        _decided_outside(cloud, migration)
    elif _is_over(migration, instance):
        _fail_move(cloud, migration, instance)


def _power_remark(migration: Migration, instance: Instance) -> str:
    was = migration.before.get("status", "")
    if was == "ACTIVE" and instance.status != "ACTIVE":
        return f"{instance.name} ran before the move and does not run now. Start it, and tell its owner."
    return ""


# -- ends


def _end(migration: Migration, action: str, instance: Instance, **changes: Any) -> None:
    """A transition to a terminal state, with the instance as it is then."""
    transition(
        migration,
        action,
        actor=audit.SYSTEM,
        ended_at=timezone.now(),
        after=orders.snapshot(instance),
        **changes,
    )


def _fail_move(cloud: api.Cloud, migration: Migration, instance: Instance) -> None:
    try:
        action = cloud.action(migration.instance_uuid, migration.request_id) if migration.request_id else None
    except api.NotFound:
        action = None
    fault = cloud.server(migration.instance_uuid).fault if instance.status == "ERROR" else ""
    cause = explain_move(instance.name, action, fault, migration.asked_host)
    if instance.status == "ERROR":
        where = f"{instance.name} is in error on {instance.host}. An operator must repair it."
    elif instance.host == migration.source_host:
        where = f"{instance.name} is unharmed on {instance.host}, as it was before."
    else:
        where = f"{instance.name} is on {instance.host} now."
    _end(
        migration,
        "fail",
        instance,
        note=cause.what,
        request_id=migration.request_id,
        failure=f"{cause.what} {where}",
        next_step=cause.next_step,
        nova_said=cause.said,
    )


def _deleted(cloud: api.Cloud, migration: Migration) -> None:
    """The instance is not in the inventory; only the cloud itself can say that it is gone."""
    try:
        cloud.server(migration.instance_uuid)
    except api.NotFound:
        transition(
            migration,
            "fail",
            actor=audit.SYSTEM,
            ended_at=timezone.now(),
            failure=f"{migration.instance_name} was deleted in the cloud while it was being moved.",
            next_step="Nothing is left to move. Its instance actions in the cloud say who deleted it.",
        )


_OUTSIDE = {
    "confirming": ("observe_confirm", Approval.CONFIRM, "confirmResize"),
    "confirmed": ("observe_confirm", Approval.CONFIRM, "confirmResize"),
    "reverting": ("observe_revert", Approval.REJECT, "revertResize"),
    "reverted": ("observe_revert", Approval.REJECT, "revertResize"),
}


def _decided_outside(cloud: api.Cloud, migration: Migration) -> None:
    """Somebody confirmed or reverted it past this application: write down who and what, and follow that."""
    action, decision, nova_action = _OUTSIDE[migration.nova_status]
    ours = set(migration.orders.exclude(request_id="").values_list("request_id", flat=True))
    # Newest first; what is older than our own order was about an earlier move, and its author is not to blame.
    since = takewhile(
        lambda found: found.request_id != migration.request_id, cloud.actions(migration.instance_uuid)
    )
    asked = next((one for one in since if one.action == nova_action and one.request_id not in ours), None)
    if asked is None:
        who = "somebody outside nmigrate"
    elif not asked.user_id:  # seen on the lab: auto-confirm leaves an action without a user
        who = "Nova itself (resize_confirm_window)"
    else:
        who = cloud.user_name(asked.user_id)
    word = "confirmed" if decision == Approval.CONFIRM else "rejected"
    with transaction.atomic():
        if State(migration.state) in (State.CONFIRMING, State.REVERTING):
            transition(
                migration, "reopen", actor=audit.SYSTEM, note="It was decided otherwise outside nmigrate."
            )
        transition(
            migration,
            action,
            actor=who,
            is_outside=True,
            note=f"decided outside nmigrate: {word} by {who}",
            request_id=asked.request_id if asked else "",
            is_decided_outside=True,
        )
        Approval.objects.create(
            migration=migration,
            decision=decision,
            comment="decided outside nmigrate",
            requested_by_id=migration.requested_by_id,
            decided_by_name=who,
            decided_at=asked.started_at if asked and asked.started_at else timezone.now(),
            is_outside=True,
        )


def _follow_start(order: Order, instance: Instance | None) -> None:
    if instance is None:
        orders.end_order(order, ok=False, sentence="It was deleted.")
    elif instance.status == "ACTIVE" and not instance.task_state:
        orders.end_order(order, ok=True)
    elif instance.status == "ERROR":
        orders.end_order(
            order, ok=False, sentence="It went into error while it was being started.", said=instance.fault
        )
    elif (
        not instance.task_state
        and order.answered_at is not None
        and timezone.now() - order.answered_at > timedelta(minutes=2)
    ):
        orders.end_order(
            order, ok=False, sentence="Nova accepted the start, but it does not run after 2 minutes."
        )
