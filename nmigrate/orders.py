"""Orders to Nova: claimed, sent once, and when nobody heard the answer, found by looking.

The life of an order: queued -> (baseline read) -> sent, claimed in one transaction -> POST -> accepted or refused.
A process may die between any two of these. Before the claim nothing was posted, and the follower enqueues the
order again. After it, `resolve_sent_orders` compares Nova's list of actions with the baseline.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_q.tasks import async_task

from nmigrate import audit, preflight
from nmigrate.cloud import api
from nmigrate.errors import Conflict
from nmigrate.models import Instance, Migration, Order
from nmigrate.services import hosts_named, transition

log = logging.getLogger(__name__)

NOVA_ACTIONS: dict[str, str] = {
    Order.Action.MIGRATE: "migrate",
    Order.Action.CONFIRM: "confirmResize",
    Order.Action.REVERT: "revertResize",
    Order.Action.START: "start",
}
"""Our action -> the word in Nova's os-instance-actions (nova/compute/instance_actions.py)."""

STALE_AFTER = timedelta(seconds=15)
"""A queued order that no worker took for this long is enqueued again; the claim keeps it single."""
LOOK_AFTER = timedelta(seconds=4)
"""A sent order without an answer for this long is looked for in Nova."""
BASELINE = 20
"""How many of Nova's newest actions are remembered before a call; one would do."""
GIVE_UP_AFTER = timedelta(minutes=10)
"""A cloud that cannot be reached for this long: the order is refused rather than surprise anyone later."""


def snapshot(server: api.Server | Instance) -> dict[str, Any]:
    """What an approval compares: the instance as it is, as plain JSON."""
    return {
        "host": server.host,
        "zone": server.zone,
        "status": server.status,
        "power_state": server.power_state,
        "addresses": list(server.addresses),
        "volumes": list(server.volumes),
        "flavor": server.flavor,
        "locked": server.locked,
    }


def send_order(order_id: int, cloud: api.Cloud) -> None:
    """Send one order to Nova. Safe to run twice or to die anywhere: see the module's words."""
    order = Order.objects.select_related("migration").get(pk=order_id)
    if order.state != Order.State.QUEUED:
        return
    try:
        server = cloud.server(order.instance_uuid)
        known = {
            "actions": [action.request_id for action in cloud.actions(order.instance_uuid)[:BASELINE]],
            "migrations": [row.id for row in cloud.server_migrations_of(order.instance_uuid)],
        }
        objection = _objection(order, server, cloud)
    except api.Unreachable as error:
        _wait_for_cloud(order, error)
        return
    except api.CloudError as error:
        refuse(order, str(error), error.said)
        return
    if objection:
        refuse(order, objection)
        return
    if not _claim(order, known, server):
        return
    try:
        request_id = _post(order, cloud)
    except api.Unreachable as error:
        # It may have arrived. The follower looks; nobody posts again.
        log.warning("order %s: no answer (%s)", order.pk, error)
        Order.objects.filter(pk=order.pk, state=Order.State.SENT).update(
            problem="Nova has not answered yet; nmigrate is looking whether the order arrived.",
            said=error.said,
        )
        _touch(order)
    except api.CloudError as error:
        refuse(order, str(error), error.said, error.request_id)
    else:
        accept(order, request_id)


def _post(order: Order, cloud: api.Cloud) -> str:
    if order.action == Order.Action.MIGRATE:
        return cloud.migrate(order.instance_uuid, order.host)
    simple: dict[str, Callable[[str], str]] = {
        Order.Action.CONFIRM: cloud.confirm_resize,
        Order.Action.REVERT: cloud.revert_resize,
        Order.Action.START: cloud.start,
    }
    return simple[order.action](order.instance_uuid)


def _objection(order: Order, server: api.Server, cloud: api.Cloud) -> str:
    """What fresh data says against sending this order; empty when nothing does."""
    if order.action == Order.Action.MIGRATE:
        hosts = hosts_named(order.cloud, order.host, server.host)
        found = preflight.objections(server, host=hosts.get(order.host), source=hosts.get(server.host))
        return next(iter(found), "")
    if order.action == Order.Action.START:
        return next(iter(preflight.start_objections(server)), "")
    migration = order.migration
    if migration is None:
        raise ValueError(f"order {order.pk} decides on no migration")
    if server.status != "VERIFY_RESIZE" or server.task_state:
        return (
            f"{server.name} is {preflight.status_words(server.status)}: it no longer waits for this decision."
        )
    # A later resize by somebody else also waits in VERIFY_RESIZE; this decision is not about that one.
    newest = max(cloud.server_migrations_of(order.instance_uuid), key=lambda row: row.id, default=None)
    if newest is None or newest.id != migration.server_migration_id:
        return f"{server.name} now waits for a decision on another move, made outside nmigrate."
    return ""


def _claim(order: Order, known: dict[str, Any], server: api.Server) -> bool:
    """Take the order for this worker, or find that another did. Committed before anything is posted."""
    now = timezone.now()
    try:
        with transaction.atomic():
            won = Order.objects.filter(pk=order.pk, state=Order.State.QUEUED).update(
                state=Order.State.SENT, claimed_at=now, known=known, problem="", said=""
            )
            if won != 1:
                return False
            if order.migration is not None and order.action == Order.Action.MIGRATE:
                transition(
                    order.migration,
                    "claim",
                    actor=audit.SYSTEM,
                    before=snapshot(server),
                    source_host=server.host,
                    source_zone=server.zone,
                )
    except Conflict:
        return False
    order.refresh_from_db()
    return True


