"""Two stages for the same cases: the fake cloud, and a real Nova in the lab."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote
from uuid import uuid4

from nmigrate.cloud import api
from nmigrate.cloud.openstack import OpenStackCloud
from nmigrate.lab import Lab, databases
from nmigrate.lab.client import Client
from tests.fake.base import OWN, PROJECT
from tests.fakecloud import MEMBER, FakeCloud
from tests.lab.fixtures import wait_for

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGOCs8yIFBK3e/yu7QJgAcANnjAl5mwg9ufpLweYUUYq lab"
"""Nobody has the other half."""


class Stage(Protocol):
    """A cloud with handles: four hosts, compute1 and compute3 in zone nova-1, compute2 and compute4 in nova."""

    cloud: api.Cloud

    def boot(
        self, name: str, host: str, status: str = "SHUTOFF", zone: str = "", *, ours: bool = False
    ) -> str:
        """A new server at rest on `host`; with `zone` pinned to it; of our own project or a member's. Returns its
        uuid."""
        ...

    def boot_nowhere(self, name: str) -> str:
        """One that no host could take: in error, on none."""
        ...

    def boot_from_volume(self, name: str, host: str) -> str:
        """The same, running, whose first disk is a volume that was made of an image."""
        ...

    def share(self, uuid: str) -> str:
        """Attach a shared folder. Returns its id."""
        ...

    def image_that_requires(self, trait: str) -> str:
        """An image of the cloud's own that goes only to hosts with this trait. Returns its id."""
        ...

    def until(self, done: Callable[[], bool]) -> None: ...
    def out_of_service(self, host: str, is_out: bool) -> None: ...
    def forced_down(self, host: str, is_down: bool) -> None: ...
    def lock(self, uuid: str, reason: str) -> None: ...
    def delete(self, uuid: str) -> None: ...
    def fail_at(self, host: str, step: str) -> None: ...
    def confirm_as_member(self, uuid: str) -> None: ...
    def group(self, name: str, policy: str, max_per_host: int = 1) -> None:
        """A new server group without members, of the member's project."""
        ...

    def off(self, host: str, is_off: bool) -> None:
        """A host that was switched off and declared down; or is back."""
        ...

    def offload_at_once(self, does: bool) -> None: ...
    def share_storage(self, does: bool) -> None: ...
    def slow_live(self, is_slow: bool) -> None:
        """Live migrations that do not end by themselves."""
        ...

    def post_copy(self, does: bool) -> None: ...
    def new_server(self, uuid: str, image_id: str, **changes: Any) -> api.NewServer:
        """What a copy of that server is booted with."""
        ...

    def key(self, name: str, exists: bool) -> str:
        """A key pair of the member's. Returns who owns it."""
        ...

    def borrowed_keys(self) -> set[str]:
        """Names of the key pairs in our own account."""
        ...

    def later(self) -> datetime:
        """A moment after all that was done before the call and before all that comes after it."""
        ...


