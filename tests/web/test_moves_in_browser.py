"""What only a browser shows of planning, following and deciding: nothing typed is lost, nothing needs a reload."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from nmigrate import services
from nmigrate.models import Hypervisor, Instance, Migration
from nmigrate.states import State
from tests.fakecloud import FakeCloud
from tests.web.browsing import LONG, Open, complaints, too_wide
from tests.web.conftest import reach
from tests.wide import wide_cloud

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]

GIB = 2**30


def touch(migration: Migration, **changes: object) -> None:
    """A change that open pages see at their next poll."""
    Migration.objects.filter(pk=migration.pk).update(version=F("version") + 1, **changes)


def measured(live: Migration, left: float) -> None:
    now = time.time()
    samples = [[now - 5, 2 * GIB], [now, left * GIB]]
    figures = {"total": 2 * GIB, "remaining": int(left * GIB), "processed": GIB, "samples": samples}
    touch(live, progress=figures)


def test_choosing_a_destination_shows_its_ways_and_keeps_what_was_typed(
    open_page: Open, helpdesk: User, running: Instance
) -> None:
    page = open_page(helpdesk, f"/clouds/lab/instances/{running.uuid}/migrate/")
    page.fill("#reason", "half a sente")
    page.fill("#ticket", "OPS-1")
    expect(page.get_by_role("radio", name="Shelve")).to_have_count(0)

    page.get_by_role("radio", name="Zone nova-1").check()

    expect(page.get_by_role("radio", name="Shelve")).to_have_count(1)
    expect(page).to_have_url(page.url.split("?")[0] + "?zone=nova-1&way=live")
    assert (page.input_value("#reason"), page.input_value("#ticket")) == ("half a sente", "OPS-1")
    expect(page.get_by_role("button", name="Move it live to compute")).to_be_enabled()


def test_choosing_a_way_tells_what_will_happen_and_offers_its_options(
    open_page: Open, helpdesk: User, running: Instance
) -> None:
    page = open_page(helpdesk, f"/clouds/lab/instances/{running.uuid}/migrate/?zone=nova-1")
    happen, original = page.locator("#happen"), page.get_by_text("What becomes of the original")
    expect(happen).to_contain_text("goes on running")
    expect(original).to_be_hidden()

    page.get_by_role("radio", name="Snapshot it").check()

    expect(happen.get_by_text("A snapshot of its disk is made.")).to_be_visible()
    expect(happen.get_by_text("goes on running while")).to_be_hidden()
    expect(original).to_be_visible()
    expect(page.get_by_text("More: how its disks are treated")).to_be_hidden()
    expect(page.get_by_role("button", name="Ask to copy it")).to_contain_text("needs approval")


def test_a_chosen_way_stays_chosen_where_it_leads_there_too(
    open_page: Open, helpdesk: User, running: Instance
) -> None:
    page = open_page(helpdesk, f"/clouds/lab/instances/{running.uuid}/migrate/")
    page.get_by_role("radio", name="Cold").check()

    page.get_by_role("radio", name="compute4").check()

    expect(page.get_by_role("button", name="Ask to move it to compute4")).to_be_visible()
    expect(page.get_by_role("radio", name="Cold")).to_be_checked()


def test_the_progress_moves_on_and_an_opened_question_stays_open(
    open_page: Open, operator: User, live: Migration
) -> None:
    page = open_page(operator, f"/migrations/{live.pk}/")
    page.evaluate("window.neverReloaded = true")
    page.get_by_text("Finish it now").click()
    measured(live, 1)
    expect(page.locator("progress")).to_have_attribute("value", "50")

    measured(live, 0.5)

    expect(page.locator("progress")).to_have_attribute("value", "75")
    expect(page.get_by_role("button", name="Pause it and finish the move")).to_be_visible()
    assert page.evaluate("window.neverReloaded") is True


def test_a_live_move_is_stopped_with_one_click(
    open_page: Open, helpdesk: User, able: FakeCloud, live: Migration
) -> None:
    page = open_page(helpdesk, f"/migrations/{live.pk}/")

    page.get_by_role("button", name="Stop the live move").click()
    expect(page.locator("#migration-status")).to_contain_text("being stopped")
    reach(able, live, State.ABORTED)

    expect(page.locator("#migration-status")).to_contain_text("cancelled on the way")


def test_several_are_ticked_and_decided_while_the_list_renews_itself(
    open_page: Open, manager: User, asking: Migration, waiting: Migration
) -> None:
    page = open_page(manager, "/approvals/")
    page.get_by_label("Choose vm2").check()
    page.fill("#comment", "all well")
    with page.expect_response("**/approvals/"):
        page.evaluate("htmx.trigger(document.getElementById('waiting'), 'wake')")
    expect(page.get_by_label("Choose vm2")).to_be_checked()
    expect(page.get_by_label("Choose all")).to_have_js_property("indeterminate", True)

    page.get_by_label("Choose all").check()
    page.get_by_role("button", name="Approve or confirm the chosen").click()

    expect(page.locator("h1")).to_have_text("2 of 2 decided")
    states = dict(Migration.objects.values_list("instance_name", "state"))
    assert states == {"demo_zone": "queued", "vm2": "confirming"}


def test_the_buttons_are_switched_off_when_somebody_else_decides_while_one_types(
    open_page: Open, manager: User, manager2: User, waiting: Migration
) -> None:
    page = open_page(manager, f"/migrations/{waiting.pk}/decide/")
    page.fill("#comment", "half a sente")

    services.confirm_migration(actor=manager2, migration=waiting)
    page.evaluate("htmx.trigger(document.getElementById('still-waiting'), 'wake')")

    foot = page.locator("#decision-foot")
    expect(foot).to_contain_text("manager2 has decided meanwhile: confirmed.")
    expect(foot.locator("button:not([disabled])")).to_have_count(0)
    assert page.input_value("#comment") == "half a sente"


def test_a_note_and_a_host_survive_the_polling_of_a_move_that_stopped_half_way(
    open_page: Open, helpdesk: User, half_way: Migration
) -> None:
    page = open_page(helpdesk, f"/migrations/{half_way.pk}/")
    page.fill("#half-way-note", "room was ma")
    page.select_option("select[name=host]", "compute3")

    touch(half_way, remark="Something has changed meanwhile.")

    expect(page.locator("#migration-status")).to_contain_text("Something has changed meanwhile.")
    assert page.input_value("#half-way-note") == "room was ma"
    assert page.input_value("select[name=host]") == "compute3"
    page.get_by_role("button", name="Go back to how it was").click()
    expect(page.locator("#migration-status")).to_contain_text("going back")
    expect(page.locator("#migration-status")).to_contain_text("“room was ma”")


def test_the_countdown_runs_and_turns_when_it_is_over(
    open_page: Open, manager: User, waiting: Migration
) -> None:
    touch(waiting, decide_by=timezone.now() + timedelta(seconds=4))

    page = open_page(manager, "/approvals/")

    expect(page.locator("#waiting time[data-mode=left]")).to_contain_text("decision due in")
    expect(page.locator("#waiting time[data-mode=left]")).to_contain_text("overdue for")


def test_the_small_steps_work_without_javascript(
    open_page: Open, manager: User, operator: User, running: Instance, asking: Migration
) -> None:
    page = open_page(manager, f"/migrations/{asking.pk}/decide/", js=False)
    page.fill("#comment", "not now")
    page.get_by_role("button", name="Do not approve").click()
    expect(page.locator("#migration-status")).to_contain_text("not approved")

    page = open_page(operator, f"/clouds/lab/instances/{running.uuid}/", js=False)
    page.get_by_text("Stop it…").click()
    page.get_by_role("button", name="Stop demo_zone").click()
    expect(page.locator("#instance-status")).to_contain_text("being stopped")


@pytest.fixture
def long_names(able: FakeCloud) -> None:
    """Names as long as Nova takes them, before anything is asked for."""
    uuid = Instance.objects.get(name="demo_zone").uuid
    able.change(uuid, name=LONG)
    Instance.objects.filter(uuid=uuid).update(name=LONG)


def faults(page: Page, server: LiveServer, paths: dict[str, str]) -> list[str]:
    found = []
    for name, path in paths.items():
        page.goto(server.url + path)
        found += [f"{name}: {complaint}" for complaint in complaints(page)]
        found += [f"{name}: {too_wide(page)} px too wide"] if too_wide(page) > 0 else []
    return found


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk", "phone in the dark"])
def test_pages_of_a_live_move_have_no_fault(
    open_page: Open, operator: User, long_names: None, live: Migration, live_server: LiveServer, phone: bool,
    dark: bool,
) -> None:  # fmt: skip
    measured(live, 1.5)
    page = open_page(operator, "/health/", phone=phone, dark=dark)

    paths = {
        "measured": f"/migrations/{live.pk}/",
        "instance": f"/clouds/lab/instances/{live.instance_uuid}/",
    }
    assert faults(page, live_server, paths) == []

    touch(live, nova_status="running (post-copy)")
    assert faults(page, live_server, {"post-copy": f"/migrations/{live.pk}/"}) == []


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk", "phone in the dark"])
def test_pages_of_a_move_that_stopped_half_way_have_no_fault(
    open_page: Open, manager2: User, long_names: None, half_way: Migration, live_server: LiveServer, phone: bool,
    dark: bool,
) -> None:  # fmt: skip
    page = open_page(manager2, "/health/", phone=phone, dark=dark)

    paths = {"half way": f"/migrations/{half_way.pk}/", "topology": "/clouds/lab/", "list": "/migrations/"}
    assert faults(page, live_server, paths) == []


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk", "phone in the dark"])
def test_pages_of_a_copy_have_no_fault(
    open_page: Open, manager2: User, long_names: None, copied: Migration, live_server: LiveServer, phone: bool,
    dark: bool,
) -> None:  # fmt: skip
    page = open_page(manager2, "/health/", phone=phone, dark=dark)
    paths = {
        "copied": f"/migrations/{copied.pk}/",
        "decide": f"/migrations/{copied.pk}/decide/",
        "approvals": "/approvals/",
        "instance": f"/clouds/lab/instances/{copied.copy_uuid}/",
        "host": f"/clouds/lab/hosts/{copied.dest_host}/",
    }
    assert faults(page, live_server, paths) == []

    own = services.decide_together(actor=manager2, migrations=[copied], is_yes=True)
    assert not own[0].problem


def test_an_instance_can_be_stopped_and_unlocked_on_a_phone(
    open_page: Open, operator: User, running: Instance, live_server: LiveServer
) -> None:
    page = open_page(operator, f"/clouds/lab/instances/{running.uuid}/", phone=True)
    page.get_by_text("Stop it…").click()
    assert complaints(page) == []

    Instance.objects.filter(pk=running.pk).update(locked=True, locked_reason="q" * 300)
    page.reload()
    page.get_by_text("Unlock it…").click()
    assert (complaints(page), too_wide(page)) == ([], 0)


def test_a_host_that_cannot_take_it_stands_back_while_it_is_dragged_and_says_why(
    open_page: Open, helpdesk: User, running: Instance
) -> None:
    Hypervisor.objects.filter(host="compute4").update(state="down")
    page = open_page(helpdesk, "/clouds/lab/")
    chip = page.locator(f"#i-{running.uuid}")
    chip.hover()
    page.mouse.down()
    page.mouse.move(5, 5)
    expect(page.locator("article.cannot[data-host=compute4]")).to_have_count(1)
    expect(page.locator("article.cannot[data-host=compute2]")).to_have_count(1)  # where it is
    expect(page.locator("article.cannot")).to_have_count(2)
    for _ in range(2):  # it takes two movements until the browser says that it is over something
        page.locator("article[data-host=compute4] header").hover()
    expect(page.locator(".drag-why")).to_have_text("compute4 is down. Choose another host.")

    for _ in range(2):
        page.locator("article[data-host=compute3] header").hover()
    expect(page.locator(".drag-why")).to_have_count(0)
    page.mouse.up()

    expect(page).to_have_url(re.compile(rf"{running.uuid}/migrate/\?host=compute3$"))


def test_the_menu_of_destinations_tells_which_can_take_it_and_only_those_are_stops_of_the_keyboard(
    open_page: Open, helpdesk: User, running: Instance
) -> None:
    Hypervisor.objects.filter(host="compute3").update(state="down")
    page = open_page(helpdesk, "/clouds/lab/", phone=True, dark=True)
    page.locator(f"#i-{running.uuid}").locator("xpath=..").locator("a.to").click()
    menu = page.locator("#mover")
    expect(menu.locator(".hit")).to_have_count(3)
    expect(menu.locator(".hit").last).to_contain_text("compute3 is down. Choose another host.")
    assert (complaints(page), too_wide(page)) == ([], 0)

    for _ in range(5):
        page.keyboard.press("ArrowDown")
    expect(menu.locator("a.hit").last).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/migrate/\?host=compute1$"))


def test_a_way_that_is_chosen_while_those_of_another_host_come_stays_chosen(
    open_page: Open, helpdesk: User, running: Instance
) -> None:
    page = open_page(helpdesk, f"/clouds/lab/instances/{running.uuid}/migrate/")
    held: list[Any] = []
    page.context.route("**/migrate/?host=*", lambda route: held.append(route))
    expect(page.locator("#way-live")).to_be_checked()
    page.locator("input[name=to][value='host:compute4']").check()
    expect(page.locator("html.is-loading")).to_have_count(1)
    page.check("#way-cold")
    with page.expect_response("**/migrate/?host=*"):
        held.pop().continue_()
    expect(page).to_have_url(re.compile("host=compute4"))
    expect(page.locator("#way-cold")).to_be_checked()
    expect(page.locator("[data-names-host]")).to_have_text("Ask to move it to compute4 (needs approval)")


def test_the_plan_of_a_cloud_with_many_hosts_has_no_fault(open_page: Open, helpdesk: User, db: None) -> None:
    instance = wide_cloud(100)
    page = open_page(helpdesk, f"/clouds/wide/instances/{instance.uuid}/migrate/", phone=True)
    page.get_by_text("21 more hosts of zone-a").click()
    expect(page.locator(".rest[open] input[name=to]").first).to_be_visible()
    assert (complaints(page), too_wide(page)) == ([], 0)
