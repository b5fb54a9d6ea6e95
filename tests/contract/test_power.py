"""Start, stop, lock and the pinned zone: the same on the fake and on a real Nova."""

import pytest

from nmigrate.cloud import api
from tests.contract.seen import can, newest_action, until_rest
from tests.contract.stage import Stage


def test_start(stage: Stage) -> None:
    uuid = stage.boot("k-start", "compute1")
    request_id = stage.cloud.start(uuid)
    assert until_rest(stage, uuid, "ACTIVE").power_state == 1
    assert newest_action(stage, uuid) == ("start", request_id)
    with pytest.raises(api.Refused, match="does not allow this"):
        stage.cloud.start(uuid)


def test_stop(stage: Stage) -> None:
    uuid = stage.boot("k-stop", "compute1", "ACTIVE")
    request_id = stage.cloud.stop(uuid)
    assert until_rest(stage, uuid, "SHUTOFF").power_state == 4
    assert newest_action(stage, uuid) == ("stop", request_id)
    with pytest.raises(api.Refused, match="does not allow this"):
        stage.cloud.stop(uuid)


def test_lock_with_its_reason_and_unlock(stage: Stage) -> None:
    uuid = stage.boot("k-lock", "compute1", "ACTIVE")
    request_id = stage.cloud.lock(uuid, "held")
    server = stage.cloud.server(uuid)
    assert (server.locked, server.locked_reason) == (True, "held")
    assert newest_action(stage, uuid) == ("lock", request_id)
    second = stage.cloud.unlock(uuid)
    server = stage.cloud.server(uuid)
    assert (server.locked, server.locked_reason) == (False, "")
    assert newest_action(stage, uuid) == ("unlock", second)


@pytest.mark.parametrize("ours", [False, True])
def test_lock_that_is_there_is_taken_over_with_any_reason(stage: Stage, ours: bool) -> None:
    """Nova leaves the old reason if there is no new one, and in our own project the whole old lock."""
    uuid = stage.boot("k-relock", "compute1", "ACTIVE", ours=ours)
    for reason in ("the owner's", "held", "x" * 255, ""):
        stage.cloud.lock(uuid, reason)
        server = stage.cloud.server(uuid)
        assert (server.locked, server.locked_reason) == (True, reason)


def test_reason_that_is_too_long_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-long", "compute1", "ACTIVE")
    with pytest.raises(api.Refused) as refused:
        stage.cloud.lock(uuid, "x" * 256)
    assert refused.value.said.startswith("400")
    assert not stage.cloud.server(uuid).locked


def test_lock_shows_among_the_changes(stage: Stage) -> None:
    uuid = stage.boot("k-lock-seen", "compute1", "ACTIVE")
    since = stage.later()
    stage.cloud.lock(uuid, "held")
    assert uuid in {server.uuid for server in stage.cloud.servers(changes_since=since)}


def test_unlocking_what_is_not_locked_is_accepted(stage: Stage) -> None:
    uuid = stage.boot("k-unlock", "compute1", "ACTIVE")
    assert stage.cloud.unlock(uuid)


def test_lock_of_ours_holds_the_owner_off(stage: Stage) -> None:
    uuid = stage.boot("k-held", "compute1")
    stage.cloud.migrate(uuid)
    until_rest(stage, uuid, "VERIFY_RESIZE")
    stage.cloud.lock(uuid, "waits for a decision")
    with pytest.raises(Exception, match="locked"):
        stage.confirm_as_member(uuid)
    stage.cloud.confirm_resize(uuid)  # not us
    assert until_rest(stage, uuid, "SHUTOFF").locked


def test_pin_is_cleared_and_set_again_without_a_trace_in_the_changes(stage: Stage) -> None:
    uuid = stage.boot("k-pin", "compute1", "ACTIVE", zone="nova-1")
    if not can(stage, "2.104"):
        with pytest.raises(api.Refused, match="too old") as refused:
            stage.cloud.pin_zone(uuid, None)
        assert refused.value.said.startswith("400")
        return
    actions = len(stage.cloud.actions(uuid))
    since = stage.later()
    assert stage.cloud.pin_zone(uuid, None)
    assert stage.cloud.server(uuid).pinned_zone is None
    stage.cloud.pin_zone(uuid, "nova-1")
    assert stage.cloud.server(uuid).pinned_zone == "nova-1"
    assert uuid not in {server.uuid for server in stage.cloud.servers(changes_since=since)}
    assert len(stage.cloud.actions(uuid)) == actions


def test_pin_only_to_the_zone_where_it_is(stage: Stage) -> None:
    if not can(stage, "2.104"):
        return
    uuid = stage.boot("k-pin-else", "compute1", "ACTIVE")
    for zone in ("nova", "nowhere"):
        with pytest.raises(api.Refused, match="not in that zone now") as refused:
            stage.cloud.pin_zone(uuid, zone)
        assert refused.value.said.startswith("409")


def test_lock_does_not_stop_a_change_of_the_pin(stage: Stage) -> None:
    if not can(stage, "2.104"):
        return
    uuid = stage.boot("k-pin-locked", "compute1", "ACTIVE", zone="nova-1")
    stage.cloud.lock(uuid, "held")
    stage.cloud.pin_zone(uuid, None)
    assert stage.cloud.server(uuid).pinned_zone is None
