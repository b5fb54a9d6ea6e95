"""The picture of one cloud: zones with their totals, hypervisors with their instances, the moves drawn on them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.db.models import Case, Count, Max, QuerySet, Sum, Value, When

from nmigrate.models import Cloud, Finding, Hypervisor, Instance, Migration, OutsideMove
from nmigrate.selectors.cards import (
    CARDS,
    MANY_HOSTS,
    MAP,
    Chip,
    HostCard,
    Wanted,
    deal,
    in_order,
    instance_trouble,
    percent,
)
from nmigrate.selectors.flights import Flight, flights

HEAVY = ("inventories", "traits", "aggregates")
"""What of a hypervisor no picture shows, and is long."""

FITS, FITS_LONG = 7, 13
"""Letters of a name that a cell of the map holds, and one of its long cells."""
FEW = 80
"""Hosts of a zone for which the map has room for longer names."""


@dataclass(slots=True)
class ZoneCards:
    """One zone with the hosts that are shown; the sums are over every host of it, shown or not."""

    name: str
    hosts: list[HostCard] = field(default_factory=list)
    hypervisors: int = 0
    up: int = 0
    down: int = 0
    off: int = 0
    instances: int = 0
    vcpus_used: int = 0
    vcpus_capacity: int = 0
    memory_used: int = 0
    memory_capacity: int = 0
    disk_used: int = 0
    disk_capacity: int = 0

    @property
    def memory_percent(self) -> int | None:
        return percent(self.memory_used, self.memory_capacity) if self.memory_capacity else None

    @property
    def shared_name(self) -> str:
        """What the names of all its hosts begin with, up to a place where a name can be cut: a map leaves it out,
        unless all of them fit into their cells whole."""
        names = {card.hypervisor.host for card in self.hosts}
        if max(map(len, names), default=0) <= (FITS_LONG if len(names) <= FEW else FITS):
            return ""
        first, last = min(names, default=""), max(names, default="")
        same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
        shared = first[:same]
        cut = re.match(r".*[-_.]", shared)
        return cut.group() if cut else re.sub(r"\d+$", "", shared)

    @property
    def has_long_names(self) -> bool:
        """Whether the cells of its map should be wider: not where the map would grow too long."""
        longest = max((len(card.hypervisor.host) for card in self.hosts), default=0)
        return longest - len(self.shared_name) > FITS and len(self.hosts) <= FEW

    def add(self, card: HostCard) -> None:
        """Count one of its hosts."""
        host = card.hypervisor
        self.hypervisors += 1
        self.down += not host.is_up
        self.off += host.is_up and not host.is_enabled
        self.up += host.is_up and host.is_enabled
        self.instances += card.total
        self.vcpus_used += host.vcpus_used
        self.vcpus_capacity += host.vcpus_capacity
        self.memory_used += host.memory_mb_used
        self.memory_capacity += host.memory_mb_capacity
        self.disk_used += host.disk_gb_used
        self.disk_capacity += host.disk_gb_capacity


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole picture of one cloud, as it was wanted; `zone_names` are all, shown or not."""

    cloud: Cloud
    wanted: Wanted
    version: str
    zones: list[ZoneCards]
    homeless: list[Chip]
    homeless_total: int
    hypervisors: int
    instances: int
    flights: list[Flight]
    """Those from or to what is shown."""
    elsewhere: int
    """How many others there are."""
    findings: int
    is_dense: bool
    zone_names: list[str]

    @property
    def homeless_more(self) -> int:
        return self.homeless_total - len(self.homeless)

    @property
    def moves(self) -> int:
        """How many moves there are in all."""
        return len(self.flights) + self.elsewhere

    @property
    def shown(self) -> int:
        """How many hosts the filters leave."""
        return sum(len(zone.hosts) for zone in self.zones)

    @property
    def is_filtered_empty(self) -> bool:
        return not self.wanted.is_everything and not self.shown and not self.homeless


