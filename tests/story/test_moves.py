"""Every kind of move at the page, on a real Nova, and stepping in on the way. Each test has instances of its own."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nmigrate.lab import Lab
from nmigrate.lab.story import attach_volume
from tests.lab.fixtures import lab_conn, wait_for
from tests.story.desk import Desk, Seat
from tests.story.test_story import decide, post, state

pytestmark = [pytest.mark.lab, pytest.mark.browser]
Make = Callable[..., Any]


def known(desk: Desk, server: Any) -> str:
    """The uuid, once the inventory has the server at rest, and as it is now."""
    uuid = str(server.id)
    at_rest = "SELECT 1 FROM nmigrate_instance WHERE uuid = ? AND task_state = '' AND status = ?"
    wait_for(lambda: desk.rows(at_rest, uuid, facts(desk, uuid)["status"]), 60, "the inventory to know it")
    return uuid


def plan(page: Page, desk: Desk, uuid: str, to: str = "", way: str = "", **fields: str) -> str:
    """From the instance's page to the page of the migration; `to` is a zone or a host. Returns its address."""
    page.goto(f"{desk.url}/clouds/lab/instances/{uuid}/")
    page.get_by_role("link", name="Move it").click()
    if to:
        page.locator(f"input[name=to][value$=':{to}']").evaluate("one => one.closest('details').open = true")
        page.locator(f"input[name=to][value$=':{to}']").check()
    if way:
        expect(page.locator(f"#way-{way}")).to_be_enabled()
        page.locator(f"#way-{way}").check()
    for name, value in fields.items():
        choice = page.locator(f"[name={name}][value='{value}']")
        choice.evaluate("one => one.closest('details')?.setAttribute('open', '')")
        choice.check()
    page.get_by_label("Why is it moved?").fill("disk errors on its host")
    page.locator("[data-names-host]").click()
    page.wait_for_url("**/migrations/*/")
    return page.url


def facts(desk: Desk, uuid: str) -> dict[str, Any]:
    row = desk.lab.client().get("nova", f"/servers/{uuid}")["server"]
    return {
        "status": row["status"],
        "host": row["OS-EXT-SRV-ATTR:host"],
        "zone": row["OS-EXT-AZ:availability_zone"],
        "locked": row["locked"],
        "volumes": [volume["id"] for volume in row["os-extended-volumes:volumes_attached"]],
        "address": next(iter(row["addresses"].values()))[0]["addr"],
    }


def is_done(page: Page) -> None:
    expect(state(page).locator(".state").first).to_have_text("done", timeout=90_000)


def waits(page: Page) -> None:
    expect(state(page)).to_contain_text("waits for a decision", timeout=90_000)


@pytest.fixture
def slow_live(behaving: Callable[..., None]) -> None:
    behaving(live_migration_seconds=60)


# -- the moves


def test_cold_with_volumes(desk: Desk, seat: Seat, make_server: Make) -> None:
    server = make_server(host="compute1", stopped=True)
    attach_volume(desk.lab.client(), server.id, "data", 1)
    uuid = known(desk, server)
    before = facts(desk, uuid)
    assert len(before["volumes"]) == 1
    page = seat("helpdesk")
    url = plan(page, desk, uuid, "compute3")
    waits(page)
    decide(seat("manager"), url, "Confirm")
    is_done(page)
    assert facts(desk, uuid) == before | {"host": "compute3"}


def test_cold_of_a_running_instance(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(host="compute1"))
    page, manager = seat("helpdesk"), seat("manager")
    url = plan(page, desk, uuid, "compute3", "cold")
    expect(state(page)).to_contain_text("waits for approval")
    assert facts(desk, uuid)["host"] == "compute1"
    decide(manager, url, "Approve")
    waits(page)
    decide(manager, url, "Confirm")
    is_done(page)
    assert (facts(desk, uuid)["host"], facts(desk, uuid)["status"]) == ("compute3", "ACTIVE")


def test_live_block(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(host="compute1"))
    page = seat("helpdesk")
    plan(page, desk, uuid, "compute3", "live", block="block")
    is_done(page)
    assert (facts(desk, uuid)["host"], facts(desk, uuid)["status"]) == ("compute3", "ACTIVE")


def test_live_on_shared_storage(
    desk: Desk, seat: Seat, make_server: Make, behaving: Callable[..., None]
) -> None:
    behaving(shared_storage=True)
    uuid = known(desk, make_server(host="compute1"))
    page = seat("helpdesk")
    plan(page, desk, uuid, "compute3", "live", block="shared")
    is_done(page)
    assert facts(desk, uuid)["host"] == "compute3"


