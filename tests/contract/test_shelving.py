"""Shelve, unshelve and evacuate: the same on the fake and on a real Nova."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nmigrate.cloud import api
from tests.contract.seen import at_rest, can, details, newest_action, record, record_status, until_rest
from tests.contract.stage import Stage


def shelved(stage: Stage, name: str, host: str = "compute1", zone: str = "") -> str:
    uuid = stage.boot(name, host, zone=zone)
    stage.cloud.shelve(uuid)
    until_rest(stage, uuid, "SHELVED_OFFLOADED")
    return uuid


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF"])
def test_shelve_and_unshelve(stage: Stage, status: str) -> None:
    uuid = stage.boot("k-shelve", "compute1", status, zone="nova-1")
    request_id = stage.cloud.shelve(uuid)
    server = until_rest(stage, uuid, "SHELVED_OFFLOADED")
    assert (server.host, server.hypervisor, server.zone, server.vm_state) == ("", "", "", "shelved_offloaded")
    assert newest_action(stage, uuid) == ("shelve", request_id)
    request_id = stage.cloud.unshelve(uuid)
    # It runs, whatever it was before.
    server = until_rest(stage, uuid, "ACTIVE")
    assert (server.zone, server.power_state) == ("nova-1", 1)
    if can(stage, "2.96"):
        assert server.pinned_zone == "nova-1"
    assert newest_action(stage, uuid) == ("unshelve", request_id)
    assert stage.cloud.server_migrations_of(uuid) == []  # Nova keeps no record of such a move


def test_shelved_server_keeps_its_host_until_it_is_offloaded(stage: Stage) -> None:
    stage.offload_at_once(False)
    uuid = stage.boot("k-offload", "compute1")
    stage.cloud.shelve(uuid)
    assert until_rest(stage, uuid, "SHELVED").host == "compute1"
    for zone, host in (("nova-1", ""), (None, "compute3")):
        with pytest.raises(api.Refused, match="still on its host") as refused:
            stage.cloud.unshelve(uuid, zone, host)
        assert refused.value.said.startswith("409")
    request_id = stage.cloud.shelve_offload(uuid)
    assert until_rest(stage, uuid, "SHELVED_OFFLOADED").host == ""
    assert newest_action(stage, uuid) == ("shelveOffload", request_id)
    with pytest.raises(api.Refused):
        stage.cloud.shelve_offload(uuid)


def test_shelved_server_starts_again_where_it_is(stage: Stage) -> None:
    stage.offload_at_once(False)
    uuid = stage.boot("k-shelved-back", "compute3")
    stage.cloud.shelve(uuid)
    until_rest(stage, uuid, "SHELVED")
    stage.cloud.unshelve(uuid)
    assert until_rest(stage, uuid, "ACTIVE").host == "compute3"


def test_unshelve_into_a_zone_pins_to_it(stage: Stage) -> None:
    uuid = shelved(stage, "k-to-zone", "compute2")
    stage.cloud.unshelve(uuid, "nova-1")
    server = until_rest(stage, uuid, "ACTIVE")
    assert server.zone == "nova-1"
    if can(stage, "2.96"):
        assert server.pinned_zone == "nova-1"


def test_unshelve_to_a_host_in_another_zone_without_a_pin(stage: Stage) -> None:
    uuid = shelved(stage, "k-to-host", zone="nova-1")
    stage.cloud.unshelve(uuid, None, "compute4")
    server = until_rest(stage, uuid, "ACTIVE")
    assert (server.host, server.zone) == ("compute4", "nova")
    if can(stage, "2.96"):
        assert server.pinned_zone is None


def test_unshelve_to_a_host_of_a_zone(stage: Stage) -> None:
    uuid = shelved(stage, "k-to-both", "compute2")
    stage.cloud.unshelve(uuid, "nova-1", "compute3")
    server = until_rest(stage, uuid, "ACTIVE")
    assert (server.host, server.zone) == ("compute3", "nova-1")


def test_pin_to_the_default_zone_binds_nobody(stage: Stage) -> None:
    """No aggregate defines the zone `nova`: to get there, a host must be named."""
    uuid = shelved(stage, "k-default-zone")
    for host in ("compute2", "compute4"):
        stage.out_of_service(host, True)
    try:
        with pytest.raises(api.Refused, match="no zone of that name with a host in service"):
            stage.cloud.unshelve(uuid, "nova")
        stage.out_of_service("compute4", False)
        stage.forced_down("compute4", True)
        stage.cloud.unshelve(uuid, "nova")
        assert until_rest(stage, uuid, "ACTIVE").zone == "nova-1"
    finally:
        stage.forced_down("compute4", False)
        for host in ("compute2", "compute4"):
            stage.out_of_service(host, False)


def test_impossible_place_is_refused_at_once(stage: Stage) -> None:
    uuid = shelved(stage, "k-no-place", zone="nova-1")
    for zone, host, code, words in (
        ("nowhere", "", "400", "no zone of that name"),
        ("", "nowhere", "400", "does not know that host"),
        ("nova", "compute1", "409", "in another zone"),
        ("", "compute2", "409", "in another zone"),
    ):
        with pytest.raises(api.Refused, match=words) as refused:
            stage.cloud.unshelve(uuid, zone, host)
        assert refused.value.said.startswith(code)
    assert at_rest(stage, uuid, "SHELVED_OFFLOADED")
    assert newest_action(stage, uuid)[0] == "shelve"


def test_place_that_is_full_leaves_it_shelved_and_the_pin_changed(stage: Stage) -> None:
    uuid = shelved(stage, "k-full", zone="nova-1")
    stage.forced_down("compute4", True)
    try:
        request_id = stage.cloud.unshelve(uuid, None, "compute4")
        stage.until(lambda: stage.cloud.action(uuid, request_id).message == "Error")
        until_rest(stage, uuid, "SHELVED_OFFLOADED")
    finally:
        stage.forced_down("compute4", False)
    assert "No valid host" in details(stage, uuid, request_id)["schedule_instances"]
    server = stage.cloud.server(uuid)
    assert (server.host, server.fault) == ("", "")
    if can(stage, "2.96"):
        assert server.pinned_zone is None


def test_unshelve_that_fails_on_its_host_leaves_it_shelved(stage: Stage) -> None:
    uuid = shelved(stage, "k-unshelve-fail")
    stage.fail_at("compute4", "spawn")
    request_id = stage.cloud.unshelve(uuid, None, "compute4")
    stage.until(lambda: stage.cloud.action(uuid, request_id).message == "Error")
    assert until_rest(stage, uuid, "SHELVED_OFFLOADED").host == ""
    assert "spawn" in details(stage, uuid, request_id)["compute_unshelve_instance"]


def test_pin_of_a_shelved_server_can_be_cleared_but_not_set(stage: Stage) -> None:
    if not can(stage, "2.104"):
        return
    uuid = shelved(stage, "k-shelved-pin", zone="nova-1")
    stage.cloud.pin_zone(uuid, None)
    assert stage.cloud.server(uuid).pinned_zone is None
    with pytest.raises(api.Refused, match="not in that zone now"):
        stage.cloud.pin_zone(uuid, "nova-1")


def test_what_a_shelved_server_does_not_take(stage: Stage) -> None:
    uuid = shelved(stage, "k-shelved-no")
    cloud = stage.cloud
    for call in (cloud.shelve, cloud.migrate, cloud.live_migrate, cloud.start, cloud.stop, cloud.evacuate):
        with pytest.raises(api.Refused):
            call(uuid)
    with pytest.raises(api.Refused):
        cloud.create_image(uuid, cloud.server(uuid).project_id, "k-of-shelved")


def test_unshelving_what_runs_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-not-shelved", "compute1", "ACTIVE")
    with pytest.raises(api.Refused, match="does not allow this"):
        stage.cloud.unshelve(uuid)


# -- evacuate


@contextmanager
def off(stage: Stage, host: str) -> Iterator[None]:
    stage.off(host, True)
    try:
        yield
    finally:
        stage.off(host, False)


@pytest.mark.parametrize(("status", "host"), [("ACTIVE", ""), ("SHUTOFF", ""), ("ACTIVE", "compute1")])
def test_evacuate(stage: Stage, status: str, host: str) -> None:
    uuid = stage.boot("k-evacuate", "compute3", status, zone="nova-1")
    with off(stage, "compute3"):
        request_id = stage.cloud.evacuate(uuid, host)
        assert stage.cloud.server(uuid).status == "REBUILD"
        stage.until(lambda: record_status(stage, uuid) == "done")
        row = record(stage, uuid)
        assert (row.type, row.source_host, row.dest_host) == ("evacuation", "compute3", "compute1")
        stage.until(lambda: stage.cloud.server(uuid).host == "compute1")
        # Since 2.95 it is left stopped.
        runs = status == "ACTIVE" and not can(stage, "2.95")
        until_rest(stage, uuid, "ACTIVE" if runs else "SHUTOFF")
        assert newest_action(stage, uuid) == ("evacuate", request_id)


def test_evacuating_from_a_host_that_answers_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-evacuate-up", "compute1", "ACTIVE")
    with pytest.raises(api.Refused, match="Its host still answers") as refused:
        stage.cloud.evacuate(uuid)
    assert refused.value.said.startswith("400")
    assert at_rest(stage, uuid, "ACTIVE")


def test_evacuating_to_an_impossible_host_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-evacuate-where", "compute3", "ACTIVE")
    with off(stage, "compute3"):
        with pytest.raises(api.Refused, match="on that host already"):
            stage.cloud.evacuate(uuid, "compute3")
        with pytest.raises(api.Refused, match="does not know that host"):
            stage.cloud.evacuate(uuid, "nowhere")


def test_evacuating_a_paused_server_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-evacuate-paused", "compute3", "PAUSED")
    with off(stage, "compute3"), pytest.raises(api.Refused, match="does not allow this"):
        stage.cloud.evacuate(uuid)


def test_evacuation_out_of_its_zone_ends_in_error(stage: Stage) -> None:
    uuid = stage.boot("k-evacuate-zone", "compute3", "ACTIVE", zone="nova-1")
    with off(stage, "compute3"):
        request_id = stage.cloud.evacuate(uuid, "compute2")
        server = until_rest(stage, uuid, "ERROR")
        assert (server.host, record_status(stage, uuid)) == ("compute3", "error")
        assert "No valid host" in server.fault
        assert "No valid host" in details(stage, uuid, request_id)["rebuild_server"]


def test_what_is_on_no_host_cannot_be_evacuated(stage: Stage) -> None:
    uuid = stage.boot_nowhere("k-nowhere")
    assert (stage.cloud.server(uuid).host, stage.cloud.server(uuid).status) == ("", "ERROR")
    with pytest.raises(api.Refused) as refused:
        stage.cloud.evacuate(uuid, "compute2")
    assert "is in an invalid state for 'evacuate'" in refused.value.said
    assert stage.cloud.server(uuid).host == ""
