"""Two stages for the same cases: the fake cloud, and a real Nova in the lab."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from nmigrate.cloud import api
from nmigrate.cloud.openstack import OpenStackCloud
from nmigrate.lab import Lab
from tests.fakecloud import FakeCloud


class Stage(Protocol):
    """A cloud with handles: four hosts, compute1 and compute3 in zone nova-1, compute2 and compute4 in nova."""

    cloud: api.Cloud

    def boot(self, name: str, host: str, status: str = "SHUTOFF", zone: str = "") -> str:
        """A new server at rest on `host`; with `zone` pinned to it. Returns its uuid."""
        ...

    def until(self, done: Callable[[], bool]) -> None: ...
    def out_of_service(self, host: str, is_out: bool) -> None: ...
    def forced_down(self, host: str, is_down: bool) -> None: ...
    def lock(self, uuid: str, reason: str) -> None: ...
    def delete(self, uuid: str) -> None: ...
    def fail_at(self, host: str, step: str) -> None: ...
    def confirm_as_member(self, uuid: str) -> None: ...
    def group(self, name: str, policy: str) -> None:
        """A new server group without members."""
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

    def boot(self, name: str, host: str, status: str = "SHUTOFF", zone: str = "") -> str:
        return self.fake.add(name, host, status, pinned_zone=zone or None).uuid

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
        self.fake.delete(uuid)

    def fail_at(self, host: str, step: str) -> None:
        self.fake.fail_at = {host: step} if step else {}

    def group(self, name: str, policy: str) -> None:
        self.fake.groups.append(api.ServerGroup(f"uuid-of-{name}", name, policy))

    def confirm_as_member(self, uuid: str) -> None:
        self.fake.confirm_outside(uuid)

    def later(self) -> datetime:
        return self.fake._now()


class LabStage:
    def __init__(self, lab: Lab, newest: str) -> None:
        self.lab = lab
        self.cloud: api.Cloud = OpenStackCloud("lab", newest=newest, timeout=60)
        self.admin = lab.client()
        self.demo = lab.client("demo")
        self.booted: list[str] = []
        lab.behaviour(cold_migrate_seconds=0.2, confirm_seconds=0, revert_seconds=0)

    def boot(self, name: str, host: str, status: str = "SHUTOFF", zone: str = "") -> str:
        flavor = next(f for f in self.admin.get("nova", "/flavors")["flavors"] if f["name"] == "m1.tiny")
        image = next(i for i in self.admin.get("glance", "/v2/images")["images"] if i["name"] == "cirros")
        network = next(
            n for n in self.admin.get("neutron", "/v2.0/networks")["networks"] if n["name"] == "public"
        )
        body: dict[str, Any] = {
            "name": name,
            "flavorRef": flavor["id"],
            "imageRef": image["id"],
            "networks": [{"uuid": network["id"]}],
            "host": host,
        }
        if zone:
            body["availability_zone"] = zone
        # As admin, but in the project of the member who later confirms it past us.
        admin_in_demo = self.lab.client("demo", "admin")
        uuid = str(admin_in_demo.post("nova", "/servers", {"server": body})["server"]["id"])
        self.booted.append(uuid)
        self.until(lambda: self._at_rest(uuid, "ACTIVE"))
        action = {"SHUTOFF": {"os-stop": None}, "PAUSED": {"pause": None}}.get(status)
        if action:
            self.admin.post("nova", f"/servers/{uuid}/action", action)
            self.until(lambda: self._at_rest(uuid, status))
        return uuid

    def _at_rest(self, uuid: str, status: str) -> bool:
        server = self.cloud.server(uuid)
        assert server.status != "ERROR", server.fault
        return server.status == status and not server.task_state

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not done():
            assert time.monotonic() < end, "it did not happen within a minute"
            time.sleep(0.2)

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

    def group(self, name: str, policy: str) -> None:
        self.admin.post("nova", "/os-server-groups", {"server_group": {"name": name, "policy": policy}})

    def confirm_as_member(self, uuid: str) -> None:
        self.lab.client("demo", "demo").post("nova", f"/servers/{uuid}/action", {"confirmResize": None})

    def later(self) -> datetime:
        # Nova's `changes-since` counts in whole seconds.
        since = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        self.until(lambda: datetime.now(UTC) >= since)
        return since

    def clear(self) -> None:
        self.lab.reset_behaviour()
        for uuid in self.booted:
            try:
                self.delete(uuid)
            except Exception:  # noqa: S110 - deleted by the case itself
                pass
