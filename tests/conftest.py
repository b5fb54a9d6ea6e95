"""Fixtures that every test may use: people, a fake cloud with the story's instances, the queue, the follower."""

import os
from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django_q.models import OrmQ
from pytest_django import DjangoDbBlocker

from nmigrate import audit, follower, inventory, orders, outside_moves, watchdog
from nmigrate import cloud as clouds
from nmigrate.models import AuditChain, Cloud, Instance, Migration
from tests.fakecloud import FakeCloud

pytest_plugins = ["tests.lab.fixtures", "tests.story.desk"]

# Playwright runs its own event loop; Django's ORM is used from the same thread, which is fine in tests.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Roles once for all tests, as `manage.py up` makes them; hundreds of times they would take half a minute."""
    with django_db_blocker.unblock():
        call_command("setup_roles", verbosity=0)


guards = import_module("nmigrate.migrations.0002_audit_append_only")


def unguard_the_trail() -> None:
    """Take the audit trail's triggers off, as only somebody with the database's own rights could."""
    with connection.cursor() as cursor:
        for statement in guards.UNDO[connection.vendor]:
            cursor.execute(statement)


def guard_the_trail() -> None:
    """The triggers and the begin of the chain, as the schema migration makes them."""
    unguard_the_trail()
    with connection.cursor() as cursor:
        for statement in guards.SQLITE if connection.vendor == "sqlite" else guards.POSTGRESQL:
            cursor.execute(statement)
    AuditChain.objects.get_or_create(pk=1, defaults={"last_hash": audit.GENESIS})


@pytest.fixture(scope="module")
def whole_trail(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The audit trail is guarded again, and its chain begun, for the modules that follow."""
    yield
    with django_db_blocker.unblock():
        guard_the_trail()


@pytest.fixture
def committed(whole_trail: None, transactional_db: None) -> Iterator[None]:
    """A database that other threads see too. Emptying its tables afterwards, the trail would refuse."""
    guard_the_trail()
    yield
    unguard_the_trail()


@pytest.fixture
def roles(db: None) -> None:
    if not Group.objects.exists():  # a test with its own transactions has emptied the database since
        call_command("setup_roles", verbosity=0)


@pytest.fixture
def person(roles: None) -> Callable[[str, str], User]:
    """Make a user with a role: person("manager", "maria")."""

    def make(role: str, name: str = "") -> User:
        user = User.objects.create_user(name or role, password="x")
        if role:
            user.groups.add(Group.objects.get(name=role))
        return user

    return make


@pytest.fixture
def helpdesk(person: Callable[..., User]) -> User:
    return person("helpdesk")


@pytest.fixture
def manager(person: Callable[..., User]) -> User:
    return person("manager")


@pytest.fixture
def manager2(person: Callable[..., User]) -> User:
    return person("manager", "manager2")


@pytest.fixture
def auditor(person: Callable[..., User]) -> User:
    return person("auditor")


@pytest.fixture
def operator(person: Callable[..., User]) -> User:
    return person("operator")


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    """The story's cloud in memory: two zones, four hosts, vm1, vm2 and doem stopped, demo_zone running."""
    made = FakeCloud("lab")
    for host, zone in (
        ("compute1", "nova-1"),
        ("compute2", "nova"),
        ("compute3", "nova-1"),
        ("compute4", "nova"),
    ):
        made.add_host(host, zone)
    made.add("vm1", "compute1", pinned_zone="nova-1")
    made.add("vm2", "compute1", pinned_zone="nova-1")
    made.add("doem", "compute2")
    made.add("demo_zone", "compute2", "ACTIVE")
    clouds.override[made.name] = made
    yield made
    clouds.override.clear()


@pytest.fixture
def synced(db: None, cloud: FakeCloud) -> FakeCloud:
    """The same, with the inventory read."""
    Cloud.objects.create(name=cloud.name)
    inventory.read_hosts(cloud, exact=True)
    inventory.read_all_servers(cloud, inventory.Names())
    inventory.read_own_projects(cloud)
    inventory.note_reachable(cloud)
    cloud.calls.clear()
    return cloud


@pytest.fixture
def vm2(synced: FakeCloud) -> Instance:
    return Instance.objects.get(name="vm2")


@pytest.fixture(autouse=True)
def new_process() -> None:
    """What the follower keeps in memory of its clouds is of one test only."""
    outside_moves.forget()
    watchdog.forget()


def run_tasks() -> int:
    """Do what the workers would do with the queue now, in this process. Returns how many tasks ran."""
    count = 0
    for row in OrmQ.objects.order_by("id"):
        task = row.task
        row.delete()
        name = task["func"]
        module, _, function = name.rpartition(".")
        getattr(__import__(module, fromlist=[function]), function)(*task["args"], **task["kwargs"])
        count += 1
    return count


def follow(cloud: FakeCloud, times: int = 1) -> None:
    """What the follower would do, `times` ticks of it, Nova moving one phase on between them."""
    for _ in range(times):
        cloud.step()
        follower.tick(cloud, inventory.Names())


def play(cloud: FakeCloud, migration: Migration, ticks: int = 12) -> Migration:
    """Workers and follower until nothing moves any more."""
    for _ in range(ticks):
        run_tasks()
        follow(cloud)
    migration.refresh_from_db()
    return migration


def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge at once what the follower would give time first."""
    from datetime import timedelta

    from nmigrate import following, holding, judging

    monkeypatch.setattr(following, "PATIENCE", timedelta(0))
    monkeypatch.setattr(judging, "PATIENCE", timedelta(0))
    monkeypatch.setattr(holding, "SETTLE", timedelta(0))
    monkeypatch.setattr(orders, "LOOK_AFTER", timedelta(0))
