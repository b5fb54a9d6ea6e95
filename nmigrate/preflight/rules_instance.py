"""Rules about the instance itself, whatever the destination."""

from collections.abc import Iterable

from nmigrate.preflight.subjects import Subject, is_encrypted, local_disk_gb, spec, starts_from_volume
from nmigrate.preflight.verdict import Case, Reason, amber, forbidden, ours
from nmigrate.preflight.words import (
    A_MOMENT,
    ANOTHER_WAY,
    IF_IT_FAILS_ANOTHER,
    IF_IT_FAILS_COLD,
    LOSING,
    MOVABLE,
    MOVE_COLD,
    NOTHING_RUNS,
    UNTIL_OVER,
    ZONE_MICROVERSION,
    doing,
    instead,
    owner_of,
    status_words,
)
from nmigrate.sentences import listed, say
from nmigrate.states import Kind

BIG_DISK_GB = 100
"""From here on a live copy of a local disk takes so long that a person should know."""
OFF = (4, 6)
"""Nova's power states "shut down" and "crashed"."""
COUNTED = ("VCPU", "MEMORY_MB", "DISK_GB")
"""What is known of every host."""
LIVE_PCI_MICROVERSION = "2.100"
"""2025.1, which brought passthrough devices that can move live."""

COLD_WITH_SHARES_MICROVERSION = "2.104"
"""2026.2, which moves shared folders along (compute service version 74)."""


def state(case: Case) -> Iterable[Reason]:
    subject, kind = case.subject, case.kind
    if subject.status in MOVABLE[kind] or _never_started(subject):
        return
    is_now = status_words(subject.status)
    first = instead(subject)
    if kind is Kind.LIVE and subject.status == "SHUTOFF":
        first = NOTHING_RUNS
    elif kind is Kind.COLD and subject.status == "PAUSED":
        first = say("Move it live, or ask {owner} to unpause it first.", owner=owner_of(subject))
    if kind in (Kind.SHELVE, Kind.COPY) and subject.status in LOSING:
        why = say(
            "{name} is {state}, and what it holds in memory would be lost.", name=subject.name, state=is_now
        )
        yield ours("state", why, first)
        return
    one, other = (status_words(status) for status in MOVABLE[kind][:2])
    why = say(
        "{name} is {state}; only a {one} or {other} instance can be moved this way.",
        name=subject.name,
        state=is_now,
        one=one,
        other=other,
    )
    yield forbidden("state", why, first)


def _never_started(subject: Subject) -> bool:
    """No host took it: to repair it would help nobody."""
    return subject.status == "ERROR" and not subject.host


def on_a_host(case: Case) -> Iterable[Reason]:
    """What no host ever took is in a state that could be moved, and there is nothing to move."""
    subject = case.subject
    if not subject.host and (subject.status in MOVABLE[case.kind] or _never_started(subject)):
        yield forbidden(
            "on_a_host",
            say("{name} is on no host, so there is nothing that could be moved.", name=subject.name),
            say("An operator must find out why; {owner} may create it anew.", owner=owner_of(subject)),
        )


def busy(case: Case) -> Iterable[Reason]:
    subject = case.subject
    if subject.task_state and subject.status in (*MOVABLE[case.kind], *LOSING):
        why = say("{name} is busy ({what}).", name=subject.name, what=doing(subject.task_state))
        yield forbidden("busy", why, A_MOMENT)


def lock(case: Case) -> Iterable[Reason]:
    """Nova lets an administrator's account pass a lock, so nobody but us respects it."""
    subject = case.subject
    if subject.locked:
        why = (
            say("{name} is locked (“{reason}”).", name=subject.name, reason=subject.locked_reason)
            if subject.locked_reason
            else say("{name} is locked.", name=subject.name)
        )
        yield ours(
            "lock",
            why,
            say(
                "Either {owner} or an operator unlocks it first, or a manager allows the move all the same.",
                owner=owner_of(subject),
            ),
        )


def moving(case: Case) -> Iterable[Reason]:
    if case.around.moving:
        yield forbidden("moving", case.around.moving, UNTIL_OVER)


def power(case: Case) -> Iterable[Reason]:
    """Nova's conductor looks at the power state, its API only at the state (nova/conductor/tasks/live_migrate.py)."""
    subject = case.subject
    if case.kind is Kind.LIVE and subject.status == "ACTIVE" and subject.power_state in OFF:
        yield forbidden(
            "power",
            say(
                "Nova says that {name} runs, but its hypervisor says that it is off, so it cannot move live.",
                name=subject.name,
            ),
            say("Ask {owner} to start it, or move it cold.", owner=owner_of(subject)),
        )


