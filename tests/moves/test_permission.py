"""What is only our opinion can be set aside by a manager, and by nobody else; what Nova forbids by no one."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from nmigrate import services
from nmigrate.errors import Conflict
from nmigrate.models import AuditEvent, Instance, Migration
from nmigrate.states import Kind, State
from tests.moves.ground import Ground

OWNER = "closing the year"


def locked(ground: Ground, status: str = "SHUTOFF", **boot: Any) -> Instance:
    """An instance that its owner has locked."""
    instance = ground.boot("owned", "compute1", status, **boot)
    ground.stage.lock(instance.uuid, OWNER)
    ground.read()
    return Instance.objects.get(pk=instance.pk)


def ask(ground: Ground, instance: Instance, kind: Kind = Kind.COLD, host: str = "compute3") -> Migration:
    return ground.ask(instance, kind, host=host, sets_aside=["lock"])


def test_locked_instance_moves_once_a_manager_allows_it_and_is_locked_as_before(ground: Ground) -> None:
    move = ask(ground, locked(ground))
    assert move.state == State.ASKING
    services.approve_migration(actor=ground.manager, migration=move, comment="the owner agreed")
    ground.play(move, State.WAITING)
    assert (move.overrides, move.verdict_at_start["level"]) == (["lock"], "ours")
    ground.until(lambda: "nmigrate" in ground.cloud.server(move.instance_uuid).locked_reason, "the hold")
    ground.decide(move, "confirm")
    ground.play(move)
    server = ground.cloud.server(move.instance_uuid)
    assert (move.state, server.host) == (State.DONE, "compute3")
    assert (server.locked, server.locked_reason) == (True, OWNER)


def test_live_move_past_a_lock_leaves_the_lock(ground: Ground) -> None:
    move = ask(ground, locked(ground, "ACTIVE"), Kind.LIVE)
    services.approve_migration(actor=ground.manager, migration=move, comment="the owner agreed")
    ground.play(move)
    server = ground.cloud.server(move.instance_uuid)
    assert (move.state, server.host, server.locked_reason) == (State.DONE, "compute3", OWNER)


@pytest.mark.parametrize("decision", ["confirm", "reject"])
def test_copy_of_what_starts_from_a_volume_once_a_manager_allows_it(ground: Ground, decision: str) -> None:
    instance = ground.from_volume("bfv", "compute1")
    move = ground.ask(instance, Kind.COPY, zone="nova", original_after="delete", sets_aside=["copied_root"])
    assert move.state == State.ASKING
    services.approve_migration(actor=ground.manager, migration=move, comment="the owner agreed")
    ground.play(move, State.WAITING, State.FAILED, State.STRANDED)
    assert (move.state, move.overrides) == (State.WAITING, ["copied_root"]), ground.story(move)
    copy = Instance.objects.get(uuid=move.copy_uuid)
    assert (copy.status, copy.zone, copy.image_id, len(copy.volumes)) == ("ACTIVE", "nova", "", 1)
    assert copy.volumes != instance.volumes
    ground.decide(move, decision)
    ground.play(move)
    gone, kept = (instance, copy) if decision == "confirm" else (copy, instance)
    assert move.state == {"confirm": State.DONE, "reject": State.REVERTED}[decision], ground.story(move)
    ground.until(lambda: not Instance.objects.filter(uuid=gone.uuid).exists())
    assert ground.cloud.server(kept.uuid).status == "ACTIVE"


def test_freed_and_bound_again_past_a_lock(fake_ground: Ground) -> None:
    instance = locked(fake_ground, zone="nova-1")
    move = fake_ground.ask(instance, Kind.COLD, host="compute2", changes_pin=True, sets_aside=["lock"])
    services.approve_migration(actor=fake_ground.manager, migration=move, comment="agreed")
    assert fake_ground.play(move, State.WAITING).dest_host == "compute2"


def test_without_asking_for_it_the_lock_refuses(fake_ground: Ground) -> None:
    instance = locked(fake_ground)
    with pytest.raises(Conflict, match="is locked"):
        fake_ground.ask(instance, Kind.COLD, host="compute3")


def test_what_nova_forbids_cannot_be_set_aside(fake_ground: Ground) -> None:
    instance = locked(fake_ground, "ACTIVE")
    Instance.objects.filter(pk=instance.pk).update(status="SUSPENDED")
    instance.refresh_from_db()
    with pytest.raises(Conflict, match="suspended"):
        fake_ground.ask(instance, Kind.COLD, host="compute3", sets_aside=["lock", "state"])


def test_the_trail_says_who_set_aside_what(fake_ground: Ground) -> None:
    move = ask(fake_ground, locked(fake_ground))
    services.approve_migration(actor=fake_ground.manager, migration=move, comment="the owner agreed")
    entry = AuditEvent.objects.get(migration_id=move.pk, action="override")
    assert entry.actor == "manager"
    assert f"owned is locked (“{OWNER}”)" in entry.reason
    assert entry.reason.endswith("Set aside because: the owner agreed")
    approved = AuditEvent.objects.get(migration_id=move.pk, action="approve")
    assert (approved.reason, approved.state_after) == ("the owner agreed", "queued")


@pytest.mark.parametrize("comment", ["", "  \n"])
def test_setting_aside_a_rule_needs_a_reason(fake_ground: Ground, comment: str) -> None:
    move = ask(fake_ground, locked(fake_ground))
    with pytest.raises(Conflict, match="Say why: you answer for what is set aside"):
        services.approve_migration(actor=fake_ground.manager, migration=move, comment=comment)
    move.refresh_from_db()
    assert (move.state, move.overrides, move.approvals.count()) == (State.ASKING, [], 0)


def test_a_manager_who_asked_does_not_allow_it(fake_ground: Ground) -> None:
    instance = locked(fake_ground)
    move = fake_ground.ask(
        instance, Kind.COLD, actor=fake_ground.manager, host="compute3", sets_aside=["lock"]
    )
    with pytest.raises(PermissionDenied):
        services.approve_migration(actor=fake_ground.manager, migration=move)
    move.refresh_from_db()
    assert (move.state, move.overrides) == (State.ASKING, [])


def test_several_together_do_not_set_aside_anything(fake_ground: Ground) -> None:
    move = ask(fake_ground, locked(fake_ground))
    (result,) = services.decide_together(actor=fake_ground.manager, migrations=[move], is_yes=True)
    assert result.problem.startswith("Open it to approve it: owned is locked")
    assert fake_ground.now(move).state == State.ASKING
    services.decide_together(actor=fake_ground.manager, migrations=[move], is_yes=False, comment="not now")
    assert fake_ground.now(move).state == State.DECLINED


def test_a_lock_set_after_the_request_stops_the_start(ground: Ground) -> None:
    instance = ground.boot("later", "compute1")
    move = ground.ask(instance, Kind.COLD, host="compute3")
    ground.stage.lock(instance.uuid, OWNER)
    ground.play(move)
    assert (move.state, OWNER in move.why) == (State.FAILED, True)
    assert (move.verdict["level"], move.verdict_at_start["level"]) == ("green", "ours")
    assert ground.asked_of_nova(instance.uuid, "migrate") == 0


def test_another_opinion_than_the_one_set_aside_stops_it(fake_ground: Ground) -> None:
    move = ask(fake_ground, locked(fake_ground))
    services.approve_migration(actor=fake_ground.manager, migration=move, comment="agreed")
    Migration.objects.filter(pk=move.pk).update(overrides=["host_evacuated"])
    fake_ground.play(move)
    assert (move.state, "is locked" in move.why) == (State.FAILED, True)
