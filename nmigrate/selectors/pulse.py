"""What the health page shows."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from django_q.models import OrmQ

from nmigrate.models import Cloud, Heartbeat, Migration, Order, Service
from nmigrate.selectors.moves import ACTIVE_STATES, FOR_A_PERSON
from nmigrate.selectors.zones import clouds

MISSED = 30
"""After so many seconds without a sign of life, of one every five, people are told; the limit after which a process is
replaced is longer, since a task may last a minute."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """The last sign of life of one process."""

    name: str
    at: datetime | None

    @property
    def is_fresh(self) -> bool:
        """As people are told."""
        return self._is_within(min(MISSED, settings.NMIGRATE_HEARTBEAT_LIMIT))

    @property
    def is_alive(self) -> bool:
        """As a monitor is told: it need not be replaced."""
        return self._is_within(settings.NMIGRATE_HEARTBEAT_LIMIT)

    def _is_within(self, seconds: float) -> bool:
        return self.at is not None and timezone.now() - self.at < timedelta(seconds=seconds)


def pulses() -> list[Pulse]:
    seen = {beat.name: beat.at for beat in Heartbeat.objects.filter(name__in=("worker", "follower"))}
    return [Pulse(name, seen.get(name)) for name in ("worker", "follower")]


def silent() -> list[Pulse]:
    """Processes that have run and give no sign of life any more."""
    return [pulse for pulse in pulses() if pulse.at is not None and not pulse.is_fresh]


def keeps_from_being_sent(move: Migration) -> list[Pulse]:
    """The same, while an order of this move is not sent or has no answer yet. At most two queries."""
    if not move.is_active or not move.orders.filter(state__in=Order.OPEN).exists():
        return []
    return silent()


@dataclass(frozen=True, slots=True)
class Health:
    """What the health page shows."""

    clouds: list[Cloud]
    services: dict[str, int]
    """How many of each cloud are known; of a cloud whose services were never listed, none is "up"."""
    troubled_services: dict[str, list[Service]]
    pulses: list[Pulse]
    queue_depth: int
    open_orders: list[Order]
    counts: dict[str, int]

    @property
    def is_fresh(self) -> bool:
        """Whether nmigrate's own processes run, as people are told."""
        return all(pulse.is_fresh for pulse in self.pulses)

    @property
    def unreachable(self) -> list[Cloud]:
        return [cloud for cloud in self.clouds if cloud.problem]

    @property
    def troubled(self) -> list[Service]:
        return [service for rows in self.troubled_services.values() for service in rows]

    @property
    def is_troubled(self) -> bool:
        return bool(self.unreachable or self.troubled_services)

    @property
    def active(self) -> int:
        return sum(self.counts.get(state, 0) for state in ACTIVE_STATES)

    @property
    def need_a_person(self) -> int:
        return sum(self.counts.get(state, 0) for state in FOR_A_PERSON)


def health() -> Health:
    """Eight queries: clouds, services twice, heartbeats, queue, orders, migrations by state."""
    troubled: dict[str, list[Service]] = defaultdict(list)
    for service in Service.objects.exclude(state="up", status="enabled", forced_down=False):
        troubled[service.cloud_id].append(service)
    states = Migration.objects.order_by().values_list("state").annotate(Count("id"))
    return Health(
        clouds=clouds(),
        services=dict(Service.objects.order_by().values_list("cloud").annotate(Count("id"))),
        troubled_services=dict(troubled),
        pulses=pulses(),
        queue_depth=OrmQ.objects.count(),
        open_orders=list(Order.objects.filter(state__in=Order.OPEN).order_by("id")[:50]),
        counts=dict(states),
    )
