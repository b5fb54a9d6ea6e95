"""The page of all destinations of an instance: every host with every kind of move, as it is drawn."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

from nmigrate.destinations import Best, Cell, Column, Matrix, Row
from nmigrate.models import Cloud, Instance
from nmigrate.preflight import Destination, Level, Reason
from nmigrate.sentences import join, say, told
from nmigrate.states import Kind
from webui.templatetags.desk import badge, shape
from webui.words import Look

FIRST_ROWS = 25
"""So many hosts of a zone are shown at once; the others lie folded below them."""
FEW_HOSTS = 60
"""Up to so many hosts every zone lies open."""

NAMES: dict[Kind, str] = {
    Kind.LIVE: say("Live"),
    Kind.COLD: say("Cold"),
    Kind.SHELVE: say("Shelve"),
    Kind.COPY: say("Copy"),
    Kind.EVACUATE: say("Evacuate"),
}
MEANT: dict[Kind, str] = {
    Kind.LIVE: say("it goes on running"),
    Kind.COLD: say("it is down for a minute or two"),
    Kind.SHELVE: say("stored here, brought up there"),
    Kind.COPY: say("a snapshot, and a new instance from it"),
    Kind.EVACUATE: say("built anew, when its host is down"),
}
LOOKS: dict[Level, Look] = {
    Level.GREEN: Look("ok", say("can")),
    Level.AMBER: Look("warn", say("can, but")),
    Level.OURS: Look("lock", say("ask a manager")),
    Level.FORBIDDEN: Look("bad", say("cannot")),
}
SHAPES = {look.tone: shape(look.tone) for look in LOOKS.values()}
MOVING = "moving"
"""The rule of a move that is under way: the page says that first, with a link to it."""
HOST = "\0"
"""Stands for the host in what is told once for all hosts; no host is called that."""


@dataclass(frozen=True, slots=True)
class Told:
    """One reason, with the kinds of move that it is about."""

    kinds: str
    text: str
    look: Look


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell as it is drawn for every host, in the reader's language; escaped. `label` has HOST for the host."""

    begin: str
    badge: str
    word: str
    label: str


CellViews = dict[tuple[Kind, Level], CellView]


@dataclass(frozen=True, slots=True)
class RowView:
    host: Destination
    level: Level
    points: int
    cells: SafeString
    told: list[Told]

    @property
    def is_good(self) -> bool:
        return self.level < Level.OURS


