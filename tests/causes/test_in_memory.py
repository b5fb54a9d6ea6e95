"""The same on the fake cloud, fast: the paths through the code, and that no end is left without a cause."""

from collections.abc import Callable, Iterator

import pytest

from nmigrate import services
from nmigrate.cloud import api
from nmigrate.models import Migration
from nmigrate.states import Kind, State
from tests.contract.stage import FakeStage
from tests.fakecloud import FakeCloud
from tests.moves.conftest import fake_ground as fake_ground
from tests.moves.conftest import on_fake
from tests.moves.ground import Ground
from webui import timeline


def fake(ground: Ground) -> FakeCloud:
    assert isinstance(ground.stage, FakeStage)
    return ground.stage.fake


def failing(ground: Ground, host: str, step: str, words: str = "") -> None:
    fake(ground).fail_at = {host: step}
    if words:
        fake(ground).words_of[step] = words


def live(ground: Ground, host: str = "compute3") -> Migration:
    return ground.ask(ground.boot("web", "compute1", "ACTIVE"), Kind.LIVE, host=host)


def live_that_runs(ground: Ground) -> Migration:
    ground.slow_live(True)
    move = live(ground)
    ground.until(lambda: ground.now(move).nova_status == "running", "the copy")
    return move


def cold(ground: Ground, host: str = "compute3") -> Migration:
    return ground.ask(ground.boot("web", "compute1"), Kind.COLD, host=host)


def unknown_check(ground: Ground) -> Migration:
    failing(ground, "compute3", "check_can_live_migrate_destination", "flux capacitor is empty")
    return ground.play(live(ground))


def broken_copy(ground: Ground) -> Migration:
    failing(ground, "compute1", "live_migration")
    return ground.play(live(ground))


def broken_copy_of_a_config_drive(ground: Ground) -> Migration:
    instance = ground.from_volume("web", "compute1")
    fake(ground).change(instance.uuid, config_drive=True)
    ground.read()
    instance.refresh_from_db()
    failing(ground, "compute1", "live_migration")
    return ground.play(ground.ask(instance, Kind.LIVE, host="compute3"))


def given_up(ground: Ground) -> Migration:
    move = live_that_runs(ground)
    fake(ground).give_up_live(move.instance_uuid)
    return ground.play(move, State.ABORTED)


def stopped(ground: Ground) -> Migration:
    move = live_that_runs(ground)
    services.abort_migration(actor=ground.helpdesk, migration=move)
    return ground.play(move, State.ABORTED)


def stopped_outside(ground: Ground) -> Migration:
    move = live_that_runs(ground)
    ground.abort_outside(move)
    return ground.play(move, State.ABORTED)


def hanging(ground: Ground) -> Migration:
    move = live_that_runs(ground)
    fake(ground).hang_live(move.instance_uuid)
    return ground.play(move)


def error_on_the_way(ground: Ground) -> Migration:
    failing(ground, "compute3", "finish_migration")
    return ground.play(cold(ground))


def deleted(ground: Ground) -> Migration:
    move = ground.play(cold(ground), State.WAITING)
    ground.stage.delete(move.instance_uuid)
    return ground.play(move, State.FAILED)


def deleted_before(ground: Ground) -> Migration:
    move = cold(ground)
    ground.stage.delete(move.instance_uuid)
    return ground.play(move)


def locked(ground: Ground) -> Migration:
    move = cold(ground)
    ground.stage.lock(move.instance_uuid, "end of quarter")
    return ground.play(move)


def source_lost(ground: Ground) -> Migration:
    move = cold(ground)
    ground.stage.forced_down("compute1", True)
    return ground.play(move)


def nowhere(ground: Ground) -> Migration:
    move = cold(ground)
    with ground.out_of_service("compute3"):
        return ground.play(move)


def shelved_without_a_host(ground: Ground) -> Migration:
    move = ground.ask(
        ground.boot("web", "compute1", zone="nova-1"), Kind.SHELVE, zone="nova", host="compute2"
    )
    ground.begin(move)
    with ground.out_of_service("compute2"):
        return ground.play(move, State.STRANDED)


def copy_without_a_snapshot(ground: Ground) -> Migration:
    move = ground.ask(ground.boot("web", "compute1"), Kind.COPY, zone="nova", host="compute2")
    with ground.failing("compute1", step="snapshot"):
        return ground.play(move)


def left_half_way(ground: Ground) -> Migration:
    move = shelved_without_a_host(ground)
    services.leave_migration(actor=ground.helpdesk, migration=move)
    return move