class FakeStage:
    def __init__(self, newest: str) -> None:
        self.fake = FakeCloud("lab", newest)
        self.cloud: api.Cloud = self.fake
        for host, zone in (
            ("compute1", "nova-1"),
            ("compute2", "nova"),
            ("compute3", "nova-1"),
            ("compute4", "nova"),
        ):
            self.fake.add_host(host, zone)

    def boot(
        self, name: str, host: str, status: str = "SHUTOFF", zone: str = "", *, ours: bool = False
    ) -> str:
        project = "own-project" if ours else PROJECT
        return self.fake.add(name, host, status, pinned_zone=zone or None, project_id=project).uuid

    def boot_nowhere(self, name: str) -> str:
        return self.fake.add(name, "", "ERROR").uuid

    def boot_from_volume(self, name: str, host: str) -> str:
        uuid = self.boot(name, host, "ACTIVE")
        self.fake.change(uuid, image_id="", volumes=("volume-1",))
        return uuid

    def share(self, uuid: str) -> str:
        self.fake.shared[uuid] = ("share-1",)
        return "share-1"

    def image_that_requires(self, trait: str) -> str:
        image = api.Image(str(uuid4()), "k-picky", "active", size=1, traits=(trait,))
        self.fake.stored_images[image.id] = image
        return image.id

    def until(self, done: Callable[[], bool]) -> None:
        for _ in range(20):
            if done():
                return
            self.fake.step()
        raise AssertionError("it did not happen")

    def out_of_service(self, host: str, is_out: bool) -> None:
        self._host(host, status="disabled" if is_out else "enabled")

    def forced_down(self, host: str, is_down: bool) -> None:
        self._host(host, forced_down=is_down, state="down" if is_down else "up")

    def _host(self, host: str, **fields: Any) -> None:
        self.fake.add_host(host, self.fake.hosts[host].zone, **fields)

    def lock(self, uuid: str, reason: str) -> None:
        self.fake.change(uuid, locked=True, locked_reason=reason)

    def delete(self, uuid: str) -> None:
        self.fake.delete(uuid, OWN)

    def fail_at(self, host: str, step: str) -> None:
        self.fake.fail_at = {host: step} if step else {}

    def group(self, name: str, policy: str, max_per_host: int = 1) -> None:
        made = api.ServerGroup(f"uuid-of-{name}", name, policy, max_per_host=max_per_host)
        self.fake.groups.append(made)

    def off(self, host: str, is_off: bool) -> None:
        self.forced_down(host, is_off)

    def offload_at_once(self, does: bool) -> None:
        self.fake.offloads_at_once = does

    def share_storage(self, does: bool) -> None:
        self.fake.shared_storage = does

    def slow_live(self, is_slow: bool) -> None:
        self.fake.hold_live = is_slow

    def post_copy(self, does: bool) -> None:
        self.fake.post_copy = does

    def new_server(self, uuid: str, image_id: str, **changes: Any) -> api.NewServer:
        return new_server(self.cloud, uuid, image_id, changes)

    def key(self, name: str, exists: bool) -> str:
        self.fake.gone_keys = self.fake.gone_keys - {name} if exists else self.fake.gone_keys | {name}
        return MEMBER

    def borrowed_keys(self) -> set[str]:
        return set()

    def confirm_as_member(self, uuid: str) -> None:
        self.fake.confirm_outside(uuid)

    def later(self) -> datetime:
        return self.fake._now()


