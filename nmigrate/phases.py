"""In what a move spent its time, and when its instance did not run: computed from what the record holds.

The phases come from the audit trail, which has every change of state; what Nova did meanwhile, and whether the
instance ran, from the observations. The follower looks every second or two, so that these times are about right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from django.db.models import F

from nmigrate.models import AuditEvent, Migration, Observation
from nmigrate.states import Kind, State


class Phase(StrEnum):
    """What the time went into. The values are names in the page's CSS and patterns."""

    APPROVAL = "approval"
    QUEUED = "queued"
    MOVING = "moving"
    COPYING = "copying"
    BRINGING_UP = "bringing-up"
    DECISION = "decision"
    FINISHING = "finishing"
    RETURNING = "returning"
    STOPPED = "stopped"


_OF_STATE: dict[State, Phase] = {
    State.ASKING: Phase.APPROVAL,
    State.QUEUED: Phase.QUEUED,
    State.SENDING: Phase.QUEUED,
    State.RUNNING: Phase.MOVING,
    State.WAITING: Phase.DECISION,
    State.CONFIRMING: Phase.FINISHING,
    State.REVERTING: Phase.RETURNING,
    State.STRANDED: Phase.STOPPED,
}
_COPYING_TASKS = frozenset(
    {
        "resize_migrating",
        "shelving_image_pending_upload",
        "shelving_image_uploading",
        "image_snapshot",
        "image_snapshot_pending",
        "image_pending_upload",
        "image_uploading",
    }
)
_BRINGING_UP_TASKS = frozenset({"unshelving", "spawning"})
_COPYING_RECORDS = frozenset({"running", "running (post-copy)"})
"""Statuses of Nova's record of a live move while memory is copied."""


class Life(StrEnum):
    """Whether the instance does its work."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


_DOWN_TASKS = frozenset(
    {
        # The guest is shut down before its disk is copied, and started on the new host (nova/compute/manager.py).
        "resize_migrating",
        "resize_migrated",
        "resize_finish",
        "resize_reverting",
        "powering-off",
        "powering-on",
        "shelving",
        "shelving_image_pending_upload",
        "shelving_image_uploading",
        "shelving_offloading",
        "unshelving",
        "spawning",
        "rebuilding",
        "rebuild_block_device_mapping",
        "rebuild_spawning",
        "deleting",
    }
)
_UP = frozenset({"ACTIVE", "MIGRATING", "RESIZE", "VERIFY_RESIZE", "PASSWORD"})
OFF = frozenset({3, 4, 6, 7})
"""Power states of a guest that does not run: paused, stopped, crashed, suspended (nova/compute/power_state.py)."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time. `end` is the moment of the picture where `is_open`: it goes on."""

    what: str
    start: datetime
    end: datetime
    is_open: bool = False

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Story:
    """The phases without a gap, and beside them how the instance fared; the latter is empty where it did not run
    before, or nothing was sent to Nova."""

    phases: tuple[Span, ...]
    lives: tuple[Span, ...]
    ran_before: bool
    is_sent: bool

    @property
    def start(self) -> datetime:
        return self.phases[0].start

    @property
    def end(self) -> datetime:
        return self.phases[-1].end

    @property
    def is_open(self) -> bool:
        return self.phases[-1].is_open

    @property
    def down(self) -> timedelta:
        return sum((span.length for span in self.lives if span.what == Life.DOWN), timedelta(0))

    @property
    def is_unsure(self) -> bool:
        """Whether Nova could not be understood for a while."""
        return any(span.what == Life.UNKNOWN for span in self.lives)

    @property
    def is_down_at_end(self) -> bool:
        return bool(self.lives) and self.lives[-1].what == Life.DOWN


def story(migration: Migration, now: datetime) -> Story:
    """Two queries: the changes of state, and the observations."""
    changes = (
        AuditEvent.objects.filter(migration_id=migration.pk)
        .exclude(state_after="")
        .exclude(state_after=F("state_before"))
        .order_by("id")
        .values_list("at", "state_after")
    )
    return tell(migration, list(changes), list(migration.observations.all()), now)


def tell(
    migration: Migration,
    changes: Sequence[tuple[datetime, str]],
    observations: Sequence[Observation],
    now: datetime,
) -> Story:
    """The same from what was read: when it came into which state, and what was seen, both oldest first."""
    end = _end(migration, now)
    phases = _phases(migration, changes, observations, end)
    ran_before = migration.before.get("status") == "ACTIVE"
    is_sent = bool(migration.before) and (migration.is_active or migration.accepted_at is not None)
    lives = _lives(migration, phases, observations, end) if ran_before and is_sent else ()
    return Story(tuple(phases), tuple(lives), ran_before, is_sent)


