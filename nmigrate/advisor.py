"""The ways from where an instance is to where it should go: which can be done, what each costs, which is best.

Computed from the inventory alone; what is offered here is judged again from fresh data before anything is sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nmigrate import preflight
from nmigrate.models import Hypervisor, Instance
from nmigrate.preflight import Abilities
from nmigrate.states import Kind
from nmigrate.ways import Way, cold, copy, evacuate, live, shelve


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: a host, a zone, or neither (Nova chooses; the instance stays in its zone if it is bound to it)."""

    host: str = ""
    zone: str = ""


def best_host(instance: Instance, zone: str) -> str:
    """The host of a zone that suits best (preflight.score), of those that nothing speaks against; "" if none."""
    hosts = list(Hypervisor.objects.filter(cloud=instance.cloud_id, zone__in=(zone, instance.zone)))
    source = next((host for host in hosts if host.host == instance.host), None)
    fitting = [
        host
        for host in hosts
        if host.zone == zone
        and not preflight.destination_objections(instance, host, kind=Kind.SHELVE, zone=zone)
    ]

    def points(host: Hypervisor) -> int:
        return preflight.score(preflight.Case(instance, host=host, source=source)).points

    return max(fitting, key=points).host if fitting else ""


def crosses_zones(instance: Instance, target: Target, hosts: Iterable[Hypervisor]) -> bool:
    zone = target.zone or next((host.zone for host in hosts if host.host == target.host), "")
    return bool(zone) and zone != instance.zone


def ways(
    instance: Instance, target: Target, hosts: list[Hypervisor], abilities: Abilities, *, may_evacuate: bool
) -> list[Way]:
    """Every way that makes sense for this target, possible or not, the recommended one marked. No queries but
    one for the best host of a zone."""
    source = next((host for host in hosts if host.host == instance.host), None)
    if source is not None and not source.is_up:
        found = [evacuate(instance, target.host, target.zone, hosts, source, may_evacuate=may_evacuate)]
    elif crosses_zones(instance, target, hosts):
        found = _zone_ways(instance, target, hosts, source, abilities)
    else:
        found = [
            live(instance, target.host, "", hosts, source, abilities),
            cold(instance, target.host, "", hosts, source, abilities),
        ]
    return _recommend(found, instance)


def _zone_ways(
    instance: Instance,
    target: Target,
    hosts: list[Hypervisor],
    source: Hypervisor | None,
    abilities: Abilities,
) -> list[Way]:
    zone = target.zone or next(host.zone for host in hosts if host.host == target.host)
    host = target.host or best_host(instance, zone)
    no_host = () if host else (f"No host of zone {zone} is up, in service and has room for it.",)
    found = []
    for make in (live, cold):
        plain = make(instance, host, zone, hosts, source, abilities)
        if instance.pinned_zone:
            unpinned = make(instance, host, zone, hosts, source, abilities, changes_pin=True)
            found.append(_also(unpinned, no_host))
        else:
            found.append(_also(plain, no_host))
    found += [_also(make(instance, host, zone, hosts, source, abilities), no_host) for make in (shelve, copy)]
    return found


def _also(way: Way, objections: tuple[str, ...]) -> Way:
    return replace(way, objections=objections + way.objections) if objections else way


# -- which is best


_ORDER = ("live", "unpin-live", "cold", "unpin-cold", "shelve", "copy", "evacuate")


def _recommend(found: list[Way], instance: Instance) -> list[Way]:
    """The least harm first: live, then what keeps the instance, then the copy."""
    possible = sorted((way for way in found if way.is_possible), key=lambda way: _ORDER.index(way.key))
    if not possible:
        return found
    best = possible[0]
    lives = f"{instance.name} runs, and only this does not interrupt it."
    returns = "It keeps UUID, addresses and volumes, and can be taken back until it is confirmed."
    why = {
        "live": lives,
        "unpin-live": lives,
        "cold": returns,
        "unpin-cold": returns,
        "shelve": "It is the only way left that keeps UUID, addresses and volumes.",
        "copy": "No other way can be done here; the original stays until a manager decides.",
        "evacuate": "Its host is down, so nothing else can be done.",
    }[best.key]
    return [replace(way, is_recommended=True, why=why) if way is best else way for way in found]
