"""The lab furnished with hosts and instances that differ."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from nmigrate.lab.base import name_service
from nmigrate.lab.client import ApiError, Client
from nmigrate.lab.errors import LabError
from nmigrate.lab.story import attach_volume
from tests.contract.stage import LabStage, parts
from tests.lab.fixtures import say
from tests.reality.guests import DOWN, FLAVORS, FORCED, FOREIGN, HOSTS, OFF, SHY, ZONES, Guest
from tests.reality.rows import Rows

BOOTING = 6
SECONDS = 120
"""How long furniture may take to be in its place, on a busy machine."""
HIDING = 20
"""How often that is tried."""
AN_HOUR = 3600
NOBODY = "http://127.0.0.1:1/v2"
"""Where the catalog says that the share service is, which the lab has not."""
BEGUN = {"live_migration_seconds": "migrating", "cold_migrate_seconds": "resize_migrating"}
"""A duration that is long -> the task that shows that it has begun."""


class Bed:
    def __init__(self, stage: LabStage) -> None:
        self.stage, self.lab, self.rows = stage, stage.lab, Rows(stage.lab)
        self.flavors: dict[str, str] = {}
        self.images: dict[str, str] = {}
        self.groups: dict[str, str] = {}
        self.clients: dict[str, Client] = {}
        self.hosts: tuple[str, ...] = ()
        self.foreign = ""
        """The id of the project in which our account has no role."""

    def furnish(self, guests: Iterable[Guest], hosts: Iterable[str]) -> dict[str, str]:
        """Hosts, flavors, groups and instances. Returns the UUID of each guest by its name."""
        guests, self.hosts = list(guests), tuple(hosts)
        parts(self.lab)  # read once, before threads need it
        self._make_hosts()
        self._make_zones()
        name_service(self.stage.admin, "manila", "shared-file-system", NOBODY)
        self._flavors({guest.flavor for guest in guests})
        self._projects({guest.project for guest in guests})
        for guest in guests:
            if guest.image:
                self.images[guest.name] = self._image(guest)
            if guest.group:
                self.groups[guest.name] = self._group(guest)
        partners = [
            (guest, Guest(f"{guest.name}-beside-{number}", host))
            for guest in guests
            for number, host in enumerate(guest.partners)
        ]
        with ThreadPoolExecutor(BOOTING) as pool:
            list(pool.map(lambda pair: self._make(pair[1], self.groups[pair[0].name]), partners))
            made = dict(
                zip([guest.name for guest in guests], pool.map(self._try_to_make, guests), strict=True)
            )
        uuids = {name: uuid for name, uuid in made.items() if uuid}
        self._put_out(uuids, [guest for guest in guests if guest.name in uuids])
        return uuids

    # -- hosts

    def _make_hosts(self) -> None:
        for host in self.hosts:
            self.lab.set_host(host, **HOSTS[host])
            if not host.startswith("compute"):
                self.lab.start_compute(host)
        self.wait(
            lambda: set(self.hosts) <= {one.host for one in self.stage.cloud.hypervisors()}, "the hosts"
        )

    def _make_zones(self) -> None:
        admin = self.stage.admin
        known = {row["availability_zone"]: row for row in admin.get("nova", "/os-aggregates")["aggregates"]}
        for zone, hosts in ZONES.items():
            there = [host for host in hosts if host in self.hosts]
            if zone not in known and there:
                body = {"aggregate": {"name": f"zone-{zone}", "availability_zone": zone}}
                known[zone] = admin.post("nova", "/os-aggregates", body)["aggregate"]
            for host in there:
                path = f"/os-aggregates/{known[zone]['id']}/action"
                admin.post("nova", path, {"add_host": {"host": host}})

    def _put_out(self, uuids: dict[str, str], guests: list[Guest]) -> None:
        """What would have been in the way of booting there; and what was found so later."""
        for host in self.hosts:
            if host == OFF:
                self.stage.out_of_service(host, True)
            elif host in DOWN:
                self.stage.off(host, True)
            elif host == FORCED:
                self.stage.forced_down(host, True)
            elif host == SHY:
                self.hide(host)
        for guest in guests:
            if guest.share:
                self.stage.share(uuids[guest.name])
            if guest.slow:
                self._begin(guest, uuids[guest.name])
            if guest.found:
                self.rows.set(uuids[guest.name], **guest.found)
        if self.foreign:
            self._leave()

    def hide(self, host: str) -> None:
        """Placement takes it for disabled; its service does not."""
        admin = self.stage.admin
        uuid = admin.get("placement", f"/resource_providers?name={host}")["resource_providers"][0]["uuid"]
        path = f"/resource_providers/{uuid}/traits"
        for _ in range(HIDING):
            found = admin.get("placement", path)
            if "COMPUTE_STATUS_DISABLED" in found["traits"]:
                return
            found["traits"].append("COMPUTE_STATUS_DISABLED")
            with suppress(ApiError):  # 409: Nova has written meanwhile
                admin.call("PUT", "placement", path, found)

    # -- what instances are made of

    def _flavors(self, names: Iterable[str]) -> None:
        admin = self.stage.admin
        for name in {"r.tiny", *names}:
            sizes, specs = FLAVORS[name]
            flavor = admin.post("nova", "/flavors", {"flavor": {"name": name, **sizes}})["flavor"]["id"]
            self.flavors[name] = flavor
            if specs:
                admin.post("nova", f"/flavors/{flavor}/os-extra_specs", {"extra_specs": specs})

    def _projects(self, names: Iterable[str]) -> None:
        self.clients["demo"] = self.stage.member_admin
        if FOREIGN in names:
            body = {"project": {"name": FOREIGN, "domain_id": "default"}}
            self.foreign = self.stage.admin.post("keystone", "/projects", body)["project"]["id"]
            self.stage.admin.call("PUT", "keystone", self._role())
            self.clients[FOREIGN] = self.lab.client(FOREIGN, "admin")

    def _role(self) -> str:
        admin = self.stage.admin
        user = admin.get("keystone", "/users?name=admin")["users"][0]["id"]
        role = admin.get("keystone", "/roles?name=admin")["roles"][0]["id"]
        return f"/projects/{self.foreign}/users/{user}/roles/{role}"

    def _leave(self) -> None:
        self.stage.admin.call("DELETE", "keystone", self._role())

    def _image(self, guest: Guest) -> str:
        admin = self.stage.admin
        image = {"name": guest.name, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
        made = str(admin.post("glance", "/v2/images", {**image, **guest.image})["id"])
        admin.call("PUT", "glance", f"/v2/images/{made}/file", b"an image of the lab\n")
        return made

    def _group(self, guest: Guest) -> str:
        group: dict[str, Any] = {"name": guest.name, "policy": guest.group}
        if guest.per_host:
            group["rules"] = {"max_server_per_host": guest.per_host}
        answer = self.stage.member_admin.post("nova", "/os-server-groups", {"server_group": group})
        return str(answer["server_group"]["id"])

    # -- instances

    def _try_to_make(self, guest: Guest) -> str:
        """ "" when it cannot be made: the others are tried all the same, and it is missed in the end."""
        began = time.monotonic()
        try:
            uuid = self._make(guest)
        except (AssertionError, TimeoutError, LabError) as error:
            say(f"not made: {guest.name}: {error}")
            return ""
        say(f"made {guest.name} in {time.monotonic() - began:.0f} s")
        return uuid

    def _make(self, guest: Guest, group: str = "") -> str:
        group = group or self.groups.get(guest.name, "")
        client = self.clients[guest.project]
        server: dict[str, Any] = {
            "name": guest.name,
            "host": guest.host,
            **parts(self.lab),
            "flavorRef": self.flavors[guest.flavor],
            "config_drive": guest.config_drive,
        }
        if guest.image:
            server["imageRef"] = self.images[guest.name]
        if guest.zone:
            server["availability_zone"] = guest.zone
        if guest.from_volume:
            disk = {"boot_index": 0, "uuid": server.pop("imageRef"), "source_type": "image"}
            disk |= {"destination_type": "volume", "volume_size": 1, "delete_on_termination": True}
            server["block_device_mapping_v2"] = [disk]
        body: dict[str, Any] = {"server": server}
        if group:
            body["os:scheduler_hints"] = {"group": group}
        uuid = str(client.post("nova", "/servers", body)["server"]["id"])
        self._until(guest, uuid, "active")
        if guest.volume:
            attach_volume(client, uuid, f"{guest.name}-data", 1)
            self.wait(lambda: bool(self.stage.cloud.server(uuid).volumes), f"the volume of {guest.name}")
        for action in () if guest.slow else guest.then:
            client.post("nova", f"/servers/{uuid}/action", action)
            if "lock" not in action:
                self.wait(lambda: self._rests(uuid, guest.ends), f"{guest.name} to be {guest.ends}")
        return uuid

    def _rests(self, uuid: str, status: str) -> bool:
        server = self.stage.cloud.server(uuid)
        return server.status == status and not server.task_state

    def _until(self, guest: Guest, uuid: str, state: str) -> None:
        def is_there() -> bool:
            seen = self.rows.look(uuid, "")
            assert seen is None or seen.vm_state != "error", (
                f"{guest.name} on {guest.host}: {self.rows.fault(uuid)}"
            )
            return seen is not None and seen.vm_state == state and not seen.task_state

        self.wait(is_there, f"{guest.name} to be {state}")

    def _begin(self, guest: Guest, uuid: str) -> None:
        """Something that stays under way as long as the comparison lasts."""
        before = {"live_migration_seconds": 0, "cold_migrate_seconds": 0, "snapshot_seconds": 0}
        self.lab.behaviour(**before | {guest.slow: AN_HOUR})
        self.clients[guest.project].post("nova", f"/servers/{uuid}/action", guest.then[-1])
        task = BEGUN.get(guest.slow, "image_pending_upload")

        def has_begun() -> bool:
            seen = self.rows.look(uuid, "")
            is_running = guest.slow != "live_migration_seconds" or self.rows.is_copied(uuid)
            return seen is not None and seen.task_state == task and is_running

        self.wait(has_begun, f"{guest.name} to be under way")
        time.sleep(1)  # its driver has read by then how long it shall take
        self.lab.behaviour(**before)

    def wait(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + SECONDS
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(what)
            time.sleep(0.1)
