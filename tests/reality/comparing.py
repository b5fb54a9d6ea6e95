"""What was judged of each move beside what Nova did: the tries, their record, and the table."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from nmigrate.destinations import changes_pin
from nmigrate.models import Instance
from nmigrate.preflight import judge
from nmigrate.scene import scene_of
from nmigrate.states import Kind
from tests.lab.fixtures import say
from tests.reality.guests import Guest
from tests.reality.trying import Move, Outcome, Tried, Trier

WORKERS, TRIES = 8, 3
BY_NOVA = (Kind.COLD, Kind.LIVE, Kind.EVACUATE)
"""Kinds of which Nova chooses the host when none is named; for the others nmigrate names one."""
CELLS = len(Kind)
"""So many moves to each host; and one more of each of BY_NOVA."""
LEVELS = ("green", "amber", "ours", "forbidden")


@dataclass(frozen=True)
class Judged:
    """One cell: a move, how far it can be asked for, and what each rule says."""

    move: Move
    level: str
    reasons: tuple[tuple[str, str, str], ...]
    """Rule, level, text."""


@dataclass(frozen=True)
class Row:
    guest: str
    kind: str
    host: str
    level: str
    reasons: tuple[tuple[str, str, str], ...]
    is_taken: bool
    is_known: bool
    said: str
    tries: int = 1

    @property
    def is_wrong(self) -> bool:
        """A red of Nova's that Nova took, a green that it refused; one that was not red and came to no end."""
        is_wrong_red = self.level == "forbidden" and self.is_taken
        is_wrong_green = self.level == "green" and not self.is_taken
        is_endless = not self.is_known and self.level in ("green", "amber")
        return is_wrong_red or is_wrong_green or is_endless

    @property
    def gravest(self) -> tuple[str, ...]:
        """The rules that make it what it is."""
        return tuple(dict.fromkeys(rule for rule, level, _ in self.reasons if level == self.level))


def judged(uuid: str) -> list[Judged]:
    """Every cell of one instance, as the page of destinations judges it: from the inventory alone. And without a
    host, as the plan judges that Nova chooses it."""
    scene = scene_of(Instance.objects.select_related("cloud").get(uuid=uuid))
    cells = []
    for kind in Kind:
        for host in scene.hosts.values():
            is_freed = changes_pin(scene, kind, host)
            named = host.zone if kind in (Kind.SHELVE, Kind.COPY) else ""
            verdict = judge(scene.case(kind, host.host, named, changes_pin=is_freed))
            reasons = tuple((one.rule, one.level.word, one.text) for one in verdict.reasons)
            move = Move(kind, host.host, host.zone, changes_pin=is_freed)
            cells.append(Judged(move, verdict.level.word, reasons))
    for kind in BY_NOVA:
        verdict = scene.verdict(kind)
        reasons = tuple((one.rule, one.level.word, one.text) for one in verdict.reasons)
        cells.append(Judged(Move(kind, "", ""), verdict.level.word, reasons))
    return cells


def count(guests: int, hosts: int) -> int:
    """How many moves a comparison tries."""
    return guests * (hosts * CELLS + len(BY_NOVA))


class Record:
    """What has been tried so far, kept in a file: a comparison that is cut off tells that much."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []
        self.lock = threading.Lock()
        self.began = time.monotonic()

    def add(self, guest: Guest, rows: list[Row], seconds: float) -> None:
        with self.lock:
            self.rows += rows
            draft = self.path.with_suffix(".new")
            draft.write_text(json.dumps([asdict(row) for row in self.rows], indent=1, ensure_ascii=False))
            draft.replace(self.path)
            wrong = sum(row.is_wrong for row in rows)
            at = time.monotonic() - self.began
            say(f"{at:6.0f} s  {guest.name}: {len(rows)} tries in {seconds:.0f} s, {wrong} disagree")


def compare(
    trier: Trier,
    guests: Iterable[Guest],
    uuids: dict[str, str],
    cells: dict[str, list[Judged]],
    record: Record,
) -> None:
    """Try every cell of every guest. What takes much room is tried one after the other, the rest side by side."""

    def one(guest: Guest) -> None:
        began = time.monotonic()
        tried = trier.begin(guest, uuids[guest.name])
        rows = [tried_row(guest, tried, cell) for cell in cells[guest.name]]
        record.add(guest, rows, time.monotonic() - began)

    def lane(guests: list[Guest]) -> None:
        for guest in guests:
            one(guest)

    heavy = [guest for guest in guests if guest.is_heavy]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lane, [heavy, *([guest] for guest in guests if not guest.is_heavy)]))


def tried_row(guest: Guest, tried: Tried, cell: Judged) -> Row:
    """What disagrees is tried again: dozens of moves at a time on a busy machine may hinder each other."""
    row = row_of(guest, cell, tried.attempt(cell.move))
    while row.is_wrong and row.tries < TRIES:
        say(
            f"{guest.name}, {row.kind} to {row.host} is tried again: {row.level}, {row.is_taken}, {row.said[:300]}"
        )
        tried.put_back()
        row = replace(row_of(guest, cell, tried.attempt(cell.move)), tries=row.tries + 1)
    return row


def row_of(guest: Guest, cell: Judged, outcome: Outcome) -> Row:
    return Row(
        guest.name,
        cell.move.kind.value,
        cell.move.host or "any host",
        cell.level,
        cell.reasons,
        outcome.is_taken,
        outcome.is_known,
        outcome.said,
    )


# -- the table


def table(rows: list[Row]) -> str:
    """The confusion table; then each rule, where it alone made a move what it was judged."""
    return "\n".join([*_confusion(rows), "", *_rules(rows), "", *_disagreements(rows)])


def _confusion(rows: list[Row]) -> list[str]:
    lines = [f"{'kind':10}{'judged':12}{'Nova took it':>14}{'Nova refused':>14}"]
    for kind in (*(kind.value for kind in Kind), "all"):
        for level in LEVELS:
            some = [row for row in rows if row.level == level and kind in ("all", row.kind)]
            took = sum(row.is_taken for row in some)
            if some:
                lines.append(f"{kind:10}{level:12}{took:>14}{len(some) - took:>14}")
    guests, hosts = {row.guest for row in rows}, {row.host for row in rows}
    lines.append(f"{len(rows)} moves of {len(guests)} instances, {len(hosts - {'any host'})} hosts")
    lines.append(
        f"{sum(row.tries > 1 for row in rows)} of them were tried more than once, as they disagreed at first"
    )
    return lines


def _rules(rows: list[Row]) -> list[str]:
    """A rule proves itself where no other one says the same."""
    took: Counter[tuple[str, str]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if len(row.gravest) == 1:
            (took if row.is_taken else refused)[row.level, row.gravest[0]] += 1
    lines = [f"{'rule, where it alone speaks':42}{'Nova took it':>14}{'Nova refused':>14}"]
    for level in LEVELS:
        for rule in sorted({rule for of, rule in {**took, **refused} if of == level}):
            lines.append(f"{level:12}{rule:30}{took[level, rule]:>14}{refused[level, rule]:>14}")
    return lines


def _disagreements(rows: list[Row]) -> list[str]:
    wrong = [row for row in rows if row.is_wrong]
    lines = [f"{len(wrong)} disagreements"]
    for row in wrong:
        did = "took it" if row.is_taken else f"refused: {row.said[:200]}"
        if not row.is_known:
            did = f"did not decide: {row.said[:200]}"
        lines.append(
            f"  {row.guest}, {row.kind} to {row.host}: {row.level} {', '.join(row.gravest)}; Nova {did}"
        )
    return lines