def _end(migration: Migration, now: datetime) -> datetime:
    end = now if migration.is_active else migration.ended_at or now
    return max(end, migration.requested_at)


# -- the phases


def _phases(
    migration: Migration,
    changes: Sequence[tuple[datetime, str]],
    observations: Sequence[Observation],
    end: datetime,
) -> list[Span]:
    marks: list[tuple[datetime, str]] = []
    for at, state in changes or [(migration.requested_at, migration.state)]:
        phase = _OF_STATE.get(State(state))
        if phase is not None:
            marks.append((at, phase))
    if not marks:
        marks = [(migration.requested_at, Phase.QUEUED)]
    marks[0] = (migration.requested_at, marks[0][1])
    found: list[Span] = []
    for span in _spans(marks, end, is_open=migration.is_active):
        found += _split(migration, span, observations) if span.what == Phase.MOVING else [span]
    return _merged(found)


def _split(migration: Migration, span: Span, observations: Sequence[Observation]) -> list[Span]:
    """The move itself in its parts: while Nova copies, and while it prepares and sets up; a shelved instance leaves
    its host before it is brought up."""
    marks = [(span.start, str(Phase.MOVING))]
    for row in observations:
        if span.start <= row.at < span.end:
            marks.append((row.at, _part_of_the_move(migration, row, after=marks[-1][1])))
    return _spans(marks, span.end, is_open=span.is_open)


def _part_of_the_move(migration: Migration, row: Observation, *, after: str) -> str:
    if _is_copying(migration, row):
        return Phase.COPYING
    is_coming_up = row.task_state in _BRINGING_UP_TASKS or after == Phase.BRINGING_UP
    return Phase.BRINGING_UP if migration.kind == Kind.SHELVE and is_coming_up else Phase.MOVING


def _is_copying(migration: Migration, row: Observation) -> bool:
    if migration.kind == Kind.LIVE:
        return row.nova_status in _COPYING_RECORDS
    return row.task_state in _COPYING_TASKS


# -- the instance


def _lives(
    migration: Migration, phases: Sequence[Span], observations: Iterable[Observation], end: datetime
) -> list[Span]:
    # The host of an evacuated instance is down before anybody asks.
    first = Life.DOWN if migration.kind == Kind.EVACUATE else Life.UP
    marks: list[tuple[datetime, str]] = [(migration.requested_at, first)]
    marks += [(row.at, _life(migration, row)) for row in observations]
    spans = _merged(_spans(marks, end, is_open=migration.is_active))
    if migration.kind != Kind.COPY:
        return spans
    # Beside a stopped original its copy runs, from when it has come up until it is dropped.
    return _covered(spans, [span for span in phases if span.what in (Phase.DECISION, Phase.FINISHING)])


def _life(migration: Migration, row: Observation) -> Life:
    if migration.kind == Kind.EVACUATE and row.host in ("", migration.source_host):
        return Life.DOWN
    if row.task_state in _DOWN_TASKS:
        return Life.DOWN
    if row.status == "VERIFY_RESIZE" and migration.after.get("power_state") in OFF:
        return Life.DOWN
    if row.status == "ERROR":
        return Life.UNKNOWN  # the guest may run all the same (nova-facts: row 23)
    return Life.UP if row.status in _UP else Life.DOWN


def _covered(spans: Sequence[Span], runs: Sequence[Span]) -> list[Span]:
    """The same stretches, but up while one of `runs` lasts."""
    edges = sorted({span.start for span in (*spans, *runs)} | {span.end for span in (*spans, *runs)})
    found = []
    for start, end in pairwise(edges):
        under = next((span for span in spans if span.start <= start < span.end), None)
        is_up = any(run.start <= start < run.end for run in runs)
        if under is not None:
            is_open = under.is_open and end == under.end
            found.append(Span(Life.UP if is_up else under.what, start, end, is_open))
    return _merged(found)


# -- stretches of time


def _spans(marks: Sequence[tuple[datetime, str]], end: datetime, *, is_open: bool) -> list[Span]:
    """From marks (from here on it is this) to stretches; the last lasts until `end`."""
    found = []
    for place, (at, what) in enumerate(marks):
        is_last = place == len(marks) - 1
        until = end if is_last else marks[place + 1][0]
        found.append(Span(what, at, max(until, at), is_open and is_last))
    return found


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Neighbours of one kind as one; those that lasted no time are left out, but for one that goes on."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].what == span.what:
            found[-1] = Span(span.what, found[-1].start, span.end, span.is_open)
        elif span.length or span.is_open:
            found.append(span)
    return found or list(spans[:1])
