"""A live move under way: its progress, abort and force-complete while Nova takes them, and not after."""

import pytest

from nmigrate import progress, services
from nmigrate.errors import Conflict
from nmigrate.models import Migration
from nmigrate.states import Kind, State
from tests.moves.ground import Ground


def under_way(ground: Ground, name: str = "busy") -> Migration:
    """A live move that goes on until somebody steps in."""
    ground.slow_live(True)
    move = ground.ask(ground.boot(name, "compute1", "ACTIVE"), Kind.LIVE, host="compute3")
    ground.until(lambda: ground.now(move).nova_status == "running", "the live move to run")
    return move


@pytest.fixture(autouse=True)
def quick_again(ground: Ground) -> object:
    yield
    ground.slow_live(False)


def test_abort_leaves_it_where_it_runs(ground: Ground) -> None:
    move = under_way(ground)
    assert {"abort"} <= set(services.permitted_actions(ground.helpdesk, move))
    services.abort_migration(actor=ground.helpdesk, migration=move, note="too slow")
    assert "abort" not in services.permitted_actions(ground.helpdesk, move)
    with pytest.raises(Conflict, match="asked of the move"):
        services.abort_migration(actor=ground.helpdesk, migration=move)
    ground.play(move, State.ABORTED)
    after = ground.seen(move)
    assert (after.host, after.status, move.nova_status) == ("compute1", "ACTIVE", "cancelled")
    assert "as asked" in move.failure
    assert ground.trail(move)[-3:] == ["abort", "abort_accepted", "end_abort"]


def test_force_complete_ends_it_on_the_new_host(ground: Ground) -> None:
    move = under_way(ground)
    assert "force" not in services.permitted_actions(ground.helpdesk, move)
    services.force_migration(actor=ground.manager, migration=move)
    ground.play(move, State.DONE)
    assert ground.seen(move).host == "compute3"


def test_progress_is_asked_only_while_somebody_looks(ground: Ground) -> None:
    move = under_way(ground)
    assert progress.progress(move) is None
    progress.note_looking(move)
    ground.until(lambda: progress.progress(ground.now(move)) is not None, "the first figures")
    found = progress.progress(move)
    assert found is not None
    assert 0 <= found.percent < 100
    assert found.total > 0


def test_abort_outside_is_told_with_who(ground: Ground) -> None:
    move = under_way(ground)
    assert move.server_migration_id is not None
    ground.abort_outside(move)
    ground.play(move, State.ABORTED)
    assert "outside nmigrate" in move.failure


def test_post_copy_can_be_neither_stopped_nor_forced(ground: Ground) -> None:
    move = under_way(ground)
    ground.post_copy(move)
    ground.until(lambda: ground.now(move).nova_status == "running (post-copy)", "post-copy")
    assert not {"abort", "force"} & set(services.permitted_actions(ground.manager, move))
    with pytest.raises(Conflict, match="gone too far"):
        services.abort_migration(actor=ground.manager, migration=move)
    ground.slow_live(False)
    ground.play(move, State.DONE)


def test_abort_that_comes_too_late_is_remarked_and_the_move_goes_on(ground: Ground) -> None:
    move = under_way(ground)
    services.abort_migration(actor=ground.helpdesk, migration=move)
    ground.slow_live(False)
    ground.finish_live(move)
    ground.play(move, State.DONE)
    assert "could not be stopped" in move.remark


def test_aborted_move_of_a_pinned_instance_is_bound_again(ground: Ground) -> None:
    ground.slow_live(True)
    instance = ground.boot("bound", "compute1", "ACTIVE", zone="nova-1")
    move = ground.ask(instance, Kind.LIVE, zone="nova", changes_pin=True)
    ground.until(lambda: ground.now(move).nova_status == "running", "the live move to run")
    services.abort_migration(actor=ground.helpdesk, migration=move)
    ground.play(move, State.REVERTED)
    ground.read()
    after = ground.seen(move)
    assert (after.zone, after.pinned_zone) == ("nova-1", "nova-1")
