"""What the rules look at: an instance, a host, what its cloud can do, and what goes on around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nmigrate.cloud.api import microversion


class Subject(Protocol):
    """What the rules look at; models.Instance and cloud.api.Server both have it."""

    @property
    def name(self) -> str: ...
    @property
    def project_id(self) -> str: ...
    @property
    def project_name(self) -> str: ...
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
    @property
    def shares(self) -> Sequence[str]: ...
    @property
    def image_properties(self) -> Mapping[str, Any]: ...
    @property
    def extra_specs(self) -> Mapping[str, str]: ...
    @property
    def config_drive(self) -> bool: ...
    @property
    def power_state(self) -> int: ...
    @property
    def vcpus(self) -> int: ...
    @property
    def memory_mb(self) -> int: ...
    @property
    def disk_gb(self) -> int: ...
    @property
    def ephemeral_gb(self) -> int: ...
    @property
    def swap_mb(self) -> int: ...


class Destination(Protocol):
    """A hypervisor as the rules see it: models.Hypervisor and cloud.api.Hypervisor."""

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
    @property
    def type(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def traits(self) -> Sequence[str]: ...
    @property
    def vcpus_capacity(self) -> int: ...
    @property
    def vcpus_used(self) -> int: ...
    @property
    def memory_mb_capacity(self) -> int: ...
    @property
    def memory_mb_used(self) -> int: ...
    @property
    def disk_gb_capacity(self) -> int: ...
    @property
    def disk_gb_used(self) -> int: ...
    @property
    def max_units(self) -> Mapping[str, int]: ...


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


@dataclass(frozen=True, slots=True)
class Group:
    """A server group of the instance, with the number of its *other* members on each host."""

    name: str
    policy: str
    hosts: Mapping[str, int] = field(default_factory=dict)
    max_per_host: int = 1
    """Nova's rule max_server_per_host of an anti-affinity group."""


@dataclass(frozen=True, slots=True)
class Around:
    """What goes on besides: read once for all hosts, so that no rule asks anything."""

    groups: tuple[Group, ...] = ()
    live_from: Mapping[str, int] = field(default_factory=dict)
    """Host -> live moves off it that are under way or wait in line."""
    evacuated: frozenset[str] = frozenset()
    """Hosts that are being evacuated."""
    moving: str = ""
    """Another move of the same instance, in words; empty when there is none."""


def spec(subject: Subject, name: str) -> str:
    """A flavor's extra spec `hw:name`, or the image's property `hw_name`; "" for neither."""
    found = subject.extra_specs.get(f"hw:{name}") or subject.image_properties.get(f"hw_{name}") or ""
    return str(found)


def is_encrypted(subject: Subject) -> bool:
    """Whether its memory is, by its processor."""
    return spec(subject, "mem_encryption").lower() in ("true", "1", "yes", "on")


def local_disk_gb(subject: Subject) -> int:
    """What it takes of its host's disk, as Nova claims it: a root on a volume takes nothing, swap is rounded up."""
    root = 0 if starts_from_volume(subject) else subject.disk_gb
    return root + subject.ephemeral_gb + -(-subject.swap_mb // 1024)
