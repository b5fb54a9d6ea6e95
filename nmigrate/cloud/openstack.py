"""The only file that talks to OpenStack: openstacksdk for the session, Nova's and placement's REST for the rest.

The compute calls are made with an explicit microversion, between OLDEST_MICROVERSION and what both Nova and
NMIGRATE_MAX_MICROVERSION allow, because openstacksdk's own methods choose theirs (live migration: 2.30 always).
Nothing that changes something is ever retried here.
"""

import logging
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import openstack
from django.conf import settings
from keystoneauth1.adapter import Adapter

from nmigrate.cloud import api, wire
from nmigrate.cloud.failures import explain, refuse_answer

log = logging.getLogger(__name__)

PAGE = 100
"""Servers asked for at a time: Nova's cost is linear, and pages keep the API responsive for others."""
PLACEMENT_VERSION = "1.36"
"""Train and later; provider summaries of whole trees come with 1.29."""


class OpenStackCloud:
    """One cloud of clouds.yaml. Use one object per thread and process: see `nmigrate.cloud.connect`."""

    def __init__(self, name: str, *, newest: str = "", timeout: float = 0) -> None:
        self.name = name
        self._cap = newest or settings.NMIGRATE_MAX_MICROVERSION
        self._timeout = timeout or settings.NMIGRATE_API_TIMEOUT
        self._connection: openstack.connection.Connection | None = None
        self._versions: api.Versions | None = None
        self._users: dict[str, str] = {}
        self._lock = threading.Lock()

    # -- the session

    def _connect(self) -> openstack.connection.Connection:
        with self._lock:
            if self._connection is None:
                with explain(self.name):
                    self._connection = openstack.connect(
                        cloud=self.name,
                        api_timeout=self._timeout,
                        compute_api_version="2",
                    )
        return self._connection

    def _adapter(self, service: str) -> Adapter:
        connection = self._connect()
        with explain(self.name):
            adapter: Adapter = getattr(connection, service)
        return adapter

    def versions(self) -> api.Versions:
        if self._versions is None:
            compute = self._adapter("compute")
            with explain(self.name):
                data = compute.get_endpoint_data()
            newest = ".".join(str(part) for part in (data.max_microversion or (2, 1))) if data else "2.1"
            used = min(newest, self._cap, api.NEWEST_MICROVERSION, key=api.microversion)
            if api.microversion(used) < api.microversion(api.OLDEST_MICROVERSION):
                raise api.WrongSetting(
                    f"The Nova of {self.name} speaks microversion {newest} at most; nmigrate needs "
                    f"{api.OLDEST_MICROVERSION} (Zed, 2022) or newer. An operator must upgrade that cloud.",
                    said=f"newest microversion {newest}",
                )
            self._versions = api.Versions(newest=newest, used=used)
        return self._versions

    def _nova(self, method: str, path: str, body: dict[str, Any] | None = None, version: str = "") -> Any:
        answer = self._nova_answer(method, path, body, version)
        with explain(self.name):
            return answer.json() if answer.content else {}

    def _nova_answer(
        self, method: str, path: str, body: dict[str, Any] | None = None, version: str = ""
    ) -> Any:
        used = version or self.versions().used
        compute = self._adapter("compute")
        with explain(self.name):
            answer = compute.request(path, method, json=body, microversion=used, raise_exc=False)
        refuse_answer(self.name, answer)
        return answer

    def _get(self, service: str, path: str, **options: Any) -> Any:
        adapter = self._adapter(service)
        with explain(self.name):
            answer = adapter.request(path, "GET", raise_exc=False, **options)
        refuse_answer(self.name, answer)
        with explain(self.name):
            return answer.json()

    def _paged(
        self, path: str, key: str, query: dict[str, Any], page: int = 1000
    ) -> Iterator[dict[str, Any]]:
        """Follow Nova's marker paging. A page shorter than asked is no end: the server may cap `limit`."""
        marker = None
        while True:
            asked = {**query, "limit": page} | ({"marker": marker} if marker else {})
            answer = self._nova("GET", f"{path}?{urlencode(asked)}")
            rows = answer[key]
            yield from rows
            if not rows or not answer.get(f"{key}_links"):
                return
            marker = rows[-1].get("uuid") or rows[-1]["id"]

    # -- reading Nova

    def servers(self, changes_since: datetime | None = None) -> Iterator[api.Server]:
        query: dict[str, Any] = {"all_tenants": "1"}
        if changes_since is not None:
            query["changes-since"] = wire.stamp(changes_since)
        for row in self._paged("/servers/detail", "servers", query, PAGE):
            yield wire.server(row)

    def server(self, uuid: str) -> api.Server:
        return wire.server(self._nova("GET", f"/servers/{uuid}")["server"])

    def server_migrations(self, changes_since: datetime | None = None) -> list[api.ServerMigration]:
        query = {"changes-since": wire.stamp(changes_since)} if changes_since else {}
        return [wire.server_migration(row) for row in self._paged("/os-migrations", "migrations", query)]

    def server_migrations_of(self, uuid: str) -> list[api.ServerMigration]:
        rows = self._paged("/os-migrations", "migrations", {"instance_uuid": uuid})
        return [wire.server_migration(row) for row in rows]

    def services(self) -> list[api.Service]:
        return [wire.service(row) for row in self._nova("GET", "/os-services")["services"]]

    def server_groups(self) -> list[api.ServerGroup]:
        # Its paging knows limit and offset only, and an offset past the end is an empty page.
        found: list[api.ServerGroup] = []
        while True:
            query = urlencode({"all_projects": "True", "limit": 1000, "offset": len(found)})
            rows = self._nova("GET", f"/os-server-groups?{query}")["server_groups"]
            if not rows:
                return found
            found += [wire.server_group(row) for row in rows]

    def hypervisors(self, exact: bool = False) -> list[api.Hypervisor]:
        services = {service.host: service for service in self.services() if service.binary == "nova-compute"}
        aggregates: dict[str, list[str]] = {}
        for aggregate in self._nova("GET", "/os-aggregates")["aggregates"]:
            for host in aggregate["hosts"]:
                aggregates.setdefault(host, []).append(aggregate["name"])
        summaries = {} if exact else self._summaries()
        found = []
        for row in self._hypervisor_rows():
            summary = summaries.get(row["id"]) or self._provider(row["id"])
            found.append(wire.hypervisor(row, services.get(row["service"]["host"]), aggregates, summary))
        return found

    def _hypervisor_rows(self) -> Iterator[dict[str, Any]]:
        # 2.88 is inside what every supported Nova speaks and already leaves capacity to placement.
        yield from self._paged("/os-hypervisors/detail", "hypervisors", {})

    # -- placement: capacity

    def _placement(self, path: str) -> Any:
        return self._get(
            "placement", path, headers={"OpenStack-API-Version": f"placement {PLACEMENT_VERSION}"}
        )

    def _summaries(self) -> dict[str, wire.Summary]:
        """Capacity, use and traits of every provider that has room, in one call whatever their number.

        A provider without room for 1 MiB is not a candidate; `_provider` asks for those one by one.
        """
        answer = self._placement("/allocation_candidates?resources=MEMORY_MB:1")
        return {uuid: wire.summary(row) for uuid, row in answer["provider_summaries"].items()}

    def _provider(self, uuid: str) -> wire.Summary:
        try:
            inventories = self._placement(f"/resource_providers/{uuid}/inventories")["inventories"]
            usages = self._placement(f"/resource_providers/{uuid}/usages")["usages"]
            traits = self._placement(f"/resource_providers/{uuid}/traits")["traits"]
        except api.NotFound:
            return wire.Summary()
        return wire.provider(inventories, usages, traits)

    # -- names

    def project_names(self) -> dict[str, str]:
        try:
            return {row["id"]: row["name"] for row in self._get("identity", "/projects")["projects"]}
        except (api.Unauthorized, api.NotFound):
            log.info("%s: this account may not list projects; their ids are shown", self.name)
            return {}

    def user_name(self, user_id: str) -> str:
        if not user_id:
            return ""
        if user_id not in self._users:
            try:
                self._users[user_id] = self._get("identity", f"/users/{user_id}")["user"]["name"]
            except (api.Unauthorized, api.Refused):
                self._users[user_id] = user_id
        return self._users[user_id]

    def image_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        path = "/images?limit=1000"
        try:
            while path:
                answer = self._get("image", path)
                names |= {row["id"]: row.get("name") or "" for row in answer["images"]}
                path = (answer.get("next") or "").removeprefix("/v2")
        except (api.Unauthorized, api.NotFound, api.WrongSetting):
            log.info("%s: this account may not list images; they are shown without names", self.name)
        return names

    def own_user_id(self) -> str:
        connection = self._connect()
        with explain(self.name):
            return str(connection.session.get_user_id() or "")

    # -- what was asked of a server

    def actions(self, uuid: str) -> list[api.Action]:
        rows = self._nova("GET", f"/servers/{uuid}/os-instance-actions")["instanceActions"]
        return sorted((wire.action(row) for row in rows), key=wire.action_time, reverse=True)

    def action(self, uuid: str, request_id: str) -> api.Action:
        return wire.action(
            self._nova("GET", f"/servers/{uuid}/os-instance-actions/{request_id}")["instanceAction"]
        )

    # -- what changes something: sent once, the answer's request id kept

    def _act(self, uuid: str, body: dict[str, Any]) -> str:
        answer = self._nova_answer("POST", f"/servers/{uuid}/action", body)
        return str(answer.headers.get("X-Openstack-Request-Id", ""))

    def migrate(self, uuid: str, host: str = "") -> str:
        return self._act(uuid, {"migrate": {"host": host} if host else None})

    def confirm_resize(self, uuid: str) -> str:
        return self._act(uuid, {"confirmResize": None})

    def revert_resize(self, uuid: str) -> str:
        return self._act(uuid, {"revertResize": None})

    def start(self, uuid: str) -> str:
        return self._act(uuid, {"os-start": None})
