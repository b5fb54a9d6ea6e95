"""Each way from one place to another as a person sees it: what happens, what it costs, and what speaks against it."""

from dataclasses import dataclass, field

from nmigrate import preflight
from nmigrate.preflight import ZONE_MICROVERSION, Abilities, Level, Reason, Subject, Verdict
from nmigrate.scene import Scene
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
    """One way to get there, as good as its verdict. `host` "": Nova chooses it."""

    key: str
    kind: Kind
    name: str
    summary: str
    host: str = ""
    zone: str = ""
    changes_pin: bool = False
    verdict: Verdict = field(default_factory=Verdict)
    notes: tuple[str, ...] = ()
    """What else to know of it, whatever the verdict."""
    costs: tuple[Cost, ...] = ()
    is_recommended: bool = False
    why: str = ""
    """Why it is recommended."""

    @property
    def objections(self) -> tuple[str, ...]:
        return self.verdict.objections

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self.notes, *self.verdict.warnings)

    @property
    def is_possible(self) -> bool:
        return self.verdict.level < Level.OURS

    @property
    def needs_permission(self) -> bool:
        """Nova would do it; only a rule of our own speaks against it, which a manager may set aside."""
        return self.verdict.level is Level.OURS

    @property
    def is_askable(self) -> bool:
        return self.verdict.level < Level.FORBIDDEN


_ADDRESSES = Cost("Addresses", "stay")
_UUID = Cost("UUID", "stays")


def _firmware(instance: Subject) -> Cost:
    """Shelving and copying lose NVRAM and a vTPM (nova-specs 2026.2 unpin-az); the flavor says whether it has one."""
    specs = instance.extra_specs
    if "hw:tpm_version" in specs or "hw:tpm_model" in specs:
        return Cost("Firmware", "its vTPM and its firmware settings are lost", BAD)
    return Cost("Firmware", "settings of UEFI (NVRAM) are lost, where it has any", FAIR)


def _runs(instance: Subject) -> bool:
    return instance.status != "SHUTOFF"


def _volumes(instance: Subject) -> Cost:
    count = len(instance.volumes)
    return Cost("Volumes", f"{'all ' if count > 1 else ''}{count} stay attached" if count else "it has none")


def _pin_note(changes_pin: bool) -> str:
    return ", and bound to the new zone afterwards" if changes_pin else ""


def _there(instance: Subject, host: str, zone: str) -> str:
    if zone and zone != instance.zone:
        return "in the other zone"
    return f"on {host}" if host else "on another host"


def _zone_notes(instance: Subject, host: str, zone: str, abilities: Abilities) -> tuple[str, ...]:
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


def live(scene: Scene, host: str, zone: str, *, changes_pin: bool = False) -> Way:
    instance = scene.subject
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
        verdict=preflight.judge(scene.case(Kind.LIVE, host, zone, changes_pin=changes_pin)),
        notes=_zone_notes(instance, host, zone, scene.abilities),
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


def cold(scene: Scene, host: str, zone: str, *, changes_pin: bool = False) -> Way:
    instance = scene.subject
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
        verdict=preflight.judge(scene.case(Kind.COLD, host, zone, changes_pin=changes_pin)),
        notes=_zone_notes(instance, host, zone, scene.abilities),
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


def shelve(scene: Scene, host: str, zone: str) -> Way:
    instance = scene.subject
    runs = _runs(instance)
    is_free = instance.pin_known and not instance.pinned_zone and host
    stays_bound = bool(zone) and zone == instance.pinned_zone
    elsewhere = "the other zone" if zone != instance.zone else host or "every host"
    return Way(
        key="shelve",
        kind=Kind.SHELVE,
        name="Shelve it here, unshelve it there",
        summary=f"It is shut down and stored, and started again {_there(instance, host, zone)}"
        + ("." if is_free or stays_bound else ", to which it is bound then."),
        host=host,
        zone=zone,
        verdict=preflight.judge(scene.case(Kind.SHELVE, host, zone)),
        costs=(
            Cost("Downtime", "some minutes, longer with a large disk", BAD)
            if runs
            else Cost("Downtime", "none: it is stopped; it is started for a moment", FAIR),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            _firmware(instance),
            Cost("Room", f"none meanwhile: if {elsewhere} is full by then, it comes up nowhere", FAIR),
            Cost("Decision", "none needed"),
        ),
    )


def copy(scene: Scene, host: str, zone: str) -> Way:
    instance = scene.subject
    count = len(instance.volumes)
    return Way(
        key="copy",
        kind=Kind.COPY,
        name="Snapshot it, boot a copy there",
        summary=f"It is stopped, and a copy of it is booted {_there(instance, host, zone)}. "
        "A manager keeps the copy or drops it.",
        host=host,
        zone=zone,
        verdict=preflight.judge(scene.case(Kind.COPY, host, zone)),
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


def evacuate(scene: Scene, host: str, zone: str, *, may_evacuate: bool) -> Way:
    instance = scene.subject
    more = []
    if zone and zone != instance.zone and not host:
        text = "Nova takes no zone for an evacuation. Choose a host, or let the scheduler choose."
        more.append(Reason("evacuated_to_zone", Level.FORBIDDEN, text))
    if not may_evacuate:
        text = "Only an operator may evacuate: first it must be certain that the host is really off."
        more.append(Reason("evacuated_by", Level.FORBIDDEN, text))
    return Way(
        key="evacuate",
        kind=Kind.EVACUATE,
        name="Evacuate",
        summary=f"{instance.host} is down: the instance is built anew on another host"
        + (", from its volume." if preflight.starts_from_volume(instance) else "."),
        host=host,
        verdict=preflight.judge(scene.case(Kind.EVACUATE, host)).also(more),
        notes=(f"Be certain that {instance.host} is off: two guests on one disk would destroy it.",),
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
