"""What a cloud tells: servers, moves and hosts from Nova, capacity from placement, names from keystone and glance."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from nmigrate.cloud import api, wire
from nmigrate.cloud.failures import explain
from nmigrate.cloud.openstack.session import Session

log = logging.getLogger(__name__)

PAGE = 100
"""Servers asked for at a time: Nova's cost is linear, and pages keep the API responsive for others."""
PLACEMENT_VERSION = "1.36"
"""Train and later; provider summaries of whole trees come with 1.29."""


class Reading(Session):
    """Nothing here changes anything."""

    def __init__(self, name: str, *, newest: str = "", timeout: float = 0) -> None:
        super().__init__(name, newest=newest, timeout=timeout)
        self._users: dict[str, str] = {}

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

    def room(self, hypervisor: str) -> api.Room | None:
        answer = self._placement(f"/allocation_candidates?resources=MEMORY_MB:1&in_tree={hypervisor}")
        row = answer["provider_summaries"].get(hypervisor)
        found = wire.summary(row) if row else self._provider(hypervisor)
        return wire.room(found) if found.amounts else None

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

    def volume_devices(self, uuid: str) -> dict[str, str]:
        rows = self._nova("GET", f"/servers/{uuid}/os-volume_attachments")["volumeAttachments"]
        return {row["device"]: row["volumeId"] for row in rows if row.get("device")}

    def has_shares(self) -> bool:
        if api.microversion(self.versions().used) < api.microversion(api.SHARES_MICROVERSION):
            return False
        session = self._connect().session
        with explain(self.name):
            catalog = session.auth.get_access(session).service_catalog
            return bool(catalog.get_endpoints(service_type="shared-file-system"))

    def shares_of(self, uuid: str) -> tuple[str, ...]:
        if api.microversion(self.versions().used) < api.microversion(api.SHARES_MICROVERSION):
            return ()
        return tuple(row["share_id"] for row in self._nova("GET", f"/servers/{uuid}/shares")["shares"])

    def images(self) -> list[api.Image]:
        try:
            return [wire.image(row) for row in self._images("limit=1000")]
        except (api.Unauthorized, api.NotFound, api.WrongSetting):
            log.info("%s: this account may not list images; they are shown without names", self.name)
            return []

    def own_projects(self) -> set[str]:
        rows = self._get("identity", "/auth/projects")["projects"]
        return {row["id"] for row in rows if row.get("enabled", True)}

    # -- what was asked of a server

    def actions(self, uuid: str) -> list[api.Action]:
        rows = self._nova("GET", f"/servers/{uuid}/os-instance-actions")["instanceActions"]
        return sorted((wire.action(row) for row in rows), key=wire.action_time, reverse=True)

    def action(self, uuid: str, request_id: str) -> api.Action:
        return wire.action(
            self._nova("GET", f"/servers/{uuid}/os-instance-actions/{request_id}")["instanceAction"]
        )
