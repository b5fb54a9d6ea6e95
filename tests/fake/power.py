"""Start, stop, lock and the pinned zone."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

from nmigrate.cloud import api
from tests.fake.base import ADMIN, MEMBER, OWN, FakeBase

LOCK_REASON = 255
"""Characters that Nova takes (2.73)."""


class Power(FakeBase):
    """A lock touches the server's `updated_at`, a change of its pin does not: seen on the lab."""

    def lock_outside(self, uuid: str, reason: str = "", user: str = MEMBER) -> None:
        self._lock(uuid, reason, user)

    def unlock_outside(self, uuid: str, user: str = MEMBER) -> None:
        self._unlock(uuid, user)

    def start(self, uuid: str) -> str:
        return self._post("start", lambda: self._start(uuid))

    def stop(self, uuid: str) -> str:
        return self._post("stop", lambda: self._stop(uuid))

    def lock(self, uuid: str, reason: str) -> str:
        return self._post("lock", lambda: self._lock(uuid, reason, OWN))

    def unlock(self, uuid: str) -> str:
        return self._post("unlock", lambda: self._unlock(uuid, OWN))

    def pin_zone(self, uuid: str, zone: str | None) -> str:
        return self._post("pin_zone", lambda: self._pin_zone(uuid, zone))

    def _check_ready(self, server: api.Server) -> None:
        """Seen on the lab: start and stop say this of a server that has no host."""
        if not server.host:
            raise self._refuse(f"Instance {server.uuid} is not ready")

    def _start(self, uuid: str) -> str:
        server = self._find(uuid)
        self._check_ready(server)
        self._check_state(server, "start", "SHUTOFF")
        request_id = self._begin(uuid, "start", OWN)
        self.change(uuid, task_state="powering-on")
        self._pending[uuid] = self._starting(uuid)
        return request_id

    def _starting(self, uuid: str) -> Iterator[None]:
        yield
        self.change(uuid, status="ACTIVE", vm_state="active", power_state=1, task_state="")

    def _stop(self, uuid: str) -> str:
        server = self._find(uuid)
        self._check_ready(server)
        self._check_state(server, "stop", "ACTIVE", "ERROR")
        request_id = self._begin(uuid, "stop", OWN)
        self.change(uuid, task_state="powering-off")
        self._pending[uuid] = self._stopping(uuid)
        return request_id

    def _stopping(self, uuid: str) -> Iterator[None]:
        yield
        self.change(uuid, status="SHUTOFF", vm_state="stopped", power_state=4, task_state="")

    def _lock(self, uuid: str, reason: str, user: str) -> str:
        self._find(uuid)
        if len(reason) > LOCK_REASON:
            raise self._refuse(
                f"Invalid input for field/attribute locked_reason. Value: {reason}. '{reason}' is too long",
                400,
            )
        request_id = self._begin(uuid, "lock", user)
        self._event(uuid, request_id, "api_lock", "controller", "", "Success")
        self.change(uuid, locked=True, locked_reason=reason)
        return request_id

    def _unlock(self, uuid: str, user: str) -> str:
        """Members cannot take an admin's lock off; whose it is, the fake does not keep: every lock is one."""
        server = self._find(uuid)
        if server.locked and user not in ("", OWN, ADMIN):
            raise api.Unauthorized(
                f"nmigrate's account in {self.name} lacks a right that this needs.",
                "403 Policy doesn't allow os_compute_api:os-lock-server:unlock:unlock_override to be performed.",
            )
        request_id = self._begin(uuid, "unlock", user)
        self._event(uuid, request_id, "api_unlock", "controller", "", "Success")
        self.change(uuid, locked=False, locked_reason="")
        return request_id

    def _pin_zone(self, uuid: str, zone: str | None) -> str:
        if api.microversion(self.newest) < (2, 104):
            raise self._refuse(
                f"Invalid input for field/attribute server. Value: {{'pinned_availability_zone': {zone!r}}}. "
                "Additional properties are not allowed ('pinned_availability_zone' was unexpected)",
                400,
            )
        server = self._find(uuid)
        if zone is not None and zone != server.zone:
            raise self._refuse(
                f"Server can only be pinned to its current availability zone '{server.zone or None}', "
                f"but '{zone}' was requested."
            )
        # Nova keeps it with the request spec, not with the server: no action, no change of updated_at.
        self.by_uuid[uuid] = replace(server, pinned_zone=zone)
        return f"req-{uuid4()}"
