"""Every kind of move to every other host of a cloud, judged at once; and the one that suits best, with its score."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nmigrate.preflight import (
    Destination,
    Level,
    Reason,
    Score,
    Verdict,
    judge_each,
    rank,
    score,
    without_cold,
)
from nmigrate.scene import Scene
from nmigrate.states import Kind
from nmigrate.ways import ONLY_OPERATORS

ORDER = (Kind.LIVE, Kind.COLD, Kind.SHELVE, Kind.COPY, Kind.EVACUATE)
"""The least harm first, as the advisor recommends."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of move to one host. `way` is its name on the plan page; `own`: what is not true of every host."""

    kind: Kind
    way: str
    verdict: Verdict
    own: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One host: a cell for each kind of move, and how well it suits."""

    host: Destination
    cells: tuple[Cell, ...]
    score: Score

    @property
    def level(self) -> Level:
        """The best that can be said of it."""
        return min((cell.verdict.level for cell in self.cells), default=Level.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of move: to how many hosts it can be asked for, and what is true of every host."""

    kind: Kind
    possible: int
    common: tuple[Reason, ...]

    @property
    def is_closed(self) -> bool:
        """Whether it leads nowhere, for a reason that is not the host's."""
        return any(reason.level is Level.FORBIDDEN for reason in self.common)


@dataclass(frozen=True, slots=True)
class Best:
    """The destination that is recommended."""

    host: Destination
    cell: Cell
    score: Score


@dataclass(frozen=True, slots=True)
class Matrix:
    """The whole of it, from one scene."""

    columns: tuple[Column, ...]
    rows: list[Row] = field(default_factory=list)
    best: Best | None = None

    @property
    def least(self) -> Level:
        """How little speaks against the move that can be asked for most easily, by any way to any host."""
        return min((row.level for row in self.rows), default=Level.FORBIDDEN)


def matrix(scene: Scene, *, may_evacuate: bool) -> Matrix:
    """No queries. The host that the instance is on is no destination."""
    others = [host for name, host in scene.hosts.items() if name != scene.subject.host]
    verdicts = {kind: _judged(scene, kind, others, may_evacuate=may_evacuate) for kind in ORDER}
    if all(one.level is Level.FORBIDDEN for one in verdicts[Kind.COLD].values()):
        verdicts = {
            kind: {host: without_cold(one) for host, one in found.items()} for kind, found in verdicts.items()
        }
    common = {kind: _common(found.values()) for kind, found in verdicts.items()}
    columns = tuple(
        Column(kind, sum(one.level < Level.OURS for one in verdicts[kind].values()), common[kind])
        for kind in ORDER
    )
    rows = []
    for host in others:
        cells = tuple(
            Cell(
                kind,
                way_to(scene, kind, host),
                verdict := verdicts[kind][host.host],
                tuple(reason for reason in verdict.reasons if reason not in common[kind])
                if common[kind]
                else verdict.reasons,
            )
            for kind in ORDER
        )
        rows.append(Row(host, cells, score(scene.case(Kind.COLD, host.host))))
    return Matrix(columns, rows, best(rows))


def why_not(row: Row, usual: Kind) -> str:
    """Why this host can take it in no way, the host's own reason before any that is true of all; "" when one leads
    there."""
    if row.level < Level.FORBIDDEN:
        return ""
    cell = next((one for one in row.cells if one.kind is usual), row.cells[0])
    return own_reason(row, usual) or cell.verdict.reasons[0].text


def own_reason(row: Row, usual: Kind) -> str:
    """What speaks against this host and not against every other, first by the usual kind of move; "" for nothing."""
    cells = sorted(row.cells, key=lambda cell: cell.kind is not usual)
    reasons = (reason for cell in cells for reason in cell.own)
    return next((reason.text for reason in reasons if reason.level is Level.FORBIDDEN), "")


def changes_pin(scene: Scene, kind: Kind, host: Destination) -> bool:
    """Whether it must be freed from its zone to get there."""
    is_bound = bool(scene.subject.pinned_zone)
    return is_bound and kind in (Kind.LIVE, Kind.COLD) and host.zone != scene.subject.zone


def way_to(scene: Scene, kind: Kind, host: Destination) -> str:
    return f"unpin-{kind}" if changes_pin(scene, kind, host) else kind.value


def _judged(
    scene: Scene, kind: Kind, hosts: Iterable[Destination], *, may_evacuate: bool
) -> Mapping[str, Verdict]:
    by_zone: dict[str, list[Destination]] = {}
    for host in hosts:
        by_zone.setdefault(host.zone, []).append(host)
    found = {}
    for zone, there in by_zone.items():
        named = zone if kind in (Kind.SHELVE, Kind.COPY) else ""
        case = scene.case(kind, zone=named, changes_pin=changes_pin(scene, kind, there[0]))
        for host, verdict in zip(there, judge_each(case, there), strict=True):
            is_ours = kind is Kind.EVACUATE and not may_evacuate
            found[host.host] = verdict.also([ONLY_OPERATORS]) if is_ours else verdict
    return found


def _common(verdicts: Iterable[Verdict]) -> tuple[Reason, ...]:
    """What every host's verdict says, in the order of the first."""
    every = list(verdicts)
    if not every:
        return ()
    shared = set(every[0].reasons)
    for verdict in every[1:]:
        if not shared:
            return ()
        shared.intersection_update(verdict.reasons)
    return tuple(reason for reason in every[0].reasons if reason in shared)


def best(rows: Iterable[Row]) -> Best | None:
    """The least harm first, then without a warning, then what suits best; None when no move can be asked for."""
    found = [
        ((place, *rank(cell.verdict, row.score, row.host.host)), row, cell)
        for row in rows
        for place, cell in enumerate(row.cells)
        if cell.verdict.level < Level.OURS
    ]
    if not found:
        return None
    _, row, cell = min(found, key=lambda one: one[0])
    return Best(row.host, cell, row.score)
