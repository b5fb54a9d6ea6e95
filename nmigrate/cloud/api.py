"""What the domain knows of a cloud: frozen records, one Protocol, and the errors that can come back.

Nothing here imports OpenStack or Django. Two things implement `Cloud`: `openstack.OpenStackCloud` and the
tests' in-memory FakeCloud; the contract tests run the same cases on both. The records stand in records.py.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from nmigrate.cloud.records import (
    Action,
    Amount,
    Event,
    Hypervisor,
    Image,
    LiveProgress,
    NewServer,
    Port,
    Room,
    Server,
    ServerGroup,
    ServerMigration,
    Service,
    Versions,
)

__all__ = [
    "NEWEST_MICROVERSION",
    "OLDEST_MICROVERSION",
    "SHARES_MICROVERSION",
    "Action",
    "Amount",
    "Cloud",
    "CloudError",
    "Event",
    "Hypervisor",
    "Image",
    "LiveProgress",
    "NewServer",
    "NotFound",
    "Port",
    "Refused",
    "Room",
    "Server",
    "ServerGroup",
    "ServerMigration",
    "Service",
    "Unauthorized",
    "Unreachable",
    "Versions",
    "WrongSetting",
    "microversion",
]

SHARES_MICROVERSION = "2.97"
"""2025.1 (Epoxy), which brought shared folders."""
OLDEST_MICROVERSION = "2.93"
"""Zed (2022): the oldest Nova that everything works with."""
NEWEST_MICROVERSION = "2.104"
"""2026.2: the newest that this application knows how to read."""


def microversion(text: str) -> tuple[int, int]:
    """ "2.93" -> (2, 93), so that versions compare as numbers. ValueError for anything else."""
    major, minor = text.split(".")
    return int(major), int(minor)


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

    def room(self, hypervisor: str) -> Room | None:
        """Capacity, use and traits of one hypervisor by its UUID, fresh: one call, and three more if it has no room
        at all. None when placement does not know it."""
        ...

    def server_groups(self) -> list[ServerGroup]:
        """The server groups of all projects: the list of servers does not tell them, only this does."""
        ...

    def project_names(self) -> dict[str, str]:
        """Project id -> name. Empty when the account may not list projects."""
        ...

    def user_name(self, user_id: str) -> str:
        """The name of a user, or the id itself when it cannot be read."""
        ...

    def images(self) -> list[Image]:
        """Empty when the account may not list images."""
        ...

    def volume_devices(self, uuid: str) -> dict[str, str]:
        """Device, such as /dev/vda -> id of the volume that a server has there."""
        ...

    def actions(self, uuid: str) -> list[Action]:
        """What was asked of this server, newest first, without events. Works for deleted servers too."""
        ...

    def action(self, uuid: str, request_id: str) -> Action:
        """One action with its events, oldest first."""
        ...

    def has_shares(self) -> bool:
        """Whether servers of this cloud can have shared folders: Nova speaks 2.97, and there is a service for them."""
        ...

    def shares_of(self, uuid: str) -> tuple[str, ...]:
        """Ids of a server's shared folders (2.97; none with an older Nova). NotFound when there is no such server."""
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

    def stop(self, uuid: str) -> str: ...

    def lock(self, uuid: str, reason: str) -> str:
        """Lock with a reason of at most 255 characters; a lock that is there is taken over, its reason replaced."""
        ...

    def unlock(self, uuid: str) -> str: ...

    def pin_zone(self, uuid: str, zone: str | None) -> str:
        """Bind a server to the zone that it is in, or (None) to none. Needs 2.104; Refused by an older Nova.

        Seen on the lab: it takes effect at once, and neither `actions` nor `changes_since` tell of it. A shelved
        server is in no zone: it can be released, not bound. A lock does not stop it.
        """
        ...

    # live migration

    def live_migrate(self, uuid: str, host: str = "", block: bool | None = None) -> str:
        """`block`: copy the disks (True), expect shared ones (False), or let Nova see for itself (None)."""
        ...

    def live_progress(self, uuid: str) -> list[LiveProgress]:
        """Live migrations of this server under way; empty when there is none, once it runs post-copy, and once the
        server is over there, which is a moment before its record says `completed`."""
        ...

    def abort_live(self, uuid: str, migration_id: int) -> str: ...

    def force_complete(self, uuid: str, migration_id: int) -> str: ...

    # shelve, unshelve, evacuate

    def shelve(self, uuid: str) -> str: ...

    def shelve_offload(self, uuid: str) -> str: ...

    def unshelve(self, uuid: str, zone: str | None = "", host: str = "") -> str:
        """`zone` "": keep the pin as it is; a name: unshelve there and pin to it; None: clear the pin.
        `host` (with zone None or a name): that host. None and host need 2.91.

        Seen on the lab: it runs afterwards, whatever it did before. If there is no room it is shelved again, the pin
        stays changed, and only the action says why. The default zone (nova), where no aggregate defines it, binds
        nobody: to get there, name a host. No record of a move is kept.
        """
        ...

    def evacuate(self, uuid: str, host: str = "") -> str:
        """Refused unless the compute service of its host is down. ACTIVE, SHUTOFF and ERROR only.

        Seen on the lab: since 2.95 it ends SHUTOFF, before that as it was. It rests for a moment before its host and
        its record (`done`; `completed` once the host is back) say where it is. No room: ERROR, on the old host.
        """
        ...

    # a copy of a server: image, boot, addresses, delete

    def own_projects(self) -> set[str]:
        """Ids of the projects that this account may act in: a copy is booted in its original's project."""
        ...

    def ports(self, uuid: str) -> list[Port]:
        """The network cards of a server, in the order of their creation."""
        ...

    def create_image(self, uuid: str, project_id: str, name: str) -> str:
        """Begin a snapshot, owned by that project. Returns Nova's request id; `images_named` finds the image.

        Seen on the lab: when it fails the image is gone, and the action says nothing of it.
        """
        ...

    def images_named(self, name: str) -> list[Image]:
        """Images with exactly this name, of any project."""
        ...

    def image(self, image_id: str) -> Image: ...

    def delete_image(self, image_id: str) -> str: ...

    def create_server(self, new: NewServer) -> str:
        """Boot it. Returns Nova's request id; `servers_tagged` finds the server. The key of `key_owner` is copied to
        our own account for the moment of the call. Refused when its flavor or key is gone."""
        ...

    def servers_tagged(self, tag: str) -> list[Server]:
        """Servers of all projects that carry this tag."""
        ...

    def set_addresses(self, port_id: str, addresses: tuple[tuple[str, str], ...]) -> str:
        """Give a network card these (subnet id, address). Refused while another card has one of them."""
        ...

    def delete_server(self, uuid: str) -> str: ...


class CloudError(Exception):
    """Something about the cloud went wrong. `sentence` is one plain sentence that a person can act on, in English
    and as it was made, so that it can be told in any language; `said` holds the cloud's own words for whoever wants
    them, never a secret."""

    def __init__(self, sentence: str, said: str = "", request_id: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
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