def test_live_volume_backed(desk: Desk, seat: Seat, make_server: Make, lab: Lab) -> None:
    image = lab_conn(lab).image.find_image("cirros").id
    disk = {
        "boot_index": 0,
        "uuid": image,
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": 1,
        "delete_on_termination": True,
    }
    uuid = known(desk, make_server(host="compute1", image_id="", block_device_mapping=[disk]))
    before = facts(desk, uuid)
    page = seat("helpdesk")
    plan(page, desk, uuid, "compute3", "live")
    is_done(page)
    assert facts(desk, uuid) == before | {"host": "compute3"}


def test_zone_not_pinned(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(host="compute1"))
    page = seat("helpdesk")
    plan(page, desk, uuid, "nova", "live")
    is_done(page)
    assert facts(desk, uuid)["zone"] == "nova"


def test_zone_freed_and_bound_again(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(zone="nova-1"))
    page = seat("helpdesk")
    plan(page, desk, uuid, "nova", "unpin-live")
    is_done(page)
    assert facts(desk, uuid)["zone"] == "nova"
    expect(page.locator("ol.steps")).to_contain_text(re.compile("bound|bind", re.IGNORECASE))


def test_zone_by_shelving(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(zone="nova-1", stopped=True))
    page = seat("helpdesk")
    plan(page, desk, uuid, "nova", "shelve")
    is_done(page)
    assert (facts(desk, uuid)["zone"], facts(desk, uuid)["status"]) == ("nova", "SHUTOFF")


def test_zone_by_copy(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(zone="nova-1", stopped=True))
    page = seat("helpdesk")
    url = plan(page, desk, uuid, "nova", "copy", original_after="delete")
    waits(page)
    decide(seat("manager"), url, "Keep the copy")
    is_done(page)
    copy = str(desk.rows("SELECT copy_uuid FROM nmigrate_migration WHERE instance_uuid = ?", uuid)[0][0])
    assert (facts(desk, copy)["zone"], facts(desk, copy)["status"]) == ("nova", "ACTIVE")
    wait_for(lambda: lab_conn(desk.lab).compute.find_server(uuid, all_projects=True) is None)
    desk.lab.client().call("DELETE", "nova", f"/servers/{copy}")


