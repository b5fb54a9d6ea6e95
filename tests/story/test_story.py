"""The story, point by point, on a real Nova and in a real browser. The points build on each other, in order."""

import csv
import io
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from nmigrate.lab import Lab
from nmigrate.lab.client import ApiError
from tests.lab.fixtures import boot, server_is, wait_for
from tests.story.desk import Desk, Seat

pytestmark = [pytest.mark.lab, pytest.mark.browser]


def ask_to_move(
    page: Page, desk: Desk, name: str, host: str = "", way: str = "", reason: str = "disk errors on its host"
) -> str:
    """From the home page to the page of the migration; returns its address."""
    page.goto(f"{desk.url}/clouds/lab/")
    page.get_by_role("searchbox").first.fill(name)
    page.get_by_role("link", name=re.compile(rf"^{re.escape(name)}\b")).first.click()
    page.get_by_role("link", name="Move it").click()
    if host:
        choice = page.locator(f"input[name=to][value$=':{host}']")
        choice.evaluate("one => one.closest('details')?.setAttribute('open', '')")
        choice.check()
    if way:
        expect(page.locator(f"#way-{way}")).to_be_enabled()
        page.locator(f"#way-{way}").check()
    page.get_by_label("Why is it moved?").fill(reason)
    page.get_by_label(re.compile("^Ticket")).fill("OPS-311")
    page.locator("[data-names-host]").click()
    page.wait_for_url("**/migrations/*/")
    return page.url


def state(page: Page) -> Any:
    return page.get_by_role("region", name="State")


def facts(desk: Desk, name: str) -> dict[str, Any]:
    rows = desk.lab.client().get("nova", f"/servers/detail?all_tenants=1&name=^{name}$")["servers"]
    return {
        "uuid": rows[0]["id"],
        "status": rows[0]["status"],
        "host": rows[0]["OS-EXT-SRV-ATTR:host"],
        "address": next(iter(rows[0]["addresses"].values()))[0]["addr"],
    }


def test_1_helpdesk_finds_vm2_by_name_uuid_address_and_host(desk: Desk, seat: Seat) -> None:
    page = seat("helpdesk")
    page.goto(f"{desk.url}/clouds/lab/")
    for zone in ("nova-1", "nova"):
        expect(page.get_by_role("heading", name=zone, exact=True)).to_be_visible()
    for host in ("compute1", "compute2", "compute3", "compute4"):
        expect(page.get_by_role("heading", name=host)).to_be_visible()
    assert page.locator("meter").count() >= 12
    vm2 = facts(desk, "vm2")
    for words in ("m2", vm2["uuid"], vm2["address"], vm2["host"], "VM2"):
        page.goto(f"{desk.url}/clouds/lab/")
        page.get_by_role("searchbox").first.fill(words)
        expect(page.get_by_role("link", name=re.compile(r"^vm2\b")).first).to_be_visible()


def test_1_a_reason_is_required_and_what_was_typed_is_kept(desk: Desk, seat: Seat) -> None:
    page = seat("helpdesk")
    page.goto(f"{desk.url}/clouds/lab/instances/{facts(desk, 'vm2')['uuid']}/migrate/")
    page.get_by_label(re.compile("^Ticket")).fill("OPS-311")
    with page.expect_response("**/migrate/") as answered:
        page.locator("[data-names-host]").click()
    assert answered.value.status == 422
    expect(page.locator("#reason-error")).to_be_visible()
    expect(page.get_by_label(re.compile("^Ticket"))).to_have_value("OPS-311")


def test_2_the_page_follows_the_move_without_a_reload(desk: Desk, seat: Seat, lab: Lab) -> None:
    lab.behaviour(cold_migrate_seconds=4)
    page = seat("helpdesk")
    ask_to_move(page, desk, "vm2")
    page.evaluate("window.neverReloaded = true")
    expect(state(page)).to_contain_text("moving")
    expect(state(page)).to_contain_text("waits for a decision", timeout=60_000)
    assert page.evaluate("window.neverReloaded")
    steps = page.locator("ol.steps").inner_text()
    for word in ("Asked for", "OPS-311", "Sent", "copied", "waits"):
        assert word.lower() in steps.lower() or word in page.content(), (word, steps)
    assert facts(desk, "vm2")["status"] == "VERIFY_RESIZE"


