"""Live migration: its record, its progress, and what can be asked of it on the way."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

from nmigrate.cloud import api
from tests.fake.base import ADMIN, GONE, MEMBER, OWN, SETTLED, FakeBase

MIB = 1024**2
IN_PROGRESS = ("queued", "preparing", "running", "post-migrating")
"""What /servers/{id}/migrations lists; `running (post-copy)` is not among them."""
NOT_SHARED = (
    "{host} is not on shared storage: Shared storage live-migration requires either shared storage or "
    "boot-from-volume with no local disks."
)
NOT_LOCAL = "{host} is not on local storage: Block migration can not be used with shared storage."


class Live(FakeBase):
    """Handles: see the attributes."""

    shared_storage = False
    """All hosts see all disks (Ceph, NFS). Without it a server has local disks unless it is all volumes."""
    hold_live = False
    """Live migrations stay `running`, with figures that fall, until this is False again."""
    post_copy = False
    """Half-way they turn to `running (post-copy)`: with hold_live they stay there."""
    max_live = 0
    """How many may leave a host at a time, the others staying `queued`; 0: any number. Nova's default is 1."""

    def abort_live_outside(self, uuid: str, migration_id: int, user: str = MEMBER) -> None:
        self._abort_live(uuid, migration_id, user)

    def live_outside(self, uuid: str, host: str = "", user: str = ADMIN) -> str:
        return self._live_migrate(uuid, host, None, user)

    def give_up_live(self, uuid: str) -> None:
        """Nova's own limit of time is over: it stops the move, and no action tells of that."""
        self._told_live[uuid] = "abort"

    def hang_live(self, uuid: str) -> None:
        """The record is closed as completed, and what should follow never comes."""
        record = max(
            (row for row in self.records.values() if row.instance_uuid == uuid), key=lambda row: row.id
        )
        self._pending.pop(uuid, None)
        self._record(record.id, uuid, "completed")

    def live_migrate(self, uuid: str, host: str = "", block: bool | None = None) -> str:
        return self._post("live_migrate", lambda: self._live_migrate(uuid, host, block, OWN))

    def live_progress(self, uuid: str) -> list[api.LiveProgress]:
        self._answer("live_progress")
        server = self._find(uuid)
        return [
            self._figures.get(row.id) or api.LiveProgress(row.id, row.status, row.dest_host)
            for row in self.records.values()
            if row.instance_uuid == uuid
            and row.type == "live-migration"
            and row.status in IN_PROGRESS
            and row.source_host == server.host  # seen on the lab: over there, it is listed no more
        ]

    def abort_live(self, uuid: str, migration_id: int) -> str:
        return self._post("abort_live", lambda: self._abort_live(uuid, migration_id, OWN))

    def force_complete(self, uuid: str, migration_id: int) -> str:
        return self._post("force_complete", lambda: self._force_complete(uuid, migration_id))

    # -- how Nova behaves

    def _live_migrate(self, uuid: str, host: str, block: bool | None, user: str) -> str:
        server = self._find(uuid)
        self._check_shares(uuid)
        self._check_state(server, "os-migrateLive", "ACTIVE", "PAUSED")
        self._check_host(host)
        request_id = self._begin(uuid, "live-migration", user)
        self._told_live.pop(uuid, None)
        self._pending[uuid] = self._living(uuid, host, block, request_id, user)
        self.change(uuid, status="MIGRATING", task_state="migrating")
        return request_id

    def _live_in_state(
        self, uuid: str, migration_id: int, what: str, user: str
    ) -> api.ServerMigration | None:
        """The record asked about, or None where Nova says that there is none; refused by Nova's own words."""
        server = self._find(uuid)
        self._check_lock(server, user)
        if server.task_state != "migrating":
            raise self._refuse(f"Instance {uuid} is in an invalid state for '{what}'")
        record = self.records.get(migration_id)
        return record if record is not None and record.instance_uuid == uuid else None

    def _abort_live(self, uuid: str, migration_id: int, user: str) -> str:
        record = self._live_in_state(uuid, migration_id, "abort live migration", user)
        if record is None:
            raise api.NotFound(GONE, f"404 Migration {migration_id} not found for instance {uuid}")
        if record.status not in ("queued", "preparing", "running"):
            raise self._wrong_migration_state(record, "abort live migration")
        self._told_live[uuid] = "abort"
        return self._begin(uuid, "live_migration_cancel", user)

    def _force_complete(self, uuid: str, migration_id: int) -> str:
        record = self._live_in_state(uuid, migration_id, "force_complete", OWN)
        if record is None:
            raise self._refuse(f"Migration {migration_id} not found for instance {uuid}", 400)
        if self._find(uuid).vm_state != "active":
            raise self._refuse(f"Instance {uuid} is in an invalid state for 'force_complete'")
        if record.status != "running":
            raise self._wrong_migration_state(record, "force complete")
        self._told_live[uuid] = "force"
        return self._begin(uuid, "live_migration_force_complete", OWN)

    def _wrong_migration_state(self, record: api.ServerMigration, what: str) -> api.Refused:
        return self._refuse(
            f"Migration {record.id} state of instance {record.instance_uuid} is {record.status}. "
            f"Cannot {what} while the migration is in this state.",
            400,
        )

    def _living(self, uuid: str, host: str, block: bool | None, request_id: str, user: str) -> Iterator[None]:
        server = replace(self.by_uuid[uuid])
        source, number = server.host, next(self._ids)
        self._record(number, uuid, "accepted", source, user=user, kind="live-migration")
        yield
        chosen = self._checked(server, host, block, request_id)
        if not chosen:
            self._record(number, uuid, "error")
            yield
            self._live_rest(uuid, source)
            return
        self._record(number, uuid, "queued", dest=chosen)
        yield
        while self._is_full(source) and self._told_live.get(uuid) != "abort":
            self._waiting.add(uuid)
            yield
        if self._told_live.get(uuid) == "abort":
            yield from self._end_live(uuid, number, "cancelled", source)
            return
        self._record(number, uuid, "preparing")
        yield
        if self.fail_at.get(chosen) == "pre_live_migration":
            said = self._words("pre_live_migration", chosen)
            self._event(uuid, request_id, "compute_pre_live_migration", chosen, said)
            yield from self._end_live(uuid, number, "failed", source)
            return
        yield from self._run_live(uuid, number, source, chosen)

    def _run_live(self, uuid: str, number: int, source: str, dest: str) -> Iterator[None]:
        """The copying: figures None at first, then 0, then falling; post-copy from the middle, if told."""
        self._record(number, uuid, "running")
        yield
        for part in itertools.count():
            if self._told_live.get(uuid):
                break
            if self.post_copy and part > 1:
                self._record(number, uuid, "running (post-copy)")
            else:
                self._measure(uuid, number, dest, part)
            if part > (2 if self.post_copy else 1) and not self.hold_live:
                break
            if part > 3:
                self._waiting.add(uuid)
            yield
        if self._told_live.get(uuid) == "abort":
            yield from self._end_live(uuid, number, "cancelled", source)
        elif self.fail_at.get(source) == "live_migration":
            yield from self._end_live(uuid, number, "failed", source)
        else:
            self._live_rest(uuid, dest)  # there before its record says so
            yield
            self._record(number, uuid, "completed")

    def _measure(self, uuid: str, number: int, dest: str, part: int) -> None:
        """Nova's first measurement is all zeros; each later one finds half as much left."""
        total = self.by_uuid[uuid].memory_mb * MIB if part else 0
        left = total // 2**part
        self._figures[number] = api.LiveProgress(number, "running", dest, total, total - left, left, 0, 0, 0)
        self._record(number, uuid, "running")

    def _end_live(self, uuid: str, number: int, status: str, source: str) -> Iterator[None]:
        """It came to nothing: the record says so a moment before the server is at rest."""
        self._told_live.pop(uuid, None)
        self._record(number, uuid, status)
        yield
        self._live_rest(uuid, source)

    def _live_rest(self, uuid: str, host: str) -> None:
        vm_state = self.by_uuid[uuid].vm_state
        zone = self.hosts[host].zone
        self.change(uuid, status=SETTLED[vm_state], task_state="", host=host, hypervisor=host, zone=zone)

    def _is_full(self, source: str) -> bool:
        busy = ("preparing", "running", "running (post-copy)")
        leaving = [
            row
            for row in self.records.values()
            if row.type == "live-migration" and row.source_host == source and row.status in busy
        ]
        return bool(self.max_live) and len(leaving) >= self.max_live

    # -- the checks after the 202, told only by the action's events

    def _checked(self, server: api.Server, host: str, block: bool | None, request_id: str) -> str:
        """The host that takes it, or "" when none does; what each check said goes into the action."""
        if not self._is_up(server.host):
            said = f"Compute service of {server.host} is unavailable at this time."
            self._event(server.uuid, request_id, "conductor_live_migrate_instance", "controller", said)
            return ""
        tried = False
        for chosen in self._choose(server, host):
            tried = True
            if self._passes(server, chosen, block, request_id):
                return chosen
        said = "No valid host was found. "
        if tried or host == server.host:
            said += "There are not enough hosts available."
        self._event(server.uuid, request_id, "conductor_live_migrate_instance", "controller", said)
        return ""

    def _passes(self, server: api.Server, dest: str, block: bool | None, request_id: str) -> bool:
        source, uuid = server.host, server.uuid
        if self.fail_at.get(dest) == "check_can_live_migrate_destination":
            said = f"Migration pre-check error: {self._words('check_can_live_migrate_destination', dest)}"
            self._event(uuid, request_id, "compute_check_can_live_migrate_destination", dest, said)
            return False
        is_local = self._has_local_disk(server) and not self.shared_storage
        if self.fail_at.get(source) == "check_can_live_migrate_source":
            kind = "MigrationPreCheckError"
            said = f"Migration pre-check error: {self._words('check_can_live_migrate_source', source)}"
        elif block is False and is_local:
            kind, said = "InvalidSharedStorage", NOT_SHARED.format(host=source)
        elif block is True and not is_local:
            kind, said = "InvalidLocalStorage", NOT_LOCAL.format(host=source)
        else:
            return True
        wrapped = f"Error while check_can_live_migrate_source from {source} to host controller: {kind} {said}"
        self._event(uuid, request_id, "compute_check_can_live_migrate_destination", dest, wrapped)
        self._event(uuid, request_id, "compute_check_can_live_migrate_source", source, said)
        return False

    def _has_local_disk(self, server: api.Server) -> bool:
        """Whether a disk lies on its host: its root, an ephemeral, a swap or a config drive."""
        extra = bool(server.ephemeral_gb or server.swap_mb or server.config_drive)
        return extra or not self.starts_from_volume(server)
