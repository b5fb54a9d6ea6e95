"""Cold migration, confirm and revert: the same on the fake and on a real Nova."""

import pytest

from nmigrate.cloud import api
from tests.contract.seen import at_rest, can, record, record_status
from tests.contract.stage import Stage


def to_verify(stage: Stage, uuid: str, host: str = "") -> str:
    request_id = stage.cloud.migrate(uuid, host)
    stage.until(lambda: stage.cloud.server(uuid).status == "VERIFY_RESIZE")
    stage.until(lambda: record(stage, uuid).status == "finished")
    return request_id


def test_cold_migration_and_confirm(stage: Stage) -> None:
    uuid = stage.boot("k-confirm", "compute1", zone="nova-1")
    request_id = to_verify(stage, uuid)
    assert stage.cloud.server(uuid).host == "compute3"
    assert stage.cloud.server(uuid).zone == "nova-1"
    assert request_id in [a.request_id for a in stage.cloud.actions(uuid) if a.action == "migrate"]
    second = stage.cloud.confirm_resize(uuid)
    stage.until(lambda: at_rest(stage, uuid, "SHUTOFF"))
    row = record(stage, uuid)
    assert (row.status, row.type, row.source_host, row.dest_host) == (
        "confirmed",
        "migration",
        "compute1",
        "compute3",
    )
    newest = stage.cloud.actions(uuid)[0]
    assert (newest.request_id, newest.action) == (second, "confirmResize")
    assert newest.user_id == stage.cloud.own_user_id()


def test_revert_goes_back_to_the_source(stage: Stage) -> None:
    uuid = stage.boot("k-revert", "compute2", "ACTIVE")
    to_verify(stage, uuid, "compute4")
    stage.cloud.revert_resize(uuid)
    stage.until(lambda: at_rest(stage, uuid, "ACTIVE"))
    assert stage.cloud.server(uuid).host == "compute2"
    stage.until(lambda: record(stage, uuid).status == "reverted")
    assert stage.cloud.actions(uuid)[0].action == "revertResize"


@pytest.mark.parametrize(
    ("host", "words"), [("compute1", "on that host already"), ("nowhere", "does not know that host")]
)
def test_impossible_destination_is_refused_at_once(stage: Stage, host: str, words: str) -> None:
    uuid = stage.boot("k-bad", "compute1")
    with pytest.raises(api.Refused, match=words) as refused:
        stage.cloud.migrate(uuid, host)
    assert refused.value.said.startswith("400")
    assert stage.cloud.server_migrations_of(uuid) == []


@pytest.mark.parametrize("status", ["PAUSED"])
def test_wrong_state_is_refused_at_once(stage: Stage, status: str) -> None:
    uuid = stage.boot("k-paused", "compute1", status)
    with pytest.raises(api.Refused, match="does not allow this") as refused:
        stage.cloud.migrate(uuid)
    assert refused.value.said.startswith("409")


def test_second_migrate_while_the_first_runs_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-twice", "compute1")
    stage.cloud.migrate(uuid)
    with pytest.raises(api.Refused):
        stage.cloud.migrate(uuid)
    assert len([a for a in stage.cloud.actions(uuid) if a.action == "migrate"]) == 1
    stage.until(lambda: stage.cloud.server(uuid).status == "VERIFY_RESIZE")


def test_confirm_and_revert_without_a_move_are_refused(stage: Stage) -> None:
    uuid = stage.boot("k-nothing", "compute1")
    for call in (stage.cloud.confirm_resize, stage.cloud.revert_resize):
        with pytest.raises(api.Refused):
            call(uuid)


def test_lock_does_not_stop_our_account(stage: Stage) -> None:
    """Why the preflight must look at the lock itself."""
    uuid = stage.boot("k-locked", "compute1")
    stage.lock(uuid, "do not touch")
    server = stage.cloud.server(uuid)
    assert (server.locked, server.locked_reason) == (True, "do not touch")
    to_verify(stage, uuid)


def test_source_forced_down_is_refused_at_once(stage: Stage) -> None:
    uuid = stage.boot("k-down", "compute4")
    stage.forced_down("compute4", True)
    try:
        row = next(row for row in stage.cloud.hypervisors() if row.host == "compute4")
        assert row.forced_down
        with pytest.raises(api.Refused, match="is down"):
            stage.cloud.migrate(uuid)
    finally:
        stage.forced_down("compute4", False)


def test_no_valid_host_is_accepted_and_then_told_only_by_the_action(stage: Stage) -> None:
    uuid = stage.boot("k-nvh", "compute1", zone="nova-1")
    stage.out_of_service("compute3", True)
    try:
        row = next(row for row in stage.cloud.hypervisors() if row.host == "compute3")
        assert row.status == "disabled"
        request_id = stage.cloud.migrate(uuid)
        stage.until(lambda: record_status(stage, uuid) == "error" and at_rest(stage, uuid, "SHUTOFF"))
    finally:
        stage.out_of_service("compute3", False)
    server = stage.cloud.server(uuid)
    assert (server.host, server.fault) == ("compute1", "")
    assert record(stage, uuid).dest_host == ""
    stage.until(lambda: stage.cloud.action(uuid, request_id).message == "Error")
    details = "\n".join(event.details for event in stage.cloud.action(uuid, request_id).events)
    assert "No valid host" in details


def test_pinned_server_does_not_go_to_another_zone(stage: Stage) -> None:
    uuid = stage.boot("k-pinned", "compute1", zone="nova-1")
    server = stage.cloud.server(uuid)
    if can(stage, "2.96"):
        assert (server.pin_known, server.pinned_zone) == (True, "nova-1")
    else:
        assert (server.pin_known, server.pinned_zone) == (False, None)
    stage.cloud.migrate(uuid, "compute2")
    stage.until(lambda: record_status(stage, uuid) == "error" and at_rest(stage, uuid, "SHUTOFF"))
    assert stage.cloud.server(uuid).host == "compute1"


def test_server_that_is_not_pinned_crosses_zones(stage: Stage) -> None:
    uuid = stage.boot("k-free", "compute1")
    to_verify(stage, uuid, "compute4")
    assert (stage.cloud.server(uuid).host, stage.cloud.server(uuid).zone) == ("compute4", "nova")


def test_failure_on_the_way_leaves_an_error_with_a_fault(stage: Stage) -> None:
    uuid = stage.boot("k-fail", "compute1", zone="nova-1")
    stage.fail_at("compute3", "finish_migration")
    try:
        stage.cloud.migrate(uuid)
        stage.until(lambda: at_rest(stage, uuid, "ERROR"))
    finally:
        stage.fail_at("compute3", "")
    server = stage.cloud.server(uuid)
    assert server.fault
    assert server.host == "compute3"
    assert record(stage, uuid).status == "error"


def test_member_may_confirm_past_us_and_is_named(stage: Stage) -> None:
    uuid = stage.boot("k-member", "compute1")
    to_verify(stage, uuid)
    stage.confirm_as_member(uuid)
    stage.until(lambda: at_rest(stage, uuid, "SHUTOFF"))
    action = stage.cloud.actions(uuid)[0]
    assert action.action == "confirmResize"
    assert action.user_id != stage.cloud.own_user_id()
    assert stage.cloud.user_name(action.user_id) == "demo"
