"""An in-memory cloud for fast tests. It answers as Nova does; the contract tests hold it to that.

Nothing moves by itself: `step()` takes every operation in flight one phase on, as Nova's own phases go.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_DNS, NAMESPACE_URL, uuid4, uuid5

from nmigrate.cloud import api
from nmigrate.cloud.failures import plain_refusal

OWN = "own-user-id"
MEMBER = "member-user-id"
_SETTLED = {"active": "ACTIVE", "stopped": "SHUTOFF"}


class FakeCloud:
    """Implements `api.Cloud`; the rest are handles for tests."""

    def __init__(self, name: str = "lab", newest: str = api.NEWEST_MICROVERSION) -> None:
        self.name = name
        self.newest = newest
        self.by_uuid: dict[str, api.Server] = {}
        self.hosts: dict[str, api.Hypervisor] = {}
        self.records: dict[int, api.ServerMigration] = {}
        self.history: dict[str, list[api.Action]] = {}
        self.gone: dict[str, api.Server] = {}
        self.groups: list[api.ServerGroup] = []
        self.down: api.CloudError | None = None
        self.lose_answer_of: set[str] = set()
        self.before_post: Callable[[str], None] | None = None
        self.calls: Counter[str] = Counter()
        self.auto_confirm = False
        self.fail_at: dict[str, str] = {}
        self._old_state: dict[str, str] = {}
        self._pending: dict[str, Iterator[None]] = {}
        self._ids = itertools.count(1)
        self._clock = datetime.now(UTC) - timedelta(hours=1)

    # -- handles for tests

    def add_host(self, host: str, zone: str = "nova", **fields: object) -> api.Hypervisor:
        made = api.Hypervisor(
            uuid=str(uuid5(NAMESPACE_DNS, host)),
            name=host,
            host=host,
            zone=zone,
            vcpus=api.Amount(48, 0, 4.0, 8),
            memory_mb=api.Amount(196608, 512, 1.0, 4096),
            disk_gb=api.Amount(2000, 0, 1.0, 40),
        )
        self.hosts[host] = replace(made, **fields)  # type: ignore[arg-type]
        return self.hosts[host]

    def add(self, name: str, host: str, status: str = "SHUTOFF", **fields: object) -> api.Server:
        made = api.Server(
            uuid=str(uuid4()),
            name=name,
            status=status,
            host=host,
            hypervisor=host,
            zone=self.hosts[host].zone if host else "",
            vm_state={"SHUTOFF": "stopped"}.get(status, status.lower()),
            power_state={"ACTIVE": 1, "PAUSED": 3, "SUSPENDED": 7}.get(status, 4),
            project_id="project-demo",
            user_id=MEMBER,
            flavor="m1.small",
            vcpus=1,
            memory_mb=2048,
            disk_gb=20,
            addresses=("10.20.0.14",),
            networks={"public": ["10.20.0.14"]},
            created_at=self._now(),
            updated_at=self._now(),
        )
        self.by_uuid[made.uuid] = replace(made, **fields)  # type: ignore[arg-type]
        self.history[made.uuid] = [self._action("create", MEMBER)]
        return self.by_uuid[made.uuid]

    def change(self, uuid: str, **fields: object) -> None:
        self.by_uuid[uuid] = replace(self.by_uuid[uuid], updated_at=self._now(), **fields)  # type: ignore[arg-type]

    def delete(self, uuid: str) -> None:
        server = self.by_uuid.pop(uuid)
        self.gone[uuid] = replace(server, status="DELETED", updated_at=self._now())
        self._pending.pop(uuid, None)

    def step(self) -> None:
        """One phase on for everything in flight."""
        for key, phases in list(self._pending.items()):
            if next(phases, "over") == "over" and self._pending.get(key) is phases:
                self._pending.pop(key, None)

    def settle(self) -> None:
        """On until nothing moves any more."""
        while self._pending:
            self.step()

    def confirm_outside(self, uuid: str, user: str = MEMBER) -> None:
        self._confirm(uuid, user)

    def revert_outside(self, uuid: str, user: str = MEMBER) -> None:
        self._revert(uuid, user)

    # -- api.Cloud: reading

    def _answer(self, call: str) -> None:
        self.calls[call] += 1
        if self.down is not None:
            raise self.down

    def versions(self) -> api.Versions:
        return api.Versions(newest=self.newest, used=self.newest)

    def servers(self, changes_since: datetime | None = None) -> Iterator[api.Server]:
        self._answer("servers")
        rows = [*self.by_uuid.values(), *(self.gone.values() if changes_since else ())]
        for row in rows:
            if changes_since is None or (row.updated_at and row.updated_at >= changes_since):
                yield self._seen(row)

    def _seen(self, row: api.Server) -> api.Server:
        if api.microversion(self.newest) < (2, 96):
            return replace(row, pinned_zone=None, pin_known=False)
        return replace(row, pin_known=True)

    def server(self, uuid: str) -> api.Server:
        self._answer("server")
        return self._seen(self._find(uuid))

    def _find(self, uuid: str) -> api.Server:
        if uuid not in self.by_uuid:
            raise api.NotFound("The cloud does not know it any more; it was probably deleted.", "404")
        return self.by_uuid[uuid]

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

    def server_groups(self) -> list[api.ServerGroup]:
        self._answer("server_groups")
        return self.groups

    def project_names(self) -> dict[str, str]:
        return {"project-demo": "demo"}

    def user_name(self, user_id: str) -> str:
        return {OWN: "admin", MEMBER: "demo"}.get(user_id, user_id)

    def image_names(self) -> dict[str, str]:
        return {}

    def own_user_id(self) -> str:
        return OWN

    def actions(self, uuid: str) -> list[api.Action]:
        self._answer("actions")
        if uuid not in self.history:
            raise api.NotFound("The cloud does not know it any more; it was probably deleted.", "404")
        return [replace(action, events=()) for action in reversed(self.history[uuid])]

    def action(self, uuid: str, request_id: str) -> api.Action:
        self._answer("action")
        return next(action for action in self.history[uuid] if action.request_id == request_id)

    # -- api.Cloud: what changes something

    def migrate(self, uuid: str, host: str = "") -> str:
        return self._post("migrate", lambda: self._migrate(uuid, host, OWN))

    def confirm_resize(self, uuid: str) -> str:
        return self._post("confirm_resize", lambda: self._confirm(uuid, OWN))

    def revert_resize(self, uuid: str) -> str:
        return self._post("revert_resize", lambda: self._revert(uuid, OWN))

    def start(self, uuid: str) -> str:
        return self._post("start", lambda: self._start(uuid))

    def _post(self, call: str, effect: Callable[[], str]) -> str:
        self._answer(call)
        if self.before_post is not None:
            self.before_post(call)
        request_id = effect()
        if call in self.lose_answer_of:
            raise api.Unreachable(
                f"{self.name} did not answer in time. It is tried again by itself.", "ReadTimeout"
            )
        return request_id

    # -- how Nova behaves

    def _now(self) -> datetime:
        self._clock = max(self._clock + timedelta(milliseconds=1), datetime.now(UTC))
        return self._clock

    def _action(self, name: str, user: str) -> api.Action:
        return api.Action(request_id=f"req-{uuid4()}", action=name, user_id=user, started_at=self._now())

    def _begin(self, uuid: str, name: str, user: str) -> str:
        made = self._action(name, user)
        self.history[uuid].append(made)
        return made.request_id

    def _refuse(self, said: str, code: int = 409) -> api.Refused:
        return api.Refused(plain_refusal(said), f"{code} {said}", f"req-{uuid4()}")

    def _migrate(self, uuid: str, host: str, user: str) -> str:
        server = self._find(uuid)
        if server.status not in ("ACTIVE", "SHUTOFF") or server.task_state:
            state = f"task_state {server.task_state}" if server.task_state else f"vm_state {server.vm_state}"
            raise self._refuse(f"Cannot 'migrate' instance {uuid} while it is in {state}")
        if host and host not in self.hosts:
            raise self._refuse(f"Compute host {host} could not be found.", 400)
        if host == server.host:
            raise self._refuse("Cannot migrate to the host where the server exists.", 400)
        source = self.hosts[server.host]
        if source.state != "up" or source.forced_down:
            raise self._refuse("Service is unavailable at this time.")
        request_id = self._begin(uuid, "migrate", user)
        self._pending[uuid] = self._moving(uuid, host, request_id, user)
        self.change(uuid, task_state="resize_prep", status="RESIZE")
        return request_id

    def _fits(self, server: api.Server, host: api.Hypervisor) -> bool:
        return (
            host.host != server.host
            and host.state == "up"
            and not host.forced_down
            and host.status == "enabled"
            and (not server.pinned_zone or host.zone == server.pinned_zone)
            and host.memory_mb.free >= server.memory_mb
        )

    def _moving(self, uuid: str, host: str, request_id: str, user: str) -> Iterator[None]:
        server = self.by_uuid[uuid]
        was = server.vm_state
        number = next(self._ids)
        self._record(number, uuid, "pre-migrating", server.host, user=user)
        yield
        fitting = [
            row.host
            for row in self.hosts.values()
            if self._fits(server, row) and (not host or row.host == host)
        ]
        if not fitting:
            self._event(
                uuid, request_id, "conductor_migrate_server", "controller", "No valid host was found. "
            )
            self._record(number, uuid, "error")
            self.change(uuid, status=_SETTLED[was], task_state="")
            return
        chosen = fitting[0]
        self._record(number, uuid, "pre-migrating", dest=chosen)
        yield
        self._record(number, uuid, "migrating")
        self.change(uuid, task_state="resize_migrating")
        yield
        for step, where in (("migrate_disk_and_power_off", server.host), ("finish_migration", chosen)):
            if self.fail_at.get(where) == step:
                said = f"lab: injected failure of {step} on {where}"
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

    def _record(
        self, number: int, uuid: str, status: str, source: str = "", dest: str = "", user: str = ""
    ) -> None:
        old = self.records.get(number)
        if old is None:
            old = api.ServerMigration(
                id=number,
                uuid=f"{number:036d}",
                instance_uuid=uuid,
                status=status,
                type="migration",
                source_host=source,
                user_id=user,
                created_at=self._now(),
            )
        self.records[number] = replace(
            old, status=status, dest_host=dest or old.dest_host, updated_at=self._now()
        )

    def _event(self, uuid: str, request_id: str, name: str, host: str, details: str) -> None:
        event = api.Event(name=name, result="Error", host=host, details=details, started_at=self._now())
        self.history[uuid] = [
            replace(action, message="Error", events=(*action.events, event))
            if action.request_id == request_id
            else action
            for action in self.history[uuid]
        ]

    def _held(self, uuid: str, action: str) -> api.ServerMigration:
        server = self._find(uuid)
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
        record = self._held(uuid, "confirmResize")
        request_id = self._begin(uuid, "confirmResize", user)
        self._record(record.id, uuid, "confirming")
        self._pending[uuid] = self._confirming(uuid, record.id)
        return request_id

    def _confirming(self, uuid: str, number: int) -> Iterator[None]:
        yield
        was = self._old_state[uuid]
        self._record(number, uuid, "confirmed")
        self.change(uuid, status=_SETTLED[was], vm_state=was)

    def _revert(self, uuid: str, user: str) -> str:
        record = self._held(uuid, "revertResize")
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
        self.change(uuid, status=_SETTLED[was], vm_state=was, task_state="")

    def _start(self, uuid: str) -> str:
        server = self._find(uuid)
        if server.status != "SHUTOFF" or server.task_state:
            raise self._refuse(f"Cannot 'start' instance {uuid} while it is in vm_state {server.vm_state}")
        request_id = self._begin(uuid, "start", OWN)
        self.change(uuid, task_state="powering-on")
        self._pending[uuid] = self._starting(uuid)
        return request_id

    def _starting(self, uuid: str) -> Iterator[None]:
        yield
        self.change(uuid, status="ACTIVE", vm_state="active", power_state=1, task_state="")
