"""The plan of a move: where it may go, and which ways lead there, side by side, as the page shows them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User

from nmigrate import advisor, any_host, destinations, preflight, ways
from nmigrate.advisor import Target
from nmigrate.destinations import Best, Matrix
from nmigrate.errors import Conflict
from nmigrate.models import Cloud, Hypervisor, Instance, Migration
from nmigrate.preflight import Level
from nmigrate.scene import Scene, scene_of
from nmigrate.sentences import say
from nmigrate.services.requests import needs_approval_of
from nmigrate.states import KIND_LABELS, Kind, Perm
from nmigrate.ways import Cost, Way
from webui import ask_words, outlook, words

FEW_HOSTS = 24
"""Up to so many hosts every zone lies open on the page."""
FIRST_HOSTS = 12
"""So many hosts of a zone are shown at once; the others lie folded below them."""
COSTS = (
    *(ways.DOWNTIME, ways.UUID, ways.ADDRESSES, ways.VOLUMES, ways.DISK),
    *(ways.FIRMWARE, ways.ROOM, ways.OWNER, ways.DECISION),
)
"""The order in which costs are compared; a name that is not here comes last."""
EXPLAINED = {
    ways.UUID: "uuid",
    ways.VOLUMES: "volume",
    ways.DISK: "local-disk",
    ways.FIRMWARE: "firmware",
    ways.ROOM: "room",
    ways.OWNER: "owner",
}
"""Which word of the glossary tells what a cost is about."""
TONES = {ways.GOOD: words.OK, ways.FAIR: words.WARN, ways.BAD: words.BAD}


@dataclass(frozen=True, slots=True)
class HostChoice:
    """One host that a person may choose, with what to know before; or why they may not."""

    host: Hypervisor
    level: Level
    """How little speaks against the way that leads there most easily."""
    objections: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()
    """What only a manager may set aside."""

    @property
    def value(self) -> str:
        return f"host:{self.host.host}"

    @property
    def is_good(self) -> bool:
        return self.level < Level.OURS

    @property
    def is_closed(self) -> bool:
        """Whether no way leads there, not even one that a manager may allow."""
        return self.level is Level.FORBIDDEN

    @property
    def memory_free(self) -> int:
        """MiB; much of it in whole GiB as the score tells what would stay free, down, so that no more is promised."""
        free = max(self.host.memory_mb_capacity - self.host.memory_mb_used, 0)
        return free if free < 10 * 1024 else free // 1024 * 1024

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
    objection: str = ""
    """Why the zone itself cannot be chosen: none of its hosts can take it."""
    leads: bool = False
    """Whether a host would be chosen there, and a way leads to it."""
    is_rest_open: bool = False

    @property
    def value(self) -> str:
        return f"zone:{self.name}"

    @property
    def good(self) -> int:
        return sum(one.is_good for one in self.hosts)

    @property
    def askable(self) -> int:
        return sum(one.level is Level.OURS for one in self.hosts)

    @property
    def first(self) -> list[HostChoice]:
        return self.hosts[:FIRST_HOSTS]

    @property
    def rest(self) -> list[HostChoice]:
        return self.hosts[FIRST_HOSTS:]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison: what a way costs under this name. A way that says nothing of it changes nothing."""

    name: str
    text: str = say("as it is")
    tone: str = words.OK


