"""The picture of one cloud: zones, hypervisors and instances with the moves drawn on them; and the search in it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Case, Count, F, Max, Q, QuerySet, Sum, Value, When, Window
from django.db.models.functions import RowNumber

from nmigrate.models import Cloud, Finding, Hypervisor, Instance, Migration, OutsideMove
from nmigrate.selectors.moves import ACTIVE_STATES, by_instance
from nmigrate.selectors.noticed import outside_in_flight
from nmigrate.states import State

MANY_HOSTS = 60  # above it a card shows only what moves or is broken: nobody reads 10,000 names
CHIPS_PER_HOST, CHIPS_WHEN_MANY = 12, 4
NEARLY_FULL = 0.95
SHOW_ALL, SHOW_TROUBLE, SHOW_MOVING = "everything", "trouble", "moving"


def instance_trouble() -> Q:
    """What makes an instance worth a look: Nova calls it broken, or its host does not answer."""
    return Q(status="ERROR") | Q(host_status__in=("DOWN", "UNKNOWN"))


@dataclass(frozen=True, slots=True)
class Chip:
    """An instance on a card, with the move that it is part of."""

    instance: Instance
    move: Migration | None
    outside: OutsideMove | None = None
    is_found: bool = False
    """The watchdog has something to say about it."""


@dataclass(slots=True)
class HostCard:
    """One hypervisor as the topology draws it."""

    hypervisor: Hypervisor
    chips: list[Chip] = field(default_factory=list)
    arriving: list[Migration] = field(default_factory=list)
    arriving_outside: list[OutsideMove] = field(default_factory=list)
    is_found: bool = False
    total: int = 0

    @property
    def more(self) -> int:
        return max(self.total - len(self.chips), 0)

    @property
    def is_in_trouble(self) -> bool:
        """Down, out of service, or so full that the next move will not fit."""
        host = self.hypervisor
        pairs = (
            (host.vcpus_used, host.vcpus_capacity),
            (host.memory_mb_used, host.memory_mb_capacity),
            (host.disk_gb_used, host.disk_gb_capacity),
        )
        is_full = any(capacity and used / capacity >= NEARLY_FULL for used, capacity in pairs)
        return not host.is_up or not host.is_enabled or is_full


@dataclass(slots=True)
class ZoneCards:
    """One zone with its hosts; the sums are over every host of it, shown or not."""

    name: str
    hosts: list[HostCard] = field(default_factory=list)
    hypervisors: int = 0
    instances: int = 0
    memory_used: int = 0
    memory_capacity: int = 0

    @property
    def memory_percent(self) -> int | None:
        return round(100 * self.memory_used / self.memory_capacity) if self.memory_capacity else None


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole picture of one cloud, filtered by `show`."""

    cloud: Cloud
    show: str
    version: str
    zones: list[ZoneCards]
    homeless: list[Chip]
    homeless_total: int
    hypervisors: int
    instances: int
    moves: list[Migration]
    outside: list[OutsideMove]
    findings: int
    is_dense: bool

    @property
    def in_flight(self) -> int:
        return len(self.moves) + len(self.outside)

    @property
    def homeless_more(self) -> int:
        return self.homeless_total - len(self.homeless)

    @property
    def is_filtered_empty(self) -> bool:
        return self.show != SHOW_ALL and not any(zone.hosts for zone in self.zones) and not self.homeless


def clouds() -> list[Cloud]:
    """In the order in which NMIGRATE_CLOUDS names them: the first one is the home page."""
    named = {name: place for place, name in enumerate(settings.NMIGRATE_CLOUDS)}
    return sorted(Cloud.objects.all(), key=lambda cloud: (named.get(cloud.name, len(named)), cloud.name))


def topology_version(cloud: Cloud) -> str:
    """Changes whenever the topology would look different: the inventory's version and that of every move."""
    sums = Migration.objects.filter(cloud=cloud.name).aggregate(last=Max("id"), versions=Sum("version"))
    return f"{cloud.version}.{sums['last'] or 0}.{sums['versions'] or 0}"


def _first_per_host(
    cloud: Cloud, moving: Iterable[str], show: str, limit: int, *, notable: bool
) -> list[Instance]:
    """The first `limit` instances of every host: those that move, then the broken, then by name.

    `notable` leaves the ordinary ones out.
    """
    moves, trouble = Q(uuid__in=list(moving)), instance_trouble()
    instances = cloud.instances.all()
    if show == SHOW_MOVING:
        instances = instances.filter(moves)
    elif notable:
        instances = instances.filter(moves | trouble)
    rank = Case(When(moves, then=Value(0)), When(trouble, then=Value(1)), default=Value(2))
    place = Window(RowNumber(), partition_by=F("host"), order_by=(rank, F("name")))
    return list(
        instances.annotate(rank=rank, place=place)
        .filter(place__lte=limit)
        .order_by("host", "place")
        .only("cloud_id", "uuid", "name", "host", "zone", "status", "task_state", "locked", "host_status")
    )


