"""The follower's work: from what the cloud's lists say to the next step or state of each migration.

All active migrations of a cloud are judged from the same two list calls; only a failure, an outside decision, a
record that cannot be found or a small step costs a call of its own, once.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from nmigrate import audit, calls, judging, moves, orders, outside
from nmigrate.cloud import api
from nmigrate.diagnosis import own_cause
from nmigrate.errors import Conflict
from nmigrate.facts import snapshot
from nmigrate.holding import hold, place_hold, watch
from nmigrate.judging import PATIENCE, SETTLED, Outcome
from nmigrate.models import Approval, Instance, Migration, Observation, Order
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.sentences import join, say
from nmigrate.services import transition
from nmigrate.services.placing import order_step
from nmigrate.services.power import SIMPLE
from nmigrate.states import FOLLOWED, Kind, State
from nmigrate.stranding import fail_or_strand

log = logging.getLogger(__name__)


def follow(cloud: api.Cloud, changed: list[api.ServerMigration]) -> None:
    """Judge every followed migration and ordered instance of one cloud, given Nova's changed migrations.

    One migration that cannot be judged does not keep the others waiting. Unreachable is raised: the next tick
    starts again, and nothing is lost, since every judgement starts from what Nova says then.
    """
    active = list(
        Migration.objects.filter(cloud=cloud.name, state__in=[s.value for s in FOLLOWED]).order_by("id")
    )
    simple = list(
        Order.objects.filter(cloud=cloud.name, state=Order.State.ACCEPTED, action__in=SIMPLE, migration=None)
    )
    uuids = {m.instance_uuid for m in active} | {o.instance_uuid for o in simple}
    uuids |= {m.copy_uuid for m in active if m.copy_uuid}
    instances = {row.uuid: row for row in Instance.objects.filter(cloud=cloud.name, uuid__in=uuids)}
    by_instance: dict[str, list[api.ServerMigration]] = {}
    for row in changed:
        by_instance.setdefault(row.instance_uuid, []).append(row)
    for migration in active:
        try:
            _follow_one(cloud, migration, instances, by_instance.get(migration.instance_uuid, []))
        except Conflict:
            log.info("migration %s: somebody else was faster", migration.pk)
        except api.Unreachable:
            raise
        except api.CloudError as error:
            log.warning("migration %s cannot be judged now: %s (%s)", migration.pk, error, error.said)
        except DatabaseError:
            raise
        except Exception:
            # A defect of ours about one migration must not stop the others.
            log.exception("migration %s cannot be judged", migration.pk)
    watch(cloud, [move for move in active if move.state == State.WAITING])
    for order in simple:
        _follow_power(order, instances.get(order.instance_uuid))


def _follow_one(
    cloud: api.Cloud,
    move: Migration,
    instances: dict[str, Instance],
    changed: list[api.ServerMigration],
) -> None:
    if move.state == State.SENDING:
        return  # orders.resolve_sent_orders finds out whether it arrived
    instance = instances.get(move.instance_uuid)
    order = _order_of_step(move)
    record = _record(cloud, move, order, changed)
    if record is not None:
        _note_record(move, record)
    if instance is None and not _may_be_gone(move):
        _deleted(cloud, move)
        return
    if instance is not None:
        _observe(move, instance)
    if move.state == State.STRANDED:
        return
    if move.state == State.WAITING:
        hold(cloud, move, instance)
        _judge_waiting(cloud, move, instance, instances.get(move.copy_uuid))
    elif order is not None and order.state in Order.OPEN:
        return
    elif move.kind == Kind.COLD and instance is not None and outside.is_decided_outside(move):
        outside.note(cloud, move)
    elif move.step in (Action.CONFIRM, Action.REVERT) and instance is not None:
        _judge_decision(cloud, move, order, instance)
    elif move.step:
        outcome = judging.judge(cloud, move, order, instance)
        if outcome is not None:
            _conclude(cloud, move, order, instance, outcome)
    else:
        advance(move, None, instance)


def _order_of_step(move: Migration) -> Order | None:
    """The order of the step that the move is at, if it is ours."""
    return move.orders.filter(action=move.step).order_by("-id").first() if move.step else None


def _may_be_gone(move: Migration) -> bool:
    """Whether the instance may be missing: the original of a copy that is being kept, or was decided on."""
    return move.kind == Kind.COPY and (
        move.state in (State.CONFIRMING, State.WAITING) or move.stranded_in == State.CONFIRMING
    )


# -- what Nova's own record says


def _record(
    cloud: api.Cloud, move: Migration, order: Order | None, changed: Iterable[api.ServerMigration]
) -> api.ServerMigration | None:
    """Nova's record of this migration, if it is among the changed ones, or must be looked for."""
    if move.server_migration_id is not None:
        return next((row for row in changed if row.id == move.server_migration_id), None)
    if order is None or order.action not in calls.RECORD_TYPES or order.state in Order.OPEN:
        return None
    found = _unknown_before(order, changed)
    if found is None and move.accepted_at and timezone.now() - move.accepted_at > timedelta(seconds=5):
        found = _unknown_before(order, cloud.server_migrations_of(move.instance_uuid))
    return found


