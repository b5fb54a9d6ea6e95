"""What changes a server where it is, or moves it: sent once, the answer's request id kept."""

from typing import Any

from nmigrate.cloud import api, wire
from nmigrate.cloud.openstack.session import Session, request_id

BLOCK: dict[bool | None, bool | str] = {None: "auto", True: True, False: False}


class Moving(Session):
    """Accepted is not done: every call here returns as soon as Nova has taken it."""

    def _act(self, uuid: str, body: dict[str, Any], project_id: str = "") -> str:
        return request_id(self._nova_answer("POST", f"/servers/{uuid}/action", body, project_id))

    # -- cold

    def migrate(self, uuid: str, host: str = "") -> str:
        return self._act(uuid, {"migrate": {"host": host} if host else None})

    def confirm_resize(self, uuid: str) -> str:
        return self._act(uuid, {"confirmResize": None})

    def revert_resize(self, uuid: str) -> str:
        return self._act(uuid, {"revertResize": None})

    # -- power, lock, pin

    def start(self, uuid: str) -> str:
        return self._act(uuid, {"os-start": None})

    def stop(self, uuid: str) -> str:
        return self._act(uuid, {"os-stop": None})

    def lock(self, uuid: str, reason: str) -> str:
        """Where Nova would leave the lock that is there as it is, that one is taken off first.

        It does so without a word (nova/compute/api.py `lock`): a new lock without a reason keeps the old reason,
        and one by an account of the server's own project changes nothing at all.
        """
        server = wire.server(self._nova("GET", f"/servers/{uuid}")["server"])
        if server.locked and (not reason or server.project_id == self._own_project_id()):
            self.unlock(uuid)
        return self._act(uuid, {"lock": {"locked_reason": reason} if reason else None})

    def unlock(self, uuid: str) -> str:
        return self._act(uuid, {"unlock": None})

    def pin_zone(self, uuid: str, zone: str | None) -> str:
        """Seen on the lab: Nova keeps no action of it and leaves the server's `updated_at`, so that only a look
        at the server itself tells of it."""
        body = {"server": {"pinned_availability_zone": zone}}
        return request_id(self._nova_answer("PUT", f"/servers/{uuid}", body))

    # -- live

    def live_migrate(self, uuid: str, host: str = "", block: bool | None = None) -> str:
        return self._act(uuid, {"os-migrateLive": {"host": host or None, "block_migration": BLOCK[block]}})

    def live_progress(self, uuid: str) -> list[api.LiveProgress]:
        rows = self._nova("GET", f"/servers/{uuid}/migrations")["migrations"]
        return [wire.live_progress(row) for row in rows]

    def abort_live(self, uuid: str, migration_id: int) -> str:
        return request_id(self._nova_answer("DELETE", f"/servers/{uuid}/migrations/{migration_id}"))

    def force_complete(self, uuid: str, migration_id: int) -> str:
        path = f"/servers/{uuid}/migrations/{migration_id}/action"
        return request_id(self._nova_answer("POST", path, {"force_complete": None}))

    # -- shelve, unshelve, evacuate

    def shelve(self, uuid: str) -> str:
        return self._act(uuid, {"shelve": None})

    def shelve_offload(self, uuid: str) -> str:
        return self._act(uuid, {"shelveOffload": None})

    def unshelve(self, uuid: str, zone: str | None = "", host: str = "") -> str:
        where: dict[str, str | None] = {} if zone == "" else {"availability_zone": zone}
        if host:
            where["host"] = host
        return self._act(uuid, {"unshelve": where or None})

    def evacuate(self, uuid: str, host: str = "") -> str:
        return self._act(uuid, {"evacuate": {"host": host} if host else {}})
