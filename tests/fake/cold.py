"""Cold migration with its confirm and revert."""

from collections.abc import Iterator

from nmigrate.cloud import api
from tests.fake.base import ADMIN, MEMBER, OWN, SETTLED, FakeBase


class Cold(FakeBase):
    """`auto_confirm`: Nova confirms by itself at once, as with a resize_confirm_window that is over."""

    auto_confirm = False

    def migrate_outside(self, uuid: str, host: str = "", user: str = ADMIN) -> str:
        return self._migrate(uuid, host, user)

    def confirm_outside(self, uuid: str, user: str = MEMBER) -> None:
        self._confirm(uuid, user)

    def revert_outside(self, uuid: str, user: str = MEMBER) -> None:
        self._revert(uuid, user)

    def migrate(self, uuid: str, host: str = "") -> str:
        return self._post("migrate", lambda: self._migrate(uuid, host, OWN))

    def confirm_resize(self, uuid: str) -> str:
        return self._post("confirm_resize", lambda: self._confirm(uuid, OWN))

    def revert_resize(self, uuid: str) -> str:
        return self._post("revert_resize", lambda: self._revert(uuid, OWN))

    def _migrate(self, uuid: str, host: str, user: str) -> str:
        server = self._find(uuid)
        self._check_state(server, "migrate", "ACTIVE", "SHUTOFF")
        self._check_host(host)
        if host == server.host:
            raise self._refuse("Cannot migrate to the host where the server exists.", 400)
        if not self._is_up(server.host):
            raise self._refuse("Service is unavailable at this time.")
        request_id = self._begin(uuid, "migrate", user)
        self._pending[uuid] = self._moving(uuid, host, request_id, user)
        self.change(uuid, task_state="resize_prep", status="RESIZE")
        return request_id

    def _moving(self, uuid: str, host: str, request_id: str, user: str) -> Iterator[None]:
        server = self.by_uuid[uuid]
        was = server.vm_state
        number = next(self._ids)
        self._record(number, uuid, "pre-migrating", server.host, user=user)
        yield
        fitting = self._choose(server, host)
        if not fitting:
            self._event(
                uuid, request_id, "conductor_migrate_server", "controller", "No valid host was found. "
            )
            self._record(number, uuid, "error")
            self.change(uuid, status=SETTLED[was], task_state="")
            return
        chosen = fitting[0]
        self._record(number, uuid, "pre-migrating", dest=chosen)
        yield
        self._record(number, uuid, "migrating")
        self.change(uuid, task_state="resize_migrating")
        yield
        for step, where in (("migrate_disk_and_power_off", server.host), ("finish_migration", chosen)):
            if self.fail_at.get(where) == step:
                said = self._words(step, where)
                self._event(uuid, request_id, "compute_resize_instance", where, said)
                self._record(number, uuid, "error")
                self.change(uuid, status="ERROR", vm_state="error", task_state="", fault=said, host=where)
                return
        self._record(number, uuid, "post-migrating")
        self.change(uuid, task_state="resize_finish", host=chosen, hypervisor=chosen)
        yield
        self._record(number, uuid, "finished")
        self.change(
            uuid, status="VERIFY_RESIZE", vm_state="resized", task_state="", zone=self.hosts[chosen].zone
        )
        self._old_state[uuid] = was
        if self.auto_confirm:
            self._confirm(uuid, "")

    def _held(self, uuid: str, action: str, user: str) -> api.ServerMigration:
        server = self._find(uuid)
        self._check_lock(server, user)
        newest = max(
            (row for row in self.records.values() if row.instance_uuid == uuid),
            key=lambda r: r.id,
            default=None,
        )
        if (
            server.status != "VERIFY_RESIZE"
            or server.task_state
            or newest is None
            or newest.status != "finished"
        ):
            raise self._refuse(f"Cannot '{action}' instance {uuid} while it is in vm_state {server.vm_state}")
        return newest

    def _confirm(self, uuid: str, user: str) -> str:
        record = self._held(uuid, "confirmResize", user)
        request_id = self._begin(uuid, "confirmResize", user)
        self._record(record.id, uuid, "confirming")
        self._pending[uuid] = self._confirming(uuid, record.id)
        return request_id

    def _confirming(self, uuid: str, number: int) -> Iterator[None]:
        yield
        was = self._old_state[uuid]
        self._record(number, uuid, "confirmed")
        self.change(uuid, status=SETTLED[was], vm_state=was)

    def _revert(self, uuid: str, user: str) -> str:
        record = self._held(uuid, "revertResize", user)
        request_id = self._begin(uuid, "revertResize", user)
        self._record(record.id, uuid, "reverting")
        self.change(uuid, status="REVERT_RESIZE", task_state="resize_reverting")
        self._pending[uuid] = self._reverting(uuid, record.id)
        return request_id

    def _reverting(self, uuid: str, number: int) -> Iterator[None]:
        yield
        source = self.records[number].source_host
        self.change(uuid, host=source, hypervisor=source, zone=self.hosts[source].zone)
        yield
        was = self._old_state[uuid]
        self._record(number, uuid, "reverted")
        self.change(uuid, status=SETTLED[was], vm_state=was, task_state="")
