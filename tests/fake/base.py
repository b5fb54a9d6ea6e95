"""What every part of the fake cloud stands on: its tables, its clock, its time that goes on by steps, its refusals."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_DNS, uuid4, uuid5

from nmigrate.cloud import api
from nmigrate.cloud.refusals import plain_refusal

OWN = "own-user-id"
MEMBER = "member-user-id"
ADMIN = "another-admin-id"
"""An administrator of the cloud who is not us."""
PROJECT = "project-demo"
IMAGE = "image-cirros"
"""What servers are made from here. One without an image starts from a volume."""
DEFAULT_ZONE = "nova"
"""The zone of hosts that are in none. Seen on the lab: a server pinned to it is bound to nothing."""
SETTLED = {"active": "ACTIVE", "stopped": "SHUTOFF", "paused": "PAUSED"}
GONE = "The cloud does not know it any more; it was probably deleted."


class FakeBase:
    """Tables and handles; each part of the fake adds its calls."""

    def __init__(self, name: str = "lab", newest: str = api.NEWEST_MICROVERSION) -> None:
        self.name = name
        self.newest = newest
        self.by_uuid: dict[str, api.Server] = {}
        self.hosts: dict[str, api.Hypervisor] = {}
        self.records: dict[int, api.ServerMigration] = {}
        self.history: dict[str, list[api.Action]] = {}
        self.gone: dict[str, api.Server] = {}
        self.groups: list[api.ServerGroup] = []
        self.cards: dict[str, list[api.Port]] = {}
        """The network cards of each server; Nova's addresses follow them."""
        self.stored_images: dict[str, api.Image] = {}
        self.booted_from_volume_images: set[str] = set()
        """UUIDs of servers whose first disk is a volume, although an image is named."""
        self.shared: dict[str, tuple[str, ...]] = {}
        """UUID of a server -> ids of its shared folders."""
        self.projects = {PROJECT}
        """Where our account has a role."""
        # handles: how the cloud behaves
        self.down: api.CloudError | None = None
        self.lose_answer_of: set[str] = set()
        self.before_post: Callable[[str], None] | None = None
        self.calls: Counter[str] = Counter()
        self.fail_at: dict[str, str] = {}
        """Host -> the step of its driver that fails there, by the names of the lab's driver."""
        self.words_of: dict[str, str] = {}
        """Step -> what it says when it fails."""
        # what goes on by itself
        self._old_state: dict[str, str] = {}
        self._pending: dict[str, Iterator[None]] = {}
        self._waiting: set[str] = set()
        """Those that a handle kept where they were in the last step."""
        self._told_live: dict[str, str] = {}
        self._figures: dict[int, api.LiveProgress] = {}
        self._ids = itertools.count(1)
        self._numbers = itertools.count(100)
        self._clock = datetime.now(UTC) - timedelta(hours=1)

    # -- handles: what there is

    def add_host(self, host: str, zone: str = DEFAULT_ZONE, **fields: object) -> api.Hypervisor:
        made = api.Hypervisor(
            uuid=str(uuid5(NAMESPACE_DNS, host)),
            name=host,
            host=host,
            zone=zone,
            vcpus=api.Amount(48, 0, 4.0, 8, 48),
            memory_mb=api.Amount(196608, 512, 1.0, 4096, 196608),
            disk_gb=api.Amount(2000, 0, 1.0, 40, 2000),
        )
        self.hosts[host] = replace(made, **fields)  # type: ignore[arg-type]
        return self.hosts[host]

    def add(self, name: str, host: str, status: str = "SHUTOFF", **fields: object) -> api.Server:
        """A server at rest, as if its owner had made it long ago, with one network card for each address.

        Each is in a subnet of its own, so that all may have the same address.
        """
        made = api.Server(
            uuid=str(uuid4()),
            name=name,
            status=status,
            host=host,
            hypervisor=host,
            zone=self.hosts[host].zone if host else "",
            vm_state={"SHUTOFF": "stopped"}.get(status, status.lower()),
            power_state={"ACTIVE": 1, "PAUSED": 3, "SUSPENDED": 7}.get(status, 4),
            project_id=PROJECT,
            user_id=MEMBER,
            flavor="m1.small",
            vcpus=1,
            memory_mb=2048,
            disk_gb=20,
            image_id=IMAGE,
            root_device="/dev/vda",
            addresses=("10.20.0.14",),
            created_at=self._now(),
            updated_at=self._now(),
        )
        server = replace(made, **fields)  # type: ignore[arg-type]
        if not server.networks:
            server = replace(server, networks={"public": list(server.addresses)})
        self.by_uuid[server.uuid] = server
        self.cards[server.uuid] = [
            self._card(f"net-{network}", address, f"subnet-of-{server.uuid}")
            for network, addresses in server.networks.items()
            for address in addresses
        ]
        self.history[server.uuid] = [self._action("create", MEMBER)]
        return server

    def change(self, uuid: str, **fields: object) -> None:
        self.by_uuid[uuid] = replace(self.by_uuid[uuid], updated_at=self._now(), **fields)  # type: ignore[arg-type]

    def starts_from_volume(self, server: api.Server) -> bool:
        return bool(server.volumes) and (not server.image_id or server.uuid in self.booted_from_volume_images)

    def delete(self, uuid: str, user: str = MEMBER) -> None:
        """Its owner deletes it outside, and it is gone at once."""
        self._begin(uuid, "delete", user)
        self._remove(uuid)

    def _remove(self, uuid: str) -> None:
        server = self.by_uuid.pop(uuid)
        self.cards.pop(uuid, None)
        self.gone[uuid] = replace(server, status="DELETED", task_state="", updated_at=self._now())
        self._pending.pop(uuid, None)

    # -- handles: time

    def step(self) -> None:
        """One phase on for everything in flight."""
        for key, phases in list(self._pending.items()):
            if next(phases, "over") == "over" and self._pending.get(key) is phases:
                self._pending.pop(key, None)

    def settle(self) -> None:
        """On until nothing moves any more, except what a handle holds."""
        while self._pending:
            self._waiting.clear()
            self.step()
            if self._pending.keys() <= self._waiting:
                return

    # -- reading

    def _answer(self, call: str) -> None:
        self.calls[call] += 1
        if self.down is not None:
            raise self.down

    def _seen(self, row: api.Server) -> api.Server:
        if api.microversion(self.newest) < (2, 96):
            return replace(row, pinned_zone=None, pin_known=False)
        return replace(row, pin_known=True)

    def _find(self, uuid: str) -> api.Server:
        if uuid not in self.by_uuid:
            raise api.NotFound(GONE, "404")
        return self.by_uuid[uuid]

    # -- changing

    def _post(self, call: str, effect: Callable[[], str]) -> str:
        self._answer(call)
        if self.before_post is not None:
            self.before_post(call)
        request_id = effect()
        if call in self.lose_answer_of:
            raise api.Unreachable(
                f"{self.name} did not answer in time. nmigrate keeps trying.", "ReadTimeout"
            )
        return request_id

    def _now(self) -> datetime:
        self._clock = max(self._clock + timedelta(milliseconds=1), datetime.now(UTC))
        return self._clock

    def _action(self, name: str, user: str) -> api.Action:
        return api.Action(request_id=f"req-{uuid4()}", action=name, user_id=user, started_at=self._now())

    def _begin(self, uuid: str, name: str, user: str) -> str:
        made = self._action(name, user)
        self.history.setdefault(uuid, []).append(made)
        return made.request_id

    def _refuse(self, said: str, code: int = 409) -> api.Refused:
        return api.Refused(plain_refusal(said), f"{code} {said}", f"req-{uuid4()}")

    def _check_state(self, server: api.Server, action: str, *statuses: str) -> None:
        """Refuse as Nova does when the server is in none of these states, or busy."""
        if server.task_state:
            said = f"Cannot '{action}' instance {server.uuid} while it is in task_state {server.task_state}"
            raise self._refuse(said)
        if server.status not in statuses:
            said = f"Cannot '{action}' instance {server.uuid} while it is in vm_state {server.vm_state}"
            raise self._refuse(said)

    def _check_lock(self, server: api.Server, user: str) -> None:
        """Nova stops members at a lock; admins and its own periodic tasks (no user) pass."""
        if server.locked and user not in ("", OWN, ADMIN):
            raise self._refuse(f"Instance {server.uuid} is locked")

    def _check_shares(self, uuid: str) -> None:
        """Seen on the lab: before any look at its state."""
        if uuid in self.shared:
            raise self._refuse("Feature not supported with instances that have shares.")

    def _check_host(self, host: str) -> None:
        if host and host not in self.hosts:
            raise self._refuse(f"Compute host {host} could not be found.", 400)

    def _check_zone(self, zone: str | None) -> None:
        """Nova knows a zone by its enabled hosts only, up or not (nova/availability_zones.py)."""
        zones = {row.zone for row in self.hosts.values() if row.status == "enabled"}
        if zone and zone not in zones:
            raise self._refuse("The requested availability zone is not available", 400)

    def _words(self, step: str, host: str) -> str:
        return self.words_of.get(step, f"lab: injected failure of {step} on {host}")

    def _is_up(self, host: str) -> bool:
        return self.hosts[host].state == "up" and not self.hosts[host].forced_down

    def _fits(self, server: api.Server, host: api.Hypervisor) -> bool:
        return (
            host.host != server.host
            and self._is_up(host.host)
            and host.status == "enabled"
            and server.pinned_zone in (None, "", DEFAULT_ZONE, host.zone)
            and host.memory_mb.free >= server.memory_mb
        )

    def _choose(self, server: api.Server, host: str = "") -> list[str]:
        """The hosts that the scheduler would take, best first; only `host` if one was asked for."""
        return [
            row.host
            for row in self.hosts.values()
            if self._fits(server, row) and (not host or row.host == host)
        ]

    def _record(
        self,
        number: int,
        uuid: str,
        status: str,
        source: str = "",
        dest: str = "",
        user: str = "",
        kind: str = "migration",
    ) -> None:
        old = self.records.get(number)
        if old is None:
            old = api.ServerMigration(
                id=number,
                uuid=f"{number:036d}",
                instance_uuid=uuid,
                status=status,
                type=kind,
                source_host=source,
                user_id=user,
                created_at=self._now(),
            )
        self.records[number] = replace(
            old, status=status, dest_host=dest or old.dest_host, updated_at=self._now()
        )

    def _event(
        self, uuid: str, request_id: str, name: str, host: str, details: str, result: str = "Error"
    ) -> None:
        """A step inside an action; one that failed marks the whole action as failed."""
        event = api.Event(name=name, result=result, host=host, details=details, started_at=self._now())
        self.history[uuid] = [
            replace(
                action,
                message="Error" if result == "Error" else action.message,
                events=(*action.events, event),
            )
            if action.request_id == request_id
            else action
            for action in self.history[uuid]
        ]

    # -- addresses

    def _free_address(self) -> str:
        number = next(self._numbers)
        return f"10.20.{number // 250}.{number % 250}"

    def _card(
        self, network: str, address: str, subnet: str = "", security_groups: tuple[str, ...] = ()
    ) -> api.Port:
        number = next(self._numbers)
        return api.Port(
            id=str(uuid4()),
            network_id=network,
            addresses=((subnet or f"subnet-of-{network}", address),),
            mac=f"fa:16:3e:00:{number // 256 % 256:02x}:{number % 256:02x}",
            security_groups=security_groups or ("sg-default",),
        )

    def _readdress(self, uuid: str) -> None:
        """The addresses that Nova tells of a server follow its cards; its list of changes does not tell of it."""
        networks: dict[str, list[str]] = {}
        for card in self.cards[uuid]:
            name = card.network_id.removeprefix("net-")
            networks.setdefault(name, []).extend(address for _, address in card.addresses)
        every = tuple(address for row in networks.values() for address in row)
        self.by_uuid[uuid] = replace(self.by_uuid[uuid], addresses=every, networks=networks)
