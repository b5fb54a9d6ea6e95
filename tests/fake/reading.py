"""What the fake cloud tells."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from nmigrate.cloud import api
from tests.fake.base import ADMIN, GONE, IMAGE, MEMBER, OWN, PROJECT, FakeBase


class Reading(FakeBase):
    """Lists, single servers, hosts, names and actions."""

    def versions(self) -> api.Versions:
        return api.Versions(newest=self.newest, used=self.newest)

    def servers(self, changes_since: datetime | None = None) -> Iterator[api.Server]:
        self._answer("servers")
        rows = [*self.by_uuid.values(), *(self.gone.values() if changes_since else ())]
        for row in rows:
            if changes_since is None or (row.updated_at and row.updated_at >= changes_since):
                yield self._seen(row)

    def server(self, uuid: str) -> api.Server:
        self._answer("server")
        return self._seen(self._find(uuid))

    def server_migrations(self, changes_since: datetime | None = None) -> list[api.ServerMigration]:
        self._answer("server_migrations")
        return [
            row
            for row in self.records.values()
            if changes_since is None or (row.updated_at and row.updated_at >= changes_since)
        ]

    def server_migrations_of(self, uuid: str) -> list[api.ServerMigration]:
        self._answer("server_migrations_of")
        return [row for row in self.records.values() if row.instance_uuid == uuid]

    def hypervisors(self, exact: bool = False) -> list[api.Hypervisor]:
        self._answer("hypervisors")
        return list(self.hosts.values())

    def services(self) -> list[api.Service]:
        self._answer("services")
        return [
            api.Service(
                uuid=str(uuid5(NAMESPACE_URL, host.host)),
                binary="nova-compute",
                host=host.host,
                zone=host.zone,
                state=host.state,
                status=host.status,
                disabled_reason=host.disabled_reason,
                forced_down=host.forced_down,
            )
            for host in self.hosts.values()
        ]

    def room(self, hypervisor: str) -> api.Room | None:
        self._answer("room")
        host = next((row for row in self.hosts.values() if row.uuid == hypervisor), None)
        return api.Room(host.vcpus, host.memory_mb, host.disk_gb, host.traits) if host else None

    def server_groups(self) -> list[api.ServerGroup]:
        self._answer("server_groups")
        return self.groups

    def project_names(self) -> dict[str, str]:
        return {PROJECT: "demo"}

    def user_name(self, user_id: str) -> str:
        return {OWN: "admin", MEMBER: "demo", ADMIN: "cloud-admin"}.get(user_id, user_id)

    def images(self) -> list[api.Image]:
        return [api.Image(IMAGE, "cirros", "active"), *self.stored_images.values()]

    def volume_devices(self, uuid: str) -> dict[str, str]:
        self._answer("volume_devices")
        volumes = self._find(uuid).volumes
        first = 0 if self.starts_from_volume(self.by_uuid[uuid]) else 1
        return {f"/dev/vd{chr(ord('a') + number)}": volume for number, volume in enumerate(volumes, first)}

    def has_shares(self) -> bool:
        return self._speaks_of_shares() and bool(self.shared)

    def shares_of(self, uuid: str) -> tuple[str, ...]:
        self._answer("shares_of")
        self._find(uuid)
        return self.shared.get(uuid, ()) if self._speaks_of_shares() else ()

    def _speaks_of_shares(self) -> bool:
        return api.microversion(self.newest) >= api.microversion(api.SHARES_MICROVERSION)

    def own_user_id(self) -> str:
        return OWN

    def own_projects(self) -> set[str]:
        self._answer("own_projects")
        return set(self.projects)

    def actions(self, uuid: str) -> list[api.Action]:
        self._answer("actions")
        if uuid not in self.history:
            raise api.NotFound(GONE, "404")
        return [replace(action, events=()) for action in reversed(self.history[uuid])]

    def action(self, uuid: str, request_id: str) -> api.Action:
        self._answer("action")
        return next(action for action in self.history[uuid] if action.request_id == request_id)