def nova_version(case: Case) -> Iterable[Reason]:
    abilities, needed = case.abilities, ZONE_MICROVERSION["pin"]
    if case.changes_pin and abilities is not None and not abilities.speaks(needed):
        yield forbidden(
            "nova_version",
            say(
                "This needs Nova 2026.2 (microversion {needed}); the Nova of {cloud} is used with {version}.",
                needed=needed,
                cloud=abilities.cloud,
                version=abilities.nova_used or say("an unknown version"),
            ),
            ANOTHER_WAY,
        )


def names_zone(case: Case) -> Iterable[Reason]:
    if case.kind in (Kind.SHELVE, Kind.COPY) and not case.zone:
        yield forbidden("names_zone", say("Say which zone it should go to."))


def copied_root(case: Case) -> Iterable[Reason]:
    if case.kind is Kind.COPY and starts_from_volume(case.subject):
        yield ours(
            "copied_root",
            say(
                "{name} starts from a volume: its copy would get a second volume, made of a snapshot of the first "
                "that must then be kept.",
                name=case.subject.name,
            ),
            ANOTHER_WAY,
        )


def copied_by_us(case: Case) -> Iterable[Reason]:
    abilities, subject = case.abilities, case.subject
    if case.kind is Kind.COPY and abilities is not None and subject.project_id not in abilities.own_projects:
        yield forbidden(
            "copied_by_us",
            say(
                "nmigrate's account in {cloud} may not create instances in the project of {name}.",
                cloud=abilities.cloud,
                name=subject.name,
            ),
            say("An operator must give it the member role there, or choose another way."),
        )


def copied_volumes(case: Case) -> Iterable[Reason]:
    if case.kind is Kind.COPY and case.subject.volumes and not starts_from_volume(case.subject):
        yield amber(
            "copied_volumes",
            say("The volumes of {name} do not follow a copy.", name=case.subject.name),
            say("Ask {owner} whether it can do without.", owner=owner_of(case.subject)),
        )


def big_disk(case: Case) -> Iterable[Reason]:
    size = local_disk_gb(case.subject)
    if case.kind is Kind.LIVE and size >= BIG_DISK_GB:
        yield amber(
            "big_disk",
            say("{size} GiB of local disk are copied while it runs, unless the hosts share them.", size=size),
            say("Allow much time, or move it cold."),
        )


def local_beside_volume(case: Case) -> Iterable[Reason]:
    """Nova takes even a config drive for a local disk, and copies."""
    subject = case.subject
    if case.kind is not Kind.LIVE or not starts_from_volume(subject):
        return
    beside = [
        name
        for name, is_there in (
            (say("an ephemeral disk"), subject.ephemeral_gb),
            (say("a swap disk"), subject.swap_mb),
            (say("a config drive"), subject.config_drive),
        )
        if is_there
    ]
    if beside:
        yield amber(
            "local_beside_volume",
            say(
                "Beside its volume it has {what}, so Nova copies disks: expect it to take longer.",
                what=listed(beside),
            ),
            IF_IT_FAILS_COLD,
        )


def config_drive(case: Case) -> Iterable[Reason]:
    if case.kind is Kind.LIVE and case.subject.config_drive and not starts_from_volume(case.subject):
        yield amber(
            "config_drive",
            say("It has a config drive; some older clouds cannot move that live."),
            IF_IT_FAILS_COLD,
        )


def passthrough(case: Case) -> Iterable[Reason]:
    subject, abilities = case.subject, case.abilities
    if case.kind is not Kind.LIVE or "pci_passthrough:alias" not in subject.extra_specs:
        return
    if abilities is not None and not abilities.speaks(LIVE_PCI_MICROVERSION):
        why = say(
            "{name} uses a device of its host directly, which this Nova cannot move live.", name=subject.name
        )
        yield forbidden("passthrough", why, MOVE_COLD)
    else:
        why = say(
            "{name} uses a device of its host directly; Nova moves it live only if that device allows it.",
            name=subject.name,
        )
        yield amber("passthrough", why, say("Safer: move it cold."))


