"""The follower's pace: which cloud is read when, by how many threads, and by which one process.

Two threads a cloud: one follows what changes (two list calls a tick), one reads everything now and then. They
share no connection. A lease in the database lets several followers stand by; one works, the next takes over
when the lease runs out.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from nmigrate import deadlines, following, inventory, orders, outside_moves, progress, samples, watchdog
from nmigrate.cloud import api, connect
from nmigrate.models import Cloud, Heartbeat, Lease, Migration, Order
from nmigrate.states import MOVING, State

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)
HOSTS_EVERY = 20.0
"""Seconds between two reads of hosts, services and capacity."""
BEAT_EVERY = 5.0
"""Seconds between two signs of life, ours and the one asked of the workers."""
_ME = f"{socket.gethostname()}:{os.getpid()}"


def pace(cloud: str) -> float:
    """Seconds until the next read of changes: short while something moves, longer while it only waits."""
    moving = [state.value for state in MOVING]
    if (
        Migration.objects.filter(cloud=cloud, state__in=moving).exists()
        or Order.objects.filter(cloud=cloud, state__in=(*Order.OPEN, Order.State.ACCEPTED), ended_at=None)
        .exclude(state=Order.State.ACCEPTED, migration__isnull=False)
        .exists()
    ):
        return settings.NMIGRATE_FOLLOW_SECONDS
    if Migration.objects.filter(cloud=cloud, state=State.WAITING).exists():
        return min(3 * settings.NMIGRATE_FOLLOW_SECONDS, settings.NMIGRATE_IDLE_SECONDS)
    return settings.NMIGRATE_IDLE_SECONDS


def tick(cloud: api.Cloud, names: inventory.Names) -> None:
    """One look at one cloud: what changed, what that means, which orders need help. Raises CloudError."""
    changed = inventory.read_changes(cloud, names)
    outside_moves.remember(cloud, changed)
    orders.resolve_sent_orders(cloud)
    following.follow(cloud, changed)
    outside_moves.note(cloud)  # after our own have been recognised
    deadlines.settle(cloud.name)
    progress.read(cloud)
    inventory.note_reachable(cloud)
    watchdog.look(cloud.name)


class CloudFollower:
    """The two threads of one cloud."""

    def __init__(self, name: str, stop: threading.Event) -> None:
        self.name = name
        self.stop = stop
        self.threads = [
            threading.Thread(target=self._loop, args=(self.changes,), name=f"changes of {name}", daemon=True),
            threading.Thread(target=self._loop, args=(self._everything,), name=f"all of {name}", daemon=True),
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def _loop(self, work: Callable[[inventory.Names], float]) -> None:
        names = inventory.Names()
        while not self.stop.is_set():
            self._sleep(self.attempt(work, names), is_urgent=work == self.changes)
        connection.close()

    def attempt(self, work: Callable[[inventory.Names], float], names: inventory.Names) -> float:
        """One round of `work`, whatever comes of it. Returns the seconds until the next."""
        try:
            return work(names)
        except api.CloudError as error:
            inventory.note_problem(self.name, error)
            watchdog.look(self.name)  # that the cloud is silent is a finding, too
        except Exception:
            # A defect of ours or of the database must not end the following of a cloud.
            log.exception("following %s", self.name)
            close_old_connections()
        return settings.NMIGRATE_IDLE_SECONDS

    def _sleep(self, seconds: float, *, is_urgent: bool) -> None:
        """Sleep; the thread that follows changes wakes up early when somebody asked for something meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.stop.wait(min(left, 0.5)):
            if is_urgent and left > 1 and pace(self.name) < seconds:
                return

    def changes(self, names: inventory.Names) -> float:
        orders.requeue_stale_orders(self.name)
        if Cloud.objects.get(pk=self.name).full_synced_at is None:
            return 0.2  # the other thread reads everything first
        tick(connect(self.name), names)
        return pace(self.name)

    def _everything(self, names: inventory.Names) -> float:
        cloud = connect(self.name)
        row = Cloud.objects.get(pk=self.name)
        due = timedelta(seconds=settings.NMIGRATE_FULL_SYNC_SECONDS)
        full = row.full_synced_at is None or timezone.now() - row.full_synced_at > due
        # Hosts first: a page that shows instances knows where they are.
        inventory.read_hosts(cloud, exact=full)
        samples.note_hosts(self.name)
        if full:
            inventory.read_all_servers(cloud, names)
            inventory.read_own_projects(cloud)
            inventory.note_reachable(cloud)
        inventory.read_server_groups(cloud)
        inventory.read_shares(cloud)
        return HOSTS_EVERY


def take_lease(name: str = "follower") -> bool:
    """Take or renew the lease; False while another living process holds it."""
    now = timezone.now()
    with transaction.atomic():
        lease, _ = Lease.objects.select_for_update().get_or_create(
            name=name, defaults={"holder": _ME, "expires_at": now + LEASE}
        )
        if lease.holder != _ME and lease.expires_at > now:
            return False
        Lease.objects.filter(pk=lease.pk).update(holder=_ME, expires_at=now + LEASE)
    return True


def drop_lease(name: str = "follower") -> None:
    """At a clean stop: the next follower need not wait."""
    Lease.objects.filter(name=name, holder=_ME).delete()


def beat() -> None:
    """Say that the follower lives, and ask the workers to say so through the queue."""
    Heartbeat.objects.update_or_create(name="follower", defaults={"at": timezone.now(), "pid": os.getpid()})
    if not any(task.func() == "nmigrate.tasks.beat" for task in OrmQ.objects.order_by("-id")[:50]):
        async_task("nmigrate.tasks.beat")


def run(stop: threading.Event) -> None:
    """Follow every cloud of NMIGRATE_CLOUDS until `stop` is set."""
    for name in settings.NMIGRATE_CLOUDS:
        Cloud.objects.get_or_create(name=name)
    followers: list[CloudFollower] = []
    while not stop.is_set():
        try:
            if take_lease():
                if not followers:
                    log.info("following %s", ", ".join(settings.NMIGRATE_CLOUDS))
                    followers = [CloudFollower(name, stop) for name in settings.NMIGRATE_CLOUDS]
                    for follower in followers:
                        follower.start()
                beat()
            elif followers:
                # Suspended for longer than the lease: another one works now. Start over as a stand-by.
                log.warning("the lease was lost; this follower ends")
                stop.set()
        except Exception:
            log.exception("the follower's own book-keeping failed")
            close_old_connections()
        stop.wait(BEAT_EVERY)
    for follower in followers:
        for thread in follower.threads:
            thread.join(timeout=5)
    drop_lease()
