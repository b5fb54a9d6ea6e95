"""The whole domain on one cloud: requests, workers and follower in this process, on the fake cloud or the lab's Nova.

What is written against it runs on both, so that what works in memory also works in Nova.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, User

from nmigrate import cloud as clouds
from nmigrate import follower, inventory, orders, services
from nmigrate.cloud import api
from nmigrate.lab.story import attach_volume
from nmigrate.models import AuditEvent, Cloud, Instance, Migration, Order
from nmigrate.states import ACTIVE, Kind, State
from tests.conftest import run_tasks
from tests.contract.stage import FakeStage, LabStage
from tests.fakecloud import OWN

AT_REST = frozenset(State) - ACTIVE | {State.WAITING, State.ASKING, State.STRANDED}
SECONDS = 90
"""How long a move may take on the lab."""


class Ground:
    """A stage with people, an inventory, workers and a follower."""

    def __init__(self, stage: FakeStage | LabStage) -> None:
        self.stage = stage
        self.cloud = stage.cloud
        self.is_lab = isinstance(stage, LabStage)
        self.look_took = 0.0
        """Seconds of the last look at the lab: the rest before the next is twice as long, but at most a second. Looking
        is most of the work, and a slow machine has none to spare."""
        clouds.override[self.cloud.name] = self.cloud
        Cloud.objects.create(name=self.cloud.name)
        self.helpdesk = self.person("helpdesk")
        self.manager = self.person("manager")
        self.operator = self.person("operator")
        self.names = inventory.Names()
        self.read()

    def person(self, role: str) -> User:
        user, is_new = User.objects.get_or_create(username=role)
        if is_new:
            user.groups.add(Group.objects.get(name=role))
        return user

    def read(self) -> None:
        """Everything anew: hosts, servers, projects."""
        inventory.read_hosts(self.cloud, exact=True)
        inventory.read_all_servers(self.cloud, self.names)
        inventory.read_own_projects(self.cloud)
        inventory.note_reachable(self.cloud)

    def boot(self, *args: Any, **kwargs: Any) -> Instance:
        uuid = self.stage.boot(*args, **kwargs)
        self.read()
        return Instance.objects.get(uuid=uuid)

    def with_volume(self, name: str, host: str, status: str = "SHUTOFF") -> Instance:
        """An instance with a Cinder volume attached."""
        instance = self.boot(name, host, status)
        if isinstance(self.stage, LabStage):
            attach_volume(self.stage.lab.client("demo", "admin"), instance.uuid, f"{name}-data", 1)
            self.until(lambda: len(self.cloud.server(instance.uuid).volumes) == 1)
        else:
            self.stage.fake.change(instance.uuid, volumes=("volume-1",))
        self.read()
        return Instance.objects.get(pk=instance.pk)

    def from_volume(self, name: str, host: str) -> Instance:
        """A running instance that was booted from a volume."""
        uuid = self.stage.boot_from_volume(name, host)
        self.read()
        return Instance.objects.get(uuid=uuid)

    def share_storage(self, is_shared: bool) -> None:
        if isinstance(self.stage, FakeStage):
            self.stage.fake.shared_storage = is_shared
        else:
            self.stage.lab.behaviour(shared_storage=is_shared)

    def label(self, instance: Instance, metadata: dict[str, str], tags: tuple[str, ...]) -> None:
        if isinstance(self.stage, FakeStage):
            self.stage.fake.change(instance.uuid, metadata=metadata, tags=tags)
        else:
            path = f"/servers/{instance.uuid}"
            self.stage.admin.call("PUT", "nova", f"{path}/metadata", {"metadata": metadata})
            self.stage.admin.call("PUT", "nova", f"{path}/tags", {"tags": list(tags)})
        self.read()
        instance.refresh_from_db()

    @contextmanager
    def host_down(self, host: str) -> Iterator[None]:
        """A host that does not answer and is declared down, as an operator does before an evacuation."""
        if isinstance(self.stage, LabStage):
            self.stage.lab.stop_compute(host)
        self.stage.forced_down(host, True)
        try:
            yield
        finally:
            if isinstance(self.stage, LabStage):
                self.stage.lab.start_compute(host)
            self.stage.forced_down(host, False)

    @contextmanager
    def failing(self, *hosts: str, step: str) -> Iterator[None]:
        """A step of the hypervisor that fails on these hosts."""
        if isinstance(self.stage, LabStage):
            self.stage.lab.behaviour(fail={host: [step] for host in hosts})
        else:
            self.stage.fake.fail_at = dict.fromkeys(hosts, step)
        try:
            yield
        finally:
            if isinstance(self.stage, LabStage):
                self.stage.lab.behaviour(fail={})
            else:
                self.stage.fake.fail_at = {}

    @contextmanager
    def out_of_service(self, *hosts: str) -> Iterator[None]:
        """Hosts that take nothing new, which the inventory has not noticed yet."""
        for host in hosts:
            self.stage.out_of_service(host, True)
        try:
            yield
        finally:
            for host in hosts:
                self.stage.out_of_service(host, False)

    @contextmanager
    def slow_cold(self) -> Iterator[None]:
        """Cold moves that copy long enough to do something meanwhile."""
        if isinstance(self.stage, LabStage):
            self.stage.lab.behaviour(cold_migrate_seconds=6)
        try:
            yield
        finally:
            if isinstance(self.stage, LabStage):
                self.stage.lab.behaviour(cold_migrate_seconds=0.2)

    def is_copying(self, move: Migration) -> bool:
        """Whether its cold move is past its preparation, at whose end Nova writes back what it had read of the
        instance before: the reason of a lock that came meanwhile is lost (nova/compute/manager.py `_prep_resize`).
        """
        if self.now(move).state != State.RUNNING:
            return False
        return not self.is_lab or self.cloud.server(move.instance_uuid).task_state == "resize_migrating"

    def slow_live(self, is_slow: bool, seconds: float = 60) -> None:
        """Live moves that do not end by themselves, as those of a busy guest; on the lab for so many seconds."""
        if isinstance(self.stage, LabStage):
            self.stage.lab.behaviour(live_migration_seconds=seconds if is_slow else 0.5, post_copy=False)
        else:
            self.stage.fake.hold_live, self.stage.fake.post_copy = is_slow, False

    def finish_live(self, move: Migration) -> None:
        """Let a slow one end."""
        if isinstance(self.stage, LabStage):
            self.stage.cloud.force_complete(move.instance_uuid, move.server_migration_id or 0)
            self.stage.until(lambda: not self.cloud.live_progress(move.instance_uuid))
        else:
            self.stage.fake.settle()

    def end_live_moves(self) -> None:
        """All that are under way; on the lab one at a time leaves its host, as Nova has it by default."""
        if isinstance(self.stage, FakeStage):
            self.stage.fake.settle()
            return

        def none_left() -> bool:
            left = [
                row
                for row in self.cloud.server_migrations()
                if row.status in ("queued", "preparing", "running")
            ]
            for row in left:
                with suppress(api.CloudError):
                    self.cloud.force_complete(row.instance_uuid, row.id)
            return not left

        self.stage.until(none_left)

    def post_copy(self, move: Migration) -> None:
        if isinstance(self.stage, LabStage):
            self.stage.lab.behaviour(post_copy=True, live_migration_seconds=6)
        else:
            self.stage.fake.post_copy = True

    def abort_outside(self, move: Migration) -> None:
        assert move.server_migration_id is not None
        if isinstance(self.stage, LabStage):
            path = f"/servers/{move.instance_uuid}/migrations/{move.server_migration_id}"
            self.stage.lab.client("demo", "admin").call("DELETE", "nova", path)
        else:
            self.stage.fake.abort_live_outside(move.instance_uuid, move.server_migration_id, OWN)

    def unlock_outside(self, uuid: str) -> None:
        self._outside(uuid, {"unlock": None}, "unlock_outside")

    def confirm_as_admin(self, uuid: str) -> None:
        self._outside(uuid, {"confirmResize": None}, "confirm_outside")

    def _outside(self, uuid: str, body: dict[str, Any], handle: str) -> None:
        if isinstance(self.stage, LabStage):
            self.stage.admin.post("nova", f"/servers/{uuid}/action", body)
        else:
            getattr(self.stage.fake, handle)(uuid, OWN)

    def pin_outside(self, uuid: str, zone: str) -> None:
        """A member changes the pinned zone; the lock does not stop it."""
        self.stage.cloud.pin_zone(uuid, zone)

    def now(self, move: Migration) -> Migration:
        move.refresh_from_db()
        return move

    def decide(self, move: Migration, decision: str) -> None:
        act = {"confirm": services.confirm_migration, "reject": services.reject_migration}[decision]
        act(actor=self.manager, migration=move, comment="looked at it")

    def is_image_gone(self, image_id: str) -> bool:
        try:
            return self.cloud.image(image_id).status == "deleted"
        except api.NotFound:
            return True

    def ask(self, instance: Instance, kind: Kind, *, actor: User | None = None, **wanted: Any) -> Migration:
        return services.request_migration(
            actor=actor or self.helpdesk, instance=instance, kind=kind, reason="disk errors", **wanted
        )

    def tick(self) -> None:
        """One round of workers and follower, the cloud going on meanwhile."""
        run_tasks()
        if isinstance(self.stage, FakeStage):
            self.stage.fake.step()
        else:
            time.sleep(min(max(0.2, 2 * self.look_took), 1.0))
        began = time.monotonic()
        follower.tick(self.cloud, self.names)
        self.look_took = time.monotonic() - began

    def until(self, done: Callable[[], bool], what: str = "it") -> None:
        # A quick machine goes many rounds before the follower's patience ends, which is in seconds.
        end = time.monotonic() + (SECONDS if self.is_lab else 10)
        for rounds in count():
            if done():
                return
            late = time.monotonic() > end and (self.is_lab or rounds > 300)
            assert not late, f"{what} did not happen"
            self.tick()

    def begin(self, move: Migration) -> None:
        """Until its first step is sent, and no longer: what stands in the way before that refuses the move, and the
        second step is not on its way yet, however slow the machine is."""
        self.until(lambda: self.now(move).state == State.RUNNING, "its first step")

    def play(self, move: Migration, *states: State) -> Migration:
        """Go on until the move rests (or is in one of `states`) and no order is on its way."""
        wanted = states or tuple(AT_REST)

        def is_there() -> bool:
            move.refresh_from_db()
            return move.state in wanted and not Order.objects.filter(state__in=Order.OPEN).exists()

        try:
            self.until(is_there)
        except AssertionError as error:
            raise AssertionError(self.story(move)) from error
        return move

    def story(self, move: Migration) -> str:
        """Where a move is, for a test that fails."""
        lines = [f"{move.kind} {move.state} at {move.step}: {move.failure} {move.nova_said}"]
        lines += [f"  {o.action} {o.state} {o.args} {o.problem} {o.said}" for o in move.orders.all()]
        return "\n".join(lines)

    def seen(self, move: Migration) -> Instance:
        return Instance.objects.get(uuid=move.instance_uuid)

    def count_named(self, move: Migration) -> int:
        """How many servers the cloud has with the name of this move's instance."""
        return sum(server.name == move.instance_name for server in self.cloud.servers())

    def steps(self, move: Migration) -> list[str]:
        """The orders that were carried out, in their order, without the lock of the hold."""
        done = move.orders.filter(state__in=(Order.State.DONE, Order.State.ACCEPTED))
        return [order.action for order in done.exclude(action="lock")]

    def trail(self, move: Migration) -> list[str]:
        return list(
            AuditEvent.objects.filter(migration_id=move.pk).order_by("id").values_list("action", flat=True)
        )

    def asked_of_nova(self, uuid: str, word: str) -> int:
        """How often Nova was asked this of a server, by its own list of actions."""
        return [action.action for action in self.cloud.actions(uuid)].count(word)


def recover(ground: Ground) -> None:
    """After a crash: what a dead worker had taken is long overdue."""
    from datetime import timedelta

    from django.utils import timezone
    from django_q.models import OrmQ

    OrmQ.objects.all().delete()
    past = timezone.now() - timedelta(minutes=9)
    Order.objects.filter(state=Order.State.QUEUED).update(enqueued_at=past)
    Order.objects.filter(state=Order.State.SENT).update(claimed_at=past)
    orders.requeue_stale_orders(ground.cloud.name)
