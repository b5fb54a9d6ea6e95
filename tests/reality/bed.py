"""The lab furnished with differing hosts and instances, and every move really tried on it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nmigrate.cloud import api
from nmigrate.lab.story import attach_volume
from nmigrate.states import Kind
from tests.contract.stage import LabStage, connected
from tests.reality.guests import FLAVORS, GUESTS, HOSTS, IN_ZONE, LOST, N1, Guest

WORKERS = 8
SECONDS = 25
"""How long an attempt may take: the lab's moves last a second or two."""
GONE_WRONG = ("error", "failed", "cancelled")


@dataclass(frozen=True)
class Outcome:
    """Whether Nova took it there, and what it said if not."""

    is_taken: bool
    said: str = ""


class Bed:
    def __init__(self, stage: LabStage, newest: str) -> None:
        self.stage, self.newest = stage, newest
        self.local = threading.local()
        self.groups: dict[str, str] = {}
        self.flavors: dict[str, str] = {}
        self.spares: dict[str, list[str]] = {}
        self.images: dict[str, str] = {}
        self.lock = threading.Lock()

    @property
    def cloud(self) -> api.Cloud:
        """One connection a thread."""
        if not hasattr(self.local, "cloud"):
            self.local.cloud = connected(self.stage.lab, self.newest)
        return self.local.cloud

    # -- furniture

    def furnish(self) -> dict[str, str]:
        """Hosts, flavors, groups and instances. Returns the UUID of each guest by its name."""
        lab, admin = self.stage.lab, self.stage.admin
        for host, size in HOSTS.items():
            lab.set_host(host, **size)
            lab.start_compute(host)
        lab.set_host("compute4", traits=["CUSTOM_SSD"])
        self.stage.until(lambda: set(HOSTS) <= {one.host for one in self.stage.cloud.hypervisors()})
        for aggregate in admin.get("nova", "/os-aggregates")["aggregates"]:
            if aggregate["availability_zone"] == N1:
                for host in IN_ZONE:
                    admin.post(
                        "nova", f"/os-aggregates/{aggregate['id']}/action", {"add_host": {"host": host}}
                    )
        for name, (sizes, specs) in FLAVORS.items():
            body = {"flavor": {"name": name, **sizes}}
            flavor = admin.post("nova", "/flavors", body)["flavor"]["id"]
            self.flavors[name] = flavor
            if specs:
                admin.post("nova", f"/flavors/{flavor}/os-extra_specs", {"extra_specs": specs})
        for guest in GUESTS:
            if guest.group:
                group = {"server_group": {"name": guest.name, "policy": guest.group}}
                made = self.stage.member_admin.post("nova", "/os-server-groups", group)["server_group"]["id"]
                self.groups[guest.name] = made
                self.make(Guest(f"{guest.name}-partner", "compute2"), group=made)
        hosts = len(self.stage.cloud.hypervisors())
        once = [guest for guest in GUESTS if guest.host != "h-off"]
        spare = [(guest, hosts + 4) for guest in LOST] + [
            (guest, 3 * hosts) for guest in GUESTS if guest not in once
        ]
        with ThreadPoolExecutor(WORKERS) as pool:
            uuids = dict(zip([guest.name for guest in once], pool.map(self.make, once), strict=True))
            for guest, count in spare:
                self.spares[guest.name] = list(pool.map(self.make, [guest] * count))
                uuids[guest.name] = self.spares[guest.name].pop()
        self.stage.out_of_service("h-off", True)
        for host in ("h-down", "h-lost"):
            self.stage.off(host, True)
        return uuids

    def make(self, guest: Guest, group: str = "") -> str:
        group = group or self.groups.get(guest.name, "")
        server: dict[str, Any] = {
            "name": guest.name,
            "host": guest.host,
            **self._parts(),
            "flavorRef": self.flavors.get(guest.flavor) or self.flavors["r.tiny"],
            "config_drive": guest.config_drive,
        }
        if guest.zone:
            server["availability_zone"] = guest.zone
        if guest.from_volume:
            disk = {"boot_index": 0, "uuid": server.pop("imageRef"), "source_type": "image"}
            disk |= {"destination_type": "volume", "volume_size": 1, "delete_on_termination": True}
            server["block_device_mapping_v2"] = [disk]
        body: dict[str, Any] = {"server": server}
        if group:
            body["os:scheduler_hints"] = {"group": group}
        client = self.stage.member_admin
        uuid = str(client.post("nova", "/servers", body)["server"]["id"])
        with self.lock:
            self.stage.booted.append(uuid)
        self.wait(lambda: self.is_at_rest(uuid, "ACTIVE", "ERROR"), f"the boot of {guest.name}", 120)
        booted = self.cloud.server(uuid)
        assert booted.status == "ACTIVE", f"{guest.name}: {booted.fault}"
        if guest.volume:
            attach_volume(client, uuid, f"{guest.name}-{uuid[:8]}", 1)
            self.wait(lambda: bool(self.cloud.server(uuid).volumes), "the volume")
        for action in guest.then:
            client.post("nova", f"/servers/{uuid}/action", action)
            if "lock" not in action:
                self.wait(lambda: self.is_at_rest(uuid, guest.ends), f"{guest.name} to be {guest.ends}", 60)
        return uuid

    def _parts(self) -> dict[str, Any]:
        from tests.contract.stage import parts

        return dict(parts(self.stage.lab))

    def renew(self, guest: Guest, uuid: str) -> str:
        """Another one like it, when an attempt has changed it; "" when there is none left."""
        if guest.name in self.spares:
            with self.lock:
                left = self.spares[guest.name]
                return left.pop() if left else ""
        self.delete(uuid)
        return self.make(guest)

    def delete(self, uuid: str) -> None:
        with suppress(api.CloudError):
            self.cloud.delete_server(uuid)

    def is_at_rest(self, uuid: str, *statuses: str) -> bool:
        server = self.cloud.server(uuid)
        return server.status in statuses and not server.task_state

    def wait(self, done: Callable[[], bool], what: str = "", seconds: float = SECONDS) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(what)
            time.sleep(0.15)

    # -- trying

    def attempt(self, kind: Kind, uuid: str, host: str, zone: str, *, changes_pin: bool) -> Outcome:
        """Ask Nova for it as this application would, and see what becomes of it."""
        tries = {
            Kind.COLD: self._cold,
            Kind.LIVE: self._live,
            Kind.SHELVE: self._shelve,
            Kind.COPY: self._copy,
            Kind.EVACUATE: self._evacuate,
        }
        try:
            if changes_pin:
                self.cloud.pin_zone(uuid, None)
            return tries[kind](uuid, host, zone)
        except api.CloudError as refused:
            return Outcome(False, refused.said or str(refused))
        except TimeoutError:
            return Outcome(False, "nothing came of it")

    def _cold(self, uuid: str, host: str, zone: str) -> Outcome:
        request_id = self.cloud.migrate(uuid, host)
        self.wait(
            lambda: self.is_at_rest(uuid, "VERIFY_RESIZE", "ERROR") or self._has_failed(uuid, request_id)
        )
        server = self.cloud.server(uuid)
        return Outcome(
            server.status == "VERIFY_RESIZE" and server.host == host, self._words(uuid, request_id)
        )

    def _live(self, uuid: str, host: str, zone: str) -> Outcome:
        request_id = self.cloud.live_migrate(uuid, host)
        self.wait(
            lambda: (
                self._has_failed(uuid, request_id)
                or (
                    self.cloud.server(uuid).host == host
                    and any(row.status == "completed" for row in self.cloud.server_migrations_of(uuid))
                )
                or any(row.status in GONE_WRONG for row in self.cloud.server_migrations_of(uuid))
            )
        )
        self.wait(lambda: not self.cloud.server(uuid).task_state)
        return Outcome(self.cloud.server(uuid).host == host, self._words(uuid, request_id))

    def _shelve(self, uuid: str, host: str, zone: str) -> Outcome:
        is_free = not self.cloud.server(uuid).pinned_zone
        self.cloud.shelve(uuid)
        self.wait(lambda: self.is_at_rest(uuid, "SHELVED_OFFLOADED"))
        request_id = self.cloud.unshelve(uuid, None if is_free else zone, host)
        self.wait(lambda: self.is_at_rest(uuid, "ACTIVE", "ERROR") or self._has_failed(uuid, request_id))
        server = self.cloud.server(uuid)
        return Outcome(server.status == "ACTIVE" and server.host == host, self._words(uuid, request_id))

    def _copy(self, uuid: str, host: str, zone: str) -> Outcome:
        image = self._image(uuid)
        new = self.stage.new_server(uuid, image, zone=zone, host=host, tags=(f"copy-{uuid}-{host}",))
        self.cloud.create_server(new)
        made = self.cloud.servers_tagged(f"copy-{uuid}-{host}")
        self.wait(lambda: self.is_at_rest(made[0].uuid, "ACTIVE", "ERROR"))
        copy = self.cloud.server(made[0].uuid)
        self.delete(copy.uuid)
        return Outcome(copy.status == "ACTIVE" and copy.host == host, copy.fault)

    def _image(self, uuid: str) -> str:
        if uuid not in self.images:
            name = f"snapshot of {uuid}"
            self.cloud.create_image(uuid, self.cloud.server(uuid).project_id, name)
            self.wait(lambda: any(image.status == "active" for image in self.cloud.images_named(name)))
            self.wait(lambda: not self.cloud.server(uuid).task_state)
            self.images[uuid] = self.cloud.images_named(name)[0].id
        return self.images[uuid]

    def _evacuate(self, uuid: str, host: str, zone: str) -> Outcome:
        request_id = self.cloud.evacuate(uuid, host)
        self.wait(
            lambda: (
                self._has_failed(uuid, request_id)
                or (self.cloud.server(uuid).host == host and not self.cloud.server(uuid).task_state)
                or any(row.status in GONE_WRONG for row in self.cloud.server_migrations_of(uuid))
            )
        )
        self.wait(lambda: not self.cloud.server(uuid).task_state)
        server = self.cloud.server(uuid)
        return Outcome(server.host == host and server.status != "ERROR", self._words(uuid, request_id))

    def _has_failed(self, uuid: str, request_id: str) -> bool:
        with suppress(api.NotFound):
            return self.cloud.action(uuid, request_id).message == "Error"
        return False

    def _words(self, uuid: str, request_id: str) -> str:
        with suppress(api.NotFound):
            events = self.cloud.action(uuid, request_id).events
            return " | ".join(event.details for event in events if event.details)
        return ""
