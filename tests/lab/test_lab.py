"""The lab as a whole, on a real one: what the rest of the project relies on."""

import contextlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nmigrate.lab import Lab, LabError, bulk, configuration, databases
from nmigrate.lab.client import ApiError
from tests.lab.fixtures import lab_conn, say, server_is, wait_for

pytestmark = pytest.mark.lab


def migrations(lab: Lab, server: str) -> list[dict[str, Any]]:
    found = lab.client().get("nova", f"/os-migrations?instance_uuid={server}")["migrations"]
    return list(found)


def cold_migrate(lab: Lab, server: str, host: str | None = None) -> None:
    lab_conn(lab).compute.migrate_server(server, host=host)


def live_migrate(lab: Lab, server: str, block: str | bool = "auto") -> None:
    body = {"os-migrateLive": {"host": None, "block_migration": block}}
    lab.client().post("nova", f"/servers/{server}/action", body)


def ended(lab: Lab, server: str) -> dict[str, Any]:
    """The newest migration of the server once it has ended or waits for a decision."""

    def found() -> Any:
        rows = migrations(lab, server)
        newest = max(rows, key=lambda row: row["id"], default=None)
        final = ("finished", "error", "failed", "completed", "cancelled", "confirmed", "reverted")
        return newest if newest and newest["status"] in final else None

    return dict(wait_for(found, what=f"a migration of {server} to end"))


def test_every_service_answers_and_every_host_is_up(lab: Lab) -> None:
    assert all(row["answers"] for row in lab.status())
    services = lab.client().get("nova", "/os-services?binary=nova-compute")["services"]
    assert {one["host"]: (one["state"], one["zone"]) for one in services} == {
        "compute1": ("up", "nova-1"),
        "compute2": ("up", "nova"),
        "compute3": ("up", "nova-1"),
        "compute4": ("up", "nova"),
    }


def test_second_start_keeps_what_runs(lab: Lab) -> None:
    before = lab.status()
    lab.up(say)
    assert lab.status() == before


def test_killed_service_is_started_again_and_the_others_are_kept(lab: Lab) -> None:
    before = {row["name"]: row["pid"] for row in lab.status()}
    os.kill(before["glance"], signal.SIGKILL)
    lab.up(say)
    after = {row["name"]: row["pid"] for row in lab.status()}
    assert all(row["answers"] for row in lab.status())
    assert {name for name in after if after[name] != before[name]} == {"glance"}


@pytest.mark.parametrize("cloud", ["lab", "lab-member", "lab-manager", "lab-reader"])
def test_every_entry_of_clouds_yaml_signs_in(lab: Lab, cloud: str) -> None:
    names = {flavor.name for flavor in lab_conn(lab, cloud).compute.flavors()}
    assert names == {"m1.tiny", "m1.small", "m1.medium"}


def test_cold_migration_of_a_stopped_server_waits_and_is_confirmed(
    lab: Lab, make_server: Callable[..., Any]
) -> None:
    server = make_server(host="compute1", zone="nova-1", stopped=True)
    cold_migrate(lab, server.id)
    waiting = server_is(lab, server.id, "VERIFY_RESIZE")
    assert waiting.compute_host == "compute3"
    lab_conn(lab).compute.confirm_server_resize(server.id)
    assert server_is(lab, server.id, "SHUTOFF").compute_host == "compute3"


def test_cold_migration_is_reverted(lab: Lab, make_server: Callable[..., Any]) -> None:
    server = make_server(host="compute1")
    cold_migrate(lab, server.id, "compute2")
    server_is(lab, server.id, "VERIFY_RESIZE")
    lab_conn(lab).compute.revert_server_resize(server.id)
    assert server_is(lab, server.id, "ACTIVE").compute_host == "compute1"


