"""Live migration: the same on the fake and on a real Nova."""

import pytest

from nmigrate.cloud import api
from tests.contract.seen import at_rest, details, newest_action, record, record_status
from tests.contract.stage import Stage

ENDED = ("completed", "error", "failed", "cancelled")


def until_ended(stage: Stage, uuid: str) -> api.ServerMigration:
    stage.until(lambda: record_status(stage, uuid) in ENDED and at_rest(stage, uuid, "ACTIVE", "PAUSED"))
    return record(stage, uuid)


def until_measured(stage: Stage, uuid: str) -> api.LiveProgress:
    """Until it runs, and Nova has measured how far it is."""
    stage.until(lambda: any(row.memory_total for row in stage.cloud.live_progress(uuid)))
    return stage.cloud.live_progress(uuid)[0]


@pytest.mark.parametrize(
    ("status", "host", "block"),
    [("ACTIVE", "", None), ("ACTIVE", "compute3", True), ("PAUSED", "compute3", None)],
)
def test_live_migration(stage: Stage, status: str, host: str, block: bool | None) -> None:
    uuid = stage.boot("k-live", "compute1", status, zone="nova-1")
    request_id = stage.cloud.live_migrate(uuid, host, block)
    server = stage.cloud.server(uuid)
    assert (server.status, server.task_state, server.host) == ("MIGRATING", "migrating", "compute1")
    row = until_ended(stage, uuid)
    assert (row.status, row.type, row.source_host, row.dest_host) == (
        "completed",
        "live-migration",
        "compute1",
        "compute3",
    )
    server = stage.cloud.server(uuid)
    assert (server.status, server.host, server.zone) == (status, "compute3", "nova-1")
    assert newest_action(stage, uuid) == ("live-migration", request_id)
    assert stage.cloud.action(uuid, request_id).message == ""
    assert stage.cloud.live_progress(uuid) == []


def test_progress_is_told_while_it_runs(stage: Stage) -> None:
    uuid = stage.boot("k-progress", "compute1", "ACTIVE")
    assert stage.cloud.live_progress(uuid) == []
    stage.slow_live(True)
    stage.cloud.live_migrate(uuid, "compute3")
    row = until_measured(stage, uuid)
    assert (row.id, row.status, row.dest_host) == (record(stage, uuid).id, "running", "compute3")
    assert row.memory_total == stage.cloud.server(uuid).memory_mb * 1024**2
    assert row.memory_remaining is not None
    first = row.memory_remaining
    stage.until(lambda: (stage.cloud.live_progress(uuid)[0].memory_remaining or 0) < first)
    stage.cloud.force_complete(uuid, row.id)
    assert until_ended(stage, uuid).status == "completed"


def test_abort_leaves_it_where_it_was(stage: Stage) -> None:
    uuid = stage.boot("k-abort", "compute1", "ACTIVE")
    stage.slow_live(True)
    stage.cloud.live_migrate(uuid, "compute3")
    number = until_measured(stage, uuid).id
    request_id = stage.cloud.abort_live(uuid, number)
    assert newest_action(stage, uuid) == ("live_migration_cancel", request_id)
    assert until_ended(stage, uuid).status == "cancelled"
    assert stage.cloud.server(uuid).host == "compute1"
    for call in (stage.cloud.abort_live, stage.cloud.force_complete):
        with pytest.raises(api.Refused, match="no longer at a point") as refused:
            call(uuid, number)
        assert refused.value.said.startswith("409")


def test_force_complete_ends_it(stage: Stage) -> None:
    uuid = stage.boot("k-force", "compute1", "ACTIVE")
    stage.slow_live(True)
    stage.cloud.live_migrate(uuid, "compute3")
    number = until_measured(stage, uuid).id
    request_id = stage.cloud.force_complete(uuid, number)
    assert newest_action(stage, uuid) == ("live_migration_force_complete", request_id)
    assert until_ended(stage, uuid).status == "completed"
    assert stage.cloud.server(uuid).host == "compute3"
    for call in (stage.cloud.abort_live, stage.cloud.force_complete):
        with pytest.raises(api.Refused, match="no longer at a point"):
            call(uuid, number)


def test_another_migration_than_the_running_one_is_not_touched(stage: Stage) -> None:
    uuid = stage.boot("k-other", "compute1", "ACTIVE")
    stage.slow_live(True)
    stage.cloud.live_migrate(uuid, "compute3")
    number = until_measured(stage, uuid).id
    with pytest.raises(api.NotFound):
        stage.cloud.abort_live(uuid, number + 1000)
    with pytest.raises(api.Refused) as refused:
        stage.cloud.force_complete(uuid, number + 1000)
    assert refused.value.said.startswith("400")
    stage.cloud.abort_live(uuid, number)
    assert until_ended(stage, uuid).status == "cancelled"


