"""What only a browser shows of my work and the frame: journeys counted, a lost connection, toasts, words on hover."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from nmigrate import services
from nmigrate.models import Finding, Instance, Migration, Visit
from nmigrate.states import State
from tests.conftest import run_tasks
from tests.fakecloud import FakeCloud
from tests.web.browsing import Open, complaints, too_wide

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]


# -- the journeys, from the page where everybody begins; the browser itself counts what its user does

COUNTING = """
const count = (what) => sessionStorage.setItem(what, 1 + Number(sessionStorage.getItem(what)));
addEventListener("click", (event) => { if (event.isTrusted && event.detail) count("clicks"); }, true);
addEventListener("keydown", (event) => { if (event.isTrusted) count("keys"); }, true);
"""
"""A click that the keyboard makes has no detail."""


def counted(page: Page) -> Page:
    """The same page, loaded anew, which counts from now on."""
    page.add_init_script(COUNTING)
    page.reload()
    return page


def effort(page: Page) -> tuple[int, int]:
    """Clicks and keystrokes since then."""
    clicks, keys = (
        int(page.evaluate(f"sessionStorage.getItem('{what}') || 0")) for what in ("clicks", "keys")
    )
    return clicks, keys


def test_helpdesk_comes_from_a_ticket_to_a_started_move_in_four_clicks(
    open_page: Open, helpdesk: User, synced: FakeCloud
) -> None:
    page = counted(open_page(helpdesk, "/"))
    page.keyboard.press("/")
    page.keyboard.type("vm2")
    page.locator("#found a.hit").first.click()
    page.locator("#move-it").click()
    page.locator("#reason").click()
    page.keyboard.type("disk errors")
    page.locator("[data-names-host]").click()

    expect(page.locator("#migration-status")).to_be_visible()
    assert Migration.objects.get().instance_name == "vm2"
    assert effort(page) == (4, len("/vm2" + "disk errors"))


def test_helpdesk_does_it_by_keyboard_alone(open_page: Open, helpdesk: User, synced: FakeCloud) -> None:
    page = counted(open_page(helpdesk, "/"))
    page.keyboard.press("/")
    page.keyboard.type("vm2")
    expect(page.locator("#found a.hit")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#move-it")).to_be_visible()
    tab_to(page, "#move-it")
    page.keyboard.press("Enter")
    expect(page.locator("#reason")).to_be_visible()
    tab_to(page, "#reason")
    page.keyboard.type("disk errors")
    tab_to(page, "[data-names-host]")
    page.keyboard.press("Enter")

    expect(page.locator("#migration-status")).to_be_visible()
    clicks, keys = effort(page)
    assert (clicks, keys <= 60) == (0, True), keys


def tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_a_manager_decides_in_two_clicks_and_is_told_so(
    open_page: Open, manager: User, waiting: Migration
) -> None:
    page = counted(open_page(manager, "/"))
    page.locator(f"#decide-{waiting.pk}").click()
    page.get_by_role("button", name="Confirm").click()

    expect(page.locator(".toast")).to_contain_text("You confirmed the move of vm2.")
    assert effort(page) == (2, 0)
    expect(page.locator("#announcer")).to_contain_text("You confirmed the move of vm2.")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".toast")).to_have_count(0)
    waiting.refresh_from_db()
    assert waiting.state == State.CONFIRMING


def test_an_auditor_has_the_answer_in_two(open_page: Open, auditor: User, done: Migration) -> None:
    page = counted(open_page(auditor, "/"))
    page.locator(".ask-trail input").click()
    page.keyboard.type("vm2")
    page.keyboard.press("Enter")

    expect(page.locator("#rows")).to_contain_text("looks healthy")
    assert effort(page) == (1, len("vm2") + 1)


def test_an_operator_empties_a_host_in_four_clicks(
    open_page: Open, operator: User, running: Instance
) -> None:
    page = counted(open_page(operator, "/"))
    page.keyboard.press("/")
    page.keyboard.type("compute2")
    page.locator("#found a.hit").first.click()
    page.locator("#empty").click()
    page.locator("#reason").click()
    page.keyboard.type("new disks")
    page.locator("#ask").click()

    expect(page.locator("h1")).to_have_text("2 of 2 moves asked for")
    assert effort(page) == (4, len("/compute2" + "new disks"))
    assert {one.instance_name for one in Migration.objects.all()} == {"doem", "demo_zone"}


def test_one_box_ticks_every_instance_of_a_host(open_page: Open, operator: User, running: Instance) -> None:
    path = "/clouds/lab/hosts/compute2/empty/"
    page = open_page(operator, path, phone=True)
    assert too_wide(page) <= 0
    every = page.locator("[data-picks-all] input")
    expect(every).to_be_checked()
    every.uncheck()
    assert page.locator("input.pick:checked").count() == 0
    page.locator("#reason").fill("new disks")
    page.locator("#ask").click()
    expect(page.get_by_role("alert")).to_have_text("Choose at least one instance.")
    page.locator("[data-picks-all] input").check()
    page.locator("#ask").click()
    expect(page.locator("h1")).to_have_text("2 of 2 moves asked for")
    assert complaints(page) == []
    assert too_wide(page) <= 0


def test_a_host_is_emptied_without_javascript(open_page: Open, operator: User, running: Instance) -> None:
    page = open_page(operator, "/clouds/lab/hosts/compute2/", js=False)
    page.locator("#empty").click()
    page.locator("input.pick").first.uncheck()
    page.locator("#reason").fill("new disks")
    page.locator("#ask").click()
    expect(page.locator("h1")).to_have_text("1 of 1 moves asked for")


def test_the_same_without_javascript(
    open_page: Open, manager: User, auditor: User, waiting: Migration
) -> None:
    page = open_page(manager, "/", js=False)
    page.locator(f"#decide-{waiting.pk}").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".toast")).to_contain_text("You confirmed the move of vm2.")
    assert page.locator(".toast").evaluate("one => getComputedStyle(one.parentElement).position") == "static"

    page = open_page(auditor, "/", js=False)
    expect(page.get_by_role("link", name="Is the chain whole?")).to_be_visible()
    page.fill(".ask-trail input", "vm2")
    page.keyboard.press("Enter")
    expect(page.locator("#rows")).to_contain_text("disk errors on compute1")


# -- my work follows by itself


def test_my_work_follows_and_keeps_the_focus(
    open_page: Open, manager: User, helpdesk: User, waiting: Migration
) -> None:
    page = open_page(manager, "/mine/")
    link = page.locator("#all-approvals")
    link.focus()
    now = timezone.now()

    Finding.objects.create(
        cloud="lab", rule="hangs", host="compute1", what="It hangs.", who="manager", since=now, seen_at=now
    )
    page.evaluate("htmx.trigger('#mine', 'wake')")

    expect(page.locator("#mine-wrong")).to_be_visible()
    expect(link).to_be_focused()


def test_what_was_unfolded_stays_so_with_the_focus_on_it_when_the_page_is_drawn_anew(
    open_page: Open, helpdesk: User, waiting: Migration
) -> None:
    page = open_page(helpdesk, "/health/")
    fold = page.locator("details:not([id]) > summary", has_text="How many in each state")
    fold.focus()
    page.keyboard.press("Enter")

    page.evaluate("document.getElementById('health').dataset.old = 'yes'; htmx.trigger('#health', 'wake')")

    expect(page.locator("#health[data-old]")).to_have_count(0)
    expect(fold).to_be_focused()
    expect(page.get_by_text("waits for a decision: 1")).to_be_visible()


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk", "phone in the dark"])
def test_my_work_full_and_empty_has_no_accessibility_error(
    open_page: Open,
    helpdesk: User,
    operator: User,
    auditor: User,
    half_way: Migration,
    phone: bool,
    dark: bool,
) -> None:
    now = timezone.now()
    Migration.objects.filter(pk=half_way.pk).update(instance_name="x" * 200, failure="y" * 300)
    Finding.objects.create(cloud="lab", rule="r", host="h" * 80, what="z " * 90, since=now, seen_at=now)
    Visit.objects.create(user=operator, seen_at=now, before=now - timedelta(days=1))
    for user, path in ((operator, "/mine/"), (helpdesk, "/mine/"), (auditor, "/mine/"), (auditor, "/guide/")):
        page = open_page(user, path, phone=phone, dark=dark)
        expect(page.locator("h1")).to_be_visible()
        assert complaints(page) == [], user
        assert too_wide(page) <= 0, user
        page.close()


# -- slow and broken


def test_a_lost_connection_is_shown_and_recovers_on_a_page_that_asks_for_nothing(
    open_page: Open, helpdesk: User, synced: FakeCloud
) -> None:
    page = open_page(helpdesk, "/guide/")
    assert page.locator("[data-poll]").count() == 0

    page.context.set_offline(True)
    expect(page.locator("#lost")).to_contain_text("No answer from the server.")
    page.context.set_offline(False)

    expect(page.locator("#lost")).to_be_hidden()


def test_what_was_typed_stays_when_the_server_is_away_and_is_sent_when_it_is_back(
    open_page: Open, helpdesk: User, asked: Migration
) -> None:
    page = open_page(helpdesk, f"/migrations/{asked.pk}/")
    page.context.route("**/*", lambda route: route.abort())
    expect(page.locator("#lost")).to_be_visible()

    button = page.get_by_role("button", name="Withdraw the request")
    button.click()
    expect(page.locator("#lost")).to_contain_text("Nothing was sent")
    asked.refresh_from_db()
    assert asked.state == State.QUEUED

    page.context.unroute("**/*")
    expect(page.locator("#lost")).to_be_hidden()
    page.get_by_role("button", name="Withdraw the request").click()
    expect(page.locator(".toast")).to_contain_text("You withdrew the request.")


def test_a_server_that_answers_with_errors_is_called_that_and_the_page_goes_on_when_it_is_well(
    open_page: Open, helpdesk: User, asked: Migration
) -> None:
    page = open_page(helpdesk, f"/migrations/{asked.pk}/")
    page.context.route("**/status/**", lambda route: route.fulfill(status=500, body="broken"))
    expect(page.locator("#lost")).to_contain_text("answers with an error")

    run_tasks()
    page.context.unroute("**/status/**")

    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#migration-status")).to_contain_text("Sent to Nova, and accepted")


def test_a_page_that_one_may_no_longer_see_says_so(open_page: Open, helpdesk: User, asked: Migration) -> None:
    page = open_page(helpdesk, f"/migrations/{asked.pk}/")

    helpdesk.groups.clear()

    expect(page.locator("#lost")).to_contain_text("no longer yours to see")
    page.get_by_role("link", name="Load the page again").click()
    expect(page.locator("h1")).to_have_text("You have no role yet")


def test_a_slow_answer_draws_a_line_along_the_top(open_page: Open, helpdesk: User, synced: FakeCloud) -> None:
    page = open_page(helpdesk, "/migrations/")
    held: list[object] = []
    page.context.route("**/migrations/?*", lambda route: held.append(route))

    page.select_option("select[name=state]", "failed")

    expect(page.locator("html.is-loading")).to_have_count(1)
    expect(page.locator(".loading")).to_have_css("opacity", "1")
    for route in held:
        route.continue_()  # type: ignore[attr-defined]  # Playwright's Route
    expect(page.locator("html.is-loading")).to_have_count(0)


# -- words


def test_a_word_explains_itself_by_pointer_keyboard_and_without_javascript(
    open_page: Open, helpdesk: User, synced: FakeCloud
) -> None:
    page = open_page(helpdesk, "/guide/")
    word, means = page.locator("[popovertarget=term-cold]"), page.locator("#term-cold")
    expect(means).to_be_hidden()

    word.hover()
    expect(means).to_be_visible()
    means.hover()  # the pointer may go there, to read or to copy
    page.wait_for_timeout(600)
    expect(means).to_be_visible()
    assert complaints(page) == []
    page.mouse.move(5, 5)
    expect(means).to_be_hidden()

    word.focus()
    page.keyboard.press("Enter")
    expect(means).to_be_visible()
    page.keyboard.press("Escape")
    expect(means).to_be_hidden()
    expect(word).to_be_focused()

    page = open_page(helpdesk, "/guide/", js=False)
    page.locator("[popovertarget=term-cold]").click()
    expect(page.locator("#term-cold")).to_be_visible()


def test_colours_follow_the_system_and_the_switch(open_page: Open, helpdesk: User, synced: FakeCloud) -> None:
    def card(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor"))

    page = open_page(helpdesk, "/guide/", dark=True)
    assert card(page) == "rgb(24, 30, 41)"
    page.locator("[data-theme-switch]").click()  # light
    assert card(page) == "rgb(255, 255, 255)"
    page.reload()
    assert card(page) == "rgb(255, 255, 255)"


def test_before_several_are_decided_their_names_are_told(
    open_page: Open, manager: User, waiting: Migration, synced: FakeCloud, helpdesk: User
) -> None:
    other = services.request_migration(
        actor=helpdesk, instance=Instance.objects.get(name="demo_zone"), reason="old", host="compute4"
    )
    Migration.objects.filter(pk=other.pk).update(state=State.ASKING)
    page = open_page(manager, "/approvals/")
    told = page.locator("p[data-picked]")
    expect(told).to_be_hidden()
    page.get_by_label("Choose vm2").check()
    expect(told).to_contain_text("taken back at a no: vm2")
    expect(told).not_to_contain_text("Moved at a yes: demo_zone")
    page.get_by_label("Choose demo_zone").check()
    expect(told).to_contain_text("Moved at a yes: demo_zone")
    page.get_by_label("Choose all on this page").uncheck()
    expect(told).to_be_hidden()
