"""Orders to the cloud: claimed, sent once, and when nobody heard the answer, found by looking.

The life of an order: queued -> (baseline read) -> sent, claimed in one transaction -> POST -> accepted or refused.
A process may die between any two of these. Before the claim nothing was posted, and the follower enqueues the
order again. After it, `resolve_sent_orders` compares Nova's list of actions with the baseline.
"""

import logging
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django_q.tasks import async_task

from nmigrate import audit, calls, objecting
from nmigrate.cloud import api
from nmigrate.diagnosis import Cause, Proof, explain_refusal
from nmigrate.errors import Conflict
from nmigrate.facts import snapshot
from nmigrate.models import Instance, Migration, Order
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.sentences import join, say
from nmigrate.services import transition
from nmigrate.states import State
from nmigrate.stranding import strand

log = logging.getLogger(__name__)

STALE_AFTER = timedelta(seconds=15)
"""A queued order that no worker took for this long is enqueued again; the claim keeps it single."""
LOOK_AFTER = timedelta(seconds=4)
"""A sent order without an answer for this long is looked for in Nova."""
BASELINE = 20
"""How many of Nova's newest actions are remembered before a call; one would do."""
GIVE_UP_AFTER = timedelta(minutes=10)
"""A cloud that cannot be reached for this long: the order is refused rather than surprise anyone later."""


def send_order(order_id: int, cloud: api.Cloud) -> None:
    """Send one order. Safe to run twice or to die anywhere: see the module's words."""
    order = Order.objects.select_related("migration").get(pk=order_id)
    if order.state != Order.State.QUEUED:
        return
    try:
        server = _server(order, cloud)
        is_reached = calls.is_reached(order, cloud, server)
        known = _baseline(order, cloud)
        objection = "" if is_reached else objecting.objection(order, server, cloud)
    except api.Unreachable as error:
        _wait_for_cloud(order, error)
        return
    except api.CloudError as error:
        refuse(order, error.sentence, error.said)
        return
    if objection:
        refuse(order, objection)
        return
    if not _claim(order, known, server):
        return
    if is_reached:
        accept(order, "")
        return
    try:
        request_id = calls.post(order, cloud)
    except api.Unreachable as error:
        # It may have arrived. The follower looks; nobody posts again.
        log.warning("order %s: no answer (%s)", order.pk, error)
        Order.objects.filter(pk=order.pk, state=Order.State.SENT).update(
            problem=say("Nova has not answered yet; nmigrate is looking whether the order arrived."),
            said=error.said,
        )
        _touch(order)
    except api.CloudError as error:
        refuse(order, error.sentence, error.said, error.request_id)
    else:
        accept(order, request_id)


def _server(order: Order, cloud: api.Cloud) -> api.Server | None:
    """The server as it is now; None when it is gone and that is no obstacle."""
    try:
        return cloud.server(order.instance_uuid)
    except api.NotFound:
        if order.action in (Action.DELETE, Action.UNLOCK):
            return None
        raise


def _baseline(order: Order, cloud: api.Cloud) -> dict[str, Any]:
    """What Nova knows of this server before the call, to recognise afterwards what is new."""
    known: dict[str, Any] = {
        "actions": [action.request_id for action in cloud.actions(order.instance_uuid)[:BASELINE]]
    }
    if order.action in calls.RECORD_TYPES:
        known["migrations"] = [row.id for row in cloud.server_migrations_of(order.instance_uuid)]
    if order.action == Action.SNAPSHOT:
        known["ports"] = [
            {"network": port.network_id, "addresses": [list(pair) for pair in port.addresses]}
            for port in cloud.ports(order.instance_uuid)
        ]
    return known


def _claim(order: Order, known: dict[str, Any], server: api.Server | None) -> bool:
    """Take the order for this worker, or find that another did. Committed before anything is posted."""
    now = timezone.now()
    try:
        with transaction.atomic():
            won = Order.objects.filter(pk=order.pk, state=Order.State.QUEUED).update(
                state=Order.State.SENT, claimed_at=now, known=known, problem="", said=""
            )
            if won != 1:
                return False
            move = order.migration
            if move is not None and server is not None:
                _note_before(move, order, known, server)
    except Conflict:
        return False
    order.refresh_from_db()
    return True


