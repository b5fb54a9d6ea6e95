"""Emptying a host: for each of its instances one move that can be made now, and where to, with room for all of them.

Each stays in its zone, and no rule of ours is set aside: what needs that is planned by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nmigrate import any_host, preflight, selectors, ways
from nmigrate.models import Cloud, Hypervisor, Instance, Migration
from nmigrate.preflight import Case, Destination, Level, Reason, Verdict, verdict_of
from nmigrate.preflight.rules_room import needed_disk_gb, needed_memory_mb, needed_vcpus
from nmigrate.scene import Scene, by_name
from nmigrate.sentences import join, say
from nmigrate.services.requests import goes_down
from nmigrate.states import Kind
from nmigrate.ways import ONLY_OPERATORS, Way

NOTHING = Verdict()
FEW = 30
"""Of more hosts than these it is not told what speaks against each."""
LIKELY = 8
"""So many of the roomiest hosts are judged first; the others only where none of these can take an instance."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one instance: a way, or what speaks against every way; or its move that is under way."""

    instance: Instance
    way: Way | None = None
    verdict: Verdict = NOTHING
    move: Migration | None = None

    @property
    def goes_down(self) -> bool:
        return self.way is not None and goes_down(self.way.kind, runs=self.instance.status != "SHUTOFF")

    @property
    def is_harmless(self) -> bool:
        """Whether nothing stops by it, and it can be taken back or needs no way back."""
        return self.way is not None and self.way.kind is not Kind.EVACUATE and not self.goes_down


def proposals(
    cloud: Cloud, source: Hypervisor, instances: Iterable[Instance], *, may_evacuate: bool
) -> list[Proposal]:
    """For these instances of a host, in their order; nothing is sent. The number of queries is the same for one and
    for many.

    The largest choose first, and what they take is counted as taken, as is what the moves will take that wait to be
    sent: so that the whole of it can be done, not only each alone.
    """
    found = list(instances)
    uuids = [one.uuid for one in found]
    hosts = by_name(cloud.hypervisors.defer("aggregates"))
    _take_promised(cloud, hosts)
    around = selectors.around_each(cloud.name, {one.uuid: one.server_groups for one in found})
    moves = selectors.moves_of_instances(cloud.name, uuids)
    abilities = preflight.abilities(cloud)
    made: dict[str, Proposal] = {}
    for instance in sorted(found, key=lambda one: (-one.memory_mb, one.name, one.uuid)):
        if move := moves.get(instance.uuid):
            made[instance.uuid] = Proposal(instance, move=move)
            continue
        scene = Scene(instance, hosts, abilities, around[instance.uuid])
        proposal = _proposal(scene, instance, _kinds(source, instance), may_evacuate=may_evacuate)
        made[instance.uuid] = proposal
        if proposal.way:
            _take(hosts[proposal.way.host], instance)
    return [made[uuid] for uuid in uuids]


def _kinds(source: Hypervisor, instance: Instance) -> tuple[Kind, ...]:
    """The least harm first."""
    if not source.is_up:
        return (Kind.EVACUATE,)
    return (Kind.COLD,) if instance.status == "SHUTOFF" else (Kind.LIVE, Kind.COLD)


def _proposal(scene: Scene, instance: Instance, kinds: Sequence[Kind], *, may_evacuate: bool) -> Proposal:
    if kinds[0] is Kind.EVACUATE and not may_evacuate:
        return Proposal(instance, verdict=verdict_of([ONLY_OPERATORS]))
    there = [
        host for host in scene.hosts.values() if host.host != instance.host and host.zone == instance.zone
    ]
    usable = [host for host in there if host.is_up and host.is_enabled and _has_memory(host, instance)]
    usable.sort(key=lambda host: host.memory_mb_used - host.memory_mb_capacity)
    for kind in kinds:
        for some in (usable[:LIKELY], usable[LIKELY:]):
            if host := _best(scene, kind, some):
                return Proposal(instance, _way(scene, kind, host))
    return Proposal(instance, verdict=_why_not(scene, kinds, there))


def _way(scene: Scene, kind: Kind, host: str) -> Way:
    if kind is Kind.EVACUATE:
        return ways.evacuate(scene, host, "", may_evacuate=True)
    return (ways.live if kind is Kind.LIVE else ways.cold)(scene, host, "")


def _best(scene: Scene, kind: Kind, hosts: Sequence[Destination]) -> str:
    """The host that suits best of those that can be asked for, one with a warning only where there is no other; ""
    for none."""
    fitting = [
        preflight.rank(verdict, preflight.score(scene.case(kind, host.host)), host.host)
        for host, verdict in zip(hosts, preflight.judge_each(scene.case(kind), hosts), strict=True)
        if verdict.level < Level.OURS
    ]
    return min(fitting)[2] if fitting else ""


def _why_not(scene: Scene, kinds: Sequence[Kind], there: Sequence[Destination]) -> Verdict:
    """What speaks against it wherever it goes, by the kind that is nearest to being possible; else why no host of its
    zone can take it."""
    found = [preflight.judge(scene.case(kind)) for kind in kinds]
    if kinds[0] is not Kind.EVACUATE:
        # What is suspended leaves a host only so, and a manager decides on that.
        found.append(preflight.judge(scene.case(Kind.SHELVE, zone=scene.subject.zone)))
    nearest = min(found[: len(kinds)], key=lambda verdict: verdict.level)
    if nearest.level >= Level.OURS:
        return min(found, key=lambda verdict: verdict.level)
    case, told = scene.case(kinds[found.index(nearest)]), there if len(there) <= FEW else []
    verdicts = zip(told, preflight.judge_each(case, told), strict=True)
    against = {host.host: verdict.reasons[0] for host, verdict in verdicts if verdict.reasons}
    intro = any_host.none_of_zone(scene.subject.zone) if there else say("There is no other host in its zone.")
    why = join([intro, *any_host.each(against)])
    return verdict_of([Reason(any_host.NO_HOST, Level.FORBIDDEN, why, _instead(scene, case, against))])


def _instead(scene: Scene, case: Case, against: Mapping[str, Reason]) -> str:
    """As its own plan advises."""
    is_free = case.subject.pin_known and not case.subject.pinned_zone
    others = [host for host in scene.hosts.values() if host.is_up and host.zone != case.subject.zone]
    leaves = bool(others) if is_free else bool(any_host.other_zone(case, scene.hosts.values()))
    if leaves and case.kind is not Kind.EVACUATE:
        return say("Planned by itself, it may go to another zone.")
    return any_host.REVIEW_GROUP if any_host.only_groups(against) else any_host.MAKE_ROOM


# -- room


def _has_memory(host: Destination, instance: Instance) -> bool:
    """A look before the rules, since a full cloud has many full hosts. Without a capacity none is known."""
    free = host.memory_mb_capacity - host.memory_mb_used
    return host.memory_mb_capacity == 0 or free >= needed_memory_mb(instance)


def _take(host: Hypervisor, instance: Instance) -> None:
    """Count it as taken, in memory only."""
    host.memory_mb_used += needed_memory_mb(instance)
    host.vcpus_used += needed_vcpus(instance)
    host.disk_gb_used += needed_disk_gb(instance)


def _take_promised(cloud: Cloud, hosts: dict[str, Hypervisor]) -> None:
    """What moves will take that wait to be sent to a named host: placement does not know of them yet."""
    asked = dict(selectors.unsent_moves(cloud.name))
    for instance in cloud.instances.filter(uuid__in=asked):
        if host := hosts.get(asked[instance.uuid]):
            _take(host, instance)
