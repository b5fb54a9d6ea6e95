"""Every page in a real browser: no accessibility error, nothing blocked by the policy, nothing too wide.

And what only a browser can show: pages that follow by themselves, the search, the theme, a form sent once.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from nmigrate import audit, services
from nmigrate.models import Cloud, Instance, Migration
from nmigrate.states import State
from tests.conftest import run_tasks
from tests.fakecloud import FakeCloud
from tests.web.browsing import LONG, Open, complaints, too_wide
from tests.web.conftest import reach
from tests.wide import wide_cloud

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]


@pytest.fixture
def story(
    able: FakeCloud, helpdesk: User, manager: User, waiting: Migration, asking: Migration
) -> dict[str, str]:
    """The lab with life in it, as addresses: every kind of page, long names, a host down, an unreachable cloud."""
    vm1, doem = Instance.objects.get(name="vm1"), Instance.objects.get(name="doem")
    failed = services.request_migration(actor=manager, instance=doem, reason="x" * 300, ticket="y" * 100)
    words = {"failure": "No room.", "next_step": "Choose another.", "nova_said": "No valid host " * 20}
    Migration.objects.filter(pk=failed.pk).update(state="failed", **words)
    Instance.objects.filter(pk=vm1.pk).update(name=LONG, locked=True, locked_reason="z" * 200)
    due = timezone.now() + timedelta(minutes=10)
    Migration.objects.filter(pk=waiting.pk).update(decide_by=due, reason="because " * 40)
    with transaction.atomic():
        audit.record("hold_removed", actor="m" * 60, is_outside=True, migration=waiting, reason="put back")
    Cloud.objects.create(name="dr", problem="dr cannot be reached.", problem_said="refused")
    wide = wide_cloud(70)
    Instance.objects.filter(name="vm-00001").update(locked=True, locked_reason="z" * 200)
    aside = services.request_migration(
        actor=helpdesk,
        instance=Instance.objects.get(name="vm-00001"),
        reason="it is old",
        sets_aside=["lock"],
    )
    instances, migrations = "/clouds/lab/instances", "/migrations"
    return {
        "my work": "/mine/",
        "guide": "/guide/",
        "words": "/guide/words/",
        "tour": "/tour/",
        "parts": "/components/",
        "topology": "/clouds/lab/",
        "only trouble": "/clouds/lab/?show=trouble",
        "unreachable": "/clouds/dr/",
        "find": "/clouds/lab/find/?q=vm",
        "find nothing": "/clouds/lab/find/?q=nothing-like-this",
        "host": "/clouds/lab/hosts/compute1/",
        "no host": "/clouds/lab/hosts/nowhere/",
        "instance": f"{instances}/{waiting.instance_uuid}/",
        "long instance": f"{instances}/{vm1.uuid}/",
        "destinations": f"{instances}/{doem.uuid}/destinations/",
        "destinations of a locked one": f"{instances}/{vm1.uuid}/destinations/",
        "wide destinations": f"/clouds/wide/instances/{wide.uuid}/destinations/",
        "wide plan": f"/clouds/wide/instances/{wide.uuid}/migrate/",
        "plan": f"{instances}/{doem.uuid}/migrate/",
        "plan to a zone": f"{instances}/{doem.uuid}/migrate/?zone=nova-1",
        "plan under way": f"{instances}/{asking.instance_uuid}/migrate/",
        "no plan": f"{instances}/{vm1.uuid}/migrate/",
        "no instance": f"{instances}/gone/",
        "migrations": f"{migrations}/",
        "asking": f"{migrations}/{asking.pk}/",
        "waiting": f"{migrations}/{waiting.pk}/",
        "failed": f"{migrations}/{failed.pk}/",
        "approvals": "/approvals/",
        "approve": f"{migrations}/{asking.pk}/decide/",
        "set aside": f"{migrations}/{aside.pk}/decide/",
        "decide": f"{migrations}/{waiting.pk}/decide/",
        "decided": f"{migrations}/{failed.pk}/decide/",
        "audit": "/audit/",
        "bypasses": "/audit/?outside=on",
        "bad filter": "/audit/?since=never",
        "entry": "/audit/1/",
        "health": "/health/",
        "no page": "/nowhere/",
    }


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk", "phone in the dark"])
def test_no_page_has_an_accessibility_error_or_is_too_wide(
    open_page: Open, manager: User, story: dict[str, str], phone: bool, dark: bool, live_server: LiveServer
) -> None:
    page = open_page(manager, "/health/", phone=phone, dark=dark)
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "Security" in message.text else None)
    wrong = []
    for name, path in story.items():
        page.goto(live_server.url + path)
        wrong += [f"{name}: {complaint}" for complaint in complaints(page)]
        if too_wide(page) > 0:
            wrong.append(f"{name}: {too_wide(page)} px too wide")

    assert wrong == []
    assert blocked == []


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
    expect(page.locator("#migration-status")).to_contain_text("Waiting for a worker")

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

    made.refresh_from_db()
    assert made.state == State.REVERTING


def test_the_theme_is_kept(open_page: Open, helpdesk: User, synced: FakeCloud) -> None:
    page = open_page(helpdesk, "/health/")
    switch = page.locator("[data-theme-switch]")
    switch.click()
    switch.click()

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
