"""Each kind of move from the click to its true end, the same on the fake cloud and on a real Nova."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from nmigrate import services
from nmigrate.errors import Conflict
from nmigrate.models import AuditEvent, Instance, Migration
from nmigrate.states import Kind, State
from tests.moves.ground import Ground


def test_cold_with_nothing_attached(ground: Ground) -> None:
    instance = ground.boot("plain", "compute1")
    move = ground.play(ground.ask(instance, Kind.COLD))
    assert move.state == State.WAITING
    services.confirm_migration(actor=ground.manager, migration=move)
    ground.play(move)
    after = ground.seen(move)
    assert (move.state, after.status, after.locked) == (State.DONE, "SHUTOFF", False)
    assert after.host == move.dest_host != "compute1"


def test_cold_with_volumes(ground: Ground) -> None:
    instance = ground.with_volume("data", "compute1")
    volumes = instance.volumes
    assert len(volumes) == 1
    move = ground.play(ground.ask(instance, Kind.COLD, host="compute3"))
    assert move.state == State.WAITING
    services.confirm_migration(actor=ground.manager, migration=move)
    ground.play(move)
    after = ground.seen(move)
    assert (move.state, after.host, after.volumes) == (State.DONE, "compute3", volumes)


def test_cold_of_a_running_instance_needs_an_approval_first(ground: Ground) -> None:
    instance = ground.boot("runs", "compute1", "ACTIVE")
    move = ground.play(ground.ask(instance, Kind.COLD, host="compute3"))
    assert move.state == State.ASKING
    assert ground.asked_of_nova(instance.uuid, "migrate") == 0
    services.approve_migration(actor=ground.manager, migration=move)
    ground.play(move, State.WAITING)
    services.confirm_migration(actor=ground.manager, migration=move)
    ground.play(move)
    after = ground.seen(move)
    assert (move.state, after.host, after.status) == (State.DONE, "compute3", "ACTIVE")
    assert [a.decision for a in move.approvals.all()] == ["approve", "confirm"]


@pytest.mark.parametrize("block", ["", "block"])
def test_live_on_local_disks(ground: Ground, block: str) -> None:
    instance = ground.boot("live", "compute1", "ACTIVE")
    move = ground.play(ground.ask(instance, Kind.LIVE, host="compute3", block=block))
    after = ground.seen(move)
    assert (move.state, after.host, after.status) == (State.DONE, "compute3", "ACTIVE"), ground.story(move)
    assert move.nova_status == "completed"


def test_live_on_shared_storage(ground: Ground) -> None:
    ground.share_storage(True)
    try:
        instance = ground.boot("shared", "compute1", "ACTIVE")
        move = ground.play(ground.ask(instance, Kind.LIVE, host="compute3", block="shared"))
    finally:
        ground.share_storage(False)
    assert (move.state, ground.seen(move).host) == (State.DONE, "compute3"), ground.story(move)


def test_live_told_wrongly_about_its_disks_says_why_and_is_unharmed(ground: Ground) -> None:
    instance = ground.boot("wrong", "compute1", "ACTIVE")
    move = ground.play(ground.ask(instance, Kind.LIVE, host="compute3", block="shared"))
    assert move.state == State.FAILED
    assert "told that the hosts share their disks" in move.why
    assert "unharmed and runs on compute1" in move.failure


def test_live_volume_backed(ground: Ground) -> None:
    instance = ground.from_volume("bfv", "compute1")
    assert not instance.image_id
    move = ground.play(ground.ask(instance, Kind.LIVE, host="compute3"))
    after = ground.seen(move)
    assert (move.state, after.host, after.volumes) == (State.DONE, "compute3", instance.volumes), (
        ground.story(move)
    )


def test_live_with_nova_choosing_the_host(ground: Ground) -> None:
    instance = ground.boot("free", "compute1", "ACTIVE")
    move = ground.play(ground.ask(instance, Kind.LIVE))
    assert (move.state, ground.seen(move).host) == (State.DONE, move.dest_host)
    assert move.dest_host not in ("", "compute1")


# -- zone to zone


def test_zone_of_an_instance_that_is_not_pinned(ground: Ground) -> None:
    instance = ground.boot("free", "compute1", "ACTIVE")
    move = ground.play(ground.ask(instance, Kind.LIVE, zone="nova"))
    after = ground.seen(move)
    assert (move.state, after.zone, after.pinned_zone) == (State.DONE, "nova", None), ground.story(move)


def test_zone_of_a_pinned_instance_live_freed_and_bound_again(ground: Ground) -> None:
    instance = ground.boot("bound", "compute2", "ACTIVE", zone="nova")
    ground.boot("other", "compute1")
    move = ground.play(ground.ask(instance, Kind.LIVE, zone="nova-1", changes_pin=True))
    ground.read()
    after = ground.seen(move)
    assert (move.state, after.zone, after.pinned_zone) == (State.DONE, "nova-1", "nova-1"), ground.story(move)
    assert ground.steps(move) == ["unpin", "live", "pin"]


@pytest.mark.parametrize(("decide", "zone"), [("confirm", "nova"), ("reject", "nova-1")])
def test_zone_of_a_pinned_instance_cold_is_bound_where_it_ends(
    ground: Ground, decide: str, zone: str
) -> None:
    instance = ground.boot("bound", "compute1", zone="nova-1")
    move = ground.play(ground.ask(instance, Kind.COLD, zone="nova", changes_pin=True))
    assert move.state == State.WAITING, ground.story(move)
    ground.decide(move, decide)
    ground.play(move)
    ground.read()
    after = ground.seen(move)
    assert (after.zone, after.pinned_zone, after.locked) == (zone, zone, False)
    assert move.state == {"confirm": State.DONE, "reject": State.REVERTED}[decide]


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF"])
def test_zone_by_shelving(ground: Ground, status: str) -> None:
    instance = ground.boot("shelved", "compute1", status, zone="nova-1")
    move = ground.ask(instance, Kind.SHELVE, zone="nova")
    if status == "ACTIVE":
        services.approve_migration(actor=ground.manager, migration=move)
    ground.play(move, *ENDS)
    ground.read()
    after = ground.seen(move)
    assert (move.state, after.zone, after.status) == (State.DONE, "nova", status), ground.story(move)
    assert after.pinned_zone == "nova"
    assert (move.dest_host, move.dest_zone) == (after.host, "nova")


@pytest.mark.parametrize("zone", ["nova-1", ""], ids=["bound", "free"])
def test_shelving_to_a_host_of_its_own_zone(ground: Ground, zone: str) -> None:
    instance = ground.boot("shelved", "compute1", zone=zone)
    move = ground.play(ground.ask(instance, Kind.SHELVE, host="compute3"), *ENDS)
    ground.read()
    after = ground.seen(move)
    assert (move.state, after.host, after.status) == (State.DONE, "compute3", "SHUTOFF"), ground.story(move)
    assert after.pinned_zone == (zone or None)


def test_copy_to_a_host_of_its_own_zone(ground: Ground) -> None:
    instance = ground.boot("web", "compute1")
    move = ground.play(ground.ask(instance, Kind.COPY, host="compute3"), State.WAITING, *ENDS)
    assert (move.state, move.dest_host) == (State.WAITING, "compute3"), ground.story(move)


ENDS = (State.DONE, State.REVERTED, State.FAILED, State.STRANDED, State.ABORTED)


def copy_waits(ground: Ground, instance: Instance, **wanted: Any) -> Migration:
    move = ground.ask(instance, Kind.COPY, zone="nova", **wanted)
    if move.state == State.ASKING:
        services.approve_migration(actor=ground.manager, migration=move)
    return ground.play(move, State.WAITING, *ENDS)


def test_zone_by_copy_kept_and_the_original_deleted(ground: Ground) -> None:
    instance = ground.boot("web", "compute1", "ACTIVE")
    ground.label(instance, {"role": "web"}, ("blue",))
    move = copy_waits(ground, instance, original_after="delete", same_addresses=True)
    assert move.state == State.WAITING, ground.story(move)
    copy = Instance.objects.get(uuid=move.copy_uuid)
    assert (copy.name, copy.status, copy.zone, copy.flavor) == ("web", "ACTIVE", "nova", instance.flavor)
    assert (copy.metadata, "blue" in copy.tags) == ({"role": "web"}, True)
    assert copy.project_id == instance.project_id
    assert ground.seen(move).status == "SHUTOFF"
    old = instance.addresses
    assert copy.addresses != old
    services.confirm_migration(actor=ground.manager, migration=move)
    ground.play(move)
    assert move.state == State.DONE, ground.story(move)
    assert not Instance.objects.filter(uuid=instance.uuid).exists()
    now = [address for port in ground.cloud.ports(copy.uuid) for _, address in port.addresses]
    assert now == old
    assert move.after["addresses"] == old, "as the page compares them"
    assert Instance.objects.get(uuid=copy.uuid).addresses == old, "as the search finds it"
    ground.until(lambda: ground.cloud.server(copy.uuid).addresses == tuple(old), "Nova to hear of it")
    ground.read()
    assert Instance.objects.get(uuid=copy.uuid).addresses == old


def test_zone_by_copy_kept_and_the_original_left_stopped(ground: Ground) -> None:
    instance = ground.boot("web", "compute1")
    move = copy_waits(ground, instance)
    services.confirm_migration(actor=ground.manager, migration=move)
    ground.play(move)
    original = ground.seen(move)
    assert (move.state, original.status, original.locked) == (State.DONE, "SHUTOFF", False)
    assert Instance.objects.get(uuid=move.copy_uuid).status == "ACTIVE"


def test_zone_by_copy_dropped_and_the_original_started_again(ground: Ground) -> None:
    instance = ground.boot("web", "compute1", "ACTIVE")
    move = copy_waits(ground, instance)
    image = move.image_id
    services.reject_migration(actor=ground.manager, migration=move, comment="it does not start")
    ground.play(move)
    assert move.state == State.REVERTED, ground.story(move)
    assert (ground.seen(move).status, ground.seen(move).locked) == ("ACTIVE", False)
    ground.until(lambda: not Instance.objects.filter(uuid=move.copy_uuid).exists())
    assert ground.is_image_gone(image)


# -- a host that is down


def test_evacuation(ground: Ground) -> None:
    instance = ground.boot("stuck", "compute1", "ACTIVE")
    with pytest.raises(Conflict, match="is up"):
        ground.ask(instance, Kind.EVACUATE, actor=ground.operator)
    with ground.host_down("compute1"):
        ground.read()
        move = ground.play(ground.ask(instance, Kind.EVACUATE, actor=ground.operator, host="compute3"))
        after = ground.seen(move)
        assert (move.state, after.host) == (State.DONE, "compute3"), ground.story(move)


# -- start, stop, unlock


def test_start_and_stop(ground: Ground) -> None:
    instance = ground.boot("power", "compute1")
    for act, status in ((services.start_instance, "ACTIVE"), (services.stop_instance, "SHUTOFF")):
        act(actor=ground.operator, instance=instance)
        ground.until(lambda wanted=status: Instance.objects.get(pk=instance.pk).status == wanted)  # type: ignore[misc]
        instance.refresh_from_db()
        ground.until(lambda: AuditEvent.objects.last() is not None and ended(instance))


def ended(instance: Instance) -> bool:
    event = AuditEvent.objects.filter(instance_uuid=instance.uuid).order_by("-id").first()
    return event is not None and event.action in ("started", "stopped")


def test_unlock_by_an_operator_with_a_reason(ground: Ground) -> None:
    instance = ground.boot("locked", "compute1")
    ground.stage.lock(instance.uuid, "the owner wants it here")
    ground.read()
    instance.refresh_from_db()
    with pytest.raises(Conflict, match="Say why"):
        services.unlock_instance(actor=ground.operator, instance=instance)
    services.unlock_instance(actor=ground.operator, instance=instance, note="owner agreed by phone")
    ground.until(lambda: not Instance.objects.get(pk=instance.pk).locked)


# -- an old Nova


def test_old_nova_moves_between_zones_by_shelving(oldest: Ground) -> None:
    instance = oldest.boot("shelved", "compute1", zone="nova-1")
    with pytest.raises(Conflict, match=r"needs Nova 2026.2 .microversion 2.104"):
        oldest.ask(instance, Kind.COLD, zone="nova", changes_pin=True)
    move = oldest.play(oldest.ask(instance, Kind.SHELVE, zone="nova"), *ENDS)
    assert (move.state, oldest.seen(move).zone) == (State.DONE, "nova"), oldest.story(move)


def test_helpdesk_cannot_stop_it_to_go_round_the_approval(fake_ground: Ground) -> None:
    instance = fake_ground.boot("runs", "compute1", "ACTIVE")
    with pytest.raises(PermissionDenied):
        services.stop_instance(actor=fake_ground.helpdesk, instance=instance)
