"""The picture of a host: how full it was over the last days, and in figures by day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from nmigrate.models import HostSample, Hypervisor
from nmigrate.samples import KEPT
from nmigrate.sentences import say
from webui.pictures.shapes import Line, lines

GAP = timedelta(hours=3)
"""Samples are an hour apart at most: between two that lie further apart nothing was measured."""
SPANS = (timedelta(hours=6), timedelta(days=1), timedelta(days=3), timedelta(days=7), KEPT)
"""How far back the picture reaches: the shortest of these that shows everything."""
RESOURCES = (("vcpus", say("vCPU"), ""), ("memory_mb", say("Memory"), "MiB"), ("disk_gb", say("Disk"), "GiB"))


@dataclass(frozen=True, slots=True)
class Moment:
    """How full a host was: for each resource what was used, and of how much."""

    at: datetime
    amounts: dict[str, tuple[int, int]]

    def share(self, resource: str) -> float:
        used, capacity = self.amounts[resource]
        return used / capacity if capacity else 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    """One resource of one host over time."""

    resource: str
    word: str
    lines: tuple[Line, ...]
    now: float
    most: float


@dataclass(frozen=True, slots=True)
class Day:
    """The most that was used on one day, as a share of the capacity for each curve."""

    date: date
    most: tuple[float, ...]
    measured: int


@dataclass(frozen=True, slots=True)
class History:
    curves: tuple[Curve, ...]
    days: tuple[Day, ...]
    start: datetime
    end: datetime

    @property
    def is_drawn(self) -> bool:
        return any(curve.lines for curve in self.curves)


def history(host: Hypervisor) -> History:
    """One query: at most some 460 samples of one host, and what it is now."""
    now = timezone.now()
    rows = HostSample.objects.filter(
        cloud=host.cloud_id, hypervisor=host.uuid, at__gte=now - KEPT, at__lte=now
    ).order_by("at")
    moments = [_moment(row, row.at) for row in rows] + [_moment(host, now)]
    age = now - moments[0].at
    start = now - next((span for span in SPANS if span >= age), KEPT)
    curves = [_curve(resource, word, moments, start, now) for resource, word, _ in RESOURCES]
    return History(tuple(curve for curve in curves if curve), _days(moments), start, now)


def _moment(row: HostSample | Hypervisor, at: datetime) -> Moment:
    return Moment(
        at,
        {name: (getattr(row, f"{name}_used"), getattr(row, f"{name}_capacity")) for name, _, _ in RESOURCES},
    )


def _curve(
    resource: str, word: str, moments: Sequence[Moment], start: datetime, end: datetime
) -> Curve | None:
    """None where the host does not report this resource."""
    if not any(moment.amounts[resource][1] for moment in moments):
        return None
    whole = (end - start).total_seconds()
    points = [
        (
            (moment.at - start).total_seconds() / whole,
            moment.share(resource),
            place > 0 and moment.at - moments[place - 1].at > GAP,
        )
        for place, moment in enumerate(moments)
    ]
    all_shares = [moment.share(resource) for moment in moments]
    return Curve(resource, word, lines(points), all_shares[-1], max(all_shares))


def _days(moments: Sequence[Moment]) -> tuple[Day, ...]:
    """Newest first, in the reader's time zone."""
    by_day: dict[date, list[Moment]] = {}
    for moment in moments:
        by_day.setdefault(timezone.localtime(moment.at).date(), []).append(moment)
    return tuple(
        Day(
            day,
            tuple(max(one.share(name) for one in found) for name, _, _ in RESOURCES),
            len(found),
        )
        for day, found in sorted(by_day.items(), reverse=True)
    )
