"""The pictures of the figures page: bars by day, shares, distributions, and a small bar for each host."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from nmigrate.diagnosis import general_why
from nmigrate.models import Hypervisor, Migration
from nmigrate.selectors.figures import LIMITS, Decisions, FrequentCause, Moves, Outcome, Period, Tally
from nmigrate.sentences import say
from nmigrate.states import KIND_LABELS
from webui.pictures.shapes import percent, round_top

OUTCOME_WORDS: dict[Outcome, str] = {
    Outcome.DONE: say("done"),
    Outcome.RETURNED: say("arrived and sent back"),
    Outcome.ACTIVE: say("under way or waiting"),
    Outcome.BACK: say("stopped or put back"),
    Outcome.DROPPED: say("withdrawn or not approved"),
    Outcome.FAILED: say("failed"),
}
BUCKET_WORDS: tuple[str, ...] = (
    say("under 5 min"),
    say("5 to 30 min"),
    say("30 min to 2 h"),
    say("2 to 8 h"),
    say("8 to 24 h"),
    say("over a day"),
)
if len(BUCKET_WORDS) != len(LIMITS) + 1:
    raise RuntimeError("each bar of the distribution needs a word")
BY_WEEK_FROM = 60
"""Days from which on a bar stands for a week: more of them could not be told apart on a phone."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One outcome's part of a bar. `at` is where it begins, `size` how long it is, both along the bar."""

    outcome: Outcome
    word: str
    number: int
    at: str
    size: str


@dataclass(frozen=True, slots=True)
class Column:
    """The moves of one day, or of one week from that day on."""

    first: date
    last: date
    tally: Tally
    x: str
    width: str
    middle: str
    top: str
    pieces: tuple[Piece, ...]

    @property
    def numbers(self) -> list[tuple[Outcome, int]]:
        return list(self.tally.counts.items())


@dataclass(frozen=True, slots=True)
class Columns:
    columns: tuple[Column, ...]
    top: int
    is_weekly: bool
    has_numbers: bool

    @property
    def half(self) -> int:
        """For the middle of the axis; 0 where there is no whole number."""
        return self.top // 2 if self.top % 2 == 0 else 0


def columns(moves: Moves, chosen: Period) -> Columns:
    """A bar for each day, or for each week of a long period; the last ends today."""
    days = chosen.dates()
    is_weekly = len(days) >= BY_WEEK_FROM
    size = 7 if is_weekly else 1
    # Weeks are counted back from today, so that the last is whole; the first may be shorter.
    groups = [days[max(end - size, 0) : end] for end in range(len(days), 0, -size)][::-1]
    tallies = [_sum(moves.by_day[day] for day in group) for group in groups]
    top = round_top(max((tally.total for tally in tallies), default=0))
    step = 100 / len(groups)
    return Columns(
        tuple(
            _column(group, tally, place * step, step, top)
            for place, (group, tally) in enumerate(zip(groups, tallies, strict=True))
        ),
        top,
        is_weekly,
        has_numbers=len(groups) <= 14,
    )


def _column(group: Sequence[date], tally: Tally, left: float, step: float, top: int) -> Column:
    pieces, height = [], 0.0
    for outcome, number in tally.counts.items():
        if number:
            size = 100 * number / top
            height += size
            pieces.append(
                Piece(outcome, OUTCOME_WORDS[outcome], number, percent(100 - height), percent(size))
            )
    return Column(
        group[0],
        group[-1],
        tally,
        percent(left + step * 0.12),
        percent(step * 0.76),
        percent(left + step / 2),
        percent(100 - height),
        tuple(pieces),
    )


def _sum(tallies: Iterable[Tally]) -> Tally:
    found = Tally()
    for tally in tallies:
        for outcome, number in tally.counts.items():
            found.add(outcome, number)
    return found


