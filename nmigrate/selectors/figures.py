"""Figures over some days: moves and their outcomes, how long decisions take, what fails most, how full hosts were.

Everything is added up in the database; days are those of the reader's time zone.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    Q,
    QuerySet,
    When,
)
from django.db.models.functions import TruncDate
from django.utils import timezone

from nmigrate.models import Approval, HostSample, Hypervisor, Migration
from nmigrate.states import ACTIVE, Kind, State

CAUSES = 10
SLOWEST = 5


class Outcome(StrEnum):
    """What became of a move, from best to worst; the names are those of the pictures' patterns."""

    DONE = "done"
    RETURNED = "returned"
    ACTIVE = "active"
    BACK = "back"
    DROPPED = "dropped"
    FAILED = "failed"


_ENDINGS: dict[State, Outcome] = {
    State.DONE: Outcome.DONE,
    State.REVERTED: Outcome.BACK,
    State.ABORTED: Outcome.BACK,
    State.DECLINED: Outcome.DROPPED,
    State.CANCELLED: Outcome.DROPPED,
    State.FAILED: Outcome.FAILED,
}
OUTCOMES: dict[State, Outcome] = dict.fromkeys(ACTIVE, Outcome.ACTIVE) | _ENDINGS


@dataclass(slots=True)
class Tally:
    """How many moves, by what became of them."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))

    def add(self, outcome: Outcome, number: int) -> None:
        self.counts[outcome] += number

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def arrived(self) -> int:
        """Those that reached their destination, also where a manager then sent them back: that is no failure."""
        return self.counts[Outcome.DONE] + self.counts[Outcome.RETURNED]

    @property
    def tried(self) -> int:
        """Those that were begun and have ended: without what was dropped before the start, or is under way."""
        return self.arrived + self.counts[Outcome.BACK] + self.counts[Outcome.FAILED]


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of the reader, today the last. `cloud` is empty for all of them."""

    days: int
    zone: tzinfo
    today: date
    cloud: str = ""

    @property
    def first(self) -> date:
        return self.today - timedelta(days=self.days - 1)

    @property
    def start(self) -> datetime:
        return datetime.combine(self.first, time.min, self.zone)

    def dates(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(self.days)]


def period(days: int, cloud: str = "") -> Period:
    """The last `days` days in the reader's time zone, which is the current one of Django."""
    return Period(days, timezone.get_current_timezone(), timezone.localdate(), cloud)


@dataclass(frozen=True, slots=True)
class Moves:
    """Of the moves asked for in a period: by day, by kind, and all together."""

    by_day: dict[date, Tally]
    by_kind: dict[Kind, Tally]
    all: Tally


def moves_of(chosen: Period) -> Moves:
    """One query; it returns two rows for each day, kind and state at most."""
    rows = (
        _asked_in(chosen)
        .annotate(day=TruncDate("requested_at", tzinfo=chosen.zone), waited=Q(waiting_since__isnull=False))
        .order_by()
        .values_list("day", "kind", "state", "waited")
        .annotate(number=Count("id"))
    )
    by_day: dict[date, Tally] = {day: Tally() for day in chosen.dates()}
    by_kind: dict[Kind, Tally] = defaultdict(Tally)
    total = Tally()
    for day, kind, state, waited, number in rows:
        outcome = Outcome.RETURNED if waited and state == State.REVERTED else OUTCOMES[State(state)]
        for tally in (by_day.setdefault(day, Tally()), by_kind[Kind(kind)], total):
            tally.add(outcome, number)
    return Moves(by_day, {kind: by_kind[kind] for kind in Kind if kind in by_kind}, total)


def _asked_in(chosen: Period) -> QuerySet[Migration]:
    return _of_cloud(Migration.objects.filter(requested_at__gte=chosen.start), chosen.cloud)


def _of_cloud(rows: QuerySet[Migration], cloud: str) -> QuerySet[Migration]:
    return rows.filter(cloud=cloud) if cloud else rows


# -- how long decisions take