def vtpm(case: Case) -> Iterable[Reason]:
    """What Nova refuses of a vTPM: nova/compute/api.py, reject_vtpm_instances, reject_legacy_vtpm_live_migration."""
    subject, kind = case.subject, case.kind
    if not (spec(subject, "tpm_version") or spec(subject, "tpm_model")):
        return
    if kind is Kind.SHELVE:
        why = say("{name} has a vTPM, and so cannot be shelved.", name=subject.name)
        yield forbidden("vtpm", why, MOVE_COLD)
    elif kind is Kind.EVACUATE:
        why = say("{name} has a vTPM, and so cannot be evacuated.", name=subject.name)
        yield forbidden("vtpm", why, say("An operator must bring its host back."))
    elif kind is Kind.LIVE and spec(subject, "tpm_secret_security") != "host":
        yield forbidden(
            "vtpm",
            say("The secret of its vTPM belongs to its owner, so that it cannot move live."),
            MOVE_COLD,
        )
    elif kind is Kind.LIVE:
        yield amber(
            "vtpm",
            say("It has a vTPM, which moves live only with Nova 2026.1 or newer."),
            IF_IT_FAILS_COLD,
        )
    elif kind is Kind.COPY:
        yield amber(
            "vtpm",
            say("A copy gets a new, empty vTPM."),
            say("Ask {owner} first, or move it cold.", owner=owner_of(subject)),
        )


def shares(case: Case) -> Iterable[Reason]:
    """What Nova refuses of an instance with shared folders: nova/compute/api.py, block_shares_not_supported.

    Cold moves it refuses, too, below 2026.2, and there while any of its hosts is older.
    """
    subject, kind, abilities = case.subject, case.kind, case.abilities
    if not subject.shares:
        return
    detach = say("Ask {owner} to detach them first.", owner=owner_of(subject))
    if kind is Kind.COPY:
        yield amber(
            "shares", say("The shared folders of {name} do not follow a copy.", name=subject.name), detach
        )
    elif kind is Kind.EVACUATE:
        yield forbidden(
            "shares",
            say("{name} uses shared folders, and so cannot be evacuated.", name=subject.name),
            say("An operator must bring its host back."),
        )
    elif kind is Kind.COLD and (abilities is None or abilities.speaks(COLD_WITH_SHARES_MICROVERSION)):
        yield amber(
            "shares",
            say("It uses shared folders, which follow only if every host runs Nova 2026.2 and reaches them."),
            say("Safer: ask {owner} to detach them first.", owner=owner_of(subject)),
        )
    else:
        why = say(
            "{name} uses shared folders, and with them Nova does not move it this way.", name=subject.name
        )
        yield forbidden("shares", why, detach)


def pinned_processors(case: Case) -> Iterable[Reason]:
    subject = case.subject
    if spec(subject, "cpu_policy") in ("dedicated", "mixed") or spec(subject, "numa_nodes"):
        yield amber(
            "pinned_processors",
            say("It is tied to certain processors of its host; another host must have the same free."),
            IF_IT_FAILS_ANOTHER,
        )


def encrypted_memory(case: Case) -> Iterable[Reason]:
    if not is_encrypted(case.subject):
        return
    if case.kind is Kind.LIVE:
        yield forbidden(
            "encrypted_memory", say("Its memory is encrypted (SEV), so it cannot move live."), MOVE_COLD
        )
    else:
        yield amber(
            "encrypted_memory",
            say("Its memory is encrypted (SEV); another host must be able to do that."),
            IF_IT_FAILS_ANOTHER,
        )


def own_wishes(case: Case) -> Iterable[Reason]:
    """What its flavor asks of a host and no list of hosts tells: resources of the cloud's own, capabilities."""
    wishes = [
        name
        for name in case.subject.extra_specs
        if name.startswith("capabilities:")
        or (name.startswith("resources:") and name.removeprefix("resources:") not in COUNTED)
    ]
    if wishes:
        yield amber(
            "own_wishes",
            say(
                "Its flavor asks for {what}, and nmigrate does not see which hosts have that.",
                what=listed(wishes[:2]),
            ),
            IF_IT_FAILS_ANOTHER,
        )


RULES = (
    state,
    on_a_host,
    busy,
    lock,
    moving,
    power,
    nova_version,
    names_zone,
    copied_root,
    copied_by_us,
    copied_volumes,
    big_disk,
    local_beside_volume,
    config_drive,
    passthrough,
    vtpm,
    shares,
    pinned_processors,
    encrypted_memory,
    own_wishes,
)
