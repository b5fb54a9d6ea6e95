"""The geometry of every picture: shares of a bar, round axes, lines. Pure: no queries, no words."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

_STEPS = [
    timedelta(seconds=seconds)
    for seconds in (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 43200)
] + [timedelta(days=days) for days in (1, 2, 3, 5, 7, 10, 14, 21)]
MONTH = timedelta(days=30)
WIDE, HIGH = 1000, 100
"""The frame of a line in its own units; the page stretches it to what room there is."""


def percent(share: float) -> str:
    """A length for an attribute: with a point, whatever the reader's language, and without needless digits."""
    return f"{share:.2f}".rstrip("0").rstrip(".") + "%"


def horizon(elapsed: timedelta) -> timedelta:
    """The end of a time axis for something that goes on: a round time with some room ahead.

    Only when that room is used up the axis grows, so that nothing drawn moves in between.
    """
    wanted = elapsed * 1.1
    for step in _STEPS:
        if step >= wanted:
            return step
    return MONTH * (wanted // MONTH + 1)


def shares(lengths: Sequence[float], *, least: float, ahead: float = 0.0) -> list[float]:
    """Percent of the width for each length, proportional, but none below `least` percent, so that each can be seen.

    `ahead` is a length behind them that stays empty and may shrink to nothing.
    """
    least = min(least, 60 / max(len(lengths), 1))
    small: set[int] = set()
    while True:
        total = ahead + sum(length for place, length in enumerate(lengths) if place not in small)
        rate = (100 - least * len(small)) / total if total > 0 else 0.0
        found = [
            place for place, length in enumerate(lengths) if place not in small and length * rate < least
        ]
        if not found:
            break
        small.update(found)
    if len(small) == len(lengths) and not ahead:
        return [100 / len(lengths)] * len(lengths) if lengths else []
    return [least if place in small else length * rate for place, length in enumerate(lengths)]


def apart(edges: Sequence[float], *, least: float) -> list[float]:
    """The edges of stretches, moved so that none is narrower than `least`; the first and the last stay."""
    found = list(edges)
    least = min(least, (found[-1] - found[0]) / max(len(found) - 1, 1))
    for place in range(1, len(found) - 1):
        found[place] = max(found[place], found[place - 1] + least)
    for place in range(len(found) - 2, 0, -1):
        found[place] = min(found[place], found[place + 1] - least)
    return found


def is_true_to_scale(lengths: Sequence[float], widths: Sequence[float]) -> bool:
    """Whether the widths tell the lengths: none was widened so that it can be seen."""
    rates = [width / length for width, length in zip(widths, lengths, strict=True) if length > 0]
    return len(rates) == len(lengths) and (not rates or max(rates) <= 1.05 * min(rates))


def axis(times: Sequence[datetime], widths: Sequence[float]) -> Callable[[datetime], float]:
    """From a moment to percent of the width, where the stretches between `times` have these widths."""
    edges = [0.0]
    for width in widths:
        edges.append(edges[-1] + width)

    def place(at: datetime) -> float:
        for (start, end), (left, right) in zip(pairwise(times), pairwise(edges), strict=True):
            if at <= end:
                length = (end - start).total_seconds()
                passed = max((at - start).total_seconds(), 0.0)
                return left + (right - left) * (passed / length if length else 0.0)
        return edges[-1]

    return place


def round_top(most: int) -> int:
    """The top of an axis of counts: a round number whose half is whole, but for 1."""
    unit = 1
    while True:
        for step in (1, 2, 4, 6, 8) if unit == 1 else (1, 2, 3, 4, 5, 6, 8):
            if step * unit >= most:
                return step * unit
        unit *= 10


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a line, as the points of SVG: the line itself, and the area below it. `is_guess` where nothing
    was measured between its two ends."""

    points: str
    area: str
    is_guess: bool = False


def lines(points: Iterable[tuple[float, float, bool]]) -> tuple[Line, ...]:
    """From (share of the width, share of the height, whether a gap lies before it), each 0 to 1, to pieces."""
    pieces: list[tuple[list[tuple[float, float]], bool]] = []
    last: tuple[float, float] | None = None
    for x, y, is_after_gap in points:
        here = (WIDE * x, HIGH * (1 - min(max(y, 0.0), 1.0)))
        if last is None or is_after_gap:
            if last is not None:
                pieces.append(([last, here], True))
            pieces.append(([here], False))
        else:
            pieces[-1][0].append(here)
        last = here
    return tuple(_line(points, is_guess) for points, is_guess in pieces if len(points) > 1)


def _line(points: Sequence[tuple[float, float]], is_guess: bool) -> Line:
    told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"{points[0][0]:.1f},{HIGH} {told} {points[-1][0]:.1f},{HIGH}"
    return Line(told, area, is_guess)