def _unknown_before(order: Order, rows: Iterable[api.ServerMigration]) -> api.ServerMigration | None:
    newest_before = max(order.known.get("migrations") or [0])
    types = calls.RECORD_TYPES[Action(order.action)]
    new = [row for row in rows if row.id > newest_before and row.type in types]
    return min(new, key=lambda row: row.id, default=None)


def _note_record(move: Migration, record: api.ServerMigration) -> None:
    changes: dict[str, Any] = {
        "server_migration_id": record.id,
        "server_migration_uuid": record.uuid,
        "nova_status": record.status,
        "dest_host": record.dest_host or move.dest_host,
    }
    if any(getattr(move, name) != value for name, value in changes.items()):
        # Only real changes: open pages compare the version.
        Migration.objects.filter(pk=move.pk).update(version=F("version") + 1, **changes)
        move.refresh_from_db()


def _observe(move: Migration, instance: Instance) -> None:
    """Keep what was seen, if it differs from what was seen last."""
    seen = {
        "nova_status": move.nova_status,
        "status": instance.status,
        "task_state": instance.task_state,
        "host": instance.host,
    }
    last = move.observations.order_by("-id").first()
    if last is not None and all(getattr(last, name) == value for name, value in seen.items()):
        return
    Observation.objects.create(migration=move, at=timezone.now(), **seen)
    Migration.objects.filter(pk=move.pk).update(version=F("version") + 1)


# -- what follows from a judgement


def _conclude(
    cloud: api.Cloud, move: Migration, order: Order | None, instance: Instance | None, outcome: Outcome
) -> None:
    if outcome.is_done:
        advance(move, order, instance, **(outcome.changes or {}))
    elif outcome.is_aborted:
        outside.note_abort(cloud, move, order, instance)
    else:
        with transaction.atomic():
            cause = outcome.cause or own_cause("no-words", name=move.instance_name)
            _end_order(order, Order.State.FAILED, cause.why)
            if outcome.changes:
                Migration.objects.filter(pk=move.pk).update(**outcome.changes)
                move.refresh_from_db()
            final = {"ended_at": timezone.now(), "after": snapshot(instance) if instance else {}}
            fail_or_strand(
                move,
                cause,
                request_id=order.request_id if order else move.request_id,
                **final,
            )


def _end_order(order: Order | None, state: Order.State, problem: str = "") -> None:
    if order is not None:
        Order.objects.filter(pk=order.pk, state=Order.State.ACCEPTED).update(
            state=state, ended_at=timezone.now(), problem=problem
        )


def advance(move: Migration, order: Order | None, instance: Instance | None, **changes: Any) -> None:
    """A step was seen done: order the next one, or take the move to the end of its phase. All or nothing."""
    try:
        with transaction.atomic():
            # The step itself is the guard: of two followers one finds it still there.
            won = Migration.objects.filter(pk=move.pk, state=move.state, step=move.step).update(
                version=F("version") + 1, **changes
            )
            move.refresh_from_db()
            if won != 1:
                raise Conflict("another follower was faster")
            _end_order(order, Order.State.DONE)
            step = moves.next_step(move)
            if step is not None:
                order_step(move, step, actor=order.asked_by if order else _decider(move))
            else:
                _finish_phase(move, instance)
    except IntegrityError:
        move.refresh_from_db()  # an order beside the steps (a lock) has no answer yet: the next tick tries again


def _decider(move: Migration) -> User | None:
    """Who made the decision that is being carried out; None for one made outside, or by a deadline."""
    decision = move.approvals.filter(decision__in=(Approval.CONFIRM, Approval.REJECT)).last()
    return decision.decided_by if decision else None


def _finish_phase(move: Migration, instance: Instance | None) -> None:
    now = timezone.now()
    at_end = instance if move.kind != Kind.COPY or move.state == State.REVERTING else _copy(move)
    after = snapshot(at_end) if at_end is not None else move.after
    if move.state == State.CONFIRMING and move.same_addresses and at_end is not None:
        after |= {"addresses": _readdressed(move, at_end)}
    common: dict[str, Any] = {"actor": audit.SYSTEM, "after": after, "step": ""}
    if move.state == State.RUNNING and move.is_decided_on:
        transition(move, "arrive", waiting_since=now, **deadline(now), **common)
        place_hold(move)
        return
    action = {State.RUNNING: "finish", State.CONFIRMING: "complete", State.REVERTING: "restore"}
    remark = _power_remark(move, at_end) if at_end is not None else ""
    where: dict[str, Any] = {}
    if move.kind == Kind.SHELVE and instance is not None and move.state == State.RUNNING:
        where = {"dest_host": instance.host, "dest_zone": instance.zone}
    transition(
        move,
        action[State(move.state)],
        ended_at=now,
        decide_by=None,
        remark=remark or move.remark,
        **Migration.NO_FAILURE | (STOPPED_SINCE if remark else {}),
        **where,
        **common,
    )


