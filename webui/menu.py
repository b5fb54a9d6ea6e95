"""The menu of the hosts to which an instance may be moved: those that can take it first, the others with why not."""

from collections.abc import Iterable
from dataclasses import dataclass

from nmigrate import destinations
from nmigrate.destinations import Matrix
from nmigrate.models import Hypervisor, Instance
from nmigrate.preflight import Level
from nmigrate.states import Kind

FIRST = 30
"""So many hosts are listed; whoever looks for another types a part of its name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One host of the menu."""

    host: Hypervisor
    level: Level
    why: str
    """Why no way leads there; "" when one does."""

    @property
    def room(self) -> int:
        return self.host.memory_mb_capacity - self.host.memory_mb_used

    @property
    def needs_permission(self) -> bool:
        return self.level is Level.OURS


@dataclass(frozen=True, slots=True)
class Menu:
    entries: list[Entry]
    total: int
    """How many hosts were found, listed or not."""
    good: int
    """How many of those can take it without a manager's permission."""
    stuck: str = ""
    """Why it can be moved to no host whatever; then none is listed."""


def menu(instance: Instance, hosts: Iterable[Hypervisor], judged: Matrix, text: str) -> Menu:
    """Of the hosts that hold every word of `text`. No queries. Its own zone first, then by free memory."""
    usual = Kind.COLD if instance.status == "SHUTOFF" else Kind.LIVE
    rows = {row.host.host: row for row in judged.rows}
    words = text.casefold().split()
    found = [
        Entry(host, row.level, destinations.why_not(row, usual))
        for host in hosts
        if (row := rows.get(host.host)) and all(word in _names(host) for word in words)
    ]
    found.sort(
        key=lambda one: (
            max(one.level, Level.AMBER),
            one.host.zone != instance.zone,
            -one.room,
            one.host.host,
        )
    )
    stuck = _stuck(judged, usual) if found else ""
    return Menu(
        entries=[] if stuck else found[:FIRST],
        total=len(found),
        good=sum(one.level < Level.OURS for one in found),
        stuck=stuck,
    )


def _stuck(judged: Matrix, usual: Kind) -> str:
    """What forbids the usual kind of move to any host, where every kind is forbidden to any."""
    if not all(column.is_closed for column in judged.columns):
        return ""
    common = (reason for column in judged.columns if column.kind is usual for reason in column.common)
    return next(reason.text for reason in common if reason.level is Level.FORBIDDEN)


def _names(host: Hypervisor) -> str:
    return f"{host.host}\n{host.name}\n{host.zone}".casefold()
