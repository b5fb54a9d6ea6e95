"""What speaks against a move before it is asked for, from the inventory or from fresh data: plain sentences.

An objection is something Nova would certainly refuse, or that Nova would let this application's privileged
account do though it should not (a lock). The same rules judge a cached Instance and a fresh cloud.api.Server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nmigrate.cloud.api import microversion
from nmigrate.states import Kind

STATUS_WORDS: dict[str, str] = {
    "ACTIVE": "running",
    "SHUTOFF": "stopped",
    "PAUSED": "paused",
    "SUSPENDED": "suspended",
    "ERROR": "in error",
    "SHELVED": "shelved",
    "SHELVED_OFFLOADED": "shelved, on no host",
    "RESCUE": "in rescue mode",
    "BUILD": "being built",
    "REBOOT": "restarting",
    "HARD_REBOOT": "restarting",
    "RESIZE": "being moved or resized",
    "VERIFY_RESIZE": "moved, waiting for a decision",
    "REVERT_RESIZE": "going back to its old host",
    "MIGRATING": "being moved live",
    "PASSWORD": "having its password changed",
    "REBUILD": "being rebuilt",
    "DELETED": "deleted",
    "SOFT_DELETED": "deleted",
}
"""Nova's status words (nova/api/openstack/common.py _STATE_MAP) in plain ones."""

TASK_WORDS: dict[str, str] = {
    "powering-off": "being stopped",
    "powering-on": "being started",
    "resize_prep": "a move is being prepared",
    "resize_migrating": "its disk is being copied",
    "resize_migrated": "its disk has been copied",
    "resize_finish": "being set up on its new host",
    "resize_confirming": "its old host is being tidied up",
    "resize_reverting": "going back to its old host",
    "migrating": "being moved live",
    "rebooting": "restarting",
    "deleting": "being deleted",
    "spawning": "being created",
    "scheduling": "a host is being chosen",
    "networking": "its network is being set up",
    "shelving": "being shelved",
    "shelving_image_pending_upload": "its disk is being stored",
    "shelving_image_uploading": "its disk is being stored",
    "shelving_offloading": "being taken off its host",
    "unshelving": "being brought up again",
    "image_snapshot": "a snapshot of it is being made",
    "image_snapshot_pending": "a snapshot of it is being made",
    "image_pending_upload": "its snapshot is being stored",
    "image_uploading": "its snapshot is being stored",
    "block_device_mapping": "its disk is being prepared",
    "rebuilding": "being built anew",
    "rebuild_block_device_mapping": "its volumes are being attached",
    "rebuild_spawning": "being built anew",
}
"""What Nova is doing to a server (nova/compute/task_states.py), in plain words."""

MOVABLE: dict[Kind, tuple[str, ...]] = {
    Kind.COLD: ("ACTIVE", "SHUTOFF"),
    Kind.LIVE: ("ACTIVE", "PAUSED"),
    Kind.SHELVE: ("ACTIVE", "SHUTOFF"),
    Kind.COPY: ("ACTIVE", "SHUTOFF"),
    Kind.EVACUATE: ("ACTIVE", "SHUTOFF", "ERROR"),
}
"""The states of a server from which each kind of move starts. For the first two and the last Nova's own
(nova/compute/api.py); shelving and copying would also take a paused or suspended one, and lose what it does."""

ZONE_MICROVERSION = {"pin": "2.104", "see": "2.96"}
"""From where Nova changes a pinned zone (2026.2), and from where it tells one (2024.1)."""

_INSTEAD: dict[str, str] = {
    "PAUSED": "Ask its owner to unpause it first.",
    "SUSPENDED": "Ask its owner to resume it first.",
    "ERROR": "An operator must repair it first.",
    "SHELVED": "Unshelve it first; it may then come up on another host by itself.",
    "SHELVED_OFFLOADED": "It is on no host, so there is nothing to move: unshelving places it anew.",
    "RESCUE": "Ask its owner to leave rescue mode first.",
    "VERIFY_RESIZE": "An earlier move or resize of it must be confirmed or reverted first.",
}