def topology(cloud: Cloud, show: str = SHOW_ALL) -> Topology:
    """Zones, hosts and instances in eight queries, whatever the size of the cloud."""
    version = topology_version(cloud)
    hypervisors = list(cloud.hypervisors.defer("inventories", "traits", "aggregates"))
    totals: Counter[str] = Counter(dict(cloud.instances.order_by().values_list("host").annotate(Count("id"))))
    moves = list(Migration.objects.filter(cloud=cloud.name, state__in=ACTIVE_STATES).order_by("id"))
    moving = by_instance(moves)
    outside = [row for row in outside_in_flight(cloud.name) if row.instance_uuid not in moving]
    others = {row.instance_uuid: row for row in outside}
    found = list(Finding.objects.filter(cloud=cloud.name, ended_at=None).values_list("instance_uuid", "host"))
    found_uuids, found_hosts = {uuid for uuid, _ in found}, {host for _, host in found if host}
    dense = len(hypervisors) > MANY_HOSTS
    chips: dict[str, list[Chip]] = defaultdict(list)
    limit = CHIPS_WHEN_MANY if dense else CHIPS_PER_HOST
    for instance in _first_per_host(cloud, [*moving, *others], show, limit, notable=dense):
        uuid = instance.uuid
        chips[instance.host].append(Chip(instance, moving.get(uuid), others.get(uuid), uuid in found_uuids))

    zones: dict[str, ZoneCards] = {}
    known_hosts = set()
    for hypervisor in hypervisors:
        zone = zones.setdefault(hypervisor.zone, ZoneCards(hypervisor.zone))
        # A host with several hypervisors (bare metal) shows its instances once, on the first card.
        first = hypervisor.host not in known_hosts
        known_hosts.add(hypervisor.host)
        total = totals[hypervisor.host] if first else 0
        card = HostCard(
            hypervisor,
            chips[hypervisor.host] if first else [],
            _arriving(moves, hypervisor),
            [row for row in outside if row.dest_host == hypervisor.host and row.status != "finished"],
            hypervisor.host in found_hosts,
            total,
        )
        zone.hypervisors += 1
        zone.instances += total
        zone.memory_used += hypervisor.memory_mb_used
        zone.memory_capacity += hypervisor.memory_mb_capacity
        if _is_shown(card, show):
            zone.hosts.append(card)
    homeless = [chip for host, on_it in chips.items() if host not in known_hosts for chip in on_it]
    if show == SHOW_TROUBLE:
        homeless = [chip for chip in homeless if chip.instance.status == "ERROR"]
    homeless_total = sum(count for host, count in totals.items() if host not in known_hosts)
    return Topology(
        cloud=cloud,
        show=show,
        version=version,
        zones=list(zones.values()),
        homeless=homeless,
        homeless_total=homeless_total if show == SHOW_ALL else len(homeless),
        hypervisors=len(hypervisors),
        instances=sum(totals.values()),
        moves=moves,
        outside=outside,
        findings=len(found),
        is_dense=dense,
    )


def _arriving(moves: list[Migration], hypervisor: Hypervisor) -> list[Migration]:
    """Moves on their way to this host; one that waits for a decision is there already."""
    on_the_way = (State.QUEUED, State.SENDING, State.RUNNING)
    return [
        move
        for move in moves
        if move.state in on_the_way and (move.dest_host or move.asked_host) == hypervisor.host
    ]


def _is_shown(card: HostCard, show: str) -> bool:
    if show == SHOW_MOVING:
        return bool(card.chips or card.arriving or card.arriving_outside)
    if show == SHOW_TROUBLE and not card.is_in_trouble:
        card.chips = [
            chip
            for chip in card.chips
            if chip.instance.status == "ERROR" or chip.instance.host_status in ("DOWN", "UNKNOWN")
        ]
        return bool(card.chips)
    return True


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; `total` may be more than the instances listed."""

    text: str
    instances: list[Instance]
    total: int
    hosts: list[Hypervisor]


def find(cloud: Cloud, text: str, limit: int = 20) -> Found:
    """Instances and hosts that hold every word of `text`; names that begin with it come first."""
    words = text.casefold().split()
    if not words:
        return Found(text, [], 0, [])
    instances, hosts = cloud.instances.all(), cloud.hypervisors.all()
    for word in words:
        instances = instances.filter(search__contains=word)
        hosts = hosts.filter(Q(host__icontains=word) | Q(name__icontains=word))
    best = Case(When(search__startswith=words[0], then=Value(0)), default=Value(1))
    return Found(text, list(instances.order_by(best, "name")[:limit]), instances.count(), list(hosts[:8]))


def host_instances(cloud: Cloud, host: str) -> QuerySet[Instance]:
    trouble_first = Case(When(instance_trouble(), then=Value(0)), default=Value(1))
    return cloud.instances.filter(host=host).order_by(trouble_first, "name")
