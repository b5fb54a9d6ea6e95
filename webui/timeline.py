"""The story of one migration as steps to read from top to bottom: what happened, what happens, what will."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from nmigrate.models import Approval, AuditEvent, Migration, Observation
from nmigrate.states import State
from webui.words import seen

DONE, NOW, FAIL, LATER = "done", "now", "fail", "later"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the timeline. `tone` is done, now, fail or later."""

    title: str
    at: datetime | None = None
    tone: str = DONE
    note: str = ""
    is_outside: bool = False


_NOW: dict[State, str] = {
    State.QUEUED: "Waiting for a worker to send it",
    State.SENDING: "Being sent to Nova",
    State.RUNNING: "Nova is moving it",
    State.WAITING: "Waiting for a manager's decision",
    State.CONFIRMING: "Nova is giving the old host's room back",
    State.REVERTING: "Nova is bringing it back to its old host",
}
_LATER: dict[State, tuple[str, ...]] = {
    State.QUEUED: ("Nova moves it", "A manager decides", "Done"),
    State.SENDING: ("Nova moves it", "A manager decides", "Done"),
    State.RUNNING: ("A manager decides", "Done"),
    State.WAITING: ("Done",),
    State.CONFIRMING: ("Done",),
    State.REVERTING: ("Back on its old host",),
}


def steps(migration: Migration) -> list[Step]:
    """Three queries: observations, decisions and, for a withdrawn one, who withdrew it."""
    state = State(migration.state)
    happened = [
        Step(f"Asked by {migration.requested_by_name}", migration.requested_at, note=_asked_for(migration))
    ]
    if migration.accepted_at:
        happened.append(Step("Sent to Nova, and accepted", migration.accepted_at))
    happened += _observed(list(migration.observations.all()))
    happened += [_decided(approval) for approval in migration.approvals.all()]
    happened.sort(key=lambda step: step.at or migration.requested_at)
    if not migration.is_active:
        return [*happened, _ended(migration, state)]
    return [
        *happened,
        Step(_NOW[state], migration.waiting_since if state is State.WAITING else None, NOW),
        *(Step(title, tone=LATER) for title in _LATER[state]),
    ]


def _asked_for(migration: Migration) -> str:
    return f"to {migration.asked_host}" if migration.asked_host else "the scheduler chooses the host"


def _observed(observations: list[Observation]) -> list[Step]:
    """What Nova was seen to do; the same sentence twice in a row is one step."""
    found: list[Step] = []
    for observation in observations:
        title = seen(observation)
        if not found or found[-1].title != title:
            found.append(Step(title, observation.at))
    return found


def _decided(approval: Approval) -> Step:
    word = "Confirmed" if approval.decision == Approval.CONFIRM else "Rejected"
    if approval.is_outside:
        return Step(
            f"{word} outside nmigrate by {approval.decided_by_name}",
            approval.decided_at,
            note=approval.comment,
            is_outside=True,
        )
    note = f"“{approval.comment}”" if approval.comment else ""
    return Step(f"{word} by {approval.decided_by_name}", approval.decided_at, note=note)


def _ended(migration: Migration, state: State) -> Step:
    if state is State.CANCELLED:
        event = AuditEvent.objects.filter(migration_id=migration.pk, action="cancel").order_by("-id").first()
        who = f" by {event.actor}" if event else ""
        note = f"“{event.reason}”" if event and event.reason else ""
        return Step(f"Withdrawn{who}", migration.ended_at, DONE, note)
    if state is State.FAILED:
        return Step("Failed", migration.ended_at, FAIL)
    if state is State.REVERTED:
        return Step(f"Back on {migration.source_host}", migration.ended_at)
    where = f", on {migration.dest_host}" if migration.dest_host else ""
    return Step(f"Done{where}", migration.ended_at)


def took(migration: Migration) -> timedelta | None:
    """From the request to the end."""
    return migration.ended_at - migration.requested_at if migration.ended_at else None
