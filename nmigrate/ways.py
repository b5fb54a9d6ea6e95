"""Each way from one place to another as a person sees it: what happens, what it costs, and what speaks against it."""

from dataclasses import dataclass, field

from django.conf import settings

from nmigrate import preflight
from nmigrate.preflight import ZONE_MICROVERSION, Abilities, Level, Reason, Subject, Verdict
from nmigrate.scene import Scene
from nmigrate.sentences import say, say_n
from nmigrate.states import Kind

GOOD, FAIR, BAD = "good", "fair", "bad"
ONLY_OPERATORS = Reason(
    "evacuated_by",
    Level.FORBIDDEN,
    say("Only an operator may evacuate: first it must be certain that the host is really off."),
)


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


# The things that are compared, by name.
DOWNTIME, UUID, ADDRESSES, VOLUMES = say("Downtime"), say("UUID"), say("Addresses"), say("Volumes")
DISK, FIRMWARE, ROOM, OWNER, DECISION = (
    say("Disk"),
    say("Firmware"),
    say("Room"),
    say("Owner"),
    say("Decision"),
)

_ADDRESSES = Cost(ADDRESSES, say("stay"))
_UUID = Cost(UUID, say("stays"))
_NO_VOLUMES = Cost(VOLUMES, say("it has none"))
_SAME_FIRMWARE = Cost(FIRMWARE, say("stays as it is"))
_NO_DECISION = Cost(DECISION, say("none needed"))
_MANAGERS_DECISION = Cost(DECISION, say("a manager's, at the end"), FAIR)
_NO_DOWNTIME = Cost(DOWNTIME, say("none: it is stopped"))


def _firmware(instance: Subject) -> Cost:
    """Shelving and copying lose NVRAM and a vTPM (nova-specs 2026.2 unpin-az); the flavor says whether it has one."""
    specs = instance.extra_specs
    if "hw:tpm_version" in specs or "hw:tpm_model" in specs:
        return Cost(FIRMWARE, say("its vTPM and its firmware settings are lost"), BAD)
    return Cost(FIRMWARE, say("settings of UEFI (NVRAM) are lost, where it has any"), FAIR)


def _runs(instance: Subject) -> bool:
    return instance.status != "SHUTOFF"


def _owners_consent(instance: Subject) -> Cost:
    return Cost(DECISION, say("none here; ask {owner} first", owner=preflight.owner_of(instance)), FAIR)


def _volumes(instance: Subject) -> Cost:
    count = len(instance.volumes)
    return Cost(VOLUMES, say_n("it stays attached", "all {n} stay attached", count)) if count else _NO_VOLUMES


def _there(instance: Subject, host: str, zone: str) -> str:
    if zone and zone != instance.zone:
        return say("in the other zone")
    return say("on {host}", host=host) if host else say("on another host")


def _zone_notes(instance: Subject, zone: str, abilities: Abilities) -> tuple[str, ...]:
    if not zone or instance.pin_known:
        return ()
    sentence = say(
        "This cloud does not tell whether it is bound to its zone (that needs microversion {needed}; it is used "
        "with {version}). If it is, Nova refuses this move and nothing happens.",
        needed=ZONE_MICROVERSION["see"],
        version=abilities.nova_used,
    )
    return (sentence,)


def live(scene: Scene, host: str, zone: str, *, changes_pin: bool = False) -> Way:
    instance = scene.subject
    summary = {
        (False, True): say("It goes on running; its disk is on a volume, which both hosts reach."),
        (False, False): say("It goes on running; its disk is copied meanwhile, unless the hosts share it."),
        (True, True): say(
            "It goes on running, and bound to the new zone afterwards; its disk is on a volume, which both hosts "
            "reach."
        ),
        (True, False): say(
            "It goes on running, and bound to the new zone afterwards; its disk is copied meanwhile, unless the "
            "hosts share it."
        ),
    }[changes_pin, preflight.starts_from_volume(instance)]
    if instance.status == "PAUSED":
        summary = say("It stays paused while its memory is copied.")
    return Way(
        key="unpin-live" if changes_pin else "live",
        kind=Kind.LIVE,
        name=say("Free it from its zone, move it live, bind it again") if changes_pin else say("Live"),
        summary=summary,
        host=host,
        zone=zone,
        changes_pin=changes_pin,
        verdict=scene.verdict(Kind.LIVE, host, zone, changes_pin=changes_pin),
        notes=_zone_notes(instance, zone, scene.abilities),
        costs=(
            Cost(DOWNTIME, say("none; usually a pause of less than a second")),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            _SAME_FIRMWARE,
            Cost(ROOM, say("taken on both hosts until it is done"), FAIR),
            _owners_consent(instance) if changes_pin else _NO_DECISION,
        ),
    )


