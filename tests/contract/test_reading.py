"""What a cloud tells: the same on the fake and on a real Nova."""

from typing import Any

import pytest

from nmigrate.cloud import api
from tests.contract.conftest import NEWEST, OLDEST
from tests.contract.seen import exists
from tests.contract.stage import Stage


def test_unknown_server(stage: Stage) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    calls: list[Any] = [stage.cloud.server, stage.cloud.migrate, stage.cloud.start, stage.cloud.actions]
    for call in calls:
        with pytest.raises(api.NotFound):
            call(missing)


def test_changes_since_tells_of_changes_and_deletions_only(stage: Stage) -> None:
    quiet = stage.boot("k-quiet", "compute1")
    busy = stage.boot("k-busy", "compute1")
    gone = stage.boot("k-gone", "compute1")
    since = stage.later()
    stage.cloud.migrate(busy)
    stage.delete(gone)
    stage.until(
        lambda: any(s.uuid == gone and s.is_deleted for s in stage.cloud.servers(changes_since=since))
    )
    changed = {server.uuid: server for server in stage.cloud.servers(changes_since=since)}
    assert busy in changed
    assert quiet not in changed
    stage.until(lambda: busy in {m.instance_uuid for m in stage.cloud.server_migrations(changes_since=since)})
    everything = {server.uuid for server in stage.cloud.servers()}
    assert {quiet, busy} <= everything
    assert gone not in everything
    stage.until(lambda: stage.cloud.server(busy).status == "VERIFY_RESIZE")


def test_deleted_server_is_not_found_but_its_actions_are(stage: Stage) -> None:
    uuid = stage.boot("k-deleted", "compute1")
    stage.delete(uuid)
    stage.until(lambda: not exists(stage, uuid))
    assert "create" in [action.action for action in stage.cloud.actions(uuid)]


@pytest.mark.parametrize("exact", [True, False])
def test_hypervisors_tell_zone_state_and_capacity(stage: Stage, exact: bool) -> None:
    hosts = {row.host: row for row in stage.cloud.hypervisors(exact=exact)}
    assert {name: row.zone for name, row in hosts.items()} == {
        "compute1": "nova-1",
        "compute2": "nova",
        "compute3": "nova-1",
        "compute4": "nova",
    }
    for row in hosts.values():
        assert (row.state, row.status) == ("up", "enabled")
        for amount in (row.vcpus, row.memory_mb, row.disk_gb):
            assert 0 <= amount.used <= amount.capacity
            assert amount.capacity > 0
    if exact:
        assert hosts["compute1"].memory_mb.reserved > 0
        assert min(hosts["compute1"].max_units.values()) > 0


def test_room_of_one_host_is_read_by_itself(stage: Stage) -> None:
    host = next(row for row in stage.cloud.hypervisors() if row.host == "compute2")
    room = stage.cloud.room(host.uuid)
    assert room is not None
    for name in ("vcpus", "memory_mb", "disk_gb"):
        assert getattr(room, name).capacity == getattr(host, name).capacity > 0
    assert room.traits == host.traits
    assert stage.cloud.room("00000000-0000-0000-0000-000000000000") is None


def test_server_groups_of_all_projects_are_listed(stage: Stage) -> None:
    stage.group("k-apart", "anti-affinity")
    stage.group("k-two", "anti-affinity", max_per_host=2)
    found = {group.name: group for group in stage.cloud.server_groups()}
    assert (found["k-apart"].policy, found["k-apart"].members) == ("anti-affinity", ())
    assert [found[name].max_per_host for name in ("k-apart", "k-two")] == [1, 2]


def test_services_name_every_compute(stage: Stage) -> None:
    computes = {row.host for row in stage.cloud.services() if row.binary == "nova-compute"}
    assert {"compute1", "compute2", "compute3", "compute4"} <= computes


def test_versions(stage: Stage) -> None:
    versions = stage.cloud.versions()
    assert api.microversion(versions.used) <= api.microversion(versions.newest)
    assert versions.used in (OLDEST, NEWEST)
