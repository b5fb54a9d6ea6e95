"""Each finding of the watchdog provoked on a real Nova, with lowered thresholds, through the follower's own tick; and
moves made by an administrator past the application. Each must be found within a minute, and end when it passes."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from pytest_django import Settings

from nmigrate import cloud as clouds
from nmigrate import follower, progress, services
from nmigrate.cloud.openstack import OpenStackCloud
from nmigrate.lab import Lab
from nmigrate.lab.errors import LabError
from nmigrate.models import AuditEvent, Finding, Instance, OutsideMove
from nmigrate.states import Kind, State
from tests.conftest import no_patience
from tests.contract.stage import LabStage
from tests.moves.ground import Ground

pytestmark = pytest.mark.lab
MINUTE = 60.0


@pytest.fixture(autouse=True)
def _soon(settings: Settings) -> None:
    """Thresholds of seconds, where the real ones are minutes and hours."""
    settings.NMIGRATE_WATCH_STALLED_SECONDS = 10
    settings.NMIGRATE_WATCH_QUEUED_SECONDS = 4
    settings.NMIGRATE_WATCH_TASK_SECONDS = 5
    settings.NMIGRATE_WATCH_PERSON_SECONDS = 4
    settings.NMIGRATE_WATCH_SILENT_SECONDS = 30


@pytest.fixture
def lab_of(on_lab: Ground) -> Lab:
    assert isinstance(on_lab.stage, LabStage)
    return on_lab.stage.lab


@pytest.fixture
def admin(on_lab: Ground) -> Callable[[Instance, dict[str, Any]], None]:
    """Ask Nova for something, past the application."""
    stage = on_lab.stage
    assert isinstance(stage, LabStage)

    def act(instance: Instance, body: dict[str, Any]) -> None:
        stage.admin.post("nova", f"/servers/{instance.uuid}/action", body)

    return act


def found(ground: Ground, rule: str, tick: Callable[[], None] | None = None) -> Finding:
    """The open finding of this rule, within a minute; how long it took is printed."""
    start = time.monotonic()
    while True:
        row = Finding.objects.filter(rule=rule, ended_at=None).first()
        if row is not None:
            break
        assert time.monotonic() - start < MINUTE, f"{rule} was not found; these were: {open_rules()}"
        (tick or ground.tick)()
    print(f"{rule} found after {time.monotonic() - start:.0f} s: {row.what}")  # noqa: T201 - the figures
    assert audited("finding").count(row.what) == 1
    return row


def audited(action: str) -> list[str]:
    """The sentences of these entries; the database keeps more of a sentence than its English."""
    return list(AuditEvent.objects.filter(action=action).values_list("reason", flat=True))


def passes(ground: Ground, row: Finding, tick: Callable[[], None] | None = None) -> None:
    start = time.monotonic()
    while Finding.objects.get(pk=row.pk).ended_at is None:
        assert time.monotonic() - start < MINUTE, f"{row.rule} does not pass"
        (tick or ground.tick)()
    assert sum(reason.endswith(row.what) for reason in audited("finding_ended")) == 1


def open_rules() -> set[str]:
    return set(Finding.objects.filter(ended_at=None).values_list("rule", flat=True))


def with_hosts(ground: Ground) -> Callable[[], None]:
    """A tick that reads the hosts, too, as the follower's other thread does."""

    def tick() -> None:
        ground.tick()
        ground.read()

    return tick


@contextmanager
def stopped(lab: Lab, host: str) -> Iterator[None]:
    lab.stop_compute(host)
    try:
        yield
    finally:
        lab.start_compute(host)


def live(ground: Ground, instance: Instance, host: str, status: str = "running") -> Any:
    move = ground.ask(instance, Kind.LIVE, host=host)
    ground.until(lambda: ground.now(move).nova_status == status, status)
    return move