LIMITS = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(days=1),
)
"""Between the bars of the distribution; the last bar is for what took longer."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """How long managers took. Decisions made outside are counted apart: nobody was waited for."""

    number: int
    outside: int
    median: timedelta | None
    buckets: tuple[int, ...]
    slowest: tuple[Approval, ...]
    pending: int
    pending_since: datetime | None


def decisions_of(chosen: Period) -> Decisions:
    """Four queries: the counts, the middle, the slowest, and what waits now. Each Approval has `took`."""
    rows = Approval.objects.filter(decided_at__gte=chosen.start)
    if chosen.cloud:
        rows = rows.filter(migration__cloud=chosen.cloud)
    since = Case(
        When(decision__in=(Approval.APPROVE, Approval.DECLINE), then=F("migration__requested_at")),
        default=F("migration__waiting_since"),
        output_field=DateTimeField(),
    )
    took = ExpressionWrapper(F("decided_at") - since, output_field=DurationField())
    timed = rows.annotate(took=took)
    inside = Q(is_outside=False, took__isnull=False)
    edges = (None, *LIMITS, None)
    buckets = {
        f"bucket_{place}": Count("id", filter=inside & _between(low, high))
        for place, (low, high) in enumerate(pairwise(edges))
    }
    counts = timed.aggregate(
        number=Count("id", filter=inside), outside=Count("id", filter=Q(is_outside=True)), **buckets
    )
    number = counts["number"]
    ours = timed.filter(inside)
    middle = (
        list(ours.order_by("took").values_list("took", flat=True)[(number - 1) // 2 : number // 2 + 1])
        if number
        else []
    )
    waiting = _of_cloud(Migration.objects.filter(state__in=(State.ASKING, State.WAITING)), chosen.cloud)
    pending = waiting.aggregate(
        number=Count("id"),
        since=Min(
            Case(
                When(state=State.ASKING, then=F("requested_at")),
                default=F("waiting_since"),
                output_field=DateTimeField(),
            )
        ),
    )
    return Decisions(
        number=number,
        outside=counts["outside"],
        median=sum(middle, timedelta(0)) / len(middle) if middle else None,
        buckets=tuple(counts[name] for name in buckets),
        slowest=tuple(ours.select_related("migration").order_by("-took")[:SLOWEST]),
        pending=pending["number"],
        pending_since=pending["since"],
    )


def _between(low: timedelta | None, high: timedelta | None) -> Q:
    found = Q()
    if low is not None:
        found &= Q(took__gte=low)
    if high is not None:
        found &= Q(took__lt=high)
    return found


# -- what fails


@dataclass(frozen=True, slots=True)
class FrequentCause:
    """A cause of failures; `last` is the newest case."""

    cause: str
    number: int
    last: Migration


def causes_of(chosen: Period) -> list[FrequentCause]:
    """Two queries: the most frequent causes, and the newest case of each."""
    failed = _asked_in(chosen).filter(state=State.FAILED).exclude(failure="")
    rows = list(
        failed.order_by()
        .values_list("cause")
        .annotate(number=Count("id"), last=Max("id"))
        .order_by("-number", "-last")[:CAUSES]
    )
    cases = Migration.objects.in_bulk([last for _, _, last in rows])
    return [FrequentCause(cause, number, cases[last]) for cause, number, last in rows]


# -- how full the hosts were


def hosts_by_fullness(cloud: str = "") -> QuerySet[Hypervisor]:
    """Hosts, the one with the least memory free, in proportion, first."""
    hosts = Hypervisor.objects.filter(cloud=cloud) if cloud else Hypervisor.objects.all()
    full = Case(
        When(memory_mb_capacity__gt=0, then=F("memory_mb_used") * 1.0 / F("memory_mb_capacity")),
        default=-1.0,
        output_field=FloatField(),
    )
    return hosts.annotate(full=full).order_by("-full", "cloud", "host")


def memory_by_day(
    hosts: Iterable[Hypervisor], days: int, zone: tzinfo
) -> dict[str, dict[date, tuple[int, int]]]:
    """For each host, by UUID, and day: the most memory that was used and the capacity, in MiB. One query."""
    since = timezone.now() - timedelta(days=days)
    rows = (
        HostSample.objects.filter(
            hypervisor__in=[host.uuid for host in hosts],
            cloud__in={host.cloud_id for host in hosts},
            at__gte=since,
        )
        .annotate(day=TruncDate("at", tzinfo=zone))
        .order_by()
        .values_list("hypervisor", "day")
        .annotate(used=Max("memory_mb_used"), capacity=Max("memory_mb_capacity"))
    )
    found: dict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
    for uuid, day, used, capacity in rows:
        found[uuid][day] = (used, capacity)
    return found
