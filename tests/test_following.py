"""The follower's judgement of pictures that do not fit together, or not yet: nothing is done from hope."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from nmigrate import follower, following, inventory, services
from nmigrate.models import Instance, Migration, Observation
from nmigrate.states import State
from tests.conftest import play, run_tasks
from tests.fakecloud import FakeCloud


@pytest.fixture
def waiting(synced: FakeCloud, helpdesk: User, vm2: Instance) -> Migration:
    return play(synced, services.request_migration(actor=helpdesk, instance=vm2, reason="x"))


def look(cloud: FakeCloud, migration: Migration) -> str:
    """One tick of the follower while Nova stands still."""
    follower.tick(cloud, inventory.Names())
    migration.refresh_from_db()
    return migration.state


def look_on(cloud: FakeCloud, migration: Migration) -> str:
    """Several ticks, and workers for what is ordered, while Nova stands still."""
    for _ in range(4):
        look(cloud, migration)
        run_tasks()
    return migration.state


def nova_says(cloud: FakeCloud, migration: Migration, record: str, **server: Any) -> None:
    assert migration.server_migration_id is not None
    cloud._record(migration.server_migration_id, migration.instance_uuid, record)
    cloud.change(migration.instance_uuid, **server)


def time_passes(migration: Migration) -> None:
    Observation.objects.filter(migration=migration).update(at=timezone.now() - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("decide", "state", "early", "final", "end", "host"),
    [
        (services.confirm_migration, State.CONFIRMING, "confirming", "confirmed", State.DONE, "compute3"),
        (services.reject_migration, State.REVERTING, "reverting", "reverted", State.REVERTED, "compute1"),
    ],
)
def test_instance_at_rest_is_not_enough_novas_record_must_say_so(
    synced: FakeCloud, manager: User, waiting: Migration,
    decide: Any, state: State, early: str, final: str, end: State, host: str,
) -> None:  # fmt: skip
    decide(actor=manager, migration=waiting, comment="looked at it")
    run_tasks()
    nova_says(synced, waiting, early, status="SHUTOFF", task_state="", host=host)
    assert look(synced, waiting) == state
    nova_says(synced, waiting, final)
    assert look_on(synced, waiting) == end


def test_novas_record_is_not_enough_the_instance_must_be_at_rest(
    synced: FakeCloud, manager: User, waiting: Migration
) -> None:
    services.confirm_migration(actor=manager, migration=waiting)
    run_tasks()
    nova_says(synced, waiting, "confirmed", status="SHUTOFF", task_state="powering-on")
    assert look(synced, waiting) == State.CONFIRMING
    nova_says(synced, waiting, "confirmed", task_state="")
    assert look_on(synced, waiting) == State.DONE


def test_confirmed_on_the_wrong_host_is_given_time_and_then_told(
    synced: FakeCloud, manager: User, waiting: Migration
) -> None:
    services.confirm_migration(actor=manager, migration=waiting)
    run_tasks()
    nova_says(synced, waiting, "confirmed", status="SHUTOFF", host="compute1")
    assert look(synced, waiting) == State.CONFIRMING
    time_passes(waiting)
    assert look(synced, waiting) == State.FAILED
    assert "is on compute1 and not on compute3" in waiting.why


def test_confirm_that_failed_is_explained_once_the_instance_is_in_error_too(
    synced: FakeCloud, manager: User, waiting: Migration
) -> None:
    services.confirm_migration(actor=manager, migration=waiting)
    run_tasks()
    nova_says(synced, waiting, "error", status="VERIFY_RESIZE", task_state="")
    assert look(synced, waiting) == State.CONFIRMING
    nova_says(synced, waiting, "error", status="ERROR", fault="Failed to delete the old disk")
    assert look(synced, waiting) == State.FAILED
    assert waiting.cause == "confirm-cleanup"


def test_confirm_that_failed_is_told_when_the_instance_stays_as_it_was(
    synced: FakeCloud, manager: User, waiting: Migration
) -> None:
    services.confirm_migration(actor=manager, migration=waiting)
    run_tasks()
    nova_says(synced, waiting, "error", status="VERIFY_RESIZE", task_state="")
    look(synced, waiting)
    time_passes(waiting)
    assert look(synced, waiting) == State.FAILED


def test_verify_resize_without_a_finished_record_does_not_wait_for_anyone(
    synced: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    migration = services.request_migration(actor=helpdesk, instance=vm2, reason="x")
    run_tasks()
    synced.step()
    look(synced, migration)
    nova_says(synced, migration, "post-migrating", status="VERIFY_RESIZE", host="compute3", task_state="")
    assert look(synced, migration) == State.RUNNING


def test_instance_that_ran_and_does_not_run_any_more_is_remarked(
    synced: FakeCloud, helpdesk: User, manager: User
) -> None:
    instance = Instance.objects.get(name="demo_zone")
    migration = services.request_migration(actor=helpdesk, instance=instance, host="compute4", reason="x")
    services.approve_migration(actor=manager, migration=migration)
    play(synced, migration)
    services.confirm_migration(actor=manager, migration=migration)
    run_tasks()
    nova_says(synced, migration, "confirmed", status="SHUTOFF", power_state=4)
    assert look_on(synced, migration) == State.DONE
    assert "does not run now" in migration.remark


@pytest.mark.parametrize(
    ("before", "now", "is_told"),
    [("ACTIVE", "SHUTOFF", True), ("ACTIVE", "ACTIVE", False), ("SHUTOFF", "SHUTOFF", False)],
)
def test_only_what_ran_before_its_evacuation_is_to_be_started(
    before: str, now: str, *, is_told: bool
) -> None:
    move = Migration(kind="evacuate", before={"status": before})

    remark = following._power_remark(move, Instance(name="web", status=now))

    assert bool(remark) is is_told
