"""What a cloud tells and is told: frozen records. Names are ours, values are Nova's. Times are aware UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


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
    project_name: str = ""
    """Nova does not tell it; filled in from the inventory where people read of it."""
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
    """"" when it was booted from a volume; but Nova names an image of a volume's snapshot like any other."""
    root_device: str = ""
    """Such as /dev/vda."""
    image_properties: dict[str, Any] = field(default_factory=dict)
    """Of the image it was booted from (2.98); empty below that."""
    scheduler_hints: dict[str, Any] = field(default_factory=dict)
    """Given when it was booted (2.100); empty below that."""
    config_drive: bool = False
    addresses: tuple[str, ...] = ()
    networks: dict[str, list[str]] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    """Ids of its shared folders. Nova tells them one server at a time: see `Cloud.shares_of`."""
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
class LiveProgress:
    """One row of `GET /servers/{id}/migrations`: a live migration under way, with its memory in bytes.

    Nova measures about every 5 s: the figures are None, then 0, then real. `memory_processed` may exceed
    `memory_total` (pages that change are sent again), so that `memory_remaining` is the measure of progress.
    """

    id: int
    status: str
    dest_host: str = ""
    memory_total: int | None = None
    memory_processed: int | None = None
    memory_remaining: int | None = None
    disk_total: int | None = None
    disk_processed: int | None = None
    disk_remaining: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """One image of glance. `status` is queued, saving, importing, active, killed, deleted ..."""

    id: str
    name: str
    status: str
    size: int = 0
    """Bytes."""
    holds_volume: bool = False
    """Made of the snapshot of a volume: who boots from it starts from a new volume, though Nova names the image."""
    traits: tuple[str, ...] = ()
    """What it requires of a host. Nova keeps to it and does not tell it of a server (api/openstack/compute/views/
    servers.py: only the properties that it has a field for)."""


@dataclass(frozen=True, slots=True)
class Port:
    """One network card of a server, as neutron tells it."""

    id: str
    network_id: str
    addresses: tuple[tuple[str, str], ...] = ()
    """(subnet id, address)."""
    mac: str = ""
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewServer:
    """What a copy of a server is booted with. All ids are the cloud's; `flavor` is the flavor's name."""

    name: str
    project_id: str
    image_id: str
    flavor: str
    zone: str = ""
    host: str = ""
    networks: tuple[str, ...] = ()
    """Network ids, one card each, in order."""
    security_groups: tuple[str, ...] = ()
    key_name: str = ""
    key_owner: str = ""
    """The user id that owns the key: keys belong to users, not to projects."""
    server_group: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    description: str = ""
    config_drive: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """Capacity of one resource class, from placement. MiB, GiB or vCPUs by class."""

    total: int = 0
    reserved: int = 0
    ratio: float = 1.0
    used: int = 0
    max_unit: int = 0
    """The most that one server may take of it; 0: not known."""

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

    @property
    def max_units(self) -> dict[str, int]:
        """Resource class -> the most that one server may take; 0: not known."""
        return {
            "VCPU": self.vcpus.max_unit,
            "MEMORY_MB": self.memory_mb.max_unit,
            "DISK_GB": self.disk_gb.max_unit,
        }

    # The names of models.Hypervisor, so that the same rules judge a fresh host.

    @property
    def is_up(self) -> bool:
        return self.state == "up" and not self.forced_down

    @property
    def is_enabled(self) -> bool:
        return self.status == "enabled"

    @property
    def vcpus_capacity(self) -> int:
        return self.vcpus.capacity

    @property
    def vcpus_used(self) -> int:
        return self.vcpus.used

    @property
    def memory_mb_capacity(self) -> int:
        return self.memory_mb.capacity

    @property
    def memory_mb_used(self) -> int:
        return self.memory_mb.used

    @property
    def disk_gb_capacity(self) -> int:
        return self.disk_gb.capacity

    @property
    def disk_gb_used(self) -> int:
        return self.disk_gb.used


@dataclass(frozen=True, slots=True)
class Room:
    """What placement says of one hypervisor now. `total` of each is already reduced by the reserved part."""

    vcpus: Amount = Amount()
    memory_mb: Amount = Amount()
    disk_gb: Amount = Amount()
    traits: tuple[str, ...] = ()


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
    max_per_host: int = 1
    """The rule max_server_per_host (2.64) of an anti-affinity group."""


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
