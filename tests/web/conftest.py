"""What the tests of the pages share: signing in, and a migration in each state."""

import os
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponseBase
from django.test import Client

from nmigrate import services
from nmigrate.models import Instance, Migration
from nmigrate.states import State
from tests.conftest import follow, run_tasks
from tests.fakecloud import FakeCloud

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
    """The page as text."""
    return str(getattr(response, "content", b"").decode())
