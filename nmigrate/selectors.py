"""Every read worth a name. The number of queries of each is fixed: it never grows with the rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Case, Count, F, Max, Q, QuerySet, Sum, TextField, Value, When, Window
from django.db.models.functions import Cast, RowNumber
from django.utils import timezone
from django_q.models import OrmQ

from nmigrate.models import AuditEvent, Cloud, Heartbeat, Hypervisor, Instance, Migration, Order, Service
from nmigrate.states import ACTIVE, Perm, State

ACTIVE_STATES = tuple(sorted(state.value for state in ACTIVE))
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


@dataclass(slots=True)
class HostCard:
    """One hypervisor as the topology draws it."""

    hypervisor: Hypervisor
    chips: list[Chip] = field(default_factory=list)
    arriving: list[Migration] = field(default_factory=list)
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
    is_dense: bool

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
    """Zones, hosts and instances in six queries, whatever the size of the cloud."""
    version = topology_version(cloud)
    hypervisors = list(cloud.hypervisors.defer("inventories", "traits", "aggregates"))
    totals: Counter[str] = Counter(dict(cloud.instances.order_by().values_list("host").annotate(Count("id"))))
    moves = list(Migration.objects.filter(cloud=cloud.name, state__in=ACTIVE_STATES).order_by("id"))
    moving = {move.instance_uuid: move for move in moves}
    dense = len(hypervisors) > MANY_HOSTS
    chips: dict[str, list[Chip]] = defaultdict(list)
    limit = CHIPS_WHEN_MANY if dense else CHIPS_PER_HOST
    for instance in _first_per_host(cloud, moving, show, limit, notable=dense):
        chips[instance.host].append(Chip(instance, moving.get(instance.uuid)))

    zones: dict[str, ZoneCards] = {}
    known_hosts = set()
    for hypervisor in hypervisors:
        zone = zones.setdefault(hypervisor.zone, ZoneCards(hypervisor.zone))
        # A host with several hypervisors (bare metal) shows its instances once, on the first card.
        first = hypervisor.host not in known_hosts
        known_hosts.add(hypervisor.host)
        total = totals[hypervisor.host] if first else 0
        card = HostCard(
            hypervisor, chips[hypervisor.host] if first else [], _arriving(moves, hypervisor), total
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
        return bool(card.chips or card.arriving)
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


def moves_of_instances(cloud_name: str, uuids: Iterable[str]) -> dict[str, Migration]:
    """The active move of each of these instances."""
    moves = Migration.objects.filter(cloud=cloud_name, instance_uuid__in=list(uuids), state__in=ACTIVE_STATES)
    return {move.instance_uuid: move for move in moves}


def instance_history(cloud_name: str, uuid: str) -> list[Migration]:
    """What moved the instance, newest first."""
    return list(Migration.objects.filter(cloud=cloud_name, instance_uuid=uuid).order_by("-id")[:100])


def last_start(cloud_name: str, uuid: str) -> Order | None:
    """The newest order to start this instance: says whether one is on its way, or why the last one failed."""
    return Order.objects.filter(cloud=cloud_name, instance_uuid=uuid, action=Order.Action.START).last()


@dataclass(frozen=True, slots=True)
class MigrationFilter:
    """What the list of migrations was asked for; `state` is a state, "active" or empty."""

    cloud: str = ""
    state: str = ""
    person: str = ""
    instance: str = ""


def migrations(wanted: MigrationFilter) -> QuerySet[Migration]:
    rows = Migration.objects.order_by("-id")
    if wanted.cloud:
        rows = rows.filter(cloud=wanted.cloud)
    if wanted.state == "active":
        rows = rows.filter(state__in=ACTIVE_STATES)
    elif wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.person:
        rows = rows.filter(requested_by_name__icontains=wanted.person)
    if wanted.instance:
        rows = rows.filter(
            Q(instance_name__icontains=wanted.instance) | Q(instance_uuid=wanted.instance.strip().lower())
        )
    return rows


def pending_approvals(user: User) -> QuerySet[Migration]:
    """What waits for a decision, longest first; empty for who may not decide."""
    if not user.has_perm(Perm.APPROVE):
        return Migration.objects.none()
    return Migration.objects.filter(state=State.WAITING).order_by("waiting_since", "id")


def pending_count(user: User) -> int:
    """How many decisions this person can make now; the requests they made themselves are not among them."""
    if not user.has_perm(Perm.APPROVE):
        return 0
    return Migration.objects.filter(state=State.WAITING).exclude(requested_by=user).count()


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What part of the trail was asked for. `since` and `until` are aware; `until` is not included."""

    person: str = ""
    instance: str = ""
    host: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    migration: int | None = None