def test_a_guest_that_changes_its_memory_as_fast_as_it_is_copied(
    on_lab: Ground, lab_of: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many measurements as there are before the real threshold: what is left goes up and down.
    monkeypatch.setattr(progress, "AGAIN", 2.0)
    lab_of.behaviour(dirty_memory=True, live_migration_seconds=4)
    move = live(on_lab, on_lab.boot("busy", "compute2", "ACTIVE"), "compute4")

    row = found(on_lab, "stalled")

    assert row.migration == move
    services.abort_migration(actor=on_lab.helpdesk, migration=on_lab.now(move))
    on_lab.play(move, State.ABORTED)
    passes(on_lab, row)


def test_a_live_move_that_nova_does_not_begin(on_lab: Ground, lab_of: Lab) -> None:
    lab_of.behaviour(pre_live_migration_seconds=25)
    move = live(on_lab, on_lab.boot("unbegun", "compute2", "ACTIVE"), "compute4", "preparing")

    row = found(on_lab, "queued")

    assert row.migration == move
    assert "compute4 is still being prepared for it" in row.next_step
    lab_of.behaviour(pre_live_migration_seconds=0)
    passes(on_lab, row)
    on_lab.play(move, State.DONE)


def test_a_confirmation_of_which_nothing_comes(on_lab: Ground, lab_of: Lab) -> None:
    move = on_lab.play(on_lab.ask(on_lab.boot("slow", "compute2"), Kind.COLD))
    lab_of.behaviour(confirm_seconds=25)
    on_lab.decide(move, "confirm")

    row = found(on_lab, "queued")

    assert "confirmation of slow" in row.what
    on_lab.play(move, State.DONE)
    passes(on_lab, row)


def test_a_task_of_nova_s_that_does_not_end(on_lab: Ground, lab_of: Lab, admin: Any) -> None:
    lab_of.behaviour(snapshot_seconds=25)
    instance = on_lab.boot("photo", "compute2")
    admin(instance, {"createImage": {"name": "a snapshot"}})

    row = found(on_lab, "endless_task")

    assert (row.instance_name, row.migration) == ("photo", None)
    passes(on_lab, row)


@pytest.mark.parametrize("is_ours", [True, False])
def test_completed_and_on_the_wrong_host(on_lab: Ground, lab_of: Lab, admin: Any, is_ours: bool) -> None:
    instance = on_lab.boot("lost", "compute2", "ACTIVE")
    lab_of.behaviour(wrong_host=True)
    if is_ours:
        move = on_lab.play(on_lab.ask(instance, Kind.LIVE, host="compute4"))
        assert move.state == State.FAILED
        assert move.nova_status == "completed"
    else:
        admin(instance, {"os-migrateLive": {"host": "compute4", "block_migration": "auto"}})

    row = found(on_lab, "wrong_host")

    assert "lost is on compute2 and not on compute4" in row.what
    lab_of.behaviour(wrong_host=False)
    admin(instance, {"os-migrateLive": {"host": "compute4", "block_migration": "auto"}})
    passes(on_lab, row)


def test_completed_where_it_was_and_still_at_its_task(on_lab: Ground, lab_of: Lab, admin: Any) -> None:
    instance = on_lab.boot("hung", "compute2", "ACTIVE")
    move = on_lab.ask(instance, Kind.LIVE, host="compute4")
    with on_lab.failing("compute2", step="live_migration_end"):
        row = found(on_lab, "wrong_host")

    assert row.migration == move
    assert on_lab.now(move).state == State.RUNNING
    assert "endless_task" not in open_rules()  # one of the two says it


def test_the_source_goes_down_while_nova_waits_for_the_decision(on_lab: Ground, lab_of: Lab) -> None:
    move = on_lab.play(on_lab.ask(on_lab.boot("held", "compute2"), Kind.COLD, host="compute4"))
    with stopped(lab_of, "compute2"):
        row = found(on_lab, "source_down", with_hosts(on_lab))
        assert (row.host, row.migration) == ("compute2", move)
    passes(on_lab, row, with_hosts(on_lab))
    on_lab.decide(move, "reject")
    on_lab.play(move, State.REVERTED)


def test_the_destination_goes_down_during_the_move(on_lab: Ground, lab_of: Lab) -> None:
    lab_of.behaviour(live_migration_seconds=300)
    move = live(on_lab, on_lab.boot("going", "compute2", "ACTIVE"), "compute4")
    with stopped(lab_of, "compute4"):
        row = found(on_lab, "host_down", with_hosts(on_lab))
        assert (row.host, row.migration) == ("compute4", move)
    passes(on_lab, row, with_hosts(on_lab))
    services.abort_migration(actor=on_lab.helpdesk, migration=on_lab.now(move))
    on_lab.play(move)


def test_an_instance_that_an_administrator_has_moved_into_error(
    on_lab: Ground, lab_of: Lab, admin: Any
) -> None:
    instance = on_lab.boot("broken", "compute2")
    with on_lab.failing("compute1", "compute3", "compute4", step="finish_migration"):
        admin(instance, {"migrate": None})
        row = found(on_lab, "broken_outside")
    assert row.instance_name == "broken"
    admin(instance, {"os-resetState": {"state": "active"}})  # after somebody has looked
    passes(on_lab, row)


def test_a_decision_and_an_approval_that_nobody_makes(on_lab: Ground, settings: Settings) -> None:
    settings.NMIGRATE_DECISION_SECONDS = 3
    waiting = on_lab.play(on_lab.ask(on_lab.boot("late", "compute2"), Kind.COLD))
    asking = on_lab.ask(on_lab.boot("unheard", "compute2", "ACTIVE"), Kind.COLD)

    overdue, unapproved = found(on_lab, "overdue"), found(on_lab, "unapproved")

    assert (overdue.migration, unapproved.migration) == (waiting, asking)
    on_lab.decide(waiting, "confirm")
    services.decline_migration(actor=on_lab.manager, migration=asking, comment="not needed any more")
    passes(on_lab, overdue)
    passes(on_lab, unapproved)


def test_a_move_that_stopped_half_way(on_lab: Ground) -> None:
    instance = on_lab.boot("torn", "compute2")
    move = on_lab.ask(instance, Kind.SHELVE, zone="nova-1")
    on_lab.begin(move)
    with on_lab.out_of_service("compute1", "compute3"):
        on_lab.play(move, State.STRANDED)
        row = found(on_lab, "stranded")
    services.leave_migration(actor=on_lab.helpdesk, migration=on_lab.now(move))
    passes(on_lab, row)


def test_a_lock_that_is_gone(on_lab: Ground, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    no_patience(monkeypatch)
    settings.NMIGRATE_WATCH_SILENT_SECONDS = 5
    move = on_lab.play(on_lab.ask(on_lab.boot("open", "compute2"), Kind.COLD))

    def unlock_and_tick() -> None:
        if on_lab.seen(move).locked:
            on_lab.unlock_outside(move.instance_uuid)
        on_lab.tick()

    row = found(on_lab, "unheld", unlock_and_tick)
    assert row.migration == move


def test_an_order_that_no_worker_takes(on_lab: Ground, settings: Settings) -> None:
    settings.NMIGRATE_WATCH_SILENT_SECONDS = 5
    move = on_lab.ask(on_lab.boot("kept", "compute2"), Kind.COLD)

    row = found(on_lab, "unanswered", lambda: follower_alone(on_lab))

    assert row.migration == move
    on_lab.play(move)
    passes(on_lab, row)


def follower_alone(ground: Ground) -> None:
    time.sleep(0.3)
    follower.tick(ground.cloud, ground.names)


def test_a_cloud_that_gives_no_answer(
    on_lab: Ground, lab_of: Lab, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.NMIGRATE_WATCH_SILENT_SECONDS = 5
    quick = OpenStackCloud("lab", timeout=2)
    clouds.override["lab"] = quick
    one = follower.CloudFollower("lab", threading.Event())

    def attempt() -> None:
        one.attempt(one.changes, on_lab.names)
        time.sleep(0.3)

    attempt()
    pid = next(int(row["pid"]) for row in lab_of.status() if row["name"] == "nova")
    os.kill(pid, signal.SIGSTOP)
    try:
        row = found(on_lab, "unread", attempt)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "lab could not be read" in row.what
    passes(on_lab, row, attempt)


# -- moves that others made


def told(instance: Instance) -> list[str]:
    rows = AuditEvent.objects.filter(instance_uuid=instance.uuid, is_outside=True).order_by("id")
    return [f"{row.action} by {row.actor}" for row in rows]


BOTH = ["outside_move by admin", "outside_move_ended by admin"]


def ended(ground: Ground, instance: Instance) -> OutsideMove:
    ground.until(
        lambda: OutsideMove.objects.filter(instance_uuid=instance.uuid, ended_at__isnull=False).exists(),
        "the end of the move made outside",
    )
    for _ in range(5):
        ground.tick()
    return OutsideMove.objects.get(instance_uuid=instance.uuid)


@pytest.mark.parametrize(("word", "status"), [("confirmResize", "confirmed"), ("revertResize", "reverted")])
def test_a_cold_move_of_others_with_its_decision(on_lab: Ground, admin: Any, word: str, status: str) -> None:
    on_lab.tick()
    instance = on_lab.boot("theirs", "compute2")
    admin(instance, {"migrate": None})
    row = found(on_lab, "undecided_outside")
    assert "admin moved theirs outside nmigrate" in row.what

    admin(instance, {word: None})
    passes(on_lab, row)
    move = ended(on_lab, instance)

    assert (move.type, move.status, move.source_host, move.user_name) == (
        "migration",
        status,
        "compute2",
        "admin",
    )
    assert told(instance) == BOTH
    event = AuditEvent.objects.get(instance_uuid=instance.uuid, action="outside_move")
    asked = next(one for one in on_lab.cloud.actions(instance.uuid) if one.action == "migrate")
    assert event.request_id == asked.request_id == move.request_id


def test_a_live_move_of_others(on_lab: Ground, admin: Any) -> None:
    on_lab.tick()
    instance = on_lab.boot("theirs-live", "compute2", "ACTIVE")
    admin(instance, {"os-migrateLive": {"host": "compute4", "block_migration": "auto"}})
    move = ended(on_lab, instance)

    assert (move.type, move.status, move.dest_host) == ("live-migration", "completed", "compute4")
    assert told(instance) == BOTH
    assert move.request_id


def test_an_evacuation_of_others(on_lab: Ground, lab_of: Lab, admin: Any) -> None:
    on_lab.tick()
    instance = on_lab.boot("saved", "compute2", "ACTIVE")
    with on_lab.host_down("compute2"):
        admin(instance, {"evacuate": {"host": "compute4"}})
        move = ended(on_lab, instance)

    assert (move.type, move.dest_host) == ("evacuation", "compute4")
    assert told(instance) == BOTH


def test_a_resize_of_others(on_lab: Ground, admin: Any) -> None:
    on_lab.tick()
    stage = on_lab.stage
    assert isinstance(stage, LabStage)
    flavors = stage.admin.get("nova", "/flavors")["flavors"]
    bigger = next(row["id"] for row in flavors if row["name"] == "m1.small")
    instance = on_lab.boot("grows", "compute2")
    admin(instance, {"resize": {"flavorRef": bigger}})
    on_lab.until(lambda: on_lab.cloud.server(instance.uuid).status == "VERIFY_RESIZE")
    admin(instance, {"confirmResize": None})
    move = ended(on_lab, instance)

    assert (move.type, move.status) == ("resize", "confirmed")
    assert told(instance) == BOTH


def test_our_own_moves_beside_them_stay_ours(on_lab: Ground, admin: Any) -> None:
    on_lab.tick()
    ours, theirs = on_lab.boot("ours", "compute2"), on_lab.boot("theirs-too", "compute2")
    move = on_lab.ask(ours, Kind.COLD)
    admin(theirs, {"migrate": None})
    on_lab.play(move)
    on_lab.decide(move, "confirm")
    on_lab.play(move, State.DONE)
    on_lab.until(lambda: on_lab.cloud.server(theirs.uuid).status == "VERIFY_RESIZE")
    with suppress(LabError):
        admin(theirs, {"revertResize": None})
    ended(on_lab, theirs)

    assert not OutsideMove.objects.filter(instance_uuid=ours.uuid).exists()
    assert told(ours) == []
    assert told(theirs) == BOTH
