"""The plan of a move: where it may go, and which ways lead there, side by side, as the page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from nmigrate import advisor, preflight, ways
from nmigrate.advisor import Target
from nmigrate.errors import Conflict
from nmigrate.models import Cloud, Hypervisor, Instance, Migration
from nmigrate.services.requests import needs_approval_of
from nmigrate.states import Kind, Perm
from nmigrate.ways import Cost, Way
from webui import outlook, words

FEW_HOSTS = 24
"""Up to so many hosts every zone lies open on the page."""
COSTS = ("Downtime", "UUID", "Addresses", "Volumes", "Disk", "Firmware", "Room", "Owner", "Decision")
"""The order in which costs are compared; a name that is not here comes last."""
TONES = {ways.GOOD: words.OK, ways.FAIR: words.WARN, ways.BAD: words.BAD}


@dataclass(frozen=True, slots=True)
class HostChoice:
    """One host that a person may choose, or why they may not."""

    host: Hypervisor
    objections: list[str]

    @property
    def value(self) -> str:
        return f"host:{self.host.host}"

    @property
    def is_good(self) -> bool:
        return not self.objections

    @property
    def memory_free(self) -> int:
        return max(self.host.memory_mb_capacity - self.host.memory_mb_used, 0)

    @property
    def disk_free(self) -> int:
        return max(self.host.disk_gb_capacity - self.host.disk_gb_used, 0)

    @property
    def vcpus_free(self) -> int:
        return max(self.host.vcpus_capacity - self.host.vcpus_used, 0)


@dataclass(slots=True)
class ZoneChoice:
    """One zone with its hosts; another zone than the instance's can itself be chosen."""

    name: str
    is_own: bool
    is_open: bool = False
    hosts: list[HostChoice] = field(default_factory=list)

    @property
    def value(self) -> str:
        return f"zone:{self.name}"

    @property
    def good(self) -> int:
        return sum(one.is_good for one in self.hosts)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison: what a way costs under this name. A way that says nothing of it changes nothing."""

    name: str
    text: str = "as it is"
    tone: str = words.OK


@dataclass(frozen=True, slots=True)
class WayCard:
    """One way with everything the page says of it."""

    way: Way
    rows: list[Row]
    objections: list[str]
    needs_approval: bool
    steps: list[str]
    ask: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole page, for one instance and one destination."""

    target: Target
    zones: list[ZoneChoice]
    cards: list[WayCard]
    shared_objections: list[str]
    chosen: str

    @property
    def value(self) -> str:
        """What the chosen destination is called in the form."""
        if self.target.host:
            return f"host:{self.target.host}"
        return f"zone:{self.target.zone}" if self.target.zone else ""

    @property
    def may_ask(self) -> bool:
        return any(card.way.is_possible for card in self.cards)

    @property
    def kinds(self) -> set[str]:
        """The kinds of move that can be chosen: which options the page must offer."""
        return {card.way.kind.value for card in self.cards if card.way.is_possible}

    def way(self, key: str) -> Way:
        """The way of this name. Conflict when it does not lead there, with the reason where there is one."""
        card = next((card for card in self.cards if card.way.key == key), None)
        if card is None:
            raise Conflict("This way does not lead there. Choose one of the ways below.")
        if card.way.objections:
            raise Conflict(card.way.objections[0])
        return card.way


def target_of(data: Mapping[str, Any]) -> Target:
    """Where to: "to" is what the page's form says; host and zone are what a link says."""
    to = str(data.get("to") or "").replace("\0", "")
    host, zone = (str(data.get(name) or "").replace("\0", "").strip() for name in ("host", "zone"))
    if "to" in data:
        kind, _, name = to.partition(":")
        host, zone = (name if kind == "host" else "", name if kind == "zone" else "")
    return Target(host=host, zone="" if host else zone)


def plan(user: User, cloud: Cloud, instance: Instance, target: Target, wanted: str = "") -> Plan:
    """`wanted`: the way that was chosen before, if it still leads there. Conflict for an unknown destination."""
    hosts = list(cloud.hypervisors.defer("inventories", "aggregates"))
    zones = _zones(instance, hosts, target)
    ways = advisor.ways(
        instance,
        target,
        hosts,
        preflight.abilities(cloud),
        may_evacuate=user.has_perm(Perm.EVACUATE),
    )
    shared = shared_objections(ways)
    names = _cost_names(ways)
    possible = [way.key for way in ways if way.is_possible]
    best = next((way.key for way in ways if way.is_recommended), "")
    return Plan(
        target=target,
        zones=zones,
        cards=[_card(way, names, shared, instance) for way in ways],
        shared_objections=shared,
        chosen=wanted if wanted in possible else best,
    )


