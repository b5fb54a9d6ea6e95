"""The moves in flight of one cloud: those asked for here, and those that others made past nmigrate."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from nmigrate.models import Cloud, Migration, OutsideMove
from nmigrate.selectors.moves import ACTIVE_STATES
from nmigrate.selectors.noticed import outside_in_flight
from nmigrate.states import State

ON_THE_WAY = (State.QUEUED, State.SENDING, State.RUNNING)
"""Not there yet; one that waits for a decision is there already."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One move as the topology draws it. `to` is empty while the scheduler has chosen no host."""

    instance_uuid: str
    name: str
    source: str
    to: str
    since: datetime | None
    is_going: bool
    is_returning: bool = False
    move: Migration | None = None
    outside: OutsideMove | None = None

    @property
    def key(self) -> str:
        """A name for it on the page that stays the same while it flies."""
        return f"m{self.move.pk}" if self.move else f"x{self.outside.pk}" if self.outside else ""


def flights(cloud: Cloud) -> list[Flight]:
    """What is on its way first: a page may show but the first of them. Two queries: the record's active moves, and
    the open ones that Nova has and nobody asked for here."""
    ours = Migration.objects.filter(cloud=cloud.name, state__in=ACTIVE_STATES).order_by("id")
    found = list(ours)
    own = {move.instance_uuid for move in found} | {move.copy_uuid for move in found}
    others = [row for row in outside_in_flight(cloud.name) if row.instance_uuid not in own]
    every = [_ours(move) for move in found] + [_outside(move) for move in others]
    return sorted(every, key=lambda flight: not (flight.is_going or flight.is_returning))


def moves_in(found: Iterable[Flight]) -> list[Migration]:
    return [flight.move for flight in found if flight.move is not None]


def _ours(move: Migration) -> Flight:
    return Flight(
        instance_uuid=move.instance_uuid,
        name=move.instance_name,
        source=move.source_host,
        to=move.dest_host or move.asked_host,
        since=move.accepted_at or move.requested_at,
        is_going=move.state in ON_THE_WAY,
        is_returning=move.state == State.REVERTING,
        move=move,
    )


def _outside(move: OutsideMove) -> Flight:
    return Flight(
        instance_uuid=move.instance_uuid,
        name=move.instance_name or move.instance_uuid,
        source=move.source_host,
        to=move.dest_host,
        since=move.started_at,
        is_going=move.status not in ("finished", "confirming", "reverting"),
        is_returning=move.status == "reverting",
        outside=move,
    )
