"""What the domain knows of a cloud: frozen records, one Protocol, and the errors that can come back.

Nothing here imports OpenStack or Django. Two things implement `Cloud`: `openstack.OpenStackCloud` and the
tests' in-memory FakeCloud; the contract tests run the same cases on both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

OLDEST_MICROVERSION = "2.93"
"""Zed (2022): the oldest Nova that everything works with."""
NEWEST_MICROVERSION = "2.104"
"""2026.2: the newest that this application knows how to read."""


def microversion(text: str) -> tuple[int, int]:
    """ "2.93" -> (2, 93), so that versions compare as numbers. ValueError for anything else."""
    major, minor = text.split(".")
    return int(major), int(minor)


@dataclass(frozen=True, slots=True)
class Server:
    """One Nova server as `GET /servers/detail` tells it. Names are ours, values are Nova's."""

    uuid: str
    name: str
    status: str
    host: str
    zone: str = ""
    vm_state: str = ""
    task_state: str = ""
    power_state: int = 0
    """0 no state, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended (nova/compute/power_state.py)."""
    project_id: str = ""
    user_id: str = ""
    hypervisor: str = ""
    pinned_zone: str | None = None
    """The zone Nova binds it to; None when it is free or (below 2.96) unknown: see `pin_known`."""
    pin_known: bool = False
    locked: bool = False
    locked_reason: str = ""
    flavor: str = ""
    vcpus: int = 0
    memory_mb: int = 0
    disk_gb: int = 0
    ephemeral_gb: int = 0
    swap_mb: int = 0
    extra_specs: dict[str, str] = field(default_factory=dict)
    image_id: str = ""
    config_drive: bool = False
    addresses: tuple[str, ...] = ()
    networks: dict[str, list[str]] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    key_name: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    description: str = ""
    host_status: str = ""
    progress: int = 0
    fault: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    launched_at: datetime | None = None

    @property
    def is_deleted(self) -> bool:
        return self.status in ("DELETED", "SOFT_DELETED")


@dataclass(frozen=True, slots=True)
class ServerMigration:
    """One row of `GET /os-migrations`: Nova's own record of a move."""

    id: int
    uuid: str
    instance_uuid: str
    status: str
    type: str
    """migration (cold), resize, live-migration or evacuation."""
    source_host: str = ""
    dest_host: str = ""
    user_id: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """Capacity of one resource class, from placement. MiB, GiB or vCPUs by class."""

    total: int = 0
    reserved: int = 0
    ratio: float = 1.0
    used: int = 0

    @property
    def capacity(self) -> int:
        return int((self.total - self.reserved) * self.ratio)

    @property
    def free(self) -> int:
        return self.capacity - self.used


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """One hypervisor with its compute service and its placement provider (same UUID)."""

    uuid: str
    name: str
    host: str
    """The nova-compute service's host: the name that `migrate` takes. Not the hypervisor's host name."""
    zone: str = ""
    state: str = "up"
    status: str = "enabled"
    disabled_reason: str = ""
    forced_down: bool = False
    type: str = ""
    version: int = 0
    vcpus: Amount = Amount()
    memory_mb: Amount = Amount()
    disk_gb: Amount = Amount()
    traits: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()
    service_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One Nova service process, from `GET /os-services`."""

    uuid: str
    binary: str
    host: str
    zone: str = ""
    state: str = "up"
    status: str = "enabled"
    disabled_reason: str = ""
    forced_down: bool = False
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A server group: which servers, and the rule that binds them (affinity, anti-affinity, soft-...)."""

    uuid: str
    name: str
    policy: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One step inside an action. `details` (2.84) holds the reason that "No valid host" hides."""

    name: str
    result: str = ""
    host: str = ""
    details: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of `os-instance-actions`: somebody asked Nova for something."""

    request_id: str
    action: str
    user_id: str = ""
    message: str = ""
    started_at: datetime | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Versions:
    """What a cloud's Nova can speak, and what we speak with it."""

    newest: str
    used: str


class Cloud(Protocol):
    """One cloud. Every method may raise CloudError; none retries a call that changes something.

    Times are aware UTC. List methods page by themselves. A request that gets no answer within
    NMIGRATE_API_TIMEOUT seconds raises Unreachable, and the caller does not know whether it arrived.
    """

    name: str

    def versions(self) -> Versions: ...

    def servers(self, changes_since: datetime | None = None) -> Iterator[Server]:
        """All servers of all projects; with `changes_since` only those touched since, deleted ones included."""
        ...

    def server(self, uuid: str) -> Server:
        """One server, fresh. NotFound when there is none."""
        ...

    def server_migrations(self, changes_since: datetime | None = None) -> list[ServerMigration]:
        """Nova's records of moves, of all instances."""
        ...

    def server_migrations_of(self, uuid: str) -> list[ServerMigration]: ...

    def hypervisors(self, exact: bool = False) -> list[Hypervisor]:
        """Every hypervisor. `exact` asks placement for total, reserved and ratio of each, three calls a host;
        otherwise one call gives the capacity of all, with `total` already reduced by the reserved part."""
        ...

    def services(self) -> list[Service]: ...

    def server_groups(self) -> list[ServerGroup]:
        """The server groups of all projects: the list of servers does not tell them, only this does."""
        ...

    def project_names(self) -> dict[str, str]:
        """Project id -> name. Empty when the account may not list projects."""
        ...

    def user_name(self, user_id: str) -> str:
        """The name of a user, or the id itself when it cannot be read."""
        ...

    def image_names(self) -> dict[str, str]: ...

    def actions(self, uuid: str) -> list[Action]:
        """What was asked of this server, newest first, without events. Works for deleted servers too."""
        ...

    def action(self, uuid: str, request_id: str) -> Action:
        """One action with its events, oldest first."""
        ...

    def own_user_id(self) -> str:
        """The id of the account that this application uses."""
        ...

    def migrate(self, uuid: str, host: str = "") -> str:
        """Cold migration; "" lets the scheduler choose. Returns Nova's request id. Accepted is not done."""
        ...

    def confirm_resize(self, uuid: str) -> str: ...

    def revert_resize(self, uuid: str) -> str: ...

    def start(self, uuid: str) -> str: ...


class CloudError(Exception):
    """Something about the cloud went wrong. `str()` is one plain sentence that a person can act on;
    `said` holds the cloud's own words for whoever wants them, never a secret."""

    def __init__(self, sentence: str, said: str = "", request_id: str = "") -> None:
        super().__init__(sentence)
        self.said = said
        self.request_id = request_id


class WrongSetting(CloudError):
    """No clouds.yaml, an unknown name in it, or a Nova that is too old: an operator must change something."""


class Unreachable(CloudError):
    """No answer, or none that can be trusted (5xx, time-out): a call that changes something may have arrived."""


class Unauthorized(CloudError):
    """The cloud does not accept the account, or the account lacks a right."""


class Refused(CloudError):
    """The cloud understood and said no (400, 409): nothing was done."""


class NotFound(Refused):
    """The cloud does not know it (any more)."""