def test_original_that_is_kept_beside_its_copy_says_so(desk: Desk, seat: Seat, make_server: Make) -> None:
    server = make_server(zone="nova-1", stopped=True)
    uuid, name = known(desk, server), str(server.name)
    page = seat("helpdesk")
    url = plan(page, desk, uuid, "nova", "copy", original_after="stopped")
    waits(page)
    decide(seat("manager"), url, "Keep the copy")
    is_done(page)
    expect(page.get_by_role("button", name=f"Start {name}")).to_have_count(0)
    copy = str(desk.rows("SELECT copy_uuid FROM nmigrate_migration WHERE instance_uuid = ?", uuid)[0][0])

    page.get_by_role("searchbox").first.fill(name)
    hits = page.locator(".find .hit").filter(has_text=name)
    expect(hits.filter(has_text="the original; its copy")).to_have_count(1)
    hits.filter(has_text="the original; its copy").click()

    page.wait_for_url(f"**/instances/{uuid}/")
    expect(page.locator("main")).to_contain_text("This is the original of a copy that was kept,")
    expect(page.get_by_role("button", name=f"Start {name}")).to_be_hidden()
    page.get_by_text("Start it…").click()
    expect(page.get_by_role("button", name=f"Start {name}")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Its copy has taken its place.")
    page.get_by_role("link", name="Open the copy").click()
    page.wait_for_url(f"**/instances/{copy}/")
    page.get_by_role("link", name="Open the original").click()
    page.wait_for_url(f"**/instances/{uuid}/")
    desk.lab.client().call("DELETE", "nova", f"/servers/{copy}")


@pytest.fixture
def compute4_down(desk: Desk, lab: Lab) -> Iterator[Callable[[], None]]:
    """Stop compute4 and declare it down; all is well again afterwards."""
    client = lab.client()
    rows = client.get("nova", "/os-services?binary=nova-compute")["services"]
    service = next(row["id"] for row in rows if row["host"] == "compute4")

    def down() -> None:
        lab.stop_compute("compute4")
        client.call("PUT", "nova", f"/os-services/{service}", {"forced_down": True})
        is_down = "SELECT 1 FROM nmigrate_hypervisor WHERE host = 'compute4' AND forced_down"
        wait_for(lambda: desk.rows(is_down), 60, "the inventory to see it down")

    yield down
    lab.start_compute("compute4")
    client.call("PUT", "nova", f"/os-services/{service}", {"forced_down": False})


def test_evacuation(desk: Desk, seat: Seat, make_server: Make, compute4_down: Callable[[], None]) -> None:
    uuid = known(desk, make_server(host="compute4"))
    compute4_down()
    helpdesk, operator = seat("helpdesk"), seat("operator")
    helpdesk.goto(f"{desk.url}/clouds/lab/instances/{uuid}/")
    note = helpdesk.locator("#instance-status .note")
    expect(note).to_contain_text("does not answer or was declared down")
    expect(note).to_contain_text("Operators of this cloud: operator.")
    helpdesk.goto(f"{desk.url}/clouds/lab/instances/{uuid}/migrate/")
    expect(helpdesk.locator("main")).to_contain_text("Only an operator")
    operator.goto(f"{desk.url}/clouds/lab/instances/{uuid}/migrate/")
    operator.get_by_label("Why is it moved?").fill("its host burns")
    operator.locator("[data-names-host]").click()
    operator.wait_for_url("**/migrations/*/")
    is_done(operator)
    assert facts(desk, uuid)["host"] in ("compute1", "compute2", "compute3")


def test_a_host_is_emptied_with_one_reason(desk: Desk, seat: Seat, make_server: Make) -> None:
    runs = known(desk, make_server(host="compute1"))
    stopped = known(desk, make_server(host="compute1", stopped=True))
    page = seat("operator")
    page.goto(f"{desk.url}/clouds/lab/hosts/compute1/")
    page.get_by_role("link", name="Empty this host").click()
    for box in page.locator("input.pick").all():
        box.set_checked(str(box.input_value()).startswith((runs, stopped)))
    page.get_by_label("Why are they moved?").fill("new disks for compute1")
    page.get_by_role("button", name="Move the chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 2 moves asked for")
    page.get_by_role("link", name="Back to compute1").click()
    row = page.locator("tr").filter(has=page.locator(f"a[href$='{stopped}/']"))
    expect(page.locator("#host .note").filter(has_text="holds room here until a manager")).to_be_visible(
        timeout=90_000
    )
    expect(row).to_have_count(0, timeout=90_000)
    wait_for(lambda: facts(desk, runs)["host"] != "compute1", 90, "the running one to arrive")
    assert facts(desk, runs)["status"] == "ACTIVE"
    assert facts(desk, stopped)["host"] != "compute1"
    assert facts(desk, stopped)["status"] == "VERIFY_RESIZE"


def test_a_dead_host_is_evacuated_from_its_page(
    desk: Desk, seat: Seat, make_server: Make, compute4_down: Callable[[], None]
) -> None:
    uuid = known(desk, make_server(host="compute4"))
    compute4_down()
    page = seat("operator")
    page.goto(f"{desk.url}/clouds/lab/hosts/compute4/")
    page.get_by_role("link", name="Evacuate this host").click()
    boxes = page.locator("input.pick")
    assert not any(box.is_checked() for box in boxes.all())
    page.locator(f"input.pick[value^='{uuid}/evacuate/']").check()
    page.get_by_label("Why are they moved?").fill("its host burns")
    page.get_by_role("button", name="Evacuate the chosen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 moves asked for")
    expect(page.locator("#asked .state")).to_have_text("done", timeout=90_000)  # the page follows it
    assert facts(desk, uuid)["host"] != "compute4"


# -- on the way


def test_live_progress_and_abort(desk: Desk, seat: Seat, make_server: Make, slow_live: None) -> None:
    uuid = known(desk, make_server(host="compute1"))
    page = seat("helpdesk")
    plan(page, desk, uuid, "compute3", "live")
    expect(state(page)).to_contain_text(re.compile(r"\d+%"), timeout=60_000)
    expect(state(page)).to_contain_text("of memory copied")
    page.get_by_role("button", name="Stop the live move").click()
    expect(state(page)).to_contain_text("cancelled on the way", timeout=60_000)
    expect(page.get_by_role("button", name="Stop the live move")).to_have_count(0)
    after = facts(desk, uuid)
    assert (after["host"], after["status"]) == ("compute1", "ACTIVE")


def test_force_complete(desk: Desk, seat: Seat, make_server: Make, slow_live: None) -> None:
    uuid = known(desk, make_server(host="compute1"))
    helpdesk, manager = seat("helpdesk"), seat("manager")
    url = plan(helpdesk, desk, uuid, "compute3", "live")
    expect(state(helpdesk)).to_contain_text("Stop the live move", timeout=60_000)
    expect(helpdesk.get_by_text("Finish it now")).to_have_count(0)
    assert post(helpdesk, f"{url}force/") == 403
    manager.goto(url)
    manager.get_by_text("Finish it now").click()
    manager.get_by_role("button", name="Pause it and finish the move").click()
    is_done(manager)
    expect(manager.get_by_role("button", name="Stop the live move")).to_have_count(0)
    assert facts(desk, uuid)["host"] == "compute3"
    assert post(helpdesk, f"{url}abort/") == 409


def test_reject_a_copy(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(zone="nova-1"))
    page, manager = seat("helpdesk"), seat("manager")
    url = plan(page, desk, uuid, "nova", "copy")
    decide(manager, url, "Approve")
    waits(page)
    assert facts(desk, uuid)["status"] == "SHUTOFF"
    decide(manager, url, "Drop it", "it does not start there")
    expect(state(page)).to_contain_text("sent back", timeout=90_000)
    assert (facts(desk, uuid)["status"], facts(desk, uuid)["locked"]) == ("ACTIVE", False)

    page.get_by_role("link", name="Plan it again").click()
    asked = desk.rows("SELECT asked_host FROM nmigrate_migration WHERE instance_uuid = ?", uuid)[0][0]
    expect(page.locator(f"input[name=to][value='host:{asked}']")).to_be_checked()
    expect(page.locator("#way-copy")).to_be_checked()
    expect(page.get_by_label("Why is it moved?")).to_have_value("disk errors on its host")
    page.locator("[data-names-host]").click()
    page.wait_for_url(lambda at: at.rstrip("/") != url.rstrip("/") and "/migrations/" in at)
    expect(state(page)).to_contain_text("waits for approval")
    page.get_by_role("button", name="Withdraw the request").click()
    expect(state(page)).to_contain_text("withdrawn")
    assert facts(desk, uuid)["status"] == "ACTIVE"


def test_member_cannot_decide_while_it_waits_an_administrator_can_and_is_named(
    desk: Desk, seat: Seat, make_server: Make
) -> None:
    uuid = known(desk, make_server(host="compute1", stopped=True))
    page = seat("helpdesk")
    plan(page, desk, uuid)
    waits(page)
    wait_for(lambda: facts(desk, uuid)["locked"], 30, "the lock")
    reason = desk.lab.client().get("nova", f"/servers/{uuid}")["server"]["locked_reason"]
    assert reason.startswith("nmigrate: migration")
    desk.lab.client().post("nova", f"/servers/{uuid}/action", {"confirmResize": None})
    expect(state(page)).to_contain_text("decided outside nmigrate", timeout=60_000)
    is_done(page)
    assert not facts(desk, uuid)["locked"]
    auditor = seat("auditor")
    auditor.goto(f"{desk.url}/audit/?outside=on&instance={uuid}")
    expect(auditor.locator("tbody tr")).to_have_count(1)
    expect(auditor.locator("tbody")).to_contain_text("admin")


def test_several_decided_together(desk: Desk, seat: Seat, make_server: Make) -> None:
    page, manager = seat("helpdesk"), seat("manager")
    uuids = [known(desk, make_server(host="compute1", stopped=True)) for _ in range(2)]
    for uuid in uuids:
        plan(page, desk, uuid, "compute3")
        waits(page)
    for uuid in uuids:
        wait_for(lambda one=uuid: facts(desk, one)["locked"], 30, "the lock")  # type: ignore[misc]
    manager.goto(f"{desk.url}/approvals/")
    for box in manager.get_by_role("checkbox", name=re.compile("^Choose test-")).all():
        box.check()
    manager.get_by_role("button", name="Approve or confirm the chosen").click()
    expect(manager.get_by_role("heading", level=1)).to_contain_text("2 of 2 decided")
    for uuid in uuids:
        wait_for(lambda one=uuid: facts(desk, one)["status"] == "SHUTOFF", 60, "it to be confirmed")  # type: ignore[misc]
        assert facts(desk, uuid)["host"] == "compute3"
