"""How far a live move is: asked of Nova while somebody looks, since it costs a call for each move; and now and then
for a few of the others, in turn, so that one that stalls is noticed with nobody looking."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from nmigrate.cloud import api
from nmigrate.measured import samples_with
from nmigrate.models import Migration
from nmigrate.moves import Action
from nmigrate.states import State

LOOKING = timedelta(seconds=10)
"""For how long after a page asked somebody counts as looking; pages ask every 2 s."""
AFTER = timedelta(seconds=20)
"""A live move that is older is measured now and then though nobody looks; most have ended by then."""
AGAIN = 15.0
"""Seconds between two such measurements of one move."""
PER_TICK = 2
"""How many moves are so measured in one tick: the calls do not grow with the number of moves."""
LESS = 200
"""What is left must get less by a 200th of all at least to count as progress."""
SAMPLES = 12
"""How many of the last measurements tell how fast it is; Nova makes a new one about every 5 s."""


def note_looking(move: Migration) -> None:
    """Somebody looks at it. Written at most every few seconds, and no reason for a page to be drawn anew."""
    now = timezone.now()
    if is_measurable(move) and (move.watched_at is None or now - move.watched_at > LOOKING / 3):
        Migration.objects.filter(pk=move.pk).update(watched_at=now)


def is_measurable(move: Migration) -> bool:
    return move.state == State.RUNNING and move.step == Action.LIVE


def read(cloud: api.Cloud) -> None:
    """One call for each live move of this cloud that somebody looks at, and for PER_TICK of the others."""
    now = timezone.now()
    live = list(
        Migration.objects.filter(
            cloud=cloud.name, state=State.RUNNING, step=Action.LIVE, server_migration_id__isnull=False
        )
    )
    watched = [move for move in live if move.watched_at and move.watched_at > now - LOOKING]
    others = [
        move
        for move in live
        if move not in watched
        and move.accepted_at
        and now - move.accepted_at > AFTER
        and now.timestamp() - _read_at(move) > AGAIN
    ]
    for move in watched + sorted(others, key=_read_at)[:PER_TICK]:
        try:
            rows = {row.id: row for row in cloud.live_progress(move.instance_uuid)}
        except api.Refused:  # it was deleted meanwhile
            continue
        row = rows.get(move.server_migration_id or 0)
        # Before its first measurement Nova says nothing, and then for a while that nothing is left.
        if row is not None and row.memory_total and (row.memory_processed or row.memory_remaining):
            _keep(move, row)
        elif move not in watched:
            _note_read(move, _figures_of(move), now.timestamp())


def _read_at(move: Migration) -> float:
    """When it was last measured, as seconds since 1970; 0.0 for never."""
    return float(_figures_of(move).get("read_at") or 0.0)


def _figures_of(move: Migration) -> dict[str, Any]:
    """The measurements of this record of Nova's; a move that is tried again begins anew."""
    record = move.progress.get("record", move.server_migration_id)
    return move.progress if record == move.server_migration_id else {}


def _keep(move: Migration, row: api.LiveProgress) -> None:
    old, now = _figures_of(move), timezone.now().timestamp()
    figures = {
        "total": row.memory_total,
        "remaining": row.memory_remaining,
        "processed": row.memory_processed,
    }
    figures |= {"disk_total": row.disk_total, "disk_remaining": row.disk_remaining}
    if all(old.get(name) == value for name, value in figures.items()):
        _note_read(move, old, now)
        return
    left = (row.memory_remaining or 0) + (row.disk_remaining or 0)
    total = (row.memory_total or 0) + (row.disk_total or 0)
    least = old.get("least")
    if least is None or left <= least[1] - total / LESS:
        least = [now, left]
    samples = samples_with(old.get("samples", []), [now, row.memory_remaining or 0])
    found = {
        **figures,
        "samples": samples,
        "least": least,
        "read_at": now,
        "record": move.server_migration_id,
    }
    Migration.objects.filter(pk=move.pk).update(progress=found, version=F("version") + 1)


def _note_read(move: Migration, old: dict[str, Any], now: float) -> None:
    """Measured, with nothing new: no reason for a page to be drawn anew."""
    if now - float(old.get("read_at") or 0.0) > AGAIN / 3:
        found = {**old, "read_at": now, "record": move.server_migration_id}
        Migration.objects.filter(pk=move.pk).update(progress=found)


def stalled_for(move: Migration) -> float:
    """Seconds between the last measurement that found less left than any before, and the last one of all."""
    found = _figures_of(move)
    if not is_measurable(move) or move.nova_status != "running" or not found.get("least"):
        return 0.0
    return float(found["read_at"] - found["least"][0])


@dataclass(frozen=True, slots=True)
class Progress:
    """Memory of a live move: bytes, percent, and how long it may still take (None: cannot be said)."""

    total: int
    remaining: int
    processed: int
    disk_total: int
    disk_remaining: int
    left: timedelta | None
    is_stalled: bool
    at: datetime

    @property
    def percent(self) -> int:
        return max(0, min(100, round(100 * (self.total - self.remaining) / self.total)))

    @property
    def copied(self) -> int:
        return max(self.total - self.remaining, 0)


def progress(move: Migration) -> Progress | None:
    """The newest measurement; None while Nova has made none, or when there is nothing to measure."""
    found = _figures_of(move)
    if not is_measurable(move) or not found.get("total"):
        return None
    samples = found["samples"][-SAMPLES:]
    left, is_stalled = _left(samples)
    return Progress(
        total=found["total"],
        remaining=found["remaining"] or 0,
        processed=found["processed"] or 0,
        disk_total=found.get("disk_total") or 0,
        disk_remaining=found.get("disk_remaining") or 0,
        left=left,
        is_stalled=is_stalled,
        at=datetime.fromtimestamp(samples[-1][0], tz=timezone.get_default_timezone()),
    )


def _left(samples: list[list[float]]) -> tuple[timedelta | None, bool]:
    """From how fast `remaining` fell over the kept samples. It rises again when the guest changes its memory faster
    than it is copied: then no time can be said, and the move is stalled."""
    (start, most), (end, least) = samples[0], samples[-1]
    if end <= start:
        return None, False
    rate = (most - least) / (end - start)
    if rate <= 0:
        return None, len(samples) > 3
    return timedelta(seconds=least / rate), False
