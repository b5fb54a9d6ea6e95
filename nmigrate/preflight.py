"""What speaks against a move before it is asked for, from the inventory or from fresh data: plain sentences.

An objection is something Nova would certainly refuse, or that Nova would let this application's privileged
account do though it should not (a lock). The same rules judge a cached Instance and a fresh cloud.api.Server.
"""

from typing import Protocol

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

MOVABLE: dict[Kind, tuple[str, ...]] = {Kind.COLD: ("ACTIVE", "SHUTOFF")}
"""The states of a server from which Nova takes each kind of move (nova/compute/api.py)."""

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
    def status(self) -> str: ...
    @property
    def task_state(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def pinned_zone(self) -> str | None: ...
    @property
    def locked(self) -> bool: ...
    @property
    def locked_reason(self) -> str: ...


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


def status_words(status: str) -> str:
    return STATUS_WORDS.get(status, status.lower().replace("_", " "))


def objections(
    subject: Subject,
    *,
    kind: Kind = Kind.COLD,
    host: Destination | None = None,
    source: Destination | None = None,
) -> list[str]:
    """Why this move cannot be asked for now; empty when nothing speaks against it. `host` None: Nova chooses."""
    found = [*instance_objections(subject, kind=kind), *_source(subject, source)]
    if host is not None:
        found += destination_objections(subject, host)
    return found


def instance_objections(subject: Subject, *, kind: Kind = Kind.COLD) -> list[str]:
    found = []
    if subject.status not in MOVABLE[kind]:
        instead = _INSTEAD.get(subject.status, "Wait until that is over and try again.")
        found.append(
            f"{subject.name} is {status_words(subject.status)}; only a running or stopped instance "
            f"can be moved this way. {instead}"
        )
    else:
        found += _busy(subject)
    return found + lock_objections(subject)


def _busy(subject: Subject) -> list[str]:
    if not subject.task_state:
        return []
    doing = subject.task_state.replace("_", " ").replace("-", " ")
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


def _source(subject: Subject, source: Destination | None) -> list[str]:
    if source is not None and not source.is_up:
        where = f"{source.host}, where {subject.name} is now, is down; nothing can be moved off it this way."
        return [f"{where} An operator must bring it back or evacuate it."]
    return []


def destination_objections(subject: Subject, host: Destination) -> list[str]:
    found = []
    if host.host == subject.host:
        found.append(f"{subject.name} is on {host.host} already. Choose another host.")
    if not host.is_up:
        found.append(f"{host.host} is down. Choose another host.")
    if not host.is_enabled:
        because = f" (“{host.disabled_reason}”)" if host.disabled_reason else ""
        found.append(f"{host.host} is out of service{because}. Choose another host.")
    if subject.pinned_zone and host.zone and host.zone != subject.pinned_zone:
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