def test_post_copy_is_not_listed_and_cannot_be_stopped(stage: Stage) -> None:
    uuid = stage.boot("k-post-copy", "compute1", "ACTIVE")
    stage.slow_live(True)
    stage.post_copy(True)
    stage.cloud.live_migrate(uuid, "compute3")
    stage.until(lambda: record_status(stage, uuid) == "running (post-copy)")
    assert stage.cloud.live_progress(uuid) == []
    for call in (stage.cloud.abort_live, stage.cloud.force_complete):
        with pytest.raises(api.Refused, match="no longer at a point") as refused:
            call(uuid, record(stage, uuid).id)
        assert refused.value.said.startswith("400")
    stage.slow_live(False)
    assert until_ended(stage, uuid).status == "completed"


@pytest.mark.parametrize("host", ["compute1", "compute2"])
def test_host_that_cannot_take_it_is_accepted_and_told_by_the_action(stage: Stage, host: str) -> None:
    """Its own host; a host in another zone than the one it is pinned to."""
    uuid = stage.boot("k-live-bad", "compute1", "ACTIVE", zone="nova-1")
    request_id = stage.cloud.live_migrate(uuid, host)
    row = until_ended(stage, uuid)
    assert (row.status, row.dest_host) == ("error", "")
    assert stage.cloud.server(uuid).host == "compute1"
    assert stage.cloud.server(uuid).fault == ""
    assert stage.cloud.action(uuid, request_id).message == "Error"
    said = details(stage, uuid, request_id)
    assert "No valid host was found" in said["conductor_live_migrate_instance"]


def test_unknown_host_is_refused_at_once(stage: Stage) -> None:
    uuid = stage.boot("k-live-nowhere", "compute1", "ACTIVE")
    with pytest.raises(api.Refused, match="does not know that host"):
        stage.cloud.live_migrate(uuid, "nowhere")
    assert stage.cloud.server_migrations_of(uuid) == []


@pytest.mark.parametrize(
    ("is_shared", "block", "words"),
    [
        (
            False,
            False,
            "compute1 is not on shared storage: Shared storage live-migration requires either shared",
        ),
        (
            True,
            True,
            "compute1 is not on local storage: Block migration can not be used with shared storage.",
        ),
    ],
)
def test_wrong_kind_of_storage_is_told_by_the_check(
    stage: Stage, is_shared: bool, block: bool, words: str
) -> None:
    stage.share_storage(is_shared)
    uuid = stage.boot("k-storage", "compute1", "ACTIVE", zone="nova-1")
    request_id = stage.cloud.live_migrate(uuid, "compute3", block)
    row = until_ended(stage, uuid)
    assert (row.status, row.dest_host) == ("error", "")
    said = details(stage, uuid, request_id)
    assert words in said["compute_check_can_live_migrate_source"]
    assert words in said["compute_check_can_live_migrate_destination"]
    assert "No valid host was found" in said["conductor_live_migrate_instance"]


@pytest.mark.parametrize("block", [None, False])
def test_shared_storage_needs_no_copy_of_the_disk(stage: Stage, block: bool | None) -> None:
    stage.share_storage(True)
    uuid = stage.boot("k-shared", "compute1", "ACTIVE")
    stage.cloud.live_migrate(uuid, "compute3", block)
    assert until_ended(stage, uuid).status == "completed"


@pytest.mark.parametrize(
    ("host", "step", "status"),
    [
        ("compute3", "check_can_live_migrate_destination", "error"),
        ("compute1", "check_can_live_migrate_source", "error"),
        ("compute3", "pre_live_migration", "failed"),
        ("compute1", "live_migration", "failed"),
    ],
)
def test_failure_leaves_it_running_where_it_was(stage: Stage, host: str, step: str, status: str) -> None:
    uuid = stage.boot("k-live-fail", "compute1", "ACTIVE")
    stage.fail_at(host, step)
    request_id = stage.cloud.live_migrate(uuid, "compute3")
    assert until_ended(stage, uuid).status == status
    server = stage.cloud.server(uuid)
    assert (server.status, server.host, server.fault) == ("ACTIVE", "compute1", "")
    if step != "live_migration":  # half-way, the driver's own failure reaches no event
        assert any(step in text for text in details(stage, uuid, request_id).values())


@pytest.mark.parametrize("status", ["SHUTOFF", "MIGRATING"])
def test_wrong_state_is_refused_at_once(stage: Stage, status: str) -> None:
    uuid = stage.boot("k-live-state", "compute1", "SHUTOFF" if status == "SHUTOFF" else "ACTIVE")
    if status == "MIGRATING":
        stage.slow_live(True)
        stage.cloud.live_migrate(uuid, "compute3")
        number = until_measured(stage, uuid).id
    with pytest.raises(api.Refused, match="does not allow this") as refused:
        stage.cloud.live_migrate(uuid)
    assert refused.value.said.startswith("409")
    if status == "MIGRATING":
        stage.cloud.abort_live(uuid, number)
        until_ended(stage, uuid)


def test_source_that_is_down_is_accepted_and_told_by_the_action(stage: Stage) -> None:
    """Unlike a cold migration, which is refused at once."""
    uuid = stage.boot("k-live-down", "compute4", "ACTIVE")
    stage.off("compute4", True)
    try:
        request_id = stage.cloud.live_migrate(uuid)
        assert until_ended(stage, uuid).status == "error"
    finally:
        stage.off("compute4", False)
    said = details(stage, uuid, request_id)
    assert "compute4 is unavailable" in said["conductor_live_migrate_instance"]