def account_refused(ground: Ground) -> Migration:
    move = cold(ground)
    fake(ground).down = api.Unauthorized(
        "nmigrate's account in lab lacks a right that this needs.", "403 Forbidden"
    )
    try:
        from tests.conftest import run_tasks

        run_tasks()
    finally:
        fake(ground).down = None
    return ground.play(move)


def pin_without_effect(ground: Ground) -> Migration:
    instance = ground.boot("web", "compute1", "ACTIVE", zone="nova-1")
    fake(ground).pin_zone = lambda uuid, zone: "req-1"  # type: ignore[method-assign]  # taken, and forgotten
    return ground.play(ground.ask(instance, Kind.LIVE, host="compute2", changes_pin=True))


def copy_that_vanishes(ground: Ground) -> Migration:
    fake(ground).create_server = lambda new: "req-1"  # type: ignore[method-assign]  # taken, and forgotten
    return ground.play(ground.ask(ground.boot("web", "compute1"), Kind.COPY, zone="nova", host="compute2"))


def error_without_words(ground: Ground) -> Migration:
    move = cold(ground)
    ground.until(lambda: ground.now(move).nova_status == "migrating", "the move")
    fake(ground)._pending.pop(move.instance_uuid)
    fake(ground).change(move.instance_uuid, status="ERROR", vm_state="error", task_state="", power_state=4)
    return ground.play(move)


ENDS: list[tuple[Callable[[Ground], Migration], str, str]] = [
    (unknown_check, "unknown:", "operator"),
    (broken_copy, "copy-broke-off", "helpdesk"),
    (broken_copy_of_a_config_drive, "copies-local-disk", "helpdesk"),
    (given_up, "never-converges", "helpdesk"),
    (stopped, "stopped-as-asked", "helpdesk"),
    (stopped_outside, "stopped-outside", "helpdesk"),
    (hanging, "wrong-host", "operator"),
    (error_on_the_way, "unknown:", "operator"),
    (deleted, "deleted", "helpdesk"),
    (deleted_before, "gone", "helpdesk"),
    (locked, "locked", "helpdesk"),
    (source_lost, "source-down", "operator"),
    (nowhere, "host-out-of-service", "helpdesk"),
    (shelved_without_a_host, "host-out-of-service", "helpdesk"),
    (copy_without_a_snapshot, "", "helpdesk"),
    (pin_without_effect, "no-effect", "helpdesk"),
    (copy_that_vanishes, "copy-gone", "helpdesk"),
    (error_without_words, "in-error", "operator"),
    (left_half_way, "host-out-of-service", "operator"),
    (account_refused, "", "operator"),
]


@pytest.mark.parametrize(("play", "cause", "who"), ENDS, ids=[row[0].__name__ for row in ENDS])
def test_no_end_is_left_without_cause_next_step_and_who(
    fake_ground: Ground, play: Callable[[Ground], Migration], cause: str, who: str
) -> None:
    move = play(fake_ground)
    assert move.state in (State.FAILED, State.STRANDED, State.ABORTED), fake_ground.story(move)
    for field in ("failure", "why", "next_step", "next_step_by", "cause"):
        assert getattr(move, field), f"{field} is empty: {fake_ground.story(move)}"
    assert move.cause.startswith(cause), fake_ground.story(move)
    assert move.next_step_by == who
    tones = {step.tone for step in timeline.steps(move)}
    assert (timeline.FAIL in tones) is (move.state != State.ABORTED), "what was stopped has not failed"


def test_a_retry_takes_the_old_failure_back(fake_ground: Ground) -> None:
    move = shelved_without_a_host(fake_ground)
    services.retry_migration(actor=fake_ground.helpdesk, migration=move)
    move.refresh_from_db()
    assert {name: getattr(move, name) for name in Migration.NO_FAILURE} == Migration.NO_FAILURE


@pytest.fixture
def hiding(monkeypatch: pytest.MonkeyPatch, roles: None) -> Iterator[Ground]:
    """A cloud that does not tell to which zone an instance is bound."""
    yield from on_fake(monkeypatch, api.OLDEST_MICROVERSION)


def test_where_the_cloud_hides_the_pin_the_zone_is_the_likely_reason(hiding: Ground) -> None:
    move = hiding.play(hiding.ask(hiding.boot("web", "compute1", zone="nova-1"), Kind.COLD, host="compute2"))
    assert (move.cause, move.next_step_by) == ("zone-bound", "helpdesk")
    assert move.why.startswith("Most likely: it is bound to zone nova-1, and compute2 is in nova.")