class LabStage:
    def __init__(self, lab: Lab, newest: str) -> None:
        self.lab = lab
        self.cloud: api.Cloud = connected(lab, newest)
        self.admin = client(lab, "admin", "admin")
        self.member = client(lab, "demo", "demo")
        self.member_admin = client(lab, "demo", "admin")
        """As admin, but in the project of the member who later confirms past us."""
        self.booted: list[str] = []
        self.shared: list[str] = []
        lab.behaviour(
            cold_migrate_seconds=0.2,
            confirm_seconds=0,
            revert_seconds=0,
            live_migration_seconds=0.4,
            snapshot_seconds=0.2,
        )

    def boot(
        self, name: str, host: str, status: str = "SHUTOFF", zone: str = "", *, ours: bool = False
    ) -> str:
        body: dict[str, Any] = {"name": name, "host": host, **parts(self.lab)}
        if zone:
            body["availability_zone"] = zone
        client = self.admin if ours else self.member_admin
        uuid = str(client.post("nova", "/servers", {"server": body})["server"]["id"])
        self.booted.append(uuid)
        self.until(lambda: self._at_rest(uuid, "ACTIVE"))
        action = {"SHUTOFF": {"os-stop": None}, "PAUSED": {"pause": None}}.get(status)
        if action:
            self.admin.post("nova", f"/servers/{uuid}/action", action)
            self.until(lambda: self._at_rest(uuid, status))
        return uuid

    def boot_nowhere(self, name: str) -> str:
        flavor = {"name": f"{name}-{uuid4()}", "ram": 10_000_000, "vcpus": 1, "disk": 1}
        made = self.admin.post("nova", "/flavors", {"flavor": flavor})["flavor"]["id"]
        body = {"name": name, **parts(self.lab), "flavorRef": made}
        uuid = str(self.member_admin.post("nova", "/servers", {"server": body})["server"]["id"])
        self.booted.append(uuid)
        self.until(lambda: self.cloud.server(uuid).status == "ERROR")
        self.admin.call("DELETE", "nova", f"/flavors/{made}")  # the server keeps what it was made with
        return uuid

    def boot_from_volume(self, name: str, host: str) -> str:
        made_of = parts(self.lab)
        disk = {
            "boot_index": 0,
            "uuid": made_of["imageRef"],
            "source_type": "image",
            "destination_type": "volume",
            "volume_size": 1,
            "delete_on_termination": True,
        }
        body = {"name": name, "host": host, **made_of, "block_device_mapping_v2": [disk]}
        del body["imageRef"]
        uuid = str(self.member_admin.post("nova", "/servers", {"server": body})["server"]["id"])
        self.booted.append(uuid)
        self.until(lambda: self._at_rest(uuid, "ACTIVE"))
        return uuid

    def share(self, uuid: str) -> str:
        # the record that Nova makes after it has asked the share service, which the lab has not
        made = str(uuid4())
        with databases.connect(self.lab.state / "db/nova_cell1.sqlite") as cell:
            cell.execute(
                "INSERT INTO share_mapping (uuid, instance_uuid, share_id, status, tag, export_location, share_proto)"
                " VALUES (?, ?, ?, 'inactive', 'tag', '10.0.0.1:/folder', 'NFS')",
                (str(uuid4()), uuid, made),
            )
        self.shared.append(made)
        return made

    def image_that_requires(self, trait: str) -> str:
        image = {"name": "k-picky", "disk_format": "raw", "container_format": "bare", "visibility": "public"}
        image[f"trait:{trait}"] = "required"
        made = str(self.admin.post("glance", "/v2/images", image)["id"])
        self.admin.call("PUT", "glance", f"/v2/images/{made}/file", b"an image of the lab\n")
        return made

    def _at_rest(self, uuid: str, status: str) -> bool:
        server = self.cloud.server(uuid)
        assert server.status != "ERROR", server.fault
        return server.status == status and not server.task_state

    def until(self, done: Callable[[], bool]) -> None:
        wait_for(done, 60, "it")

    def _service(self, host: str) -> str:
        rows = self.admin.get("nova", "/os-services?binary=nova-compute")["services"]
        return str(next(row["id"] for row in rows if row["host"] == host))

    def out_of_service(self, host: str, is_out: bool) -> None:
        body = {"status": "disabled", "disabled_reason": "psu"} if is_out else {"status": "enabled"}
        self.admin.call("PUT", "nova", f"/os-services/{self._service(host)}", body)

    def forced_down(self, host: str, is_down: bool) -> None:
        self.admin.call("PUT", "nova", f"/os-services/{self._service(host)}", {"forced_down": is_down})

    def lock(self, uuid: str, reason: str) -> None:
        self.admin.post("nova", f"/servers/{uuid}/action", {"lock": {"locked_reason": reason}})

    def delete(self, uuid: str) -> None:
        self.admin.call("DELETE", "nova", f"/servers/{uuid}")

    def fail_at(self, host: str, step: str) -> None:
        self.lab.behaviour(fail={host: [step]} if step else {})

    def group(self, name: str, policy: str, max_per_host: int = 1) -> None:
        group: dict[str, Any] = {"name": name, "policy": policy}
        if max_per_host > 1:
            group["rules"] = {"max_server_per_host": max_per_host}
        self.member_admin.post("nova", "/os-server-groups", {"server_group": group})

    def off(self, host: str, is_off: bool) -> None:
        if is_off:
            self.lab.stop_compute(host)
        else:
            self.lab.start_compute(host)  # it closes its evacuations first; else Nova does not take it back
        self.forced_down(host, is_off)

    def offload_at_once(self, does: bool) -> None:
        self.lab.control("/conf", group=None, name="shelved_offload_time", value=0 if does else -1)

    def share_storage(self, does: bool) -> None:
        self.lab.behaviour(shared_storage=does)

    def slow_live(self, is_slow: bool) -> None:
        self.lab.behaviour(live_migration_seconds=60 if is_slow else 0.4)

    def post_copy(self, does: bool) -> None:
        self.lab.behaviour(post_copy=does, live_migration_seconds=3 if does else 0.4)

    def new_server(self, uuid: str, image_id: str, **changes: Any) -> api.NewServer:
        return new_server(self.cloud, uuid, image_id, changes)

    def key(self, name: str, exists: bool) -> str:
        if exists:
            body = {"keypair": {"name": name, "public_key": PUBLIC_KEY}}
            self.member.post("nova", "/os-keypairs", body)
        else:
            self.member.call("DELETE", "nova", f"/os-keypairs/{quote(name)}")
        users = self.admin.get("keystone", "/users?name=demo")["users"]
        return str(users[0]["id"])

    def borrowed_keys(self) -> set[str]:
        rows = self.admin.get("nova", "/os-keypairs")["keypairs"]
        return {row["keypair"]["name"] for row in rows}

    def confirm_as_member(self, uuid: str) -> None:
        self.member.post("nova", f"/servers/{uuid}/action", {"confirmResize": None})

    def later(self) -> datetime:
        # Nova's `changes-since` counts in whole seconds.
        since = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        self.until(lambda: datetime.now(UTC) >= since)
        return since

    def clear(self) -> None:
        self.lab.reset_behaviour()
        self.offload_at_once(True)
        with databases.connect(self.lab.state / "db/nova_cell1.sqlite") as cell:
            cell.executemany("DELETE FROM share_mapping WHERE share_id = ?", [(one,) for one in self.shared])
        # Copies have the names of their originals.
        rows = self.admin.get("nova", "/servers/detail?all_tenants=1")["servers"]
        names = {row["name"] for row in rows if row["id"] in self.booted}
        for row in rows:
            if row["name"] in names and row["OS-EXT-STS:task_state"] != "deleting":
                self.delete(row["id"])