def _readdressed(move: Migration, copy: Instance) -> list[str]:
    """The addresses that its ports were seen to have (calls.is_reached), told to the inventory: Nova hears of them from
    Neutron a little later, in its network cache (nova/objects/instance_info_cache.py), which is no change of the
    server in its list of changes."""
    copy.addresses = [address for port in move.before["ports"] for _, address in port["addresses"]]
    copy.search = copy.searchable()
    copy.save(update_fields=["addresses", "search"])
    return copy.addresses


STOPPED_SINCE = {"cause": "stopped-since", "next_step_by": "helpdesk"}
"""A good end with something to do: it ran before the move and does not now."""


def deadline(now: datetime) -> dict[str, Any]:
    seconds = settings.NMIGRATE_DECISION_SECONDS
    return {"decide_by": now + timedelta(seconds=seconds) if seconds else None, "reminded_at": None}


def _copy(move: Migration) -> Instance | None:
    return Instance.objects.filter(cloud=move.cloud, uuid=move.copy_uuid).first()


def _power_remark(move: Migration, instance: Instance) -> str:
    before = move.before.get("status")
    if instance.status == "ACTIVE" or before == "SHUTOFF":
        return ""
    if move.kind == Kind.EVACUATE:
        return say("{name} does not run. Start it, and tell its owner.", name=instance.name)
    if before == "ACTIVE":
        return say(
            "{name} ran before the move and does not run now. Start it, and tell its owner.",
            name=instance.name,
        )
    return ""


# -- decisions


def _judge_waiting(
    cloud: api.Cloud, move: Migration, instance: Instance | None, copy: Instance | None
) -> None:
    if move.kind == Kind.COPY:
        outside.judge_copy(cloud, move, instance, copy)
        return
    if instance is None:
        return
    if outside.is_decided_outside(move):
        outside.note(cloud, move)
    elif judging.is_over(move, instance):
        _conclude(cloud, move, None, instance, judging.explained(cloud, move, instance))
    elif instance.status in SETTLED and not instance.task_state and judging.unchanged_for(move) > PATIENCE:
        outcome = Outcome(False, own_cause("reset-outside", name=instance.name))
        _conclude(cloud, move, None, instance, outcome)


def _judge_decision(cloud: api.Cloud, move: Migration, order: Order | None, instance: Instance) -> None:
    """A decision is being carried out: done only when Nova says so, it rests, and it is where it should be."""
    is_keeping = move.state == State.CONFIRMING
    wanted, host = ("confirmed", move.dest_host) if is_keeping else ("reverted", move.source_host)
    if move.nova_status == wanted and instance.status in SETTLED and not instance.task_state:
        if instance.host == host:
            advance(move, order, instance)
        elif judging.unchanged_for(move) > PATIENCE:  # a picture between two reads is given time first
            outcome = Outcome(False, judging.wrong_host(move, instance, host))
            _conclude(cloud, move, order, instance, outcome)
    elif judging.is_over(move, instance):
        if instance.status == "VERIFY_RESIZE" and judging.unchanged_for(move) <= PATIENCE:
            return  # Nova closes the record first, and then says of the instance that it is in error
        request_id = order.request_id if order else ""
        _conclude(cloud, move, order, instance, judging.explained(cloud, move, instance, request_id))


def _deleted(cloud: api.Cloud, move: Migration) -> None:
    """The instance is not in the inventory; only the cloud itself can say that it is gone."""
    if outside.is_gone(cloud, move.instance_uuid):
        left = say("Its copy {uuid} exists.", uuid=move.copy_uuid) if move.copy_uuid else ""
        cause = own_cause("deleted", name=move.instance_name)
        asked = outside.deletion(cloud, move)
        who = outside.author(cloud, asked)
        transition(
            move,
            "fail",
            actor=who,
            is_outside=True,
            note=say("It was deleted in the cloud."),
            request_id=asked.request_id if asked else "",
            ended_at=timezone.now(),
            failure=join([cause.what, left]),
            **cause.fields()
            | {"why": say("It was deleted in the cloud during the move, by {person}.", person=who)},
        )


# -- orders of instances


_GOALS = {Action.START: "ACTIVE", Action.STOP: "SHUTOFF"}


def _follow_power(order: Order, instance: Instance | None) -> None:
    action = Action(order.action)
    doing = ACTION_LABELS[action]
    if instance is None:
        orders.end_order(order, ok=False, sentence=say("It was deleted."))
        return
    is_reached = (
        not instance.locked if action is Action.UNLOCK else instance.status == _GOALS[action]
    ) and not instance.task_state
    if is_reached:
        orders.end_order(order, ok=True)
    elif instance.status == "ERROR" and action is not Action.UNLOCK:
        orders.end_order(
            order,
            ok=False,
            sentence=say("It went into error during the {order}.", order=doing),
            said=instance.fault,
        )
    elif (
        not instance.task_state
        and order.answered_at is not None
        and timezone.now() - order.answered_at > timedelta(minutes=2)
    ):
        orders.end_order(
            order,
            ok=False,
            sentence=say(
                "Nova accepted the {order}, but 2 minutes later nothing has come of it.", order=doing
            ),
        )