@dataclass(frozen=True, slots=True)
class WayCard:
    """One way with everything the page says of it."""

    way: Way
    rows: list[Row]
    objections: list[str]
    warnings: list[str]
    """Of both, what is not said once for all the ways, or where the destination is chosen."""
    set_aside: list[str]
    """Rules of our own that a manager would set aside, as the form names them."""
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
    """What speaks against every way, whether none can be asked for or a manager may allow each."""
    shared_warnings: list[str]
    """What to know before of every way that can be asked for."""
    chosen: str
    best: Best | None = None
    """The destination that suits best, of all of them."""
    scheduler_objection: str = ""
    """Why the scheduler cannot choose: mostly, that no host that it may take can take the instance."""
    scheduler_warning: str = ""
    """That it may choose a host of another zone."""
    leads_somewhere: bool = True
    """Whether a way can be asked for at all, to any host or none."""

    @property
    def value(self) -> str:
        """What the chosen destination is called in the form."""
        if self.target.host:
            return f"host:{self.target.host}"
        return f"zone:{self.target.zone}" if self.target.zone else ""

    @property
    def is_best_chosen(self) -> bool:
        return self.best is not None and self.target.host == self.best.host.host

    @property
    def may_ask(self) -> bool:
        return any(card.way.is_askable for card in self.cards)

    @property
    def needs_permission(self) -> bool:
        """Whether every way that can be asked for needs a manager who sets a rule aside."""
        askable = [card.way for card in self.cards if card.way.is_askable]
        return bool(askable) and all(way.needs_permission for way in askable)

    @property
    def words(self) -> list[str]:
        """What the ways and the things that are compared are called in the glossary, each once."""
        named = {name for card in self.cards for row in card.rows if (name := row.name) in EXPLAINED}
        kinds = dict.fromkeys(card.way.kind.value for card in self.cards)
        return [*kinds, *(term for name, term in EXPLAINED.items() if name in named)]

    @property
    def kinds(self) -> set[str]:
        """The kinds of move that can be chosen: which options the page must offer."""
        return {card.way.kind.value for card in self.cards if card.way.is_askable}


def target_of(data: Mapping[str, Any]) -> Target:
    """Where to: "to" is what the page's form says; host and zone are what a link says."""
    to = str(data.get("to") or "").replace("\0", "")
    host, zone = (str(data.get(name) or "").replace("\0", "").strip() for name in ("host", "zone"))
    if "to" in data:
        kind, _, name = to.partition(":")
        host, zone = (name if kind == "host" else "", name if kind == "zone" else "")
    return Target(host=host, zone="" if host else zone)


def plan(
    user: User,
    cloud: Cloud,
    instance: Instance,
    target: Target,
    wanted: str = "",
) -> Plan:
    """`wanted`: the way that was chosen before, if it still leads there."""
    hosts = list(cloud.hypervisors.defer("aggregates"))
    scene = scene_of(instance, hosts)
    may_evacuate = user.has_perm(Perm.EVACUATE)
    judged = destinations.matrix(scene, may_evacuate=may_evacuate)
    zones = _zones(scene, hosts, target, judged)
    ways = advisor.ways(scene, target, may_evacuate=may_evacuate)
    anywhere = ways if target == Target() else advisor.ways(scene, Target(), may_evacuate=may_evacuate)
    shared = shared_objections(ways)
    scheduler_warning = _scheduler_warning(anywhere)
    # Said where the destination is chosen, and so of none of the ways there.
    is_told = {scheduler_warning} if target == Target() else set()
    warned = [text for text in shared_warnings(ways) if text not in is_told]
    names = _cost_names(ways)
    askable = [way.key for way in ways if way.is_askable]
    best = next((way.key for way in ways if way.is_recommended), "")
    return Plan(
        target=target,
        zones=zones,
        cards=[_card(way, names, {*shared, *warned, *is_told}, instance) for way in ways],
        shared_objections=shared,
        shared_warnings=warned,
        chosen=wanted if wanted in askable else best or next(iter(askable), ""),
        best=judged.best,
        scheduler_objection=_scheduler_objection(anywhere),
        leads_somewhere=any(way.is_askable for way in anywhere) or judged.least < Level.FORBIDDEN,
        scheduler_warning=scheduler_warning,
    )


def way_to(user: User, instance: Instance, target: Target, key: str) -> Way:
    """The way of this name. Conflict when it does not lead there, with the reason where there is one."""
    ways = advisor.ways(scene_of(instance), target, may_evacuate=user.has_perm(Perm.EVACUATE))
    way = next((way for way in ways if way.key == key), None)
    if way is None:
        raise Conflict(say("This way does not lead there. Choose one of the ways below."))
    if not way.is_askable:
        raise Conflict(way.objections[0])
    return way