# Signed in once for all cases: it takes longer than most of them.


@cache
def connected(lab: Lab, newest: str) -> OpenStackCloud:
    return OpenStackCloud("lab", newest=newest, timeout=60)


@cache
def client(lab: Lab, project: str, user: str) -> Client:
    return lab.client(project, user)


@cache
def parts(lab: Lab) -> dict[str, Any]:
    """What an instance of the cases is made of."""
    admin = client(lab, "admin", "admin")
    flavors, images = admin.get("nova", "/flavors")["flavors"], admin.get("glance", "/v2/images")["images"]
    networks = admin.get("neutron", "/v2.0/networks")["networks"]
    return {
        "flavorRef": next(row["id"] for row in flavors if row["name"] == "m1.tiny"),
        "imageRef": next(row["id"] for row in images if row["name"] == "cirros"),
        "networks": [{"uuid": next(row["id"] for row in networks if row["name"] == "public")}],
    }


def new_server(cloud: api.Cloud, uuid: str, image_id: str, changes: dict[str, Any]) -> api.NewServer:
    """Alike: the same flavor, networks and security groups, in the same project."""
    original, ports = cloud.server(uuid), cloud.ports(uuid)
    alike: dict[str, Any] = {
        "name": original.name,
        "project_id": original.project_id,
        "image_id": image_id,
        "flavor": original.flavor,
        "networks": tuple(port.network_id for port in ports),
        "security_groups": ports[0].security_groups,
    }
    return api.NewServer(**alike | changes)