@dataclass(frozen=True, slots=True)
class KindRow:
    """The moves of one kind: a bar whose length is their number beside the most frequent kind's."""

    kind: str
    word: str
    tally: Tally
    pieces: tuple[Piece, ...]

    @property
    def numbers(self) -> list[tuple[Outcome, str, int]]:
        return [(outcome, OUTCOME_WORDS[outcome], number) for outcome, number in self.tally.counts.items()]


def kinds(moves: Moves) -> list[KindRow]:
    """A row for each kind, and one for all of them, which has no bar."""
    most = max((tally.total for tally in moves.by_kind.values()), default=1)
    rows = [
        KindRow(kind, KIND_LABELS[kind], tally, _along(tally, most)) for kind, tally in moves.by_kind.items()
    ]
    return rows + ([KindRow("", say("all"), moves.all, ())] if len(rows) > 1 else [])


def _along(tally: Tally, most: int) -> tuple[Piece, ...]:
    pieces, left = [], 0.0
    for outcome, number in tally.counts.items():
        if number:
            size = 100 * number / most
            pieces.append(Piece(outcome, OUTCOME_WORDS[outcome], number, percent(left), percent(size)))
            left += size
    return tuple(pieces)


@dataclass(frozen=True, slots=True)
class CountRow:
    """A number with its bar."""

    word: str
    number: int
    width: str


def distribution(decisions: Decisions) -> list[CountRow]:
    most = max(decisions.buckets) or 1
    return [
        CountRow(word, number, percent(100 * number / most))
        for word, number in zip(BUCKET_WORDS, decisions.buckets, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class CauseRow:
    """`why` is said of all its cases where the failure table knows the cause, else of the last."""

    found: FrequentCause
    why: str
    width: str


def causes(found: Sequence[FrequentCause]) -> list[CauseRow]:
    most = max((one.number for one in found), default=1)
    return [CauseRow(one, why(one.cause, one.last), percent(100 * one.number / most)) for one in found]


def why(cause: str, example: Migration) -> str:
    """Of every move with this cause; words that are new to us are told as of the example."""
    return general_why(cause) or example.why or example.failure


@dataclass(frozen=True, slots=True)
class DayBar:
    """The fullest that the memory of a host was on one day, 0 to 1; None: nothing was measured."""

    date: date
    share: float | None
    x: str
    width: str
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class HostRow:
    host: Hypervisor
    days: tuple[DayBar, ...]

    @property
    def most(self) -> DayBar | None:
        measured = [day for day in self.days if day.share is not None]
        return max(measured, key=lambda day: day.share or 0.0, default=None)

    @property
    def measured(self) -> list[DayBar]:
        return [day for day in self.days if day.share is not None]


def host_rows(
    hosts: Iterable[Hypervisor], used: dict[str, dict[date, tuple[int, int]]], today: date, days: int
) -> list[HostRow]:
    dates = [today - timedelta(days=number) for number in range(days - 1, -1, -1)]
    return [
        HostRow(host, _day_bars(_with_now(host, used.get(host.uuid, {}), today), dates)) for host in hosts
    ]


def _with_now(
    host: Hypervisor, used: dict[date, tuple[int, int]], today: date
) -> dict[date, tuple[int, int]]:
    """The fullest of today is no less than what is used now."""
    if not host.memory_mb_capacity:
        return used
    now = (host.memory_mb_used, host.memory_mb_capacity)
    measured = used.get(today, (0, 1))
    return used | {today: max(measured, now, key=lambda one: one[0] / one[1] if one[1] else 0.0)}


def _day_bars(used: dict[date, tuple[int, int]], dates: Sequence[date]) -> tuple[DayBar, ...]:
    step = 100 / len(dates)
    bars = []
    for place, day in enumerate(dates):
        amount, capacity = used.get(day, (0, 0))
        share = min(amount / capacity, 1.0) if capacity else None
        height = max(100 * (share or 0.0), 4.0)
        bars.append(
            DayBar(
                day,
                share,
                percent(place * step + step * 0.1),
                percent(step * 0.8),
                percent(100 - height),
                percent(height),
            )
        )
    return tuple(bars)