def clouds() -> list[Cloud]:
    """In the order in which NMIGRATE_CLOUDS names them: the first one is the home page."""
    named = {name: place for place, name in enumerate(settings.NMIGRATE_CLOUDS)}
    return sorted(Cloud.objects.all(), key=lambda cloud: (named.get(cloud.name, len(named)), cloud.name))


def topology_version(cloud: Cloud) -> str:
    """Changes whenever the topology would look different: the inventory's version, that of every move, and what
    was noticed of the moves that others made."""
    sums = Migration.objects.filter(cloud=cloud.name).aggregate(last=Max("id"), versions=Sum("version"))
    others = OutsideMove.objects.filter(cloud=cloud.name).aggregate(
        last=Max("id"), ended=Count("ended_at"), at=Max("updated_at")
    )
    at = f"{others['at'].timestamp():.3f}" if others["at"] else "0"
    return f"{cloud.version}.{sums['last'] or 0}.{sums['versions'] or 0}.{others['last'] or 0}.{others['ended']}.{at}"


def fitting_view(hypervisors: int) -> str:
    """Cards while one can read them all, else a map."""
    return MAP if hypervisors > MANY_HOSTS else CARDS


def topology(cloud: Cloud, wanted: Wanted | None = None) -> Topology:
    """Zones, hosts and instances in eight queries, whatever the size of the cloud."""
    wanted = wanted or Wanted()
    version = topology_version(cloud)
    hypervisors = list(cloud.hypervisors.defer(*HEAVY))
    wanted = replace(wanted, view=wanted.view or fitting_view(len(hypervisors)))
    flying = flights(cloud)
    is_dense = len(hypervisors) > MANY_HOSTS
    found = list(Finding.objects.filter(cloud=cloud.name, ended_at=None).values_list("instance_uuid", "host"))
    noticed = frozenset(name for row in found for name in row if name)
    dealt = deal(cloud.instances.all(), hypervisors, flying, wanted, is_dense=is_dense, noticed=noticed)
    zones: dict[str, ZoneCards] = {}
    for card in dealt.all:
        zones.setdefault(card.hypervisor.zone, ZoneCards(card.hypervisor.zone)).add(card)
    for card in in_order(dealt.kept, wanted.sort):
        zones[card.hypervisor.zone].hosts.append(card)
    homeless = [] if wanted.zone or wanted.state else dealt.homeless
    near = flying if wanted.is_everything else _near(flying, dealt.kept, homeless)
    return Topology(
        cloud=cloud,
        wanted=wanted,
        version=version,
        zones=list(zones.values()),
        homeless=homeless,
        homeless_total=dealt.homeless_listed if homeless else 0,
        hypervisors=len(hypervisors),
        instances=dealt.instances,
        flights=near,
        elsewhere=len(flying) - len(near),
        findings=len(found),
        is_dense=is_dense,
        zone_names=[name for name in zones if name],
    )


def _near(flying: Iterable[Flight], cards: Iterable[HostCard], homeless: Iterable[Chip]) -> list[Flight]:
    """Those that leave or reach one of these hosts, or of an instance that is shown on none."""
    hosts = {card.hypervisor.host for card in cards}
    named = {chip.instance.uuid for chip in homeless}
    return [one for one in flying if {one.source, one.to} & hosts or one.instance_uuid in named]


def host_card(cloud: Cloud, hypervisor: Hypervisor, wanted: Wanted) -> HostCard:
    """One host, opened: what its card shows at once, and the rest of its instances."""
    is_dense = cloud.hypervisors.count() > MANY_HOSTS
    opened = replace(wanted, opened=frozenset({hypervisor.pk}), zone="", state="")
    own = cloud.instances.filter(host=hypervisor.host)
    return deal(own, [hypervisor], flights(cloud), opened, is_dense=is_dense).all[0]


def host_instances(cloud: Cloud, host: str) -> QuerySet[Instance]:
    trouble_first = Case(When(instance_trouble(), then=Value(0)), default=Value(1))
    return cloud.instances.filter(host=host).order_by(trouble_first, "name")