def card_of(user: User, instance: Instance, migration: Migration) -> tuple[WayCard | None, Way | None]:
    """The way that was asked for, as it looks now, None when none such leads there any more; and the way without
    downtime, where that can be asked for."""
    target = Target(host=migration.asked_host, zone="" if migration.asked_host else migration.asked_zone)
    scene = scene_of(instance, ignoring=migration)
    found = advisor.ways(scene, target, may_evacuate=user.has_perm(Perm.EVACUATE))
    wanted = (migration.kind, migration.changes_pin)
    way = next((way for way in found if (way.kind, way.changes_pin) == wanted), None)
    live = next((way for way in found if way.kind is Kind.LIVE and way.is_askable), None)
    if way is None:
        return None, live
    # Beside no other it tells what it costs itself.
    names = _in_order([*(cost.name for cost in way.costs), ways.DECISION])
    return _card(way, names, (), instance), live


def check_target(cloud: Cloud, target: Target) -> None:
    """Conflict when the cloud has no such host or zone."""
    if target.host and not cloud.hypervisors.filter(host=target.host).exists():
        raise Conflict(
            say(
                "There is no host {host} in {cloud}. Choose one from the list.",
                host=target.host,
                cloud=cloud.name,
            )
        )
    if target.zone and not cloud.hypervisors.filter(zone=target.zone).exists():
        raise Conflict(
            say(
                "There is no zone {zone} in {cloud}. Choose one from the list.",
                zone=target.zone,
                cloud=cloud.name,
            )
        )


def _zones(scene: Scene, hosts: list[Hypervisor], target: Target, judged: Matrix) -> list[ZoneChoice]:
    """Its own zone first; in each what suits best first, those that cannot be chosen last."""
    instance, source = scene.subject, scene.source
    kind = Kind.EVACUATE if source is not None and not source.is_up else Kind.SHELVE
    usual = kind if kind is Kind.EVACUATE else Kind.COLD if instance.status == "SHUTOFF" else Kind.LIVE
    warnings = _warnings(judged, usual)
    rows = {row.host.host: row for row in judged.rows}
    found: dict[str, ZoneChoice] = {}
    for host in hosts:
        zone = found.setdefault(host.zone, ZoneChoice(host.zone, is_own=host.zone == instance.zone))
        zone.is_open |= zone.is_own or len(hosts) <= FEW_HOSTS or target.host == host.host
        if row := rows.get(host.host):
            # What no way could change: another zone alone is no objection here, since some ways lead there.
            by_kind = next(cell.verdict for cell in row.cells if cell.kind is kind)
            found_there = (
                preflight.of_host(by_kind)
                if by_kind.level
                < Level.FORBIDDEN  # otherwise it may be forbidden everywhere, and no host looked at
                else preflight.judge_host(scene.case(kind, host.host, host.zone))
            )
            own = destinations.own_reason(row, usual)
            zone.leads |= row.level < Level.FORBIDDEN and found_there.level < Level.OURS
            zone.hosts.append(
                HostChoice(
                    host,
                    row.level,
                    found_there.texts(Level.FORBIDDEN) or ((own,) if own else ()),
                    warnings.get(host.host, ()),
                    found_there.texts(Level.OURS),
                )
            )
    for zone in found.values():
        zone.is_open |= target.zone == zone.name
        if not zone.is_own and not zone.leads:
            zone.objection = advisor.no_host_words(scene, zone.name)
        zone.hosts.sort(
            key=lambda one: (one.is_closed, not one.is_good, -rows[one.host.host].score.points, one.host.host)
        )
        zone.is_rest_open = any(one.host.host == target.host for one in zone.rest)
    return sorted(found.values(), key=lambda zone: (not zone.is_own, zone.name))


