"""What was measured of a live move, kept for the picture of it: how much of its memory was left, and when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from nmigrate.models import Migration

KEPT = 120
"""How many measurements of one move are kept at most."""
WHOLE = 12
"""The last ones are never thinned: from them is told how fast it is (progress.SAMPLES)."""
GAP = timedelta(seconds=25)
"""Between two measurements that lie further apart nobody looked, so that the line between them is a guess."""

Sample = list[float]
"""Seconds since 1970, and the bytes that were left."""


def samples_with(old: list[Sample], new: Sample) -> list[Sample]:
    """The measurements with one more. When they are too many, the one goes whose neighbours lie closest together:
    so they thin out evenly over the whole move. The first and the last ones stay."""
    samples = [*old, new]
    while len(samples) > KEPT:
        inner = range(1, len(samples) - WHOLE)
        del samples[min(inner, key=lambda place: samples[place + 1][0] - samples[place - 1][0])]
    return samples


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement. `is_after_gap` where nobody looked for a while before it."""

    at: datetime
    remaining: int
    is_after_gap: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one live move: its memory in bytes, and what of it was left from time to time."""

    total: int
    points: tuple[Point, ...]

    @property
    def has_gaps(self) -> bool:
        return any(point.is_after_gap for point in self.points)


def memory(move: Migration) -> Memory | None:
    """Also after its end; None where nothing was measured."""
    samples: list[Sample] = move.progress.get("samples") or []
    if not samples or not move.progress.get("total"):
        return None
    points = []
    usual = _usual_pause(samples)
    for place, (seconds, remaining) in enumerate(samples):
        pause = timedelta(seconds=seconds - samples[place - 1][0]) if place else timedelta(0)
        at = datetime.fromtimestamp(seconds, tz=UTC)
        points.append(Point(at, int(remaining), is_after_gap=pause > max(GAP, 3 * usual)))
    total = max(int(move.progress["total"]), *(point.remaining for point in points))
    return Memory(total, tuple(points))


def _usual_pause(samples: list[Sample]) -> timedelta:
    """The pause that is usual among them: where they were thinned, longer than Nova's 5 s."""
    pauses = sorted(later[0] - earlier[0] for earlier, later in pairwise(samples))
    return timedelta(seconds=pauses[len(pauses) // 2]) if pauses else timedelta(0)
