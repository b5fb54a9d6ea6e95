"""Moves in every state and of every kind, each lived through on the cloud in memory, so that no page tells of a move
that cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from nmigrate import inventory, services
from nmigrate.models import Instance, Migration, Order
from nmigrate.states import Kind, State
from tests.conftest import follow, run_tasks
from tests.fake.base import ADMIN
from tests.fakecloud import FakeCloud

BEGAN = timedelta(minutes=25)
"""So long ago the first of them began."""
TICK = timedelta(seconds=4)


@dataclass(slots=True)
class Lives:
    """The moves, by the state that they are in, and those under way by their kind."""

    cloud: FakeCloud
    helpdesk: User
    manager: User
    operator: User
    clock: Any = None
    in_state: dict[State, Migration] = field(default_factory=dict)
    by_kind: dict[Kind, Migration] = field(default_factory=dict)
    copied: Migration | None = None
    stalled: Migration | None = None
    vm2: Migration | None = None
    """It has arrived, and waits for a decision."""
    demo: Migration | None = None
    """Asked for, to a host that is down by now."""

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            run_tasks()
            follow(self.cloud)
            self.clock.shift(TICK)

    def reach(self, move: Migration, state: State) -> Migration:
        for _ in range(30):
            move.refresh_from_db()
            if move.state == state:
                return move
            self.tick()
        raise AssertionError(f"{move} is {move.state}, not {state}: {move.failure}")

    def ask(
        self, name: str, on: str, kind: Kind = Kind.COLD, status: str = "SHUTOFF", **how: Any
    ) -> Migration:
        """Of an instance of its own; `how`: where to, and its zone to which it is bound."""
        pin = how.pop("pinned_zone", None)
        server = self.cloud.add(f"web-{name}", on, status, pinned_zone=pin)
        inventory.read_changes(self.cloud, inventory.Names())
        return services.request_migration(
            actor=self.operator if kind is Kind.EVACUATE else self.helpdesk,
            instance=Instance.objects.get(uuid=server.uuid),
            kind=kind,
            reason="disk errors on its host",
            **how,
        )

    def known(self, name: str, host: str, reason: str, ticket: str) -> Migration:
        """Of an instance of the story."""
        instance = Instance.objects.get(name=name)
        return services.request_migration(
            actor=self.helpdesk, instance=instance, host=host, reason=reason, ticket=ticket
        )

    def arrived(self, name: str) -> Migration:
        return self.reach(self.ask(name, "compute1", host="compute3", pinned_zone="nova-1"), State.WAITING)

    def approve(self, move: Migration) -> Migration:
        services.approve_migration(actor=self.manager, migration=move)
        return move

    def host(self, name: str, **changes: Any) -> None:
        self.cloud.hosts[name] = replace(self.cloud.hosts[name], **changes)
        inventory.read_hosts(self.cloud, exact=True)


def lives(cloud: FakeCloud, helpdesk: User, manager: User, operator: User) -> Lives:
    """All of them, the newest just now."""
    found = Lives(cloud, helpdesk, manager, operator)
    with time_machine.travel(timezone.now() - BEGAN) as clock:
        found.clock = clock
        _over(found)
        clock.shift(timedelta(minutes=10))
        _waiting(found)
    with time_machine.travel(timezone.now() - timedelta(seconds=40)) as clock:
        found.clock = clock
        _under_way(found)
    return found


def _over(all_: Lives) -> None:
    done = all_.arrived("done")
    services.confirm_migration(actor=all_.manager, migration=done, comment="looks healthy")
    all_.in_state[State.DONE] = all_.reach(done, State.DONE)
    rejected = all_.arrived("reverted")
    services.reject_migration(actor=all_.manager, migration=rejected, comment="wrong day")
    all_.in_state[State.REVERTED] = all_.reach(rejected, State.REVERTED)
    with _failing(all_.cloud, "compute3", "finish_migration"):
        failing = all_.ask("failed", "compute1", host="compute3")
        all_.in_state[State.FAILED] = all_.reach(failing, State.FAILED)
    declined = all_.ask("declined", "compute2", status="ACTIVE", host="compute4")
    services.decline_migration(actor=all_.manager, migration=declined, comment="not in office hours")
    all_.in_state[State.DECLINED] = all_.reach(declined, State.DECLINED)
    withdrawn = all_.ask("cancelled", "compute2", status="ACTIVE", host="compute4")
    services.cancel_migration(actor=all_.helpdesk, migration=withdrawn, note="the wrong one")
    all_.in_state[State.CANCELLED] = all_.reach(withdrawn, State.CANCELLED)
    all_.cloud.hold_live = True
    aborted = all_.ask("aborted", "compute1", Kind.LIVE, "ACTIVE", host="compute3")
    all_.tick(6)
    aborted.refresh_from_db()
    services.abort_migration(actor=all_.helpdesk, migration=aborted, note="")
    all_.in_state[State.ABORTED] = all_.reach(aborted, State.ABORTED)
    stranded = all_.approve(all_.ask("stranded", "compute2", Kind.SHELVE, "ACTIVE", zone="nova-1"))
    all_.reach(stranded, State.RUNNING)
    for host in ("compute1", "compute3"):
        all_.host(host, status="disabled")
    all_.in_state[State.STRANDED] = all_.reach(stranded, State.STRANDED)
    for host in ("compute1", "compute3"):
        all_.host(host, status="enabled")


def _waiting(all_: Lives) -> None:
    all_.in_state[State.WAITING] = all_.arrived("waiting")
    vm2 = all_.known("vm2", "compute3", "disk errors on compute1", "OPS-311")
    all_.vm2 = all_.reach(vm2, State.WAITING)
    all_.demo = all_.known("demo_zone", "compute4", "PSU swap on Sunday", "OPS-7")
    copied = all_.approve(
        all_.ask("copied", "compute2", Kind.COPY, "ACTIVE", zone="nova-1", original_after="delete")
    )
    all_.copied = all_.reach(copied, State.WAITING)
    for state in (State.CONFIRMING, State.REVERTING):
        all_.in_state[state] = all_.arrived(state.value)
    all_.tick(3)  # the locks
    all_.cloud.unlock_outside(vm2.instance_uuid, ADMIN)
    all_.tick(6)


def _under_way(all_: Lives) -> None:
    """What is left in the middle: nothing follows them any more."""
    evacuee = all_.cloud.add("web-evacuate", "compute4", "ACTIVE")
    all_.host("compute4", state="down", forced_down=True)
    inventory.read_changes(all_.cloud, inventory.Names())
    live: dict[str, Any] = {"kind": Kind.LIVE, "status": "ACTIVE", "host": "compute3"}
    all_.stalled = all_.ask("stalled", "compute1", **live)
    all_.by_kind[Kind.LIVE] = all_.ask("live", "compute1", **live)
    all_.tick(4)
    all_.by_kind[Kind.COLD] = all_.in_state[State.RUNNING] = all_.ask("cold", "compute1", host="compute3")
    all_.by_kind[Kind.SHELVE] = all_.approve(
        all_.ask("shelve", "compute2", Kind.SHELVE, "ACTIVE", zone="nova-1")
    )
    all_.by_kind[Kind.COPY] = all_.approve(all_.ask("copy", "compute2", Kind.COPY, "ACTIVE", zone="nova-1"))
    all_.by_kind[Kind.EVACUATE] = services.request_migration(
        actor=all_.operator,
        instance=Instance.objects.get(uuid=evacuee.uuid),
        kind=Kind.EVACUATE,
        host="compute2",
        reason="its host burns",
    )
    services.confirm_migration(actor=all_.manager, migration=all_.in_state[State.CONFIRMING], comment="")
    services.reject_migration(
        actor=all_.manager, migration=all_.in_state[State.REVERTING], comment="too slow"
    )
    all_.tick(2)
    all_.in_state[State.ASKING] = all_.ask("asking", "compute2", status="ACTIVE", host="compute1")
    all_.in_state[State.SENDING] = sending = all_.ask("sending", "compute1", host="compute3")
    all_.in_state[State.QUEUED] = all_.ask("queued", "compute1", host="compute3")
    now = timezone.now()
    Migration.objects.filter(pk=sending.pk).update(state=State.SENDING)
    sending.orders.update(state=Order.State.SENT, claimed_at=now)
    for move in (*all_.in_state.values(), *all_.by_kind.values()):
        move.refresh_from_db()


@contextmanager
def _failing(cloud: FakeCloud, host: str, step: str) -> Iterator[None]:
    cloud.fail_at[host] = step
    yield
    del cloud.fail_at[host]