def test_live_migration_tells_its_progress_and_can_be_aborted(
    lab: Lab, make_server: Callable[..., Any], behaving: Callable[..., None]
) -> None:
    behaving(live_migration_seconds=30)
    server = make_server(host="compute1")
    live_migrate(lab, server.id)
    compute = lab_conn(lab).compute

    def moving() -> Any:
        rows = list(compute.server_migrations(server.id))
        return rows[0] if rows and rows[0].memory_processed_bytes else None

    running = wait_for(moving, what="memory to be copied")
    assert running.memory_total_bytes == 512 * 1024**2
    assert 0 < running.memory_remaining_bytes < running.memory_total_bytes
    compute.abort_server_migration(running.id, server.id)
    assert ended(lab, server.id)["status"] == "cancelled"
    assert server_is(lab, server.id, "ACTIVE").compute_host == "compute1"


def test_live_migration_arrives(lab: Lab, make_server: Callable[..., Any]) -> None:
    server = make_server(host="compute1", zone="nova-1")
    live_migrate(lab, server.id)
    assert ended(lab, server.id)["status"] == "completed"
    assert server_is(lab, server.id, "ACTIVE").compute_host == "compute3"


def test_local_disk_is_refused_where_shared_storage_is_asked_for(
    lab: Lab, make_server: Callable[..., Any]
) -> None:
    server = make_server(host="compute1", zone="nova-1")
    live_migrate(lab, server.id, block=False)
    assert ended(lab, server.id)["status"] == "error"
    assert "is not on shared storage" in details(lab, server.id)


def details(lab: Lab, server: str) -> str:
    """What the events of the newest action say."""
    conn = lab_conn(lab).compute
    actions = list(conn.server_actions(server))
    newest = max(actions, key=lambda action: action.start_time)
    action = conn.get_server_action(newest.request_id, server)
    return " ".join(str(event.details) for event in action.events or [])


@pytest.mark.parametrize(
    ("step", "host", "status"),
    [("migrate_disk_and_power_off", "compute1", "error"), ("finish_migration", "compute3", "error")],
)
def test_cold_migration_fails_at_the_named_step_with_the_named_sentence(
    lab: Lab,
    make_server: Callable[..., Any],
    behaving: Callable[..., None],
    step: str,
    host: str,
    status: str,
) -> None:
    server = make_server(host="compute1", zone="nova-1")
    behaving(fail={host: {step: "no space left on the lab"}})
    cold_migrate(lab, server.id)
    assert ended(lab, server.id)["status"] == status
    assert server_is(lab, server.id, "ERROR", "ACTIVE")
    assert "no space left on the lab" in details(lab, server.id)


@pytest.mark.parametrize(
    ("step", "host", "status"),
    [
        ("check_can_live_migrate_destination", "compute3", "error"),
        ("check_can_live_migrate_source", "compute1", "error"),
        # Nova writes "error" first and, when it has rolled back, "failed" (_cleanup_pre_live_migration).
        ("pre_live_migration", "compute3", "failed"),
        ("live_migration", "compute1", "failed"),
    ],
)
def test_live_migration_fails_at_the_named_step_and_stays(
    lab: Lab,
    make_server: Callable[..., Any],
    behaving: Callable[..., None],
    step: str,
    host: str,
    status: str,
) -> None:
    server = make_server(host="compute1", zone="nova-1")
    behaving(fail={host: [step]})
    live_migrate(lab, server.id)
    wait_for(lambda: ended(lab, server.id)["status"] == status, what=f"the migration to be {status}")
    assert server_is(lab, server.id, "ACTIVE").compute_host == "compute1"


def test_stopped_compute_is_seen_down_at_once_and_comes_back(lab: Lab) -> None:
    def state() -> str:
        rows = lab.client().get("nova", "/os-services?binary=nova-compute&host=compute4")["services"]
        return str(rows[0]["state"])

    lab.stop_compute("compute4")
    try:
        assert state() == "down"
    finally:
        lab.start_compute("compute4")
    assert state() == "up"


def test_host_gets_another_size_while_it_runs(lab: Lab) -> None:
    before = json.loads(lab.computes_json.read_text())["compute4"]
    lab.set_host("compute4", vcpus=2)
    try:
        client = lab.client()
        provider = client.get("placement", "/resource_providers?name=compute4")["resource_providers"][0][
            "uuid"
        ]
        inventory = client.get("placement", f"/resource_providers/{provider}/inventories")["inventories"]
        assert inventory["VCPU"]["total"] == 2
    finally:
        lab.set_host("compute4", **before)


