"""Each way from one place to another as a person sees it: what happens, what it costs, and what speaks against it."""

from dataclasses import dataclass

from nmigrate import preflight
from nmigrate.models import Hypervisor, Instance
from nmigrate.preflight import ZONE_MICROVERSION, Abilities
from nmigrate.states import Kind

GOOD, FAIR, BAD = "good", "fair", "bad"


@dataclass(frozen=True, slots=True)
class Cost:
    """One thing that a way costs or keeps: `tone` is good, fair or bad."""

    name: str
    text: str
    tone: str = GOOD


@dataclass(frozen=True, slots=True)
class Way:
    """One way to get there; it can be done when `objections` is empty. `host` "": Nova chooses it."""

    key: str
    kind: Kind
    name: str
    summary: str
    host: str = ""
    zone: str = ""
    changes_pin: bool = False
    objections: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()
    is_recommended: bool = False
    why: str = ""
    """Why it is recommended."""

    @property
    def is_possible(self) -> bool:
        return not self.objections


_ADDRESSES = Cost("Addresses", "stay")
_UUID = Cost("UUID", "stays")


def _objections(
    instance: Instance,
    kind: Kind,
    host: str,
    zone: str,
    hosts: list[Hypervisor],
    source: Hypervisor | None,
    abilities: Abilities,
    changes_pin: bool = False,
) -> tuple[str, ...]:
    named = next((one for one in hosts if one.host == host), None)
    found = preflight.objections(
        instance,
        kind=kind,
        host=named,
        source=source,
        zone=zone,
        changes_pin=changes_pin,
        abilities=abilities,
    )
    return tuple(dict.fromkeys(found))


def _firmware(instance: Instance) -> Cost:
    """Shelving and copying lose NVRAM and a vTPM (nova-specs 2026.2 unpin-az); the flavor says whether it has one."""
    specs = instance.extra_specs
    if "hw:tpm_version" in specs or "hw:tpm_model" in specs:
        return Cost("Firmware", "its vTPM and its firmware settings are lost", BAD)
    return Cost("Firmware", "settings of UEFI (NVRAM) are lost, where it has any", FAIR)


def _runs(instance: Instance) -> bool:
    return instance.status != "SHUTOFF"


def _volumes(instance: Instance) -> Cost:
    count = len(instance.volumes)
    return Cost("Volumes", f"{'all ' if count > 1 else ''}{count} stay attached" if count else "it has none")


def _pin_note(changes_pin: bool) -> str:
    return ", and bound to the new zone afterwards" if changes_pin else ""


def _zone_warnings(instance: Instance, host: str, zone: str, abilities: Abilities) -> tuple[str, ...]:
    if not zone and not host and instance.pin_known and not instance.pinned_zone:
        return (f"It is bound to no zone, so Nova may choose a host outside {instance.zone}.",)
    if not zone or instance.pin_known:
        return ()
    sentence = (
        f"This cloud does not tell whether it is bound to its zone (that needs microversion "
        f"{ZONE_MICROVERSION['see']}; it is used with {abilities.nova_used}). If it is, Nova refuses this move "
        "and nothing happens."
    )
    return (sentence,)


def live(
    instance: Instance,
    host: str,
    zone: str,
    hosts: list[Hypervisor],
    source: Hypervisor | None,
    abilities: Abilities,
    *,
    changes_pin: bool = False,
) -> Way:
    disk = (
        "its disk is on a volume, which both hosts reach"
        if preflight.starts_from_volume(instance)
        else "its disk is copied meanwhile, unless the hosts share it"
    )
    return Way(
        key="unpin-live" if changes_pin else "live",
        kind=Kind.LIVE,
        name="Free it from its zone, move it live, bind it again" if changes_pin else "Live",
        summary=f"It goes on running{_pin_note(changes_pin)}; {disk}.",
        host=host,
        zone=zone,
        changes_pin=changes_pin,
        objections=_objections(instance, Kind.LIVE, host, zone, hosts, source, abilities, changes_pin),
        warnings=_zone_warnings(instance, host, zone, abilities),
        costs=(
            Cost("Downtime", "none; a pause of well under a second"),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            Cost("Firmware", "stays as it is"),
            Cost("Room", "taken on both hosts until it is done", FAIR),
            Cost("Decision", "none needed"),
        ),
    )


