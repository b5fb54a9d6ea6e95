"""The follower as a process: its threads, its pace, its lease; and what happens when several act at once."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings

from nmigrate import audit, follower, services
from nmigrate import cloud as clouds
from nmigrate.cloud import api
from nmigrate.errors import Conflict
from nmigrate.models import AuditEvent, Cloud, Heartbeat, Instance, Lease, Migration
from nmigrate.states import State
from tests.conftest import play
from tests.fakecloud import FakeCloud
from tests.lab.fixtures import wait_for


@pytest.fixture
def running(committed: None, cloud: FakeCloud, settings: Settings) -> Iterator[FakeCloud]:
    """The follower with its real threads on the fake cloud, at a quick pace."""
    settings.NMIGRATE_IDLE_SECONDS = 0.5
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    yield cloud
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    connections.close_all()


def test_threads_read_everything_then_changes_and_leave_the_hosts_alone(running: FakeCloud) -> None:
    wait_for(lambda: Instance.objects.count() == 4)
    running.add("new", "compute4")
    wait_for(lambda: Instance.objects.filter(name="new").exists(), 15)
    before = running.calls["servers"]
    wait_for(lambda: running.calls["servers"] >= before + 3, 15, "three more looks at what changed")
    assert running.calls["hypervisors"] == 1
    assert Heartbeat.objects.filter(name="follower").exists()
    assert Lease.objects.get().holder.endswith(str(Heartbeat.objects.get(name="follower").pid))
    assert [row.func() for row in OrmQ.objects.all()] == ["nmigrate.tasks.beat"]


def test_unreachable_cloud_does_not_end_the_following(running: FakeCloud) -> None:
    wait_for(lambda: Cloud.objects.filter(full_synced_at__isnull=False).exists())
    running.down = api.Unreachable("lab cannot be reached. nmigrate keeps trying.")
    wait_for(lambda: Cloud.objects.get().problem != "", 15)
    running.down = None
    wait_for(lambda: Cloud.objects.get().problem == "", 15)


def test_lease_is_one_holders_until_it_runs_out(db: None) -> None:
    now = timezone.now()
    Lease.objects.create(name="follower", holder="other:1", expires_at=now + timedelta(seconds=30))
    assert not follower.take_lease()
    Lease.objects.update(expires_at=now - timedelta(seconds=1))
    assert follower.take_lease()
    assert follower.take_lease()
    follower.drop_lease()
    assert not Lease.objects.exists()


def test_pace_is_quick_while_something_moves_and_slow_when_nothing_does(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    assert follower.pace("lab") == 5
    migration = services.request_migration(actor=helpdesk, instance=vm2, reason="x")
    assert follower.pace("lab") == 1
    play(synced, migration)
    assert migration.state == State.WAITING
    assert follower.pace("lab") == 3


def test_four_threads_confirm_twenty_migrations_once_each(committed: None, cloud: FakeCloud) -> None:
    call_command("setup_roles", verbosity=0)
    people = [User.objects.create_user(name) for name in ("asker", "maria", "marc", "mai", "mo")]
    for one in people[1:]:
        one.groups.add(Group.objects.get(name="manager"))
    for number in range(20):
        Migration.objects.create(
            cloud="lab", instance_uuid=f"u-{number}", instance_name=f"i-{number}", kind="cold", state=State.WAITING,
            reason="x", requested_by=people[0], requested_by_name="asker", requested_at=timezone.now(),
            source_host="compute1",
        )  # fmt: skip
    outcomes: list[str] = []

    def confirm_all(manager: User) -> None:
        for migration in Migration.objects.order_by("id"):
            try:
                services.confirm_migration(actor=manager, migration=migration)
                outcomes.append("won")
            except Conflict:
                outcomes.append("conflict")
        connection.close()

    threads = [threading.Thread(target=confirm_all, args=(manager,)) for manager in people[1:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("won"), outcomes.count("conflict")) == (20, 60)
    assert AuditEvent.objects.filter(action="confirm").count() == 20
    assert OrmQ.objects.count() == 20
    assert audit.verify()[0]


def test_one_clouds_trouble_does_not_keep_another_waiting(
    committed: None, cloud: FakeCloud, settings: Settings
) -> None:
    settings.NMIGRATE_CLOUDS = ("dr", "lab")
    settings.NMIGRATE_IDLE_SECONDS = 0.5
    away = FakeCloud("dr")
    away.down = api.Unreachable("dr cannot be reached. nmigrate keeps trying.")
    clouds.override["dr"] = away
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop,))
    thread.start()
    try:
        wait_for(lambda: Cloud.objects.filter(name="dr").exclude(problem="").exists(), 15)
        wait_for(lambda: Instance.objects.filter(cloud="lab").count() == 4, 15)
        assert not Instance.objects.filter(cloud="dr").exists()
        away.add_host("far1")
        away.add("vm2", "far1")  # the same name in two clouds is two instances
        away.down = None
        wait_for(lambda: Instance.objects.filter(cloud="dr", name="vm2").exists(), 15)
        assert Instance.objects.filter(name="vm2").count() == 2
    finally:
        stop.set()
        thread.join(20)
        connections.close_all()