def test_3_helpdesk_can_neither_confirm_nor_reject(desk: Desk, seat: Seat) -> None:
    page = seat("helpdesk")
    number = desk.rows("SELECT id FROM nmigrate_migration WHERE state = 'waiting'")[0][0]
    page.goto(f"{desk.url}/migrations/{number}/")
    expect(page.get_by_role("button", name=re.compile("Confirm|Reject"))).to_have_count(0)
    for action in ("confirm", "reject"):
        answer = post(page, f"{desk.url}/migrations/{number}/{action}/")
        assert answer == 403
    assert facts(desk, "vm2")["status"] == "VERIFY_RESIZE"


def post(page: Page, url: str) -> int:
    """POST as the person of this page would with a tool: with their session and CSRF token."""
    token = next(c["value"] for c in page.context.cookies() if "csrf" in c["name"])
    return page.request.post(
        url, form={"csrfmiddlewaretoken": token, "comment": "x"}, headers={"Referer": url}
    ).status


def test_3_manager_follows_the_badge_and_confirms(desk: Desk, seat: Seat) -> None:
    page = seat("manager")
    page.get_by_role("link", name=re.compile(r"^Approvals")).click()
    page.get_by_role("link", name=re.compile(r"vm2")).first.click()
    for words in ("helpdesk", "disk errors on its host", "OPS-311", "compute1", "compute3", "as before"):
        expect(page.locator("main")).to_contain_text(words)
    page.get_by_label(re.compile("^Comment")).fill("looks well")
    page.get_by_role("button", name=re.compile("^Confirm")).click()
    page.wait_for_url("**/migrations/*/")
    expect(state(page)).to_contain_text("done")
    expect(page.locator("main")).to_contain_text("looks well")


def test_4_vm2_is_stopped_on_its_new_host_and_one_click_starts_it(desk: Desk, seat: Seat) -> None:
    vm2 = facts(desk, "vm2")
    assert (vm2["status"], vm2["host"]) == ("SHUTOFF", "compute3")
    page = seat("helpdesk")
    page.goto(f"{desk.url}/clouds/lab/instances/{vm2['uuid']}/")
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.locator("main")).to_contain_text("running")
    server_is(desk.lab, vm2["uuid"], "ACTIVE")


def test_4_an_instance_that_ran_runs_again(desk: Desk, seat: Seat) -> None:
    helpdesk, manager = seat("helpdesk"), seat("manager")
    url = ask_to_move(helpdesk, desk, "demo_zone", "compute2", "cold")
    expect(state(helpdesk)).to_contain_text("waits for approval")
    decide(manager, url, "Approve")
    expect(state(helpdesk)).to_contain_text("waits for a decision", timeout=60_000)
    decide(manager, url, "Confirm")
    expect(state(helpdesk)).to_contain_text("done")
    after = facts(desk, "demo_zone")
    assert (after["status"], after["host"]) == ("ACTIVE", "compute2")


def decide(page: Page, url: str, decision: str, comment: str = "") -> None:
    page.goto(f"{url}decide/")
    if comment:
        page.get_by_label(re.compile("^Comment")).fill(comment)
    page.get_by_role("button", name=re.compile(f"^{decision}")).click()
    page.wait_for_url("**/migrations/*/")


def test_3_rejected_it_goes_back(desk: Desk, seat: Seat) -> None:
    helpdesk, manager = seat("helpdesk"), seat("manager")
    before = facts(desk, "vm1")
    url = ask_to_move(helpdesk, desk, "vm1")
    expect(state(helpdesk)).to_contain_text("waits for a decision", timeout=60_000)
    decide(manager, url, "Reject", "wrong day")
    expect(state(helpdesk)).to_contain_text("sent back")
    assert facts(desk, "vm1") == before


def test_3_nobody_decides_on_what_they_asked_for(desk: Desk, seat: Seat) -> None:
    manager, manager2 = seat("manager"), seat("manager2")
    url = ask_to_move(manager, desk, "vm1")
    expect(state(manager)).to_contain_text("waits for a decision", timeout=60_000)
    manager.goto(f"{url}decide/")
    expect(manager.locator("main")).to_contain_text("another manager")
    expect(manager.get_by_role("button", name=re.compile("^Confirm"))).to_have_count(0)
    assert post(manager, f"{url}confirm/") == 403
    decide(manager2, url, "Reject", "not today")
    expect(state(manager2)).to_contain_text("sent back")
    assert post(manager2, f"{url}confirm/") == 409