def cold(
    instance: Instance,
    host: str,
    zone: str,
    hosts: list[Hypervisor],
    source: Hypervisor | None,
    abilities: Abilities,
    *,
    changes_pin: bool = False,
) -> Way:
    runs = _runs(instance)
    down = "it is shut down and started again" if runs else "it stays stopped"
    return Way(
        key="unpin-cold" if changes_pin else "cold",
        kind=Kind.COLD,
        name="Free it from its zone, move it cold, bind it again" if changes_pin else "Cold",
        summary=f"{down[:1].upper()}{down[1:]}; a manager confirms or rejects it at the end.",
        host=host,
        zone=zone,
        changes_pin=changes_pin,
        objections=_objections(instance, Kind.COLD, host, zone, hosts, source, abilities, changes_pin),
        warnings=_zone_warnings(instance, host, zone, abilities),
        costs=(
            Cost("Downtime", "usually a minute or two", BAD)
            if runs
            else Cost("Downtime", "none: it is stopped"),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            Cost("Firmware", "stays as it is"),
            Cost("Room", "taken on both hosts until the decision", FAIR),
            Cost("Decision", "a manager's, at the end", FAIR),
        ),
    )


def shelve(
    instance: Instance,
    host: str,
    zone: str,
    hosts: list[Hypervisor],
    source: Hypervisor | None,
    abilities: Abilities,
) -> Way:
    runs = _runs(instance)
    objections = _objections(instance, Kind.SHELVE, host, zone, hosts, source, abilities)
    is_free = instance.pin_known and not instance.pinned_zone and host
    return Way(
        key="shelve",
        kind=Kind.SHELVE,
        name="Shelve it here, unshelve it there",
        summary="It is shut down and stored, and started again in the other zone"
        + ("." if is_free else ", to which it is bound then."),
        host=host,
        zone=zone,
        objections=objections,
        costs=(
            Cost("Downtime", "some minutes, longer with a large disk", BAD)
            if runs
            else Cost("Downtime", "none: it is stopped; it is started for a moment", FAIR),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            _firmware(instance),
            Cost("Room", "none meanwhile: if the other zone is full, it comes up in neither", FAIR),
            Cost("Decision", "none needed"),
        ),
    )


def copy(
    instance: Instance,
    host: str,
    zone: str,
    hosts: list[Hypervisor],
    source: Hypervisor | None,
    abilities: Abilities,
) -> Way:
    objections = list(_objections(instance, Kind.COPY, host, zone, hosts, source, abilities))
    affine = [group["name"] for group in instance.server_groups if group.get("policy") == "affinity"]
    if affine:
        objections.append(
            f"Its server group {affine[0]} keeps its members on one host, so that a copy cannot be elsewhere."
        )
    count = len(instance.volumes)
    return Way(
        key="copy",
        kind=Kind.COPY,
        name="Snapshot it, boot a copy there",
        summary="It is stopped, and a copy of it is booted in the other zone. A manager keeps the copy or drops it.",
        host=host,
        zone=zone,
        objections=tuple(objections),
        costs=(
            Cost("Downtime", "some minutes", BAD)
            if _runs(instance)
            else Cost("Downtime", "none: it is stopped; the copy is started", FAIR),
            Cost("UUID", "a new one", BAD),
            Cost("Addresses", "new ones; the old ones only once the original is deleted", BAD),
            Cost("Volumes", f"{count} do not follow" if count > 1 else "its volume does not follow", BAD)
            if count
            else Cost("Volumes", "it has none"),
            _firmware(instance),
            Cost("Room", "taken twice until the decision", FAIR),
            Cost("Owner", "the copy belongs to nmigrate's account, in the same project", FAIR),
            Cost("Decision", "a manager's, at the end", FAIR),
        ),
    )


def evacuate(
    instance: Instance,
    host: str,
    zone: str,
    hosts: list[Hypervisor],
    source: Hypervisor,
    *,
    may_evacuate: bool,
) -> Way:
    none = Abilities(instance.cloud_id, "")
    objections = list(_objections(instance, Kind.EVACUATE, host, "", hosts, source, none))
    if zone and zone != instance.zone and not host:
        objections.append("Nova takes no zone for an evacuation. Choose a host, or let the scheduler choose.")
    if not may_evacuate:
        objections.append(
            "Only an operator may evacuate: first it must be certain that the host is really off."
        )
    return Way(
        key="evacuate",
        kind=Kind.EVACUATE,
        name="Evacuate",
        summary=f"{instance.host} is down: the instance is built anew on another host"
        + (", from its volume." if preflight.starts_from_volume(instance) else "."),
        host=host,
        objections=tuple(objections),
        warnings=(f"Be certain that {instance.host} is off: two guests on one disk would destroy it.",),
        costs=(
            Cost("Downtime", "it is down already; stopped afterwards, until somebody starts it", BAD),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            Cost("Disk", "on a volume, nothing is lost")
            if preflight.starts_from_volume(instance)
            else Cost(
                "Disk", "back to its image, unless the hosts share the disk: what was written is lost", BAD
            ),
            Cost("Decision", "none; there is no way back", BAD),
        ),
    )
