"""What people meet around a move, on a real Nova: a way on from half-way, a session that ends, a lock that comes and
goes, the menu of destinations, and the figures. Each test has instances of its own; the figures count those of all."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from nmigrate.lab import Lab
from tests.lab.fixtures import wait_for
from tests.story.desk import PASSWORD, Desk, Seat
from tests.story.test_moves import Make, facts, is_done, known, plan, waits
from tests.story.test_story import decide, state

pytestmark = [pytest.mark.lab, pytest.mark.browser]
END_EVERY_SESSION = "from django.contrib.sessions.models import Session; Session.objects.all().delete()"
OVER = ("done", "reverted", "aborted", "declined", "cancelled", "failed")


@pytest.fixture
def out_of_service(desk: Desk, lab: Lab) -> Iterator[Callable[[str], None]]:
    """Take a host out of service in Nova, until the end of the test."""
    client = lab.client()
    rows = client.get("nova", "/os-services?binary=nova-compute")["services"]
    services = {row["host"]: row["id"] for row in rows}
    out = []

    def take(host: str) -> None:
        out.append(host)
        body = {"status": "disabled", "disabled_reason": "new fans"}
        client.call("PUT", "nova", f"/os-services/{services[host]}", body)

    yield take
    for host in out:
        client.call("PUT", "nova", f"/os-services/{services[host]}", {"status": "enabled"})
        wait_for(lambda one=host: is_known(desk, one, "enabled"), 60, f"{host} to be back")  # type: ignore[misc]


def is_known(desk: Desk, host: str, status: str) -> bool:
    return bool(desk.rows("SELECT 1 FROM nmigrate_hypervisor WHERE host = ? AND status = ?", host, status))


def moves_of(desk: Desk, uuid: str) -> list[str]:
    rows = desk.rows("SELECT state FROM nmigrate_migration WHERE instance_uuid = ? ORDER BY id", uuid)
    return [str(row[0]) for row in rows]


def server(desk: Desk, uuid: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.lab.client().get("nova", f"/servers/{uuid}")["server"]
    return found


def test_a_move_that_stopped_half_way_is_led_to_another_host_and_ends_there(
    desk: Desk, seat: Seat, make_server: Make, out_of_service: Callable[[str], None]
) -> None:
    uuid = known(desk, make_server(zone="nova-1", stopped=True))
    page = seat("helpdesk")

    def close(what: str) -> bool:
        """Its host goes out of service when the instance is freed and not yet moved."""
        if "pinned_availability_zone" in what:
            out_of_service("compute2")
        return False

    desk.relay.on_accepted = close
    try:
        url = plan(page, desk, uuid, "compute2", "unpin-cold")
        expect(state(page)).to_contain_text("stopped half-way", timeout=90_000)
    finally:
        desk.relay.on_accepted = None
    assert server(desk, uuid)["pinned_availability_zone"] is None
    expect(page.locator("main")).to_contain_text(
        "Another host of zone nova can take it: compute4.", timeout=60_000
    )
    hosts = page.get_by_label("Where the step leads")
    expect(hosts.locator("option")).to_have_text(["compute4", "compute2, as before: it cannot take it now"])

    hosts.select_option("compute4")
    page.get_by_label("Note").fill("the fans come on Monday")
    page.get_by_role("button", name="Try the step again").click()
    waits(page)
    decide(seat("manager"), url, "Confirm")
    is_done(page)

    after = server(desk, uuid)
    assert (after["OS-EXT-SRV-ATTR:host"], after["status"]) == ("compute4", "SHUTOFF")
    assert after["pinned_availability_zone"] == "nova"
    expect(page.locator("main")).to_contain_text("To compute4 instead of compute2. the fans come on Monday")


def test_what_was_typed_outlives_the_session_and_is_sent_by_who_typed_it(
    desk: Desk, seat: Seat, make_server: Make
) -> None:
    uuid = known(desk, make_server(host="compute1", stopped=True))
    page = seat("helpdesk")
    page.goto(f"{desk.url}/clouds/lab/instances/{uuid}/migrate/?host=compute3")
    reason, ticket = page.get_by_label("Why is it moved?"), page.get_by_label(re.compile("^Ticket"))
    reason.fill("disk errors:\n<sdb> & its twin")
    ticket.fill("OPS-312")
    desk.manage("shell", "-c", END_EVERY_SESSION)
    page.locator("[data-names-host]").click()
    expect(page.get_by_role("alert").filter(has_text="so nothing was sent")).to_be_visible()
    for name, code in (("Tiếng Việt", "vi"), ("English", "en")):
        page.get_by_role("button", name=name).click()
        expect(page.locator("html")).to_have_attribute("lang", code)
        expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Name").fill("helpdesk")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.locator("#unsent")).to_contain_text("Nothing was sent: you had been signed out.")
    expect(reason).to_have_value("disk errors:\n<sdb> & its twin")
    expect(ticket).to_have_value("OPS-312")
    expect(page.locator("input[name=to][value='host:compute3']")).to_be_checked()
    assert (moves_of(desk, uuid), desk.moves_in_nova(uuid)) == ([], (0, 0))

    page.locator("[data-names-host]").click()
    page.wait_for_url("**/migrations/*/")
    waits(page)
    expect(page.locator("main")).to_contain_text("<sdb> & its twin")
    expect(page.locator("main")).to_contain_text("OPS-312")
    assert desk.moves_in_nova(uuid) == (1, 1)
    assert (facts(desk, uuid)["host"], facts(desk, uuid)["status"]) == ("compute3", "VERIFY_RESIZE")


def test_a_lock_that_goes_and_comes_back_is_set_aside_only_by_who_was_told_of_it(
    desk: Desk, seat: Seat, make_server: Make
) -> None:
    uuid = known(desk, make_server(host="compute1", stopped=True))
    lock(desk, uuid, "closing the year")
    helpdesk, manager = seat("helpdesk"), seat("manager")
    url = plan(helpdesk, desk, uuid, "compute3")
    expect(state(helpdesk)).to_contain_text("waits for approval")
    aside = manager.get_by_role("region", name="What your approval sets aside")
    manager.goto(f"{url}decide/")
    expect(aside).to_contain_text("closing the year")

    lock(desk, uuid, None)
    manager.reload()
    expect(aside).to_have_count(0)
    expect(manager.locator("main")).to_contain_text("No longer stands in the way:")

    lock(desk, uuid, "an audit is on")
    manager.get_by_label(re.compile("^Comment")).fill("its owner agreed")
    manager.get_by_role("button", name="Approve the move").click()
    expect(manager.locator("main")).to_contain_text(
        "Meanwhile something speaks against it that was not told before."
    )
    expect(aside).to_contain_text("an audit is on")
    assert (moves_of(desk, uuid), desk.moves_in_nova(uuid)) == (["asking"], (0, 0))

    expect(manager.get_by_label(re.compile("^Comment"))).to_have_value("its owner agreed")
    manager.get_by_role("button", name="Allow it: approve the move").click()
    manager.wait_for_url(url)
    waits(helpdesk)
    assert desk.moves_in_nova(uuid) == (1, 1)
    override = "SELECT reason FROM nmigrate_auditevent WHERE action = 'override' AND instance_uuid = ?"
    ((why,),) = desk.rows(override, uuid)
    assert "an audit is on" in why
    assert "its owner agreed" in why
    decide(manager, url, "Confirm")
    is_done(helpdesk)
    assert facts(desk, uuid)["host"] == "compute3"
    wait_for(lambda: server(desk, uuid)["locked_reason"] == "an audit is on", 30, "their lock to be back")


def lock(desk: Desk, uuid: str, reason: str | None) -> None:
    """As its owner does, or takes it off (None); the inventory knows it then."""
    body = {"unlock": None} if reason is None else {"lock": {"locked_reason": reason}}
    desk.lab.client().post("nova", f"/servers/{uuid}/action", body)
    is_so = "SELECT 1 FROM nmigrate_instance WHERE uuid = ? AND locked = ? AND locked_reason = ?"
    wait_for(
        lambda: desk.rows(is_so, uuid, reason is not None, reason or ""), 60, "the inventory to know the lock"
    )


def test_what_would_be_refused_now_is_not_approved_with_others(
    desk: Desk, seat: Seat, make_server: Make, out_of_service: Callable[[str], None]
) -> None:
    uuid = known(desk, make_server(host="compute1"))
    helpdesk, manager = seat("helpdesk"), seat("manager")
    url = plan(helpdesk, desk, uuid, "compute3", "cold")
    expect(state(helpdesk)).to_contain_text("waits for approval")
    number = url.rstrip("/").rpartition("/")[2]
    manager.goto(f"{desk.url}/approvals/")
    row = manager.locator("article").filter(has=manager.locator(f"#w-{number}"))
    expect(row.get_by_role("checkbox")).to_be_visible()

    out_of_service("compute3")

    expect(row).to_contain_text("would be refused now", timeout=60_000)
    expect(row).to_contain_text("compute3 is out of service")
    expect(row.get_by_role("checkbox")).to_have_count(0)
    manager.goto(f"{desk.url}/mine/")
    task = manager.locator(".task").filter(has=manager.locator(f"#task-{number}"))
    expect(task).to_contain_text("would be refused now")
    refused = "As things are now it would be refused, whoever approves it. compute3 is out of service"
    expect(state(helpdesk)).to_contain_text(refused, timeout=60_000)
    helpdesk.get_by_role("button", name="Withdraw the request").click()
    expect(state(helpdesk)).to_contain_text("withdrawn")
    expect(task).to_have_count(0, timeout=60_000)
    assert desk.moves_in_nova(uuid) == (0, 0)


def test_what_is_locked_is_found_by_a_filter(desk: Desk, seat: Seat, make_server: Make) -> None:
    locked, other = (known(desk, make_server(host="compute1", stopped=True)) for _ in range(2))
    lock(desk, locked, "closing the year")
    page = seat("helpdesk")
    page.goto(f"{desk.url}/clouds/lab/")
    expect(page.locator(f"#i-{other}")).to_be_visible()

    page.get_by_text("only locked", exact=True).click()

    expect(page.locator(f"#i-{other}")).to_have_count(0)
    expect(page.locator(f"#i-{locked}")).to_be_visible()
    expect(page.locator("#picture [data-host=compute1]")).to_contain_text("The filters hide")
    lock(desk, locked, None)
    expect(page.locator(f"#i-{locked}")).to_have_count(0, timeout=60_000)
    page.get_by_role("link", name="Show everything").click()
    expect(page.locator(f"#i-{locked}")).to_be_visible()


def test_the_trail_of_a_move_is_taken_away_as_it_is(desk: Desk, seat: Seat, make_server: Make) -> None:
    uuid = known(desk, make_server(host="compute1", stopped=True))
    helpdesk, auditor = seat("helpdesk"), seat("auditor")
    url = plan(helpdesk, desk, uuid, "compute3")
    waits(helpdesk)
    decide(seat("manager"), url, "Reject", "wrong “day”, said <Maria>")
    expect(state(helpdesk).locator(".state").first).to_have_text("sent back", timeout=90_000)
    number = int(url.rstrip("/").rpartition("/")[2])
    auditor.goto(f"{desk.url}/audit/?view=entries")
    rows, asked = auditor.locator("#rows"), auditor.get_by_label("Migration", exact=True)

    asked.fill("the third")
    expect(auditor.locator("#migration-error")).to_have_text("A migration is a number, such as 42.")
    expect(rows).to_contain_text("Nothing is listed until the marked filter is put right.")
    asked.fill(str(number))
    expect(auditor.locator("#migration-error")).to_be_empty()
    with auditor.expect_download() as loading:
        rows.get_by_role("link", name="As JSON").click()

    taken = json.loads(loading.value.path().read_text())
    of_it = (
        "SELECT id, action, actor, reason, hash FROM nmigrate_auditevent WHERE migration_id = ? ORDER BY id"
    )
    kept = desk.rows(of_it, number)
    assert [(row["id"], row["action"], row["who"], row["hash"]) for row in taken] == [
        (key, action, who, proof) for key, action, who, _, proof in kept
    ]
    assert ("reject", "manager", "wrong “day”, said <Maria>") in [
        (row["action"], row["who"], row["reason"]) for row in taken
    ]
    expect(rows.locator("tbody tr")).to_have_count(len(kept))


def test_the_menu_of_the_topology_says_why_not_and_leads_to_the_plan(
    desk: Desk, seat: Seat, make_server: Make, out_of_service: Callable[[str], None]
) -> None:
    uuid = known(desk, make_server(host="compute1"))
    out_of_service("compute4")
    wait_for(lambda: is_known(desk, "compute4", "disabled"), 60, "the inventory to see it out of service")
    page = seat("helpdesk")
    page.goto(f"{desk.url}/clouds/lab/")
    page.locator(f"#t-{uuid}").click()
    hits = page.locator("#mover .hit")
    expect(hits).to_have_count(3)
    closed = hits.filter(has_text="compute4")
    expect(closed).to_contain_text("cannot take it")
    expect(closed).to_contain_text("compute4 is out of service")
    expect(page.locator("#mover a.hit").filter(has_text="compute4")).to_have_count(0)

    page.locator("#mover-find").fill("compute3")
    expect(hits).to_have_count(1)
    hits.click()
    page.wait_for_url(f"**/instances/{uuid}/migrate/?host=compute3")
    expect(page.locator("input[name=to][value='host:compute3']")).to_be_checked()
    page.get_by_label("Why is it moved?").fill("disk errors on its host")
    page.locator("[data-names-host]").click()
    page.wait_for_url("**/migrations/*/")
    is_done(page)
    assert facts(desk, uuid)["host"] == "compute3"


def test_a_figure_leads_to_the_list_of_as_many_moves(
    desk: Desk, seat: Seat, make_server: Make, behaving: Callable[..., None]
) -> None:
    runs, stopped = (known(desk, make_server(host="compute1", stopped=stopped)) for stopped in (False, True))
    page, manager = seat("helpdesk"), seat("manager")
    plan(page, desk, runs, "compute3", "cold")
    page.get_by_role("button", name="Withdraw the request").click()
    expect(state(page)).to_contain_text("withdrawn")
    behaving(fail={"compute3": ["pre_live_migration"]})
    plan(page, desk, runs, "compute3", "live")
    expect(state(page).locator(".state").first).to_have_text("failed", timeout=90_000)
    behaving(fail={})
    url = plan(page, desk, stopped, "compute3")
    waits(page)
    decide(manager, url, "Confirm")
    is_done(page)
    is_over = f"SELECT COUNT(*) = 0 FROM nmigrate_migration WHERE state NOT IN {OVER}"
    wait_for(lambda: desk.rows(is_over)[0][0], 90, "nothing to move any more")

    (cause,) = desk.rows(
        "SELECT cause FROM nmigrate_migration WHERE instance_uuid = ? AND state = 'failed'", runs
    )[0]
    manager.goto(f"{desk.url}/figures/")
    for query, where in {
        "kind=cold": "kind = 'cold'",
        "kind=cold&state=done": "kind = 'cold' AND state = 'done'",
        "kind=cold&state=dropped": "kind = 'cold' AND state IN ('cancelled', 'declined')",
        "kind=live&state=failed": "kind = 'live' AND state = 'failed'",
        urlencode({"cause": cause, "state": "failed"}): f"cause = '{cause}' AND state = 'failed'",
    }.items():
        number = desk.rows(f"SELECT COUNT(*) FROM nmigrate_migration WHERE {where}")[0][0]
        link = manager.locator(f"main a[href$='&{query}']")
        expect(link).to_have_text(str(number))
        link.click()
        words = "1 migration matches" if number == 1 else f"{number} migrations match"
        expect(manager.locator("#rows")).to_contain_text(words)
        expect(manager.locator("#rows tbody tr")).to_have_count(number)
        manager.go_back()
