"""The story of one migration as steps to read from top to bottom: what happened, what happens, what will."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from nmigrate import audit, moves
from nmigrate.calls import RECORD_TYPES
from nmigrate.judging import BROKEN
from nmigrate.models import Approval, AuditEvent, Migration, Observation, Order
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.sentences import say
from nmigrate.states import State
from webui import step_words, words
from webui.times import clocked

DONE, NOW, FAIL, LATER, ASIDE, WARN = "done", "now", "fail", "later", "aside", "warn"

_DECIDED = {
    Approval.APPROVE: say("Start approved"),
    Approval.DECLINE: say("Start not approved"),
    Approval.CONFIRM: say("Confirmed"),
    Approval.REJECT: say("Rejected"),
}
_DECIDED_ON_COPY = _DECIDED | {Approval.CONFIRM: say("Copy kept"), Approval.REJECT: say("Copy dropped")}
# What people and nmigrate did beside the steps and the decisions, from the audit trail.
_TOLD: dict[str, str] = {
    "override": say("What spoke against it was set aside"),
    "cancel": say("Withdrawn"),
    "abort": say("Stop of the live move asked for"),
    "force": say("Finish at once asked for"),
    "retry_move": say("The step was tried again"),
    "retry_keep": say("The step was tried again"),
    "retry_return": say("The step was tried again"),
    "go_back": say("Sent back to how it was"),
    "leave": say("Left as it is"),
    "strand": say("Stopped half-way"),
    "undo": say("The live move was stopped"),
    "reopen": say("The decision did not take effect; it is open again"),
    "remind": say("Managers reminded of the decision"),
    "hold_removed": say("The lock was taken off outside nmigrate"),
    "pin_changed": say("The zone that it is bound to was changed outside nmigrate"),
    "abort_refused": say("Nova did not take the stop"),
    "force_refused": say("Nova did not take the finish"),
    "lock_refused": say("It could not be locked for the decision"),
    "expire": say("Sent back, because nobody decided in time"),
}
_ENDS = {*BROKEN, "cancelled", "completed", "done", "confirmed", "reverted"}
"""Nova's last words of a migration: the step that they end is told by its order, or as the end of the move."""
_BAD = {"strand", "abort_refused", "force_refused", "lock_refused"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline. `tone` is done, now, fail, later, aside or warn; `is_end`: what failed was the move."""

    title: str
    at: datetime | None = None
    tone: str = DONE
    note: str = ""
    is_outside: bool = False
    is_end: bool = False


def steps(migration: Migration) -> list[Step]:
    """Four queries: observations, orders, decisions and what the audit trail tells beside them."""
    orders = list(migration.orders.all())
    events = list(AuditEvent.objects.filter(migration_id=migration.pk, action__in=_TOLD).order_by("id"))
    happened = [
        Step(
            say("Asked by {person}", person=migration.requested_by_name),
            migration.requested_at,
            note=asked_for(migration),
        )
    ]
    sent_at = _sent_at(migration, orders)
    if sent_at:
        happened.append(Step(say("Sent to Nova, and accepted"), sent_at))
    approvals = list(migration.approvals.all())
    ordered = _ordered(migration, orders, events)
    every = list(migration.observations.all())
    observed = _observed(every, approvals)
    current = _current(migration, orders, observed)
    if _broke_off(migration, events):
        observed = _without_last(observed)
    happened += _past(observed[:-1] if current else observed, every)
    happened += [_decided(approval) for approval in approvals]
    happened += ordered
    happened += [_told(event) for event in events]
    # At one moment: what a person did first, then what followed from it.
    happened.sort(key=lambda step: step.at or migration.requested_at)
    happened = _without_twins(happened)
    if migration.is_active:
        following = _ahead(migration, orders, current)
    elif migration.state == State.FAILED and any(step.is_end for step in ordered):
        following = []
    else:
        following = [_ended(migration)]
    return [*happened, *(_not_before(happened[-1], step) for step in following)]


def _sent_at(migration: Migration, orders: Iterable[Order]) -> datetime | None:
    """When Nova took the move itself. A step before it, such as freeing it from its zone, is told as such: what once
    stood there does not change afterwards."""
    if not any(order.action in RECORD_TYPES for order in orders) and _moves_later(migration):
        return None
    return migration.accepted_at


def _moves_later(migration: Migration) -> bool:
    return any(action in RECORD_TYPES for action in moves.route(migration, State.RUNNING))


def asked_for(migration: Migration) -> str:
    """Where to, as it was asked for."""
    if migration.asked_zone and migration.asked_zone != migration.source_zone:
        if migration.asked_host:
            return say("to zone {zone} on {host}", zone=migration.asked_zone, host=migration.asked_host)
        return say("to zone {zone}", zone=migration.asked_zone)
    if migration.asked_host:
        return say("to {host}", host=migration.asked_host)
    return say("Nova chooses the host")


def _observed(every: Iterable[Observation], approvals: Iterable[Approval]) -> list[Observation]:
    """What Nova was seen to do; that it was running or stopped before anything began is no step, nor that it still
    waited when its decision had been made, nor what the end of its step tells anyway."""
    ends = (Approval.CONFIRM, Approval.REJECT)
    decided_at = min((one.decided_at for one in approvals if one.decision in ends), default=None)
    return [
        row
        for row in every
        if (
            row.task_state
            or (row.nova_status and row.nova_status not in _ENDS)
            or row.status == "VERIFY_RESIZE"
        )
        and not (decided_at and row.at > decided_at and row.status == "VERIFY_RESIZE" and not row.task_state)
    ]


def _past(observed: Iterable[Observation], every: Sequence[Observation]) -> list[Step]:
    """With the time of their end, which is when something else was seen; of where it is, with when that was seen."""
    ends = {
        row.pk: later.at for row, later in pairwise(every) if row.task_state or row.status != "VERIFY_RESIZE"
    }
    steps = [Step(step_words.seen(row).past, ends.get(row.pk, row.at)) for row in observed]
    return _without_twins([step for step in steps if step.title])


def _current(
    migration: Migration, orders: Iterable[Order], observed: Sequence[Observation]
) -> Observation | None:
    """What Nova does now, of the step that the move is at; None where that was not seen yet."""
    order = _order_of_step(migration, orders) if migration.is_active else None
    if not observed or order is None or order.state != Order.State.ACCEPTED or order.claimed_at is None:
        return None
    row = observed[-1]
    goes_on = row.task_state or row.status != "VERIFY_RESIZE"
    return row if goes_on and row.at >= order.claimed_at else None


def _without_last(observed: Sequence[Observation]) -> list[Observation]:
    """Without what Nova did last, and what its record said of the end while that went on."""
    rows = list(observed)
    while rows and rows[-1].nova_status in _ENDS:
        rows.pop()
    return rows[:-1]


def _broke_off(migration: Migration, events: Iterable[AuditEvent]) -> bool:
    """Whether what was seen last never came to its end: the step that failed, or was stopped, tells of it."""
    is_broken = migration.state in (State.FAILED, State.ABORTED, State.STRANDED)
    return is_broken or any(event.action == "undo" for event in events)


def _decided(approval: Approval) -> Step:
    words_for = _DECIDED_ON_COPY if approval.migration.kind == "copy" else _DECIDED
    word = words_for[approval.decision]
    if approval.is_outside:
        who = words.of_person(approval.decided_by_name)
        title = say("{what} outside nmigrate by {person}", what=word, person=who)
        return Step(title, approval.decided_at, WARN, say("decided outside nmigrate"), is_outside=True)
    note = f"“{approval.comment}”" if approval.comment else ""
    title = say("{what} by {person}", what=word, person=approval.decided_by_name)
    return Step(title, approval.decided_at, ASIDE if approval.decision == Approval.DECLINE else DONE, note)


def _ordered(migration: Migration, orders: Iterable[Order], events: Iterable[AuditEvent]) -> list[Step]:
    """The calls that came to their end, but for those whose end is told already: a refusal by the audit trail where
    that has an entry, and the others as `_told_anyway` says."""
    told = {event.action for event in events}
    told_anyway = _told_anyway(migration, told)
    found = []
    for order in orders:
        if order.action in told_anyway:
            continue
        step = step_words.of_step(
            Action(order.action),
            is_copy=order.instance_uuid != _subject(order),
            was_locked=_was_locked(migration),
        )
        if order.state == Order.State.DONE:
            found.append(Step(step.done, order.ended_at))
        elif order.state in (Order.State.FAILED, Order.State.LOST) and "strand" not in told:
            title = say("Failed at the {step}", step=ACTION_LABELS[Action(order.action)])
            is_end = order.action == migration.step
            found.append(Step(title, order.ended_at, FAIL, is_end=is_end))
        elif _is_refused_move(order):
            is_theirs = order.claimed_at and order.said
            word = say("The cloud refused it") if is_theirs else say("Held back; nothing was sent")
            found.append(Step(word, order.ended_at, FAIL, is_end=True))
    return found


def _told_anyway(migration: Migration, events: set[str]) -> set[Action]:
    """Steps of which another line tells that, and how, they ended."""
    if migration.state == State.ABORTED or "undo" in events:
        return {Action.LIVE, Action.ABORT}  # that the move was stopped
    found = set()
    if migration.waiting_since:
        found.add(Action.MIGRATE)  # that it is there, and Nova waits
    if migration.state == State.REVERTED:
        found.add(Action.REVERT)  # that it is back
    return found


def _is_refused_move(order: Order) -> bool:
    move = order.migration if order.action in RECORD_TYPES else None
    return move is not None and move.state == State.FAILED and order.state == Order.State.REFUSED


def _subject(order: Order) -> str:
    return order.migration.instance_uuid if order.migration is not None else order.instance_uuid


def _told(event: AuditEvent) -> Step:
    title = _TOLD[event.action]
    is_person = event.actor != audit.SYSTEM
    if is_person and not event.is_outside:
        title = say("{what} by {person}", what=title, person=event.actor)
    note = event.reason
    if event.is_outside:
        who = words.of_person(event.actor)
        is_told = event.action == "hold_removed"  # by the title
        note = (
            say("by {person}", person=who) if is_told else say("by {person}: {note}", person=who, note=note)
        )
    elif is_person and note:
        note = "“" + note + "”"
    tone = WARN if event.is_outside else FAIL if event.action in _BAD else DONE if is_person else ASIDE
    return Step(title, event.at, tone, note, is_outside=event.is_outside)


def _not_before(last: Step, step: Step) -> Step:
    """A time that runs backwards helps nobody: what began before the last thing that happened is told without."""
    return replace(step, at=None) if step.at and last.at and step.at < last.at else step


def _without_twins(found: list[Step]) -> list[Step]:
    """The same sentence twice in a row is one step, of the last time."""
    return [
        step for place, step in enumerate(found, 1) if place == len(found) or found[place].title != step.title
    ]


# -- what happens now, and what will


def _ahead(migration: Migration, orders: list[Order], current: Observation | None) -> list[Step]:
    state = State(migration.state)
    return [
        _now(migration, state, orders, current),
        *(Step(title, tone=LATER) for title in _later(migration, state)),
    ]


def _now(migration: Migration, state: State, orders: list[Order], current: Observation | None) -> Step:
    match state:
        case State.ASKING:
            return Step(say("Waiting for a manager's approval"), migration.requested_at, NOW)
        case State.QUEUED:
            return Step(say("Waiting to be sent"), None, NOW)
        case State.WAITING:
            return Step(say("Waiting for a manager's decision"), migration.waiting_since, NOW)
        case State.STRANDED:
            return Step(say("Waiting for somebody to choose what happens next"), None, NOW)
    if current is not None:
        return Step(step_words.seen(current).now, current.at, NOW)
    order = _order_of_step(migration, orders)
    if order is None or migration.state == State.SENDING:
        return Step(say("Being sent to Nova"), None, NOW)
    step = step_words.of_step(
        Action(order.action), is_copy=_is_of_copy(migration, state), was_locked=_was_locked(migration)
    )
    if order.state == Order.State.QUEUED:
        waits = say("Waiting to be sent: {step}", step=ACTION_LABELS[Action(order.action)])
        return Step(waits, order.created_at, NOW)
    return Step(step.now, order.answered_at or order.claimed_at, NOW)


def _was_locked(migration: Migration) -> bool:
    """Before ours: taking ours off leaves it locked."""
    return bool(migration.lock_before.get("locked"))


def _order_of_step(migration: Migration, orders: Iterable[Order]) -> Order | None:
    return next((one for one in reversed(list(orders)) if one.action == migration.step), None)


def _later(migration: Migration, state: State) -> list[str]:
    """The steps to come, as far as they are certain; what follows from a decision is not."""
    if state in (State.ASKING, State.QUEUED, State.SENDING, State.RUNNING):
        titles = _to_come(migration, State.RUNNING)
        return [*titles, *([say("A manager decides")] if migration.is_decided_on else []), say("Done")]
    if state is State.CONFIRMING:
        return [*_to_come(migration, state), say("Done")]
    if state is State.REVERTING:
        return [*_to_come(migration, state), say("Back on {host}", host=migration.source_host)]
    if state is State.WAITING:
        return [
            say("The copy is kept, or dropped")
            if migration.kind == "copy"
            else say("It stays there, or goes back")
        ]
    return []


def _to_come(migration: Migration, phase: State) -> list[str]:
    route = moves.route(migration, phase)
    if migration.state == phase and migration.step in route:
        route = route[route.index(Action(migration.step)) + 1 :]
    is_copy, was_locked = _is_of_copy(migration, phase), _was_locked(migration)
    return [step_words.of_step(action, is_copy=is_copy, was_locked=was_locked).later for action in route]


def _is_of_copy(migration: Migration, phase: State) -> bool:
    return migration.kind == "copy" and phase is State.REVERTING


def _ended(migration: Migration) -> Step:
    state = State(migration.state)
    if state is State.CANCELLED:
        return Step(say("Nothing was sent to Nova"), migration.ended_at, ASIDE)
    match state:
        case State.REVERTED:
            title = say("Back on {host}", host=migration.source_host)
        case State.ABORTED:
            title = say("Cancelled on the way; it runs on {host}", host=migration.source_host)
        case State.FAILED:
            return Step(say("Failed"), migration.ended_at, FAIL)
        case State.DECLINED:
            return Step(say("Not started"), migration.ended_at, ASIDE)
        case _ if migration.dest_host:
            title = say("Done, on {host}", host=migration.dest_host)
        case _:
            title = say("Done")
    return Step(title, migration.ended_at)


def took(migration: Migration) -> timedelta | None:
    """From the request to the end, of what began."""
    began = migration.state not in (State.CANCELLED, State.DECLINED)
    return clocked(migration.requested_at, migration.ended_at) if began and migration.ended_at else None
