"""Shelve, unshelve and evacuate: ways on for servers that may not run meanwhile."""

from collections.abc import Iterator
from dataclasses import replace

from nmigrate.cloud import api
from nmigrate.cloud.refusals import known_refusal
from tests.fake.base import OWN, FakeBase


class Shelving(FakeBase):
    """`offloads_at_once`: shelved servers leave their host at once (Nova's default, shelved_offload_time 0)."""

    offloads_at_once = True

    def shelve(self, uuid: str) -> str:
        return self._post("shelve", lambda: self._shelve(uuid))

    def shelve_offload(self, uuid: str) -> str:
        return self._post("shelve_offload", lambda: self._shelve_offload(uuid))

    def unshelve(self, uuid: str, zone: str | None = "", host: str = "") -> str:
        return self._post("unshelve", lambda: self._unshelve(uuid, zone, host))

    def evacuate(self, uuid: str, host: str = "") -> str:
        return self._post("evacuate", lambda: self._evacuate(uuid, host))

    # -- shelve

    def _shelve(self, uuid: str) -> str:
        self._check_shares(uuid)
        self._check_state(self._find(uuid), "shelve", "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
        request_id = self._begin(uuid, "shelve", OWN)
        self.change(uuid, task_state="shelving")
        self._pending[uuid] = self._being_shelved(uuid)
        return request_id

    def _being_shelved(self, uuid: str) -> Iterator[None]:
        yield
        if not self.starts_from_volume(self.by_uuid[uuid]):
            self.change(uuid, task_state="shelving_image_uploading", power_state=4)
            yield
        elif self.offloads_at_once:
            yield from self._leaving(uuid)
            return
        self.change(uuid, status="SHELVED", vm_state="shelved", power_state=4, task_state="")
        if self.offloads_at_once:
            self.change(uuid, task_state="shelving_offloading")
            yield
            yield from self._leaving(uuid)

    def _shelve_offload(self, uuid: str) -> str:
        self._check_state(self._find(uuid), "shelveOffload", "SHELVED")
        request_id = self._begin(uuid, "shelveOffload", OWN)
        self.change(uuid, task_state="shelving_offloading")
        self._pending[uuid] = self._leaving(uuid)
        return request_id

    def _leaving(self, uuid: str) -> Iterator[None]:
        yield
        self.change(
            uuid, status="SHELVED_OFFLOADED", vm_state="shelved_offloaded", power_state=4, task_state="",
            host="", hypervisor="", zone="",
        )  # fmt: skip

    # -- unshelve

    def _unshelve(self, uuid: str, zone: str | None, host: str) -> str:
        server = self._find(uuid)
        self._check_state(server, "unshelve", "SHELVED", "SHELVED_OFFLOADED")
        if zone != "" or host:
            self._check_destination(server, zone, host)
        request_id = self._begin(uuid, "unshelve", OWN)
        if zone != "":
            server = replace(server, pinned_zone=zone)
            self.by_uuid[uuid] = server  # the pin changes at once, and stays changed if scheduling fails
        self.change(uuid, task_state="unshelving")
        self._pending[uuid] = self._coming_back(uuid, host, request_id)
        return request_id

    def _check_destination(self, server: api.Server, zone: str | None, host: str) -> None:
        """The order is Nova's: the zone is looked at before the server's state, the host after it."""
        self._check_zone(zone)
        if server.status != "SHELVED_OFFLOADED":
            raise self._refuse(
                f'Specifying an availability zone or a host when unshelving server "{server.uuid}" with status '
                f'"{server.vm_state}" is not supported. The server status must be SHELVED_OFFLOADED.'
            )
        self._check_host(host)
        bound = server.pinned_zone if zone == "" else zone
        if host and bound and self.hosts[host].zone != bound:
            raise self._refuse(f'Host "{host}" is not in the availability zone "{bound}".')

    def _coming_back(self, uuid: str, host: str, request_id: str) -> Iterator[None]:
        yield
        server = self.by_uuid[uuid]
        if server.host:  # shelved, not offloaded: it starts where it is
            self.change(uuid, status="ACTIVE", vm_state="active", power_state=1, task_state="")
            return
        fitting = self._choose(server, host)
        if not fitting:
            said = "No valid host was found. There are not enough hosts available."
            self._event(uuid, request_id, "schedule_instances", "controller", said)
            self.change(uuid, task_state="")
            return
        chosen = fitting[0]
        self.change(uuid, task_state="spawning", host=chosen, hypervisor=chosen, zone=self.hosts[chosen].zone)
        yield
        if self.fail_at.get(chosen) == "spawn":
            said = f"lab: injected failure of spawn on {chosen}"
            self._event(uuid, request_id, "compute_unshelve_instance", chosen, said)
            self.change(uuid, task_state="", host="", hypervisor="", zone="")
            return
        # Running, whatever it was before it was shelved: seen on the lab.
        self.change(uuid, status="ACTIVE", vm_state="active", power_state=1, task_state="")

    # -- evacuate

    def _evacuate(self, uuid: str, host: str) -> str:
        server = self._find(uuid)
        self._check_shares(uuid)
        if host and host not in self.hosts:
            said = f"404 Compute host {host} not found."
            raise api.NotFound(known_refusal(said), said)
        if host == server.host:
            raise self._refuse("The target host can't be the same one.", 400)
        self._check_state(server, "evacuate", "ACTIVE", "SHUTOFF", "ERROR")
        if not server.host:
            raise self._refuse(f"Instance {uuid} is in an invalid state for 'evacuate'")
        if self._is_up(server.host):
            raise self._refuse(f"Compute service of {server.host} is still in use.", 400)
        request_id = self._begin(uuid, "evacuate", OWN)
        self.change(uuid, status="REBUILD", task_state="rebuilding")
        self._pending[uuid] = self._evacuating(uuid, host, request_id)
        return request_id

    def _evacuating(self, uuid: str, host: str, request_id: str) -> Iterator[None]:
        server = self.by_uuid[uuid]
        number = next(self._ids)
        self._record(number, uuid, "accepted", server.host, host, OWN, "evacuation")
        yield
        fitting = self._choose(server, host)
        if not fitting:
            said = "No valid host was found. "
            self._event(uuid, request_id, "rebuild_server", "controller", said)
            self._record(number, uuid, "error")
            self.change(uuid, status="ERROR", vm_state="error", task_state="", fault=said)
            return
        chosen = fitting[0]
        self._record(number, uuid, "pre-migrating", dest=chosen)
        yield
        self.change(uuid, task_state="rebuild_spawning", power_state=0)
        yield
        if self.fail_at.get(chosen) == "spawn":
            said = f"lab: injected failure of spawn on {chosen}"
            self._event(uuid, request_id, "compute_rebuild_instance", chosen, said)
            self._record(number, uuid, "failed")
            self.change(uuid, status="ERROR", vm_state="error", task_state="", fault=said)
            return
        # Below 2.95 it runs again if it ran; since then it is left stopped. One in error comes back running.
        runs = server.vm_state == "error" or (
            server.vm_state == "active" and api.microversion(self.newest) < (2, 95)
        )
        state = (
            {"status": "ACTIVE", "vm_state": "active"}
            if runs
            else {"status": "SHUTOFF", "vm_state": "stopped"}
        )
        self.change(uuid, task_state="", power_state=1 if runs else 4, **state)
        yield  # seen on the lab: at rest for a moment before its host and its record say where
        self.change(uuid, host=chosen, hypervisor=chosen, zone=self.hosts[chosen].zone)
        self._record(number, uuid, "done")