def cold(scene: Scene, host: str, zone: str, *, changes_pin: bool = False) -> Way:
    instance = scene.subject
    runs = _runs(instance)
    return Way(
        key="unpin-cold" if changes_pin else "cold",
        kind=Kind.COLD,
        name=say("Free it from its zone, move it cold, bind it again") if changes_pin else say("Cold"),
        summary=say("It is shut down and started again; a manager decides before the start and at the end.")
        if runs and settings.NMIGRATE_APPROVE_DOWNTIME
        else say("It is shut down and started again; a manager confirms or rejects it at the end.")
        if runs
        else say("It stays stopped; a manager confirms or rejects it at the end."),
        host=host,
        zone=zone,
        changes_pin=changes_pin,
        verdict=scene.verdict(Kind.COLD, host, zone, changes_pin=changes_pin),
        notes=_zone_notes(instance, zone, scene.abilities),
        costs=(
            Cost(DOWNTIME, say("usually a minute or two"), BAD) if runs else _NO_DOWNTIME,
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            _SAME_FIRMWARE,
            Cost(ROOM, say("taken on both hosts until the decision"), FAIR),
            _MANAGERS_DECISION,
        ),
    )


def shelve(scene: Scene, host: str, zone: str) -> Way:
    instance = scene.subject
    runs = _runs(instance)
    is_free = instance.pin_known and not instance.pinned_zone and host
    stays_bound = bool(zone) and zone == instance.pinned_zone
    where = _there(instance, host, zone)
    elsewhere = say("the other zone") if zone != instance.zone else host or say("every host")
    return Way(
        key="shelve",
        kind=Kind.SHELVE,
        name=say("Shelve it here, unshelve it there"),
        summary=_shelve_summary(where, runs=runs, is_bound=not (is_free or stays_bound)),
        host=host,
        zone=zone,
        verdict=scene.verdict(Kind.SHELVE, host, zone),
        costs=(
            Cost(DOWNTIME, say("some minutes, longer with a large disk"), BAD)
            if runs
            else Cost(DOWNTIME, say("none: it is stopped; it is started for a moment"), FAIR),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            _firmware(instance),
            Cost(
                ROOM,
                say(
                    "none is kept: if {where} is full when it is brought up, it stays stored", where=elsewhere
                ),
                FAIR,
            ),
            _NO_DECISION,
        ),
    )


def _shelve_summary(where: str, *, runs: bool, is_bound: bool) -> str:
    if runs and is_bound:
        return say(
            "It is shut down and stored, and started again {where}, to which it is bound then.", where=where
        )
    if runs:
        return say("It is shut down and stored, and started again {where}.", where=where)
    if is_bound:
        return say("It is stored, and brought up again {where}, to which it is bound then.", where=where)
    return say("It is stored, and brought up again {where}.", where=where)


def copy(scene: Scene, host: str, zone: str) -> Way:
    instance = scene.subject
    count = len(instance.volumes)
    return Way(
        key="copy",
        kind=Kind.COPY,
        name=say("Snapshot it, boot a copy there"),
        summary=say(
            "It is stopped, and a copy of it is booted {where}. A manager keeps the copy or drops it.",
            where=_there(instance, host, zone),
        )
        if _runs(instance)
        else say(
            "A copy of it is booted {where}. A manager keeps the copy or drops it.",
            where=_there(instance, host, zone),
        ),
        host=host,
        zone=zone,
        verdict=scene.verdict(Kind.COPY, host, zone),
        costs=(
            Cost(DOWNTIME, say("some minutes"), BAD)
            if _runs(instance)
            else Cost(DOWNTIME, say("none: it is stopped; the copy is started"), FAIR),
            Cost(UUID, say("a new one"), BAD),
            Cost(ADDRESSES, say("new ones; it gets the old ones only if the original is deleted"), BAD),
            Cost(VOLUMES, say_n("its volume does not follow", "{n} do not follow", count), BAD)
            if count
            else _NO_VOLUMES,
            _firmware(instance),
            Cost(ROOM, say("taken twice until the decision"), FAIR),
            Cost(OWNER, say("the copy belongs to nmigrate's account, in the same project"), FAIR),
            _MANAGERS_DECISION,
        ),
    )


def evacuate(scene: Scene, host: str, zone: str, *, may_evacuate: bool) -> Way:
    instance = scene.subject
    is_on_volume = preflight.starts_from_volume(instance)
    more = []
    if zone and zone != instance.zone and not host:
        why = say("Nova takes no zone for an evacuation.")
        advice = say("Choose a host, or let the scheduler choose.")
        more.append(Reason("evacuated_to_zone", Level.FORBIDDEN, why, advice))
    if not may_evacuate:
        more.append(ONLY_OPERATORS)
    return Way(
        key="evacuate",
        kind=Kind.EVACUATE,
        name=say("Evacuate"),
        summary=say(
            "{host} is down: the instance is built anew on another host, from its volume.", host=instance.host
        )
        if is_on_volume
        else say("{host} is down: the instance is built anew on another host.", host=instance.host),
        host=host,
        verdict=scene.verdict(Kind.EVACUATE, host).also(more),
        notes=(
            say(
                "Be certain that {host} is off: two instances on one disk would destroy it.",
                host=instance.host,
            ),
        ),
        costs=(
            Cost(DOWNTIME, say("it is down already; stopped afterwards, until somebody starts it"), BAD),
            _UUID,
            _ADDRESSES,
            _volumes(instance),
            Cost(DISK, say("on a volume, nothing is lost"))
            if is_on_volume
            else Cost(
                DISK,
                say("back to its image, unless the hosts share the disk: what was written is lost"),
                BAD,
            ),
            Cost(DECISION, say("none; there is no way back"), BAD),
        ),
    )