def card_of(user: User, cloud: Cloud, instance: Instance, migration: Migration) -> WayCard | None:
    """The way that was asked for, as it looks now; None when none such leads there any more."""
    target = Target(host=migration.asked_host, zone="" if migration.asked_host else migration.asked_zone)
    cards = plan(user, cloud, instance, target).cards
    wanted = (migration.kind, migration.changes_pin)
    return next((card for card in cards if (card.way.kind, card.way.changes_pin) == wanted), None)


def check_target(cloud: Cloud, target: Target) -> None:
    """Conflict when the cloud has no such host or zone."""
    if target.host and not cloud.hypervisors.filter(host=target.host).exists():
        raise Conflict(f"There is no host {target.host} in {cloud.name}. Choose one from the list.")
    if target.zone and not cloud.hypervisors.filter(zone=target.zone).exists():
        raise Conflict(f"There is no zone {target.zone} in {cloud.name}. Choose one from the list.")


def _zones(instance: Instance, hosts: list[Hypervisor], target: Target) -> list[ZoneChoice]:
    """Its own zone first; in each the hosts with most room first, those that cannot be chosen last."""
    source = next((host for host in hosts if host.host == instance.host), None)
    kind = Kind.EVACUATE if source is not None and not source.is_up else Kind.SHELVE
    found: dict[str, ZoneChoice] = {}
    for host in hosts:
        zone = found.setdefault(host.zone, ZoneChoice(host.zone, is_own=host.zone == instance.zone))
        zone.is_open |= zone.is_own or len(hosts) <= FEW_HOSTS or target.host == host.host
        if host.host != instance.host:
            # What no way could change: another zone alone is no objection here, since some ways lead there.
            objections = preflight.destination_objections(instance, host, kind=kind, zone=host.zone)
            zone.hosts.append(HostChoice(host, objections))
    for zone in found.values():
        zone.is_open |= target.zone == zone.name
        zone.hosts.sort(key=lambda one: (bool(one.objections), -one.memory_free))
    return sorted(found.values(), key=lambda zone: (not zone.is_own, zone.name))


def shared_objections(ways: list[Way]) -> list[str]:
    """What speaks against every way, so that it is said once."""
    if not ways or any(way.is_possible for way in ways):
        return []
    return [text for text in ways[0].objections if all(text in way.objections for way in ways)]


def _cost_names(ways: Iterable[Way]) -> list[str]:
    names = dict.fromkeys(cost.name for way in ways for cost in way.costs)
    return sorted(names, key=lambda name: COSTS.index(name) if name in COSTS else len(COSTS))


def _card(way: Way, names: list[str], shared: list[str], instance: Instance) -> WayCard:
    costs: dict[str, Cost] = {cost.name: cost for cost in way.costs}
    must_ask = needs_approval_of(way.kind, runs=instance.status != "SHUTOFF")
    return WayCard(
        way=way,
        rows=[
            Row(name, costs[name].text, TONES[costs[name].tone]) if name in costs else Row(name)
            for name in names
        ],
        objections=[text for text in way.objections if text not in shared],
        needs_approval=must_ask,
        steps=outlook.steps(way, instance, must_ask=must_ask),
        ask=_ask(way, must_ask),
    )


_VERBS = {
    Kind.COLD: ("move it", " to "),
    Kind.LIVE: ("move it live", " to "),
    Kind.SHELVE: ("shelve it", " and bring it up on "),
    Kind.COPY: ("copy it", " to "),
    Kind.EVACUATE: ("evacuate it", " to "),
}


def _ask(way: Way, must_ask: bool) -> str:
    """The words on the button: what is asked for, and where to."""
    verb, to = _VERBS[way.kind]
    where = way.host or way.zone
    return f"Ask to {verb}{to if where else ''}{where}" + (" (needs approval)" if must_ask else "")