def _note_before(move: Migration, order: Order, known: dict[str, Any], server: api.Server) -> None:
    """What must be remembered of the instance before it is changed."""
    if move.state == State.QUEUED:
        transition(
            move,
            "claim",
            actor=audit.SYSTEM,
            before=snapshot(server),
            source_host=server.host,
            source_zone=server.zone,
        )
    if order.action == Action.SNAPSHOT:
        move.before = {**move.before, "ports": known["ports"]}
        Migration.objects.filter(pk=move.pk).update(before=move.before)
    if order.action == Action.LOCK:
        changes: dict[str, Any] = {"is_held": True}
        if not move.lock_before and not server.locked_reason.startswith(f"nmigrate: migration {move.pk} "):
            changes["lock_before"] = {"locked": server.locked, "reason": server.locked_reason}
        Migration.objects.filter(pk=move.pk).update(version=F("version") + 1, **changes)


def accept(order: Order, request_id: str) -> None:
    """The cloud took the order. The loser of worker and follower leaves quietly."""
    now = timezone.now()
    with transaction.atomic():
        won = Order.objects.filter(pk=order.pk, state=Order.State.SENT).update(
            state=Order.State.ACCEPTED, answered_at=now, request_id=request_id, problem="", said=""
        )
        if won != 1:
            return
        move = order.migration
        if move is None:
            _audit_order(order, f"{order.action}_accepted", request_id=request_id)
            return
        move.refresh_from_db()
        if order.action in calls.RECORD_TYPES:
            Migration.objects.filter(pk=move.pk).update(request_id=request_id, accepted_at=now)
        if move.state == State.SENDING:
            changes: dict[str, Any] = {} if move.accepted_at else {"accepted_at": now}
            transition(move, "accept", actor=audit.SYSTEM, request_id=request_id, **changes)
        else:
            audit.record(
                f"{order.action}_accepted",
                actor=audit.SYSTEM,
                migration=move,
                state_before=move.state,
                state_after=move.state,
                request_id=request_id,
            )
            _touch(order)


def refuse(
    order: Order, sentence: str, said: str = "", request_id: str = "", *, lost: bool = False, key: str = ""
) -> None:
    """The order was not carried out: nothing happened in the cloud, and the record says why.

    A move fails before its first step and stops half-way after it; a decision is open again, so that a manager
    (or what happened outside) settles it; what was asked beside the steps is remarked. `key`: the row of the
    failure table, where neither the cloud's words nor the sentence lead to it.
    """
    now = timezone.now()
    state = Order.State.LOST if lost else Order.State.REFUSED
    with transaction.atomic():
        won = Order.objects.filter(pk=order.pk, state__in=Order.OPEN).update(
            state=state, answered_at=now, ended_at=now, problem=sentence, said=said, request_id=request_id
        )
        if won != 1:
            return
        move = order.migration
        if move is None:
            _audit_order(order, f"{order.action}_refused", reason=sentence, request_id=request_id)
            return
        move.refresh_from_db()
        if order.action in (Action.LOCK, Action.ABORT, Action.FORCE):
            _remark(order, move, sentence, request_id)
        elif move.state in (State.QUEUED, State.SENDING):
            transition(
                move,
                "refuse",
                actor=audit.SYSTEM,
                note=sentence,
                request_id=request_id,
                ended_at=now,
                after=_as_read(move),
                failure=_not_moved(move, order, said),
                **_cause(order, move, sentence, said, request_id, key).fields(),
            )
        elif order.action in (Action.CONFIRM, Action.REVERT):
            if move.is_active and not move.is_decided_outside:
                # Decided otherwise meanwhile: there is nothing to open again, and the follower tells it.
                with suppress(Conflict), transaction.atomic():
                    transition(
                        move,
                        "reopen",
                        actor=audit.SYSTEM,
                        note=sentence,
                        request_id=request_id,
                        remark=sentence,
                        step="",
                    )
        elif move.is_active and move.step == order.action:
            strand(move, _cause(order, move, sentence, said, request_id, key), request_id=request_id)