def test_unknown_control_is_refused_in_a_sentence(lab: Lab) -> None:
    with pytest.raises(LabError, match="no such control"):
        lab.control("/nothing")


def test_another_lab_on_the_same_ports_is_told_so(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=f"port {lab.port}, which the lab's keystone needs, is taken"):
        Lab(tmp_path / "other", lab.port, lab.venv).up(say)
    assert not (tmp_path / "other/state").exists()


def test_impossible_port_leaves_a_running_lab_alone(lab: Lab) -> None:
    before = lab.status()
    with pytest.raises(LabError, match="port 80 for keystone"):
        Lab(lab.root, 80, lab.venv).up(say)
    assert lab.status() == before
    assert f"{lab.port}/v3" in lab.clouds_yaml.read_text()


def test_many_instances_are_added_moved_and_removed(lab: Lab) -> None:
    assert bulk.clone(lab, 40, stopped_percent=50, pinned=True) == 40
    client = lab.client()
    servers = client.pages("nova", "/servers/detail?all_tenants=1&name=^bulk-0", "servers")
    assert len(servers) == 40
    stopped = next(
        one for one in servers if one["status"] == "SHUTOFF" and one["OS-EXT-SRV-ATTR:host"] == "compute1"
    )
    cold_migrate(lab, stopped["id"])
    assert server_is(lab, stopped["id"], "VERIFY_RESIZE").compute_host == "compute3"
    lab_conn(lab).compute.confirm_server_resize(stopped["id"])
    server_is(lab, stopped["id"], "SHUTOFF")
    assert bulk.clear(lab) == 40
    assert client.get("nova", "/servers/detail?all_tenants=1&name=^bulk-0")["servers"] == []


def test_story_is_seeded_once(lab: Lab) -> None:
    lab.seed_story(say)
    servers = lab.client().pages("nova", "/servers/detail?all_tenants=1", "servers")
    found = {one["name"]: one for one in servers}
    assert {
        name: (found[name]["status"], found[name]["OS-EXT-AZ:availability_zone"]) for name in FOUR
    } == FOUR
    assert found["vm2"]["OS-EXT-SRV-ATTR:host"] == "compute1"
    assert {"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "ERROR", "SHELVED_OFFLOADED"} == {
        one["status"] for one in servers
    }
    assert len({one["tenant_id"] for one in servers}) == 4
    assert sum(one["locked"] for one in servers) == 2
    (lab.state / "story").unlink()
    lab.seed_story(say)
    assert len(lab.client().pages("nova", "/servers?all_tenants=1", "servers")) == len(servers)


FOUR = {
    "vm1": ("SHUTOFF", "nova-1"),
    "vm2": ("SHUTOFF", "nova-1"),
    "doem": ("SHUTOFF", "nova"),
    "demo_zone": ("ACTIVE", "nova"),
}


def test_state_survives_a_start_on_other_ports_in_a_folder_with_an_odd_name(lab: Lab, tmp_path: Path) -> None:
    """A copy of the stopped databases stands for the lab in a clone elsewhere; ports differ too."""
    from tests.lab.fixtures import free_block

    other = Lab(tmp_path / "Ünïcode & spaces #1 $x", free_block(7), lab.venv)
    try:
        other.up(say)
        assert [one["name"] for one in other.client().get("glance", "/v2/images")["images"]] == ["cirros"]
        first = {row["pid"] for row in other.status()}
        other.port = free_block(7)
        other.up(say)
        assert all(row["answers"] for row in other.status())
        assert first.isdisjoint({row["pid"] for row in other.status()})
        catalog = other.client().get("keystone", "/auth/catalog")["catalog"]
        addresses = {end["url"] for service in catalog for end in service["endpoints"]}
        ports = {other.port + distance for name, distance in configuration.PORTS.items() if name != "control"}
        assert {int(address.split(":")[2].split("/")[0]) for address in addresses} == ports
    finally:
        other.wipe()
    assert not other.root.exists()


def test_databases_come_from_a_template_after_the_first_start(lab: Lab) -> None:
    assert databases.template(lab.venv).is_dir()
    with contextlib.suppress(ApiError):
        lab.client().get("nova", "/servers/unknown")