def audit_trail(wanted: AuditFilter) -> QuerySet[AuditEvent]:
    """The entries that match, newest first."""
    rows = AuditEvent.objects.order_by("-id")
    if wanted.person:
        rows = rows.filter(actor__icontains=wanted.person)
    if wanted.instance:
        rows = rows.filter(
            Q(instance_name__icontains=wanted.instance) | Q(instance_uuid=wanted.instance.strip().lower())
        )
    if wanted.host:
        rows = rows.filter(Q(from_host__icontains=wanted.host) | Q(to_host__icontains=wanted.host))
    if wanted.action:
        rows = rows.filter(action=wanted.action)
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__lt=wanted.until)
    if wanted.migration is not None:
        rows = rows.filter(migration_id=wanted.migration)
    for word in wanted.text.split():
        rows = rows.annotate(number=Cast("id", TextField())).filter(_mentions(word))
    return rows


def _mentions(word: str) -> Q:
    fields = ("actor", "action", "cloud", "instance_uuid", "instance_name", "from_host", "to_host", "reason")
    anywhere = Q(number=word)
    for name in (*fields, "ticket", "request_id", "state_before", "state_after"):
        anywhere |= Q(**{f"{name}__icontains": word})
    return anywhere


def audit_actions() -> list[str]:
    return list(AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct())


@dataclass(frozen=True, slots=True)
class Pulse:
    """The last sign of life of one process."""

    name: str
    at: datetime | None

    @property
    def is_fresh(self) -> bool:
        return self.at is not None and timezone.now() - self.at < timedelta(
            seconds=settings.NMIGRATE_HEARTBEAT_LIMIT
        )


def pulses() -> list[Pulse]:
    seen = {beat.name: beat.at for beat in Heartbeat.objects.filter(name__in=("worker", "follower"))}
    return [Pulse(name, seen.get(name)) for name in ("worker", "follower")]


@dataclass(frozen=True, slots=True)
class Health:
    """What the health page shows."""

    clouds: list[Cloud]
    troubled_services: dict[str, list[Service]]
    pulses: list[Pulse]
    queue_depth: int
    open_orders: list[Order]
    counts: dict[str, int]

    @property
    def active(self) -> int:
        return sum(self.counts.get(state, 0) for state in ACTIVE_STATES)


def health() -> Health:
    """Seven queries: clouds, services, heartbeats, queue, orders, migrations by state."""
    troubled: dict[str, list[Service]] = defaultdict(list)
    for service in Service.objects.exclude(state="up", status="enabled", forced_down=False):
        troubled[service.cloud_id].append(service)
    states = Migration.objects.order_by().values_list("state").annotate(Count("id"))
    return Health(
        clouds=clouds(),
        troubled_services=dict(troubled),
        pulses=pulses(),
        queue_depth=OrmQ.objects.count(),
        open_orders=list(Order.objects.filter(state__in=Order.OPEN).order_by("id")[:50]),
        counts=dict(states),
    )


def administrators() -> list[str]:
    """Who can give somebody a role: the names of the active administrators."""
    users = get_user_model().objects.filter(is_active=True, is_superuser=True)
    return [user.get_full_name() or user.get_username() for user in users.order_by("username")[:5]]