def _cause(order: Order, move: Migration, sentence: str, said: str, request_id: str, key: str) -> Cause:
    """Why an order was not carried out."""
    proof = (
        Proof(said, say("answer to the {order}", order=ACTION_LABELS[Action(order.action)]), "", request_id)
        if said
        else None
    )
    words = {"name": move.instance_name, "source": move.source_host, "dest": move.asked_host}
    return explain_refusal(sentence, proof, key=key, **words)


def _as_read(move: Migration) -> dict[str, Any]:
    """The instance as the inventory has it, for the comparison with before."""
    instance = Instance.objects.filter(cloud=move.cloud, uuid=move.instance_uuid).first()
    return snapshot(instance) if instance is not None else {}


def _not_moved(move: Migration, order: Order, said: str) -> str:
    """Nothing has happened: that is the first thing to know."""
    names = {"name": move.instance_name, "host": move.source_host}
    if said and order.claimed_at:
        return say(
            "{name} was not moved: the cloud refused it. It stays on {host}, as it was.",
            **names,
        )
    return say(
        "{name} was not moved: nothing was sent to the cloud. It stays on {host}, as it was.",
        **names,
    )


def _remark(order: Order, move: Migration, sentence: str, request_id: str) -> None:
    remark = {
        Action.LOCK: say("It could not be locked for the decision: {why}", why=sentence),
        Action.ABORT: say("The move could not be stopped: {why}", why=sentence),
        Action.FORCE: say("The move could not be finished at once: {why}", why=sentence),
    }[Action(order.action)]
    changes: dict[str, Any] = {"remark": remark}
    if order.action == Action.LOCK:
        changes["is_held"] = False
    Migration.objects.filter(pk=move.pk).update(version=F("version") + 1, **changes)
    audit.record(
        f"{order.action}_refused",
        actor=audit.SYSTEM,
        migration=move,
        state_before=move.state,
        state_after=move.state,
        reason=sentence,
        request_id=request_id,
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
        given_up = say("It was tried for {minutes} minutes; nothing was sent.", minutes=minutes)
        refuse(order, join([error.sentence, given_up]), error.said, key="cloud-away")
        return
    changed = (
        Order.objects.filter(pk=order.pk, state=Order.State.QUEUED)
        .exclude(problem=error.sentence)
        .update(problem=error.sentence, said=error.said)
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
        try:
            found = calls.find_arrived(order, cloud)
        except api.Unreachable:
            raise
        except api.CloudError as error:
            log.warning("order %s cannot be looked for: %s (%s)", order.pk, error, error.said)
            found = None
        if found is not None:
            log.info("order %s arrived as %s", order.pk, found)
            accept(order, found)
        elif order.claimed_at and now - order.claimed_at > timedelta(
            seconds=2 * settings.NMIGRATE_API_TIMEOUT + 30
        ):
            refuse(
                order,
                say(
                    "nmigrate was interrupted while it sent the order, and Nova has no trace of it: it never arrived."
                ),
                lost=True,
                key="never-arrived",
            )


def end_order(order: Order, *, ok: bool, sentence: str = "", said: str = "") -> None:
    """A followed order of an instance (start, stop, unlock) came to its end in the cloud."""
    with transaction.atomic():
        won = Order.objects.filter(pk=order.pk, state=Order.State.ACCEPTED).update(
            state=Order.State.DONE if ok else Order.State.FAILED,
            ended_at=timezone.now(),
            problem=sentence,
            said=said,
        )
        if won == 1:
            done = {Action.START: "started", Action.STOP: "stopped", Action.UNLOCK: "unlocked"}
            word = done[Action(order.action)] if ok else f"{order.action}_failed"
            _audit_order(order, word, reason=sentence, request_id=order.request_id)