class Subject(Protocol):
    """What the rules look at; models.Instance and cloud.api.Server both have it."""

    @property
    def name(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def task_state(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def pinned_zone(self) -> str | None: ...
    @property
    def pin_known(self) -> bool: ...
    @property
    def locked(self) -> bool: ...
    @property
    def locked_reason(self) -> str: ...
    @property
    def image_id(self) -> str: ...
    @property
    def volumes(self) -> Sequence[str]: ...


class Destination(Protocol):
    """A hypervisor as the rules see it: models.Hypervisor."""

    @property
    def host(self) -> str: ...
    @property
    def zone(self) -> str: ...
    @property
    def disabled_reason(self) -> str: ...
    @property
    def is_up(self) -> bool: ...
    @property
    def is_enabled(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a cloud's Nova can do, and where our account may act."""

    cloud: str
    nova_used: str
    own_projects: tuple[str, ...] = ()

    def speaks(self, version: str) -> bool:
        return bool(self.nova_used) and microversion(self.nova_used) >= microversion(version)


class KnownCloud(Protocol):
    """models.Cloud."""

    @property
    def name(self) -> str: ...
    @property
    def nova_used(self) -> str: ...
    @property
    def own_projects(self) -> list[str]: ...


def abilities(cloud: KnownCloud) -> Abilities:
    return Abilities(cloud.name, cloud.nova_used, tuple(cloud.own_projects))


def starts_from_volume(subject: Subject) -> bool:
    """Nova shows no image of a server that was booted from a volume."""
    return not subject.image_id and bool(subject.volumes)


def status_words(status: str) -> str:
    return STATUS_WORDS.get(status, status.lower().replace("_", " "))


def objections(
    subject: Subject,
    *,
    kind: Kind = Kind.COLD,
    host: Destination | None = None,
    source: Destination | None = None,
    zone: str = "",
    changes_pin: bool = False,
    abilities: Abilities | None = None,
) -> list[str]:
    """Why this move cannot be asked for now; empty when nothing speaks against it. `host` None: Nova chooses."""
    found = [*instance_objections(subject, kind=kind), *_source(subject, kind, source)]
    found += _way_objections(subject, kind, zone, changes_pin, abilities)
    if host is not None:
        found += destination_objections(subject, host, kind=kind, zone=zone, changes_pin=changes_pin)
    return found


def instance_objections(subject: Subject, *, kind: Kind = Kind.COLD) -> list[str]:
    found = []
    if subject.status not in MOVABLE[kind]:
        instead = _INSTEAD.get(subject.status, "Wait until that is over and try again.")
        if kind is Kind.LIVE and subject.status == "SHUTOFF":
            instead = "Move it cold: nothing runs that could be interrupted."
        elif kind is Kind.COLD and subject.status == "PAUSED":
            instead = "Move it live, or ask its owner to unpause it first."
        allowed = " or ".join(status_words(status) for status in MOVABLE[kind][:2])
        found.append(
            f"{subject.name} is {status_words(subject.status)}; only a {allowed} instance "
            f"can be moved this way. {instead}"
        )
    else:
        found += _busy(subject)
    return found + lock_objections(subject)


def _way_objections(
    subject: Subject, kind: Kind, zone: str, changes_pin: bool, abilities: Abilities | None
) -> list[str]:
    """What only some ways need: a Nova that is new enough, a disk that can be copied, a right in its project."""
    found = []
    if changes_pin and abilities is not None and not abilities.speaks(ZONE_MICROVERSION["pin"]):
        found.append(
            f"This needs Nova 2026.2 (microversion {ZONE_MICROVERSION['pin']}); the Nova of {abilities.cloud} "
            f"is used with {abilities.nova_used or 'an unknown version'}. Choose another way."
        )
    if kind in (Kind.SHELVE, Kind.COPY) and not zone:
        found.append("Say which zone it should go to.")
    if kind is Kind.COPY:
        if starts_from_volume(subject):
            found.append(
                f"{subject.name} starts from a volume, and a snapshot would not hold what is on it. "
                "Choose another way."
            )
        if abilities is not None and subject.project_id not in abilities.own_projects:
            found.append(
                f"nmigrate's account in {abilities.cloud} may not create instances in the project of "
                f"{subject.name}. An operator must give it the member role there, or choose another way."
            )
    return found


def _busy(subject: Subject) -> list[str]:
    if not subject.task_state:
        return []
    doing = TASK_WORDS.get(subject.task_state, subject.task_state.replace("_", " ").replace("-", " "))
    return [f"{subject.name} is busy ({doing}). Wait a moment and try again."]


def lock_objections(subject: Subject) -> list[str]:
    if not subject.locked:
        return []
    because = f" (“{subject.locked_reason}”)" if subject.locked_reason else ""
    return [f"{subject.name} is locked{because}. Ask its owner, or an operator, to unlock it first."]


def start_objections(subject: Subject) -> list[str]:
    """Why it cannot be started now; empty when nothing speaks against it."""
    if subject.status != "SHUTOFF":
        return [f"{subject.name} is {status_words(subject.status)}, so it cannot be started."]
    return _busy(subject) + lock_objections(subject)


def stop_objections(subject: Subject) -> list[str]:
    """Why it cannot be shut down now; empty when nothing speaks against it."""
    if subject.status != "ACTIVE":
        return [f"{subject.name} is {status_words(subject.status)}, so it cannot be stopped."]
    return _busy(subject) + lock_objections(subject)


def unlock_objections(subject: Subject) -> list[str]:
    return [] if subject.locked else [f"{subject.name} is not locked."]


def _source(subject: Subject, kind: Kind, source: Destination | None) -> list[str]:
    if source is None:
        return []
    if kind is Kind.EVACUATE:
        if source.is_up:
            where = f"{source.host}, where {subject.name} is, is up"
            return [f"{where}: evacuation is for a host that is down. Move it live or cold."]
    elif not source.is_up:
        where = f"{source.host}, where {subject.name} is now, is down; nothing can be moved off it this way."
        return [f"{where} An operator must bring it back or evacuate it."]
    return []


def destination_objections(
    subject: Subject,
    host: Destination,
    *,
    kind: Kind = Kind.COLD,
    zone: str = "",
    changes_pin: bool = False,
) -> list[str]:
    found = []
    if host.host == subject.host:
        found.append(f"{subject.name} is on {host.host} already. Choose another host.")
    if not host.is_up:
        found.append(f"{host.host} is down. Choose another host.")
    if not host.is_enabled:
        because = f" (“{host.disabled_reason}”)" if host.disabled_reason else ""
        found.append(f"{host.host} is out of service{because}. Choose another host.")
    if kind in (Kind.SHELVE, Kind.COPY):
        if zone and host.zone != zone:
            found.append(f"{host.host} is not in zone {zone}. Choose a host of {zone}.")
    elif kind is Kind.EVACUATE:
        # Seen on the lab: bound to its zone it ends in error in another. Where Nova tells no pin, that is assumed.
        bound = subject.pinned_zone if subject.pin_known else subject.zone
        if bound and host.zone != bound:
            found.append(
                f"{subject.name} is bound to zone {bound}, and {host.host} is not in it. Choose a host there."
            )
    elif subject.pinned_zone and host.zone and host.zone != subject.pinned_zone and not changes_pin:
        found.append(
            f"{subject.name} is bound to zone {subject.pinned_zone} and {host.host} is in zone {host.zone}. "
            f"Choose a host in {subject.pinned_zone}."
        )
    return found


def warnings(subject: Subject, *, kind: Kind = Kind.COLD) -> list[str]:
    """What a person should know before asking, though it does not stop the move."""
    if kind is Kind.COLD and subject.status == "ACTIVE":
        how_long = "usually for a minute or two, and started again on its new host"
        return [f"{subject.name} is running: it is shut down for the move, {how_long}."]
    return []