@dataclass(slots=True)
class ZoneView:
    """One zone: those hosts that can take it first, the best of them at the top."""

    name: str
    is_own: bool
    is_open: bool
    rows: list[RowView] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    """What is true of every one of them."""
    hosts: int = 0
    good: int = 0
    askable: int = 0
    """Those that can take it with a manager's permission."""
    """Of all its hosts, shown or not."""

    @property
    def first(self) -> list[RowView]:
        return self.rows[:FIRST_ROWS]

    @property
    def rest(self) -> list[RowView]:
        return self.rows[FIRST_ROWS:]


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One kind of move in a sentence: to how many hosts, or why to none."""

    name: str
    meant: str
    look: Look
    possible: int
    is_closed: bool
    needs_permission: bool
    told: list[str]


@dataclass(frozen=True, slots=True)
class BestView:
    host: Destination
    name: str
    href: str
    points: int
    parts: list[str]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Page:
    told: list[str]
    """What is true of every kind of move to every host, said once."""
    tone: str
    """How grave that is."""
    columns: list[ColumnView]
    zones: list[ZoneView]
    best: BestView | None
    hosts: int
    shown: int

    @property
    def needs_permission(self) -> bool:
        return any(column.needs_permission for column in self.columns)

    @property
    def is_stopped(self) -> bool:
        """Whether what is true of all of them is what stands in the way."""
        return self.tone in (LOOKS[Level.OURS].tone, LOOKS[Level.FORBIDDEN].tone)

    @property
    def told_columns(self) -> list[ColumnView]:
        """Those of which more is said than what is true of all."""
        return [column for column in self.columns if column.told or not column.is_closed]

    @property
    def told_above(self) -> str:
        """The names of the others."""
        return join((column.name for column in self.columns if column not in self.told_columns), ", ")

    @property
    def open_columns(self) -> list[ColumnView]:
        return [column for column in self.columns if not column.is_closed]


def page(
    cloud: Cloud, instance: Instance, found: Matrix, *, may_ask: bool, text: str = "", only_good: bool = False
) -> Page:
    """`may_ask`: cells lead to the plan. `text` and `only_good` leave hosts out."""
    plan = reverse("request_migration", args=[cloud.name, instance.uuid]) if may_ask else ""
    views = {(kind, level): _view(kind, level) for kind in NAMES for level in LOOKS}
    is_open = {column.kind: not column.is_closed for column in found.columns}
    wanted = text.casefold()
    zones: dict[str, ZoneView] = {}
    shown: dict[str, list[Row]] = {}
    for row in found.rows:
        name, is_good = row.host.zone, row.level < Level.OURS
        zone = zones.get(name)
        if zone is None:
            is_own = name == instance.zone
            lies_open = is_own or bool(text) or len(found.rows) <= FEW_HOSTS
            zone = zones[name] = ZoneView(name, is_own, lies_open)
        zone.hosts += 1
        zone.good += is_good
        zone.askable += row.level is Level.OURS
        if not (wanted and wanted not in row.host.host.casefold()) and (is_good or not only_good):
            shown.setdefault(name, []).append(row)
    everywhere = _everywhere(found.columns)
    for name, rows in shown.items():
        zone = zones[name]
        shared = _shared(rows, is_open)
        zone.told = _told(shared)
        for row in rows:
            above = [*shared, *_of_best(found.best)] if found.best and row.host is found.best.host else shared
            zone.rows.append(_row(row, plan, is_open, above, views))
        zone.rows.sort(key=lambda one: (one.level >= Level.OURS, -one.points, one.host.host))
    is_all_closed = all(column.is_closed for column in found.columns)
    return Page(
        told=[reason.text for reason in everywhere if reason.rule != MOVING],
        tone=LOOKS[max((reason.level for reason in everywhere), default=Level.GREEN)].tone,
        columns=[
            _column(column, everywhere, runs=instance.status != "SHUTOFF", is_all_closed=is_all_closed)
            for column in found.columns
        ],
        zones=[zone for zone in _in_order(zones.values()) if zone.rows],
        best=_best(found.best, plan) if found.best else None,
        hosts=len(found.rows),
        shown=sum(len(zone.rows) for zone in zones.values()),
    )


def _in_order(zones: Iterable[ZoneView]) -> list[ZoneView]:
    return sorted(zones, key=lambda zone: (not zone.is_own, zone.name))


def _everywhere(columns: Iterable[Column]) -> list[Reason]:
    """What every kind of move says of every host. A kind that is not for what is stopped, or for what runs, says
    only that, and does not count where there are others."""
    every = list(columns)
    fitting = [one for one in every if not any(reason.rule == "state" for reason in one.common)] or every
    return [reason for reason in fitting[0].common if all(reason in one.common for one in fitting)]


def _of_best(best: Best) -> list[tuple[Kind, Reason]]:
    """What is told where it is recommended, of whatever kind."""
    return [(kind, reason) for kind in NAMES for reason in best.cell.own]


def _shared(rows: list[Row], is_open: dict[Kind, bool]) -> list[tuple[Kind, Reason]]:
    """What is told of every host of a zone, so that it is said once."""
    if len(rows) < 2:
        return []
    first = [(cell.kind, reason) for cell in rows[0].cells if is_open[cell.kind] for reason in cell.own]
    return [
        (kind, reason)
        for kind, reason in first
        if all(reason in cell.own for row in rows for cell in row.cells if cell.kind is kind)
    ]


def _row(
    row: Row,
    plan: str,
    is_open: dict[Kind, bool],
    shared: Collection[tuple[Kind, Reason]],
    views: CellViews,
) -> RowView:
    cells = [cell for cell in row.cells if is_open[cell.kind]]
    return RowView(
        host=row.host,
        level=row.level,
        points=row.score.points,
        cells=_drawn(cells, row.host, plan, views),
        told=_told(
            (cell.kind, reason) for cell in cells for reason in cell.own if (cell.kind, reason) not in shared
        ),
    )


def _view(kind: Kind, level: Level) -> CellView:
    name, look = NAMES[kind], LOOKS[level]
    label = say("{way} to {host}: {word}", way=name, host=HOST, word=look.word)
    begin = f'<td data-label="{escape(told(name))}">'
    return CellView(begin, badge(look), escape(told(look.word)), escape(told(label)))


def _drawn(cells: Iterable[Cell], host: Destination, plan: str, views: CellViews) -> SafeString:
    """The cells of one row, without a template and with one escape: a page has thousands of them."""
    name, there = escape(host.host), urlencode({"host": host.host})
    return SafeString("".join(_cell(cell, name, f"{plan}?{there}" if plan else "", views) for cell in cells))


def _cell(cell: Cell, host: str, plan: str, views: CellViews) -> str:
    """`host` and `plan` are escaped already."""
    level = cell.verdict.level
    view = views[cell.kind, level]
    if not plan or level is Level.FORBIDDEN:
        return f"{view.begin}{view.badge}</td>"
    tone = LOOKS[level].tone
    link = f'class="state {tone}" href="{plan}&amp;way={cell.way}"'
    label = view.label.replace(HOST, host)
    return f'{view.begin}<a {link} aria-label="{label}">{SHAPES[tone]}{view.word}</a></td>'


def _href(plan: str, host: Destination, cell: Cell) -> str:
    if not plan or cell.verdict.level is Level.FORBIDDEN:
        return ""
    return f"{plan}?{urlencode({'host': host.host, 'way': cell.way})}"


def _told(pairs: Iterable[tuple[Kind, Reason]]) -> list[Told]:
    """Each reason once, the gravest first, with the kinds that it is about."""
    kinds: dict[Reason, list[str]] = {}
    for kind, reason in pairs:
        kinds.setdefault(reason, []).append(NAMES[kind])
    return [
        Told(join(names, ", "), reason.text, LOOKS[reason.level])
        for reason, names in sorted(kinds.items(), key=lambda one: -one[0].level)
    ]


def _column(column: Column, everywhere: Collection[Reason], *, runs: bool, is_all_closed: bool) -> ColumnView:
    """`everywhere`: what is said above, once for all kinds. Where no kind is left, none is advised."""
    gravest = max((reason.level for reason in column.common), default=Level.GREEN)
    if column.is_closed:
        look, told = LOOKS[Level.FORBIDDEN], [r for r in column.common if r.level >= Level.OURS]
    else:
        look, told = (
            LOOKS[gravest if column.possible or gravest is Level.OURS else Level.FORBIDDEN],
            list(column.common),
        )
    return ColumnView(
        NAMES[column.kind],
        MEANT[column.kind] if runs or column.kind is not Kind.COLD else say("it stays stopped"),
        look,
        column.possible,
        column.is_closed,
        gravest is Level.OURS,
        [reason.why if is_all_closed else reason.text for reason in told if reason not in everywhere],
    )


def _best(found: Best, plan: str) -> BestView:
    return BestView(
        found.host,
        NAMES[found.cell.kind],
        _href(plan, found.host, found.cell),
        found.score.points,
        [part.text for part in found.score.parts],
        [reason.text for reason in found.cell.own if reason.level is Level.AMBER],
    )
