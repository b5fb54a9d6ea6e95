"""What only a browser can show: pages that follow by themselves, the search, the theme, a form sent once.

That no page has a fault, in any look: test_every_page.py.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from nmigrate import services
from nmigrate.models import Instance, Migration
from nmigrate.states import State
from tests.conftest import run_tasks
from tests.fakecloud import FakeCloud
from tests.web.browsing import Open, complaints
from tests.web.conftest import reach

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]


def test_the_pages_without_a_role_have_no_accessibility_error(
    open_page: Open, person: Callable[..., User], db: None
) -> None:
    assert complaints(open_page(None, "/login/")) == []
    assert complaints(open_page(person("", "newcomer"), "/")) == []


def test_a_migration_page_follows_without_a_reload(
    open_page: Open, helpdesk: User, synced: FakeCloud, asked: Migration
) -> None:
    page = open_page(helpdesk, f"/migrations/{asked.pk}/")
    page.evaluate("window.neverReloaded = true")
    expect(page.locator("#migration-status")).to_contain_text("Waiting to be sent")

    reach(synced, asked, State.WAITING)

    expect(page.locator("#migration-status")).to_contain_text("waits for a decision")
    assert page.evaluate("window.neverReloaded") is True


def test_polling_goes_on_after_the_server_was_away(
    open_page: Open, helpdesk: User, synced: FakeCloud, asked: Migration
) -> None:
    page = open_page(helpdesk, f"/migrations/{asked.pk}/")
    page.context.route("**/status/**", lambda route: route.abort())
    expect(page.locator("#lost")).to_be_visible()

    run_tasks()
    page.context.unroute("**/status/**")

    expect(page.locator("#migration-status")).to_contain_text("Sent to Nova, and accepted")
    expect(page.locator("#lost")).to_be_hidden()


def test_what_a_manager_types_survives_the_polling(
    open_page: Open, manager: User, manager2: User, waiting: Migration
) -> None:
    page = open_page(manager, f"/migrations/{waiting.pk}/decide/")
    page.fill("#comment", "half a sente")

    services.confirm_migration(actor=manager2, migration=waiting, comment="mine")

    expect(page.locator("#still-waiting")).to_contain_text("manager2 confirmed it")
    assert page.input_value("#comment") == "half a sente"


def test_the_search_finds_while_one_types_and_is_one_key_away(
    open_page: Open, helpdesk: User, synced: FakeCloud
) -> None:
    page = open_page(helpdesk, "/migrations/")
    page.keyboard.press("/")
    page.keyboard.type("VM2")
    expect(page.locator("#found a.hit")).to_have_count(1)

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("vm2")


def test_a_double_click_asks_once(open_page: Open, helpdesk: User, synced: FakeCloud, vm2: Instance) -> None:
    page = open_page(helpdesk, f"/clouds/lab/instances/{vm2.uuid}/migrate/")
    page.fill("#reason", "disk errors")

    page.locator("[data-names-host]").dblclick()

    expect(page.locator("h1")).to_have_text("vm2")
    expect(page).to_have_url(page.url.split("/migrations/")[0] + f"/migrations/{Migration.objects.get().pk}/")


def test_everything_works_without_javascript(
    open_page: Open, helpdesk: User, manager: User, synced: FakeCloud, vm2: Instance
) -> None:
    page = open_page(helpdesk, f"/clouds/lab/instances/{vm2.uuid}/", js=False)
    page.click("#move-it")
    page.check("input[name=to][value='host:compute3']")
    page.fill("#reason", "disk errors")
    page.get_by_role("button", name="Show the ways that lead there").click()
    expect(page.locator("#reason")).to_have_value("disk errors")
    page.get_by_role("button", name="Ask to move it").click()
    made = reach(synced, Migration.objects.get(), State.WAITING)

    page = open_page(manager, "/approvals/", js=False)
    page.get_by_role("link", name="Decide on vm2").click()
    page.get_by_role("button", name="Reject: send it back to compute1").click()
    expect(page.locator("#comment-error")).to_contain_text("Say why not")
    page.fill("#comment", "the disks are fine")
    page.get_by_role("button", name="Reject: send it back to compute1").click()

    made.refresh_from_db()
    assert made.state == State.REVERTING


def test_the_theme_is_kept(open_page: Open, helpdesk: User, synced: FakeCloud) -> None:
    page = open_page(helpdesk, "/health/")
    switch = page.locator("[data-theme-switch]")
    switch.click()  # what the system says is light: the first step is seen

    page.reload()

    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(switch).to_have_attribute("aria-label", "Theme: dark. Change it.")


def test_times_are_in_the_readers_own_zone(
    open_page: Open, helpdesk: User, synced: FakeCloud, asked: Migration
) -> None:
    page = open_page(None, "/login/")
    page.fill("#id_username", "helpdesk")
    page.fill("#id_password", "x")
    page.click("button.primary")
    page.goto(page.url.split("/mine/")[0] + f"/migrations/{asked.pk}/")

    title = page.locator("time").first.get_attribute("title") or ""
    assert title.endswith(("(Asia/Ho_Chi_Minh)", "(Asia/Saigon)"))


def test_the_filter_goes_into_the_address_bar(
    open_page: Open, manager: User, synced: FakeCloud, asked: Migration
) -> None:
    page = open_page(manager, "/migrations/")

    page.select_option("select[name=state]", "failed")

    expect(page.locator("#rows")).to_contain_text("No migration matches")
    expect(page).to_have_url(page.url.split("?")[0] + "?state=failed")


@pytest.mark.parametrize("path", ["/audit/", "/migrations/"])
def test_what_is_wrong_with_a_filter_comes_to_its_field_and_goes_again(
    open_page: Open, auditor: User, synced: FakeCloud, path: str
) -> None:
    page = open_page(auditor, path)
    first, last = (
        ("2026-11-22", "2026-11-20") if path == "/migrations/" else ("2026-11-22T10:00", "2026-11-20T10:00")
    )
    until, told = page.locator("#f-until"), page.locator("#until-error")
    page.fill("#f-since", first)

    until.fill(last)

    expect(told).to_have_text("The end must be later than the beginning.")
    expect(until).to_have_attribute("aria-invalid", "true")
    expect(until).to_have_accessible_description("The end must be later than the beginning.")
    expect(until).to_have_value(last)
    expect(until).to_be_focused()
    until.fill(last.replace("-20", "-23"))
    expect(told).to_have_text("")
    expect(until).not_to_have_attribute("aria-invalid", "true")
    expect(until).to_be_focused()


def test_on_a_phone_all_of_the_bar_is_in_sight_and_small(open_page: Open, helpdesk: User) -> None:
    User.objects.filter(pk=helpdesk.pk).update(is_superuser=True)  # every page at once
    page = open_page(helpdesk, "/health/", phone=True)
    for link in page.locator(".nav a").all():
        expect(link).to_be_in_viewport(ratio=1)
    assert page.locator(".bar .nav").evaluate(
        "one => one.clientHeight < 3 * one.firstElementChild.clientHeight"
    )


def test_on_a_phone_the_names_of_the_pages_take_two_lines(
    open_page: Open, manager: User, waiting: Migration
) -> None:
    Migration.objects.filter(pk=waiting.pk).update(decide_by=timezone.now() - timedelta(minutes=1))
    page = open_page(manager, "/approvals/", phone=True)
    expect(page.locator(".nav .count")).to_have_text("1 · 1 overdue")  # the widest badge
    for link in page.locator(".nav a").all():
        expect(link).to_be_in_viewport(ratio=1)
    assert page.locator(".nav").evaluate("one => one.clientHeight < 3 * one.firstElementChild.clientHeight")


def test_on_a_phone_what_a_move_left_alone_is_one_line_and_one_tap(
    open_page: Open, manager: User, waiting: Migration
) -> None:
    page = open_page(manager, f"/migrations/{waiting.pk}/decide/", phone=True, js=False)
    same, changed = page.get_by_role("row", name="Flavor"), page.get_by_role("row", name="Host")
    expect(changed).to_be_visible()
    expect(same).to_be_hidden()

    page.get_by_text("6 things are as before").click()

    expect(same).to_be_visible()
    page = open_page(manager, f"/migrations/{waiting.pk}/decide/")
    expect(page.get_by_role("row", name="Flavor")).to_be_visible()
    expect(page.get_by_text("6 things are as before")).to_be_hidden()


def test_on_a_phone_the_filters_are_behind_one_tap(open_page: Open, auditor: User) -> None:
    page = open_page(auditor, "/audit/", phone=True)
    person = page.get_by_label("Person")
    expect(page.get_by_label("Search", exact=True)).to_be_visible()
    expect(person).to_be_hidden()
    page.get_by_text("More filters").click()
    person.fill("nobody")
    expect(page.locator("#rows")).to_contain_text("No entry matches.")
    page.reload()
    expect(person).to_be_visible()
