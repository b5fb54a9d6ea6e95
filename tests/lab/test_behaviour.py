"""behaviour.json and computes.json: what the drivers are told, and what they read."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from nmigrate.lab import Lab
from nmigrate.lab.lab import SERVICES_FOLDER


@pytest.fixture
def idle(tmp_path: Path) -> Lab:
    """A lab that is not started."""
    return Lab(tmp_path, 25000)


@pytest.fixture
def driver(idle: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with which the drivers read."""
    monkeypatch.setenv("NMIGRATE_LAB_BEHAVIOUR", str(idle.behaviour_json))
    monkeypatch.syspath_prepend(str(SERVICES_FOLDER))
    monkeypatch.delitem(sys.modules, "behaviour", raising=False)
    import behaviour

    return behaviour


def test_changes_add_up_and_none_takes_one_back(idle: Lab) -> None:
    idle.behaviour(live_migration_seconds=2, fail={"compute3": ["spawn"]})
    idle.behaviour(live_migration_seconds=None, spawn_seconds=1)
    assert json.loads(idle.behaviour_json.read_text()) == {
        "fail": {"compute3": ["spawn"]},
        "spawn_seconds": 1,
    }
    idle.reset_behaviour()
    assert not idle.behaviour_json.exists()


def test_unknown_name_is_refused(idle: Lab) -> None:
    with pytest.raises(TypeError, match="live_migration_second"):
        idle.behaviour(live_migration_second=2)


def test_driver_reads_defaults_and_changes_at_each_call(idle: Lab, driver: Any) -> None:
    assert driver.read()["cold_migrate_seconds"] == 4
    idle.behaviour(cold_migrate_seconds=0)
    assert driver.read()["cold_migrate_seconds"] == 0
    idle.behaviour_json.write_text("{ half")
    assert driver.read()["cold_migrate_seconds"] == 4


def test_failure_has_the_sentence_that_was_asked_for(idle: Lab, driver: Any) -> None:
    idle.behaviour(fail={"compute1": ["spawn"], "compute2": {"spawn": "No space left on device"}})
    assert driver.failure("spawn", "compute1") == "lab: spawn was told to fail on compute1"
    assert driver.failure("spawn", "compute2") == "No space left on device"
    assert driver.failure("snapshot", "compute2") is None
    assert driver.failure("spawn", "compute3") is None


def test_capacity_of_a_host_is_merged_with_what_it_has(idle: Lab) -> None:
    idle.set_host("compute9", vcpus=4)
    idle.set_host("compute9", memory_mb=8192)
    assert json.loads(idle.computes_json.read_text())["compute9"] == {"vcpus": 4, "memory_mb": 8192}


def test_status_of_a_lab_that_never_ran(idle: Lab) -> None:
    assert {row["name"]: row["port"] for row in idle.status()}["nova"] == 25004
    assert not any(row["pid"] or row["answers"] for row in idle.status())
    idle.down()


def test_lab_and_drivers_know_the_same_names(driver: Any) -> None:
    from nmigrate.lab.lab import BEHAVIOUR

    assert set(driver.DEFAULTS) == BEHAVIOUR


def test_failure_may_be_an_exception_with_what_it_takes(idle: Lab, driver: Any) -> None:
    told = {"raises": "InvalidCPUInfo", "reason": "CPU doesn't have compatibility."}
    idle.behaviour(fail={"compute1": {"check_can_live_migrate_destination": told}})
    assert driver.told("check_can_live_migrate_destination", "compute1") == told
    assert driver.told("spawn", "compute1") is None
