"""A failure between the steps of a move from zone to zone: what exists is said, and the way back leads back."""

import pytest

from nmigrate import services
from nmigrate.models import Instance
from nmigrate.states import Kind, State
from tests.moves.ground import Ground


def test_freed_instance_whose_move_fails_can_be_bound_again(ground: Ground) -> None:
    instance = ground.boot("bound", "compute1", "ACTIVE", zone="nova-1")
    with ground.failing("compute2", "compute4", step="pre_live_migration"):
        move = ground.play(ground.ask(instance, Kind.LIVE, host="compute2", changes_pin=True))
    assert move.state == State.STRANDED, ground.story(move)
    assert "bound to no zone" in move.failure
    assert "bind it to nova-1 again" in move.next_step
    assert set(services.permitted_actions(ground.helpdesk, move)) == {"retry_move", "go_back", "leave"}
    services.go_back(actor=ground.helpdesk, migration=move)
    ground.play(move)
    ground.read()
    assert (move.state, ground.seen(move).pinned_zone) == (State.REVERTED, "nova-1")


def test_step_can_be_tried_again(ground: Ground) -> None:
    instance = ground.boot("bound", "compute1", "ACTIVE", zone="nova-1")
    with ground.failing("compute2", "compute4", step="pre_live_migration"):
        move = ground.play(ground.ask(instance, Kind.LIVE, host="compute2", changes_pin=True))
    services.retry_migration(actor=ground.helpdesk, migration=move)
    ground.play(move)
    ground.read()
    after = ground.seen(move)
    assert (move.state, after.host, after.pinned_zone) == (State.DONE, "compute2", "nova"), ground.story(move)


def test_step_can_be_tried_again_with_another_host(ground: Ground) -> None:
    instance = ground.boot("bound", "compute1", "ACTIVE", zone="nova-1")
    with ground.failing("compute2", "compute4", step="pre_live_migration"):
        move = ground.play(ground.ask(instance, Kind.LIVE, host="compute2", changes_pin=True))
    services.retry_migration(actor=ground.helpdesk, migration=move, host="compute4")
    ground.play(move)
    ground.read()
    after = ground.seen(move)
    assert (move.state, after.host, move.dest_host) == (State.DONE, "compute4", "compute4"), ground.story(
        move
    )


@pytest.mark.parametrize("status", ["SHUTOFF", "ACTIVE"])
def test_shelved_instance_that_finds_no_host_comes_back(ground: Ground, status: str) -> None:
    instance = ground.boot("shelved", "compute1", status, zone="nova-1")
    move = ground.ask(instance, Kind.SHELVE, zone="nova")
    if status == "ACTIVE":
        services.approve_migration(actor=ground.manager, migration=move)
    ground.begin(move)
    with ground.out_of_service("compute2", "compute4"):
        ground.play(move, State.STRANDED)
        assert "on no host" in move.failure
        services.go_back(actor=ground.helpdesk, migration=move)
        ground.play(move)
    ground.read()
    after = ground.seen(move)
    assert (move.state, after.zone, after.pinned_zone, after.status) == (
        State.REVERTED, "nova-1", "nova-1", status,
    ), ground.story(move)  # fmt: skip


def test_copy_that_cannot_start_is_dropped_and_the_original_starts_again(ground: Ground) -> None:
    instance = ground.boot("web", "compute1", "ACTIVE")
    move = ground.ask(instance, Kind.COPY, zone="nova")
    services.approve_migration(actor=ground.manager, migration=move)
    ground.begin(move)
    with ground.out_of_service(move.asked_host):
        ground.play(move, State.STRANDED)
    assert "Its snapshot exists." in move.failure
    assert move.copy_uuid, ground.story(move)
    assert move.copy_uuid in move.failure
    assert "delete the copy and the snapshot and start web again" in move.next_step
    assert set(services.permitted_actions(ground.helpdesk, move)) == {"go_back", "leave"}
    image = move.image_id
    services.go_back(actor=ground.helpdesk, migration=move)
    ground.play(move)
    assert (move.state, ground.seen(move).status) == (State.REVERTED, "ACTIVE"), ground.story(move)
    assert ground.is_image_gone(image)
    ground.until(lambda: not Instance.objects.filter(uuid=move.copy_uuid).exists(), "the copy to be gone")


def test_snapshot_that_fails_leaves_the_original_stopped_and_startable(ground: Ground) -> None:
    instance = ground.boot("web", "compute1", "ACTIVE")
    move = ground.ask(instance, Kind.COPY, zone="nova")
    services.approve_migration(actor=ground.manager, migration=move)
    with ground.failing("compute1", step="snapshot"):
        ground.play(move, State.STRANDED)
    assert "snapshot" in move.failure
    services.go_back(actor=ground.helpdesk, migration=move)
    ground.play(move)
    assert (move.state, ground.seen(move).status) == (State.REVERTED, "ACTIVE"), ground.story(move)


def test_half_done_move_can_be_left_as_it_is(ground: Ground) -> None:
    instance = ground.boot("bound", "compute1", "ACTIVE", zone="nova-1")
    with ground.failing("compute2", "compute4", step="pre_live_migration"):
        move = ground.play(ground.ask(instance, Kind.LIVE, host="compute2", changes_pin=True))
    services.leave_migration(actor=ground.helpdesk, migration=move, note="the owner wants it free")
    assert move.state == State.FAILED
    assert "bound to no zone" in move.failure