def accept(order: Order, request_id: str) -> None:
    """Nova took the order. The loser of worker and follower leaves quietly."""
    now = timezone.now()
    with transaction.atomic():
        won = Order.objects.filter(pk=order.pk, state=Order.State.SENT).update(
            state=Order.State.ACCEPTED, answered_at=now, request_id=request_id, problem="", said=""
        )
        if won != 1:
            return
        migration = order.migration
        if migration is None:
            _audit_order(order, "start_accepted", request_id=request_id)
        elif order.action == Order.Action.MIGRATE:
            Migration.objects.filter(pk=migration.pk).update(request_id=request_id)
            transition(migration, "accept", actor=audit.SYSTEM, request_id=request_id, accepted_at=now)
        else:
            audit.record(
                f"{order.action}_accepted",
                actor=audit.SYSTEM,
                migration=migration,
                state_before=migration.state,
                state_after=migration.state,
                request_id=request_id,
            )
            _touch(order)


def refuse(order: Order, sentence: str, said: str = "", request_id: str = "", *, lost: bool = False) -> None:
    """The order was not carried out: nothing happened in the cloud, and the record says why.

    A move fails; a decision is open again, so that a manager (or what happened outside) settles it.
    """
    now = timezone.now()
    state = Order.State.LOST if lost else Order.State.REFUSED
    with transaction.atomic():
        won = Order.objects.filter(pk=order.pk, state__in=Order.OPEN).update(
            state=state, answered_at=now, ended_at=now, problem=sentence, said=said, request_id=request_id
        )
        if won != 1:
            return
        migration = order.migration
        if migration is None:
            _audit_order(order, "start_refused", reason=sentence, request_id=request_id)
        elif order.action == Order.Action.MIGRATE:
            transition(
                migration,
                "refuse",
                actor=audit.SYSTEM,
                note=sentence,
                request_id=request_id,
                ended_at=now,
                failure=sentence,
                next_step="Nothing was moved. Ask again when that is settled.",
                nova_said=said,
            )
        elif migration.is_active and not migration.is_decided_outside:
            # Decided otherwise meanwhile: there is nothing to open again, and the follower tells it.
            with suppress(Conflict), transaction.atomic():
                transition(
                    migration,
                    "reopen",
                    actor=audit.SYSTEM,
                    note=sentence,
                    request_id=request_id,
                    remark=sentence,
                )


def _audit_order(order: Order, action: str, **fields: Any) -> None:
    audit.record(
        action,
        actor=audit.SYSTEM,
        cloud=order.cloud,
        instance_uuid=order.instance_uuid,
        instance_name=order.instance_name,
        **fields,
    )


def _wait_for_cloud(order: Order, error: api.Unreachable) -> None:
    """The cloud gave no answer before anything was sent: keep the order, say so, and try again for a while."""
    if timezone.now() - order.created_at > GIVE_UP_AFTER:
        minutes = int(GIVE_UP_AFTER.total_seconds() // 60)
        refuse(order, f"{error} It was tried for {minutes} minutes; nothing was sent.", error.said)
        return
    changed = (
        Order.objects.filter(pk=order.pk, state=Order.State.QUEUED)
        .exclude(problem=str(error))
        .update(problem=str(error), said=error.said)
    )
    if changed:
        _touch(order)


def _touch(order: Order) -> None:
    """Let open pages of this order's migration see that something changed."""
    if order.migration_id:
        Migration.objects.filter(pk=order.migration_id).update(version=F("version") + 1)


def requeue_stale_orders(cloud: str) -> int:
    """Enqueue again what no worker took: its queue row was lost with a worker, or the cloud was away."""
    now = timezone.now()
    stale = Order.objects.filter(cloud=cloud, state=Order.State.QUEUED, enqueued_at__lt=now - STALE_AFTER)
    count = 0
    for order in stale:
        with transaction.atomic():
            if Order.objects.filter(
                pk=order.pk, state=Order.State.QUEUED, enqueued_at=order.enqueued_at
            ).update(enqueued_at=now):
                async_task("nmigrate.tasks.send_order", order.pk)
                count += 1
    return count


def resolve_sent_orders(cloud: api.Cloud) -> None:
    """Find out what became of orders whose answer nobody heard: one look each, and only at those."""
    now = timezone.now()
    unanswered = Order.objects.select_related("migration").filter(
        cloud=cloud.name, state=Order.State.SENT, claimed_at__lt=now - LOOK_AFTER
    )
    for order in unanswered:
        found = find_arrived(order, cloud)
        if found:
            log.info("order %s arrived as %s", order.pk, found)
            accept(order, found)
        elif order.claimed_at and now - order.claimed_at > timedelta(
            seconds=2 * settings.NMIGRATE_API_TIMEOUT + 30
        ):
            refuse(
                order,
                "nmigrate was interrupted while it sent the order, and Nova has no trace of it: it never arrived.",
                lost=True,
            )


def find_arrived(order: Order, cloud: api.Cloud) -> str:
    """The request id under which Nova has this order, or "". Ours: not there before, our account, our action."""
    before = set(order.known.get("actions", ()))
    mine = cloud.own_user_id()
    for action in cloud.actions(order.instance_uuid):
        if action.request_id in before:
            break  # newest first: all that follow are older still
        if action.action == NOVA_ACTIONS[order.action] and (not mine or action.user_id == mine):
            return action.request_id
    return ""


def end_order(order: Order, *, ok: bool, sentence: str = "", said: str = "") -> None:
    """A followed order (a start) came to its end in the cloud."""
    with transaction.atomic():
        won = Order.objects.filter(pk=order.pk, state=Order.State.ACCEPTED).update(
            state=Order.State.DONE if ok else Order.State.FAILED,
            ended_at=timezone.now(),
            problem=sentence,
            said=said,
        )
        if won == 1:
            _audit_order(
                order, "started" if ok else "start_failed", reason=sentence, request_id=order.request_id
            )
