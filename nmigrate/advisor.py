"""The ways from where an instance is to where it should go: which can be done, what each costs, which is best.

Computed from the inventory alone; what is offered here is judged again from fresh data before anything is sent.
"""

from dataclasses import dataclass, replace

from nmigrate import any_host, preflight
from nmigrate.preflight import Level, Reason, Verdict, verdict_of
from nmigrate.preflight.subjects import Subject
from nmigrate.scene import Scene
from nmigrate.sentences import join, say
from nmigrate.states import Kind
from nmigrate.ways import Way, cold, copy, evacuate, live, shelve


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: a host, a zone, or neither (Nova chooses; the instance stays in its zone if it is bound to it)."""

    host: str = ""
    zone: str = ""


def best_host(scene: Scene, zone: str) -> str:
    """The host of a zone that suits best (preflight.rank), of those that nothing speaks against, one with a warning
    only where there is no other; "" if none."""
    fitting = [
        preflight.rank(verdict, preflight.score(scene.case(Kind.SHELVE, name, zone)), name)
        for name, verdict in _judged_hosts(scene, zone).items()
        if verdict.level < Level.OURS
    ]
    return min(fitting)[2] if fitting else ""


def _judged_hosts(scene: Scene, zone: str) -> dict[str, Verdict]:
    """What speaks against each host of a zone, whatever the way there."""
    return {
        name: preflight.judge_host(scene.case(Kind.SHELVE, name, zone))
        for name, host in scene.hosts.items()
        if host.zone == zone
    }


def no_host_words(scene: Scene, zone: str) -> str:
    """Why none of its hosts can be chosen."""
    gravest = {
        name: verdict.reasons[0] for name, verdict in _judged_hosts(scene, zone).items() if verdict.reasons
    }
    return join([any_host.none_of_zone(zone), *any_host.each(gravest)])


def crosses_zones(scene: Scene, target: Target) -> bool:
    zone = target.zone or (scene.hosts[target.host].zone if target.host in scene.hosts else "")
    return bool(zone) and zone != scene.subject.zone


_ELSEWHERE = {"shelve": shelve, "copy": copy}


def ways(scene: Scene, target: Target, *, may_evacuate: bool) -> list[Way]:
    """Every way that makes sense for this target, possible or not, the recommended one marked. No queries."""
    source = scene.source
    if source is not None and not source.is_up:
        found = [evacuate(scene, target.host, target.zone, may_evacuate=may_evacuate)]
        found += _to_a_named_host(scene, target)
    elif crosses_zones(scene, target):
        found = _zone_ways(scene, target)
    else:
        found = [live(scene, target.host, ""), cold(scene, target.host, "")]
        found += _to_a_named_host(scene, target)
    if not any(way.kind is Kind.COLD and way.is_askable for way in found):
        found = [replace(way, verdict=preflight.without_cold(way.verdict)) for way in found]
    return _recommend(found, scene.subject)


def _to_a_named_host(scene: Scene, target: Target) -> list[Way]:
    """Shelving and copying: left to Nova, they might end on the host where it is already."""
    if target.host not in scene.hosts:
        return []
    zone = scene.hosts[target.host].zone
    return [make(scene, target.host, zone) for make in _ELSEWHERE.values()]


def _zone_ways(scene: Scene, target: Target) -> list[Way]:
    zone = target.zone or scene.hosts[target.host].zone
    host = target.host or best_host(scene, zone)
    is_bound = bool(scene.subject.pinned_zone)
    found = [make(scene, host, zone, changes_pin=is_bound) for make in (live, cold)]
    found += [make(scene, host, zone) for make in _ELSEWHERE.values()]
    if host:
        return found
    none = Reason(any_host.NO_HOST, Level.FORBIDDEN, no_host_words(scene, zone))
    return [replace(way, verdict=_without_host(scene, way, none)) for way in found]


def _without_host(scene: Scene, way: Way, none: Reason) -> Verdict:
    """What speaks against it wherever it leads, after what speaks against every host, once for all the ways."""
    alone = preflight.judge(scene.case(way.kind, "", way.zone, changes_pin=way.changes_pin))
    return verdict_of((none, *alone.reasons))


# -- which is best


_ORDER = ("live", "unpin-live", "cold", "unpin-cold", "shelve", "copy", "evacuate")


def _recommend(found: list[Way], subject: Subject) -> list[Way]:
    """The least harm first: live, then what keeps the instance, then the copy."""
    possible = sorted((way for way in found if way.is_possible), key=lambda way: _ORDER.index(way.key))
    if not possible:
        return found
    best = possible[0]
    name = subject.name
    lives = (
        say("{name} is paused, and only this leaves it so.", name=name)
        if subject.status == "PAUSED"
        else say("{name} runs, and only this does not interrupt it.", name=name)
    )
    returns = say("It keeps UUID, addresses and volumes, and can be taken back until it is confirmed.")
    why = {
        "live": lives,
        "unpin-live": lives,
        "cold": returns,
        "unpin-cold": returns,
        "shelve": say("It is the only way left that keeps UUID, addresses and volumes."),
        "copy": say("No other way can be done here; the original stays until a manager decides."),
        "evacuate": say("Its host is down, so nothing else can be done."),
    }[best.key]
    return [replace(way, is_recommended=True, why=why) if way is best else way for way in found]
