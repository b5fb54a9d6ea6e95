"""What the tests of the pages share: signing in, and a migration in each state."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponseBase
from django.test import Client

from nmigrate import services
from nmigrate.models import Cloud, Instance, Migration
from nmigrate.states import Kind, State
from tests.conftest import follow, no_patience, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.browsing import open_page as open_page  # a fixture, for the tests in a browser

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(autouse=True)
def _no_cache() -> None:
    """The last check of the audit chain must not outlive the test that made it."""
    cache.clear()


@pytest.fixture
def sign_in(client: Client) -> Callable[[User], Client]:
    def as_user(user: User) -> Client:
        client.force_login(user)
        return client

    return as_user


@pytest.fixture
def asked(synced: FakeCloud, helpdesk: User, vm2: Instance) -> Migration:
    """The helpdesk has asked for it; no worker has seen it yet."""
    return services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors on compute1", ticket="OPS-311"
    )


@pytest.fixture
def moving(synced: FakeCloud, asked: Migration) -> Migration:
    run_tasks()
    follow(synced)
    asked.refresh_from_db()
    return asked


@pytest.fixture
def waiting(synced: FakeCloud, asked: Migration) -> Migration:
    """It is on its new host and waits for a decision."""
    return reach(synced, asked, State.WAITING)


@pytest.fixture
def done(synced: FakeCloud, waiting: Migration, manager: User) -> Migration:
    services.confirm_migration(actor=manager, migration=waiting, comment="looks healthy")
    return reach(synced, waiting, State.DONE)


@pytest.fixture
def able(synced: FakeCloud) -> FakeCloud:
    """A cloud whose Nova and account can do every kind of move."""
    Cloud.objects.update(nova_used="2.104", own_projects=["project-demo"])
    return synced


@pytest.fixture
def running(able: FakeCloud) -> Instance:
    """demo_zone runs from an image on compute2, bound to no zone."""
    Instance.objects.filter(status="ACTIVE").update(image_id="cirros")
    return Instance.objects.get(status="ACTIVE")


@pytest.fixture
def asking(running: Instance, helpdesk: User) -> Migration:
    """A running instance is to be moved cold: that waits for a manager's approval."""
    return services.request_migration(
        actor=helpdesk, instance=running, host="compute4", reason="PSU swap on Sunday", ticket="OPS-7"
    )


@pytest.fixture
def live(able: FakeCloud, running: Instance, helpdesk: User) -> Migration:
    """A live move that goes on until `able.hold_live` is taken back."""
    able.hold_live = True
    made = services.request_migration(
        actor=helpdesk, instance=running, kind=Kind.LIVE, host="compute4", reason="PSU swap on Sunday"
    )
    for _ in range(10):
        run_tasks()
        follow(able)
        made.refresh_from_db()
        if made.nova_status == "running":
            return made
    raise AssertionError(f"it is {made.state}, {made.nova_status}")


@pytest.fixture
def copied(able: FakeCloud, running: Instance, helpdesk: User, manager: User) -> Migration:
    """A copy runs in the other zone; a manager decides whether it is kept."""
    made = services.request_migration(
        actor=helpdesk,
        instance=running,
        kind=Kind.COPY,
        zone="nova-1",
        original_after="delete",
        reason="move",
    )
    services.approve_migration(actor=manager, migration=made)
    made = reach(able, made, State.WAITING)
    for _ in range(3):  # the lock, and the inventory that knows the copy
        run_tasks()
        follow(able)
    made.refresh_from_db()
    return made


@pytest.fixture
def half_way(
    able: FakeCloud, running: Instance, helpdesk: User, manager: User, monkeypatch: pytest.MonkeyPatch
) -> Migration:
    """Shelved, and no host of the other zone takes it."""
    no_patience(monkeypatch)
    made = services.request_migration(
        actor=helpdesk, instance=running, kind=Kind.SHELVE, zone="nova-1", reason="the zone closes"
    )
    services.approve_migration(actor=manager, migration=made)
    reach(able, made, State.RUNNING)
    for host in ("compute1", "compute3"):
        able.hosts[host] = replace(able.hosts[host], status="disabled")
    return reach(able, made, State.STRANDED)


def reach(cloud: FakeCloud, migration: Migration, state: State) -> Migration:
    """Workers and follower until it is in that state; not one tick more, since many tests begin here."""
    for _ in range(20):
        run_tasks()
        follow(cloud)
        migration.refresh_from_db()
        if migration.state == state:
            return migration
    raise AssertionError(f"{migration} is {migration.state}, not {state}")


def text(response: HttpResponseBase) -> str:
    """The page as text, with each space as one that may break."""
    shown = str(getattr(response, "content", b"").decode())
    return shown.replace("&nbsp;", " ").replace("\N{NO-BREAK SPACE}", " ")