_OF_THE_HOST = ("hypervisor_version", "hypervisor_type")
"""Rules for which a host is impossible by one kind of move, and possible by others."""
_TOLD_BY_THE_WAYS = ("zone_changed", "live_queue")


def _warnings(judged: Matrix, kind: Kind) -> dict[str, tuple[str, ...]]:
    """What to know of each host before it is moved there in the usual way, and whether that way leads there."""
    return {
        row.host.host: tuple(
            reason.text
            if reason.level is Level.AMBER
            else say("Not by {kind}. {why}", kind=KIND_LABELS[kind], why=reason.text)
            for cell in row.cells
            if cell.kind is kind
            for reason in cell.own
            if (reason.level is Level.AMBER and reason.rule not in _TOLD_BY_THE_WAYS)
            or (reason.level is Level.FORBIDDEN and reason.rule in _OF_THE_HOST)
        )
        for row in judged.rows
    }


def shared_objections(ways: list[Way]) -> list[str]:
    """What speaks against every way, so that it is said once. A way that is not for what is stopped, or for what runs,
    says only that, and does not count where there are others."""
    if not ways or any(way.is_possible for way in ways):
        return []
    fitting = _fitting(ways)
    return [text for text in fitting[0].objections if all(text in way.objections for way in fitting)]


def shared_warnings(ways: list[Way]) -> list[str]:
    """What to know before of every way that can be asked for, where there are several, so that it is said once."""
    first, *others = [way.warnings for way in ways if way.is_askable] or [()]
    return [text for text in first if all(text in other for other in others)] if others else []


def _fitting(ways: list[Way]) -> list[Way]:
    """Those that are for what is in its state; all of them where none is."""
    return [way for way in ways if not any(reason.rule == "state" for reason in way.verdict.reasons)] or ways


def _scheduler_warning(ways: list[Way]) -> str:
    reasons = (reason for way in ways for reason in way.verdict.reasons)
    return next((reason.text for reason in reasons if reason.rule == any_host.MAY_LEAVE), "")


def _scheduler_objection(ways: list[Way]) -> str:
    """`ways`: those for which no host and no zone is chosen."""
    if any(way.is_askable for way in ways):
        return ""
    reasons = [reason for way in _fitting(ways) for reason in way.verdict.reasons]
    return next((one.text for one in reasons if one.rule in any_host.NO_HOST_RULES), reasons[0].text)


def _cost_names(ways: Iterable[Way]) -> list[str]:
    return _in_order(cost.name for way in ways for cost in way.costs)


def _in_order(names: Iterable[str]) -> list[str]:
    """Each once, as the comparison has them."""
    return sorted(dict.fromkeys(names), key=lambda name: COSTS.index(name) if name in COSTS else len(COSTS))


def _card(way: Way, names: list[str], told: Collection[str], instance: Instance) -> WayCard:
    costs: dict[str, Cost] = {cost.name: cost for cost in way.costs}
    must_ask = way.needs_permission or needs_approval_of(way.kind, runs=instance.status != "SHUTOFF")
    if must_ask:
        costs[ways.DECISION] = _asked_first(way)
    return WayCard(
        way=way,
        rows=[
            Row(name, costs[name].text, TONES[costs[name].tone]) if name in costs else Row(name)
            for name in names
        ],
        objections=[text for text in way.objections if text not in told],
        warnings=[text for text in way.warnings if text not in told],
        set_aside=[f"{way.key}:{rule}" for rule in way.verdict.overridable] if way.needs_permission else [],
        needs_approval=must_ask,
        steps=outlook.steps(way, instance, must_ask=must_ask),
        ask=ask_words.of(way, must_ask=must_ask),
    )


def _asked_first(way: Way) -> Cost:
    """Who decides about a move that does not start before somebody has allowed it."""
    at_end = way.kind in (Kind.COLD, Kind.COPY)
    text = (
        say("a manager's, before the start and at the end")
        if at_end
        else say("a manager's, before the start")
    )
    return Cost(ways.DECISION, text, ways.FAIR)
