"""The decision cannot be slipped past: the lock, what ignores it, the deadline, and several decided together."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from nmigrate import holding, judging, orders, services
from nmigrate.models import Approval, AuditEvent, Instance, Migration, Order
from nmigrate.states import Kind, State
from tests.moves.ground import Ground


def waits(ground: Ground, name: str = "held", host: str = "compute1") -> Migration:
    move = ground.play(ground.ask(ground.boot(name, host), Kind.COLD))
    assert move.state == State.WAITING, ground.story(move)
    ground.until(lambda: ground.seen(move).locked, "the lock")
    return move


def test_waiting_instance_is_locked_with_a_reason_that_names_the_migration(ground: Ground) -> None:
    move = waits(ground)
    server = ground.cloud.server(move.instance_uuid)
    assert f"nmigrate: migration {move.pk}" in server.locked_reason
    with pytest.raises(Exception, match="locked"):
        ground.stage.confirm_as_member(move.instance_uuid)
    ground.play(move)
    assert move.state == State.WAITING


@pytest.mark.parametrize(("decide", "end"), [("confirm", State.DONE), ("reject", State.REVERTED)])
def test_lock_is_off_after_the_decision(ground: Ground, decide: str, end: State) -> None:
    move = waits(ground)
    ground.decide(move, decide)
    ground.play(move)
    assert (move.state, ground.cloud.server(move.instance_uuid).locked) == (end, False)


def held_over_the_owners_lock(ground: Ground) -> Migration:
    """It waits under our lock, and its owner had locked it on the way."""
    instance = ground.boot("owned", "compute1")
    with ground.slow_cold():
        move = ground.ask(instance, Kind.COLD)
        ground.until(lambda: ground.is_copying(move), "the copying")
        ground.stage.lock(instance.uuid, "the owner's own")
        ground.play(move)
    ground.until(lambda: "nmigrate" in ground.cloud.server(instance.uuid).locked_reason)
    return move


def test_lock_that_was_there_before_is_put_back(ground: Ground) -> None:
    move = held_over_the_owners_lock(ground)
    ground.decide(move, "confirm")
    ground.play(move)
    server = ground.cloud.server(move.instance_uuid)
    assert (move.state, server.locked, server.locked_reason) == (State.DONE, True, "the owner's own")


def test_lock_taken_off_outside_is_told_and_put_back(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "SETTLE", timedelta(0))
    move = waits(ground)
    ground.unlock_outside(move.instance_uuid)
    ground.until(lambda: "hold_removed" in ground.trail(move), "the missing lock to be seen")
    ground.until(lambda: ground.cloud.server(move.instance_uuid).locked, "the lock to be put back")
    event = AuditEvent.objects.get(migration_id=move.pk, action="hold_removed")
    assert (event.is_outside, event.actor) == (True, "admin")
    (unlock,) = [one for one in ground.cloud.actions(move.instance_uuid) if one.action == "unlock"]
    assert event.request_id == unlock.request_id


def test_the_owners_lock_comes_back_though_ours_was_taken_off_meanwhile(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "SETTLE", timedelta(0))
    move = held_over_the_owners_lock(ground)
    uuid = move.instance_uuid
    ground.unlock_outside(uuid)
    ground.until(lambda: "hold_removed" in ground.trail(move), "the missing lock to be seen")
    ground.until(lambda: "nmigrate" in ground.cloud.server(uuid).locked_reason, "ours again")
    ground.decide(move, "confirm")
    ground.play(move)
    server = ground.cloud.server(uuid)
    assert (move.state, server.locked, server.locked_reason) == (State.DONE, True, "the owner's own")


def test_pin_changed_while_it_waits_is_told(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LOOK_EVERY", 0)
    move = waits(ground)
    zone = ground.seen(move).zone
    ground.pin_outside(move.instance_uuid, zone)
    ground.tick()
    event = AuditEvent.objects.get(migration_id=move.pk, action="pin_changed")
    assert event.is_outside
    assert f"from none to {zone}" in event.reason


def test_decision_of_an_administrator_outside_is_a_bypass(ground: Ground) -> None:
    move = waits(ground)
    ground.confirm_as_admin(move.instance_uuid)
    ground.until(lambda: ground.now(move).state == State.DONE, "the decision to be noticed")
    assert move.is_decided_outside
    event = AuditEvent.objects.get(migration_id=move.pk, action="observe_confirm")
    assert (event.is_outside, event.actor) == (True, "admin")
    confirm = next(one for one in ground.cloud.actions(move.instance_uuid) if one.action == "confirmResize")
    assert event.request_id == confirm.request_id
    approval = Approval.objects.get(migration=move)
    assert (approval.is_outside, approval.decided_by) == (True, None)
    assert not ground.cloud.server(move.instance_uuid).locked


def test_deadline_sends_it_back(ground: Ground, settings: Any) -> None:
    settings.NMIGRATE_DECISION_AT_END = "revert"
    move = waits(ground)
    Migration.objects.filter(pk=move.pk).update(decide_by=timezone.now() - timedelta(seconds=1))
    ground.play(move, State.REVERTED)
    server = ground.cloud.server(move.instance_uuid)
    assert (server.host, server.locked) == ("compute1", False)
    assert "expire" in ground.trail(move)


def test_several_decided_together_each_with_its_own_result(ground: Ground) -> None:
    moves = [waits(ground, f"many-{n}") for n in range(2)]
    own = ground.ask(ground.boot("own", "compute1", "ACTIVE"), Kind.COLD, actor=ground.manager)
    results = services.decide_together(
        actor=ground.manager, migrations=[*moves, own], is_yes=True, comment="all fine"
    )
    assert [bool(result.problem) for result in results] == [False, False, True]
    assert "another manager" in results[2].problem
    for move in moves:
        assert ground.play(move).state == State.DONE


def test_what_is_deleted_while_it_waits_is_told_as_done_outside_and_by_whom(ground: Ground) -> None:
    move = waits(ground)
    ground.stage.delete(move.instance_uuid)
    ground.until(lambda: ground.now(move).state == State.FAILED, "the deletion to be seen")
    event = AuditEvent.objects.get(migration_id=move.pk, action="fail")
    assert event.is_outside
    assert event.actor in move.why
    assert event.actor == "admin"
    assert event.reason == "It was deleted in the cloud."


def test_original_of_a_copy_deleted_outside_is_a_decision_for_the_copy(ground: Ground) -> None:
    instance = ground.boot("web", "compute1")
    move = ground.play(ground.ask(instance, Kind.COPY, zone="nova"))
    assert move.state == State.WAITING, ground.story(move)
    ground.stage.delete(instance.uuid)
    ground.until(lambda: ground.now(move).state == State.DONE, "the decision to be noticed")
    assert move.is_decided_outside
    assert Instance.objects.filter(uuid=move.copy_uuid).exists()
    ground.stage.delete(move.copy_uuid)


def test_copy_deleted_outside_brings_the_original_back(ground: Ground) -> None:
    instance = ground.boot("web", "compute1", "ACTIVE")
    move = ground.ask(instance, Kind.COPY, zone="nova")
    services.approve_migration(actor=ground.manager, migration=move)
    ground.play(move, State.WAITING)
    ground.stage.delete(move.copy_uuid)
    ground.until(lambda: ground.now(move).state == State.REVERTED, "the decision to be noticed")
    assert (move.is_decided_outside, ground.seen(move).status) == (True, "ACTIVE")


def test_decision_while_the_lock_is_on_its_way_waits_for_it(
    fake_ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = fake_ground
    monkeypatch.setattr(orders, "LOOK_AFTER", timedelta(hours=1))
    move = ground.ask(ground.boot("held", "compute1"), Kind.COLD)
    ground.cloud.lose_answer_of = {"lock"}  # type: ignore[attr-defined]
    ground.until(lambda: Order.objects.filter(action="lock", state="sent").exists(), "the lock to be sent")
    ground.decide(ground.now(move), "confirm")
    ground.tick()
    assert not Order.objects.filter(action="confirm").exists()
    monkeypatch.setattr(orders, "LOOK_AFTER", timedelta(0))
    ground.play(move, State.DONE)
    order = Order.objects.get(action="confirm")
    assert (order.asked_by, ground.cloud.server(move.instance_uuid).locked) == (ground.manager, False)


def test_original_started_beside_its_copy_is_told(fake_ground: Ground) -> None:
    ground = fake_ground
    instance = ground.boot("web", "compute1")
    move = ground.play(ground.ask(instance, Kind.COPY, zone="nova"))
    ground.cloud.start(instance.uuid)
    ground.until(lambda: "original_started" in ground.trail(move), "the start to be noticed")
    for _ in range(3):
        ground.tick()
    assert ground.trail(move).count("original_started") == 1
    assert "runs beside its copy" in ground.now(move).remark


def test_one_move_that_cannot_be_judged_does_not_stop_the_others(
    fake_ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = fake_ground
    moves = [ground.ask(ground.boot(f"vm{n}", "compute1"), Kind.COLD) for n in range(2)]
    real = judging.judge

    def judge(cloud: Any, move: Migration, *rest: Any) -> Any:
        if move.pk == moves[0].pk:
            raise KeyError("a defect")
        return real(cloud, move, *rest)

    monkeypatch.setattr(judging, "judge", judge)
    ground.until(lambda: ground.now(moves[1]).state == State.WAITING)
    assert ground.now(moves[0]).state == State.RUNNING
    monkeypatch.setattr(judging, "judge", real)
    ground.until(lambda: ground.now(moves[0]).state == State.WAITING)