@pytest.mark.parametrize(("action", "end"), [("confirmResize", "done"), ("revertResize", "sent back")])
def test_6_decision_with_the_command_line_is_noticed(desk: Desk, seat: Seat, action: str, end: str) -> None:
    page = seat("helpdesk")
    uuid = facts(desk, "doem")["uuid"]
    ask_to_move(page, desk, "doem")
    expect(state(page)).to_contain_text("waits for a decision", timeout=60_000)
    wait_for(lambda: desk.lab.client().get("nova", f"/servers/{uuid}")["server"]["locked"], 30, "the lock")
    with pytest.raises(ApiError, match="locked"):
        desk.lab.client("demo", "demo").post("nova", f"/servers/{uuid}/action", {action: None})
    started = time.monotonic()
    desk.lab.client().post("nova", f"/servers/{uuid}/action", {action: None})
    expect(page.locator("main")).to_contain_text("decided outside nmigrate")
    noticed = time.monotonic() - started
    expect(state(page)).to_contain_text(end)
    assert noticed < 15  # "within seconds"; the benchmark says how many
    rows = desk.rows(
        "SELECT actor, is_outside FROM nmigrate_auditevent WHERE action LIKE 'observe_%' ORDER BY id DESC"
    )
    assert rows[0] == ("admin", 1)


def test_6_novas_own_auto_confirm_is_told_as_such(desk: Desk, seat: Seat, lab: Lab) -> None:
    page = seat("helpdesk")
    ask_to_move(page, desk, "doem")
    expect(state(page)).to_contain_text("waits for a decision", timeout=60_000)
    lab.override("resize_confirm_window", 1)
    try:
        where = facts(desk, "doem")["host"]

        def confirmed_by_nova() -> bool:
            lab.periodic(where, "_poll_unconfirmed_resizes")
            return bool(facts(desk, "doem")["status"] != "VERIFY_RESIZE")

        wait_for(confirmed_by_nova, 30, "Nova to confirm by itself")
    finally:
        lab.override("resize_confirm_window", 0)
    expect(page.locator("main")).to_contain_text("decided outside nmigrate")
    expect(state(page)).to_contain_text("done")
    rows = desk.rows(
        "SELECT actor FROM nmigrate_auditevent WHERE action = 'observe_confirm' ORDER BY id DESC"
    )
    assert "Nova itself" in rows[0][0]


def test_5_auditor_finds_every_step_filters_and_exports(desk: Desk, seat: Seat) -> None:
    page = seat("auditor")
    page.get_by_role("link", name="Audit trail").click()
    expect(page.locator("main")).to_contain_text("unbroken")
    page.goto(f"{desk.url}/audit/?instance=vm2&view=entries")
    rows = page.locator("tbody tr")
    text = page.locator("table").inner_text()
    for word in ("helpdesk", "manager", "nmigrate", "UTC", "req-", "looks well", "OPS-311"):
        assert word in text, word
    assert rows.count() == len(desk.rows("SELECT 1 FROM nmigrate_auditevent WHERE instance_name = 'vm2'"))
    page.goto(f"{desk.url}/audit/?instance=vm2&person=manager&action=confirm")
    assert page.locator("tbody tr").count() == 1
    exported = page.request.get(f"{desk.url}/audit/export.csv?instance=vm2").text()
    found = list(csv.DictReader(io.StringIO(exported.lstrip("\ufeff"))))
    assert len(found) == len(desk.rows("SELECT 1 FROM nmigrate_auditevent WHERE instance_name = 'vm2'"))
    assert {"manager", "helpdesk"} <= {value for row in found for value in row.values()}
    assert "unbroken" in desk.manage("verify_audit")


def test_bad_input_gets_one_sentence_where_it_happened(desk: Desk, seat: Seat) -> None:
    page = seat("helpdesk")
    locked = next(
        s for s in desk.lab.client().get("nova", "/servers/detail?all_tenants=1")["servers"] if s["locked"]
    )
    page.goto(f"{desk.url}/clouds/lab/instances/{locked['id']}/migrate/")
    expect(page.locator("main")).to_contain_text("is locked")
    missing = page.goto(f"{desk.url}/clouds/lab/instances/00000000-0000-0000-0000-000000000000/")
    assert missing is not None
    assert missing.status == 404
    gone = boot(desk.lab, "soon-gone", stopped=True)
    at_rest = "SELECT 1 FROM nmigrate_instance WHERE uuid = ? AND status = 'SHUTOFF' AND task_state = ''"
    wait_for(lambda: desk.rows(at_rest, gone.id), 30, "the inventory to know it")
    page.goto(f"{desk.url}/clouds/lab/instances/{gone.id}/migrate/")
    page.get_by_label("Why is it moved?").fill("it will be deleted meanwhile")
    desk.lab.client().call("DELETE", "nova", f"/servers/{gone.id}")
    page.locator("[data-names-host]").click()
    expect(page.locator("main")).to_contain_text(re.compile("deleted|no longer|not in the cloud"))
