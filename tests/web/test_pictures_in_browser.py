"""The pictures in a real browser: no accessibility error, nothing too wide, and opened figures stay open."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from nmigrate.models import Hypervisor, Migration
from tests.web.browsing import Open, complaints, too_wide
from tests.web.test_figures_pages import asked, decided, sample

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]

GIB = 2**30


@pytest.fixture
def filled(helpdesk: User, manager: User, waiting: Migration, live: Migration) -> dict[str, str]:
    """Pages with something in every picture."""
    now = timezone.now()
    for number in range(30):
        state = ("done", "failed", "reverted", "declined")[number % 4]
        words = {"failure": "No room at all.", "cause": "room"} if state == "failed" else {}
        since = now - timedelta(days=number)
        move = asked(helpdesk, since, state, waiting_since=since, ended_at=since, **words)
        decided(move, manager, timedelta(minutes=3 ** (number % 8)))
    host = Hypervisor.objects.get(host="compute1")
    for hours in (300, 200, 100, 2, 1):
        sample(host.uuid, now - timedelta(hours=hours), used=100 * hours % 1024)
    start = now.timestamp() - 60
    samples = [[start + 5 * n, (2 - 0.1 * n) * GIB] for n in range(11)]
    figures = {"total": 2 * GIB, "remaining": GIB, "processed": GIB, "samples": samples}
    Migration.objects.filter(pk=live.pk).update(progress=figures)
    return {
        "figures": "/figures/",
        "by week": "/figures/?days=90",
        "host": "/clouds/lab/hosts/compute1/",
        "waiting": f"/migrations/{waiting.pk}/",
        "live": f"/migrations/{live.pk}/",
    }


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk", "phone in the dark"])
def test_no_picture_has_an_accessibility_error_or_is_too_wide(
    open_page: Open, manager: User, filled: dict[str, str], phone: bool, dark: bool, live_server: LiveServer
) -> None:
    page = open_page(manager, "/healthz", phone=phone, dark=dark)
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "Security" in message.text else None)
    wrong = []
    for name, path in filled.items():
        page.goto(live_server.url + path)
        page.evaluate("document.querySelectorAll('details.numbers').forEach((one) => { one.open = true })")
        wrong += [f"{name}: {complaint}" for complaint in complaints(page)]
        if too_wide(page) > 0:
            wrong.append(f"{name}: {too_wide(page)} px too wide")

    assert wrong == []
    assert blocked == []


def test_opened_figures_stay_open_and_focused_when_the_picture_is_drawn_anew(
    open_page: Open, manager: User, filled: dict[str, str], waiting: Migration
) -> None:
    page = open_page(manager, filled["waiting"])
    page.locator("#numbers-bar-open").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#numbers-bar table")).to_be_visible()

    Migration.objects.filter(pk=waiting.pk).update(version=F("version") + 1, remark="Something was noticed.")

    expect(page.get_by_text("Something was noticed.")).to_be_visible()
    expect(page.locator("#numbers-bar table")).to_be_visible()
    expect(page.locator("#numbers-bar-open")).to_be_focused()


def test_the_bar_grows_by_itself_and_what_is_over_does_not_move(
    open_page: Open, manager: User, filled: dict[str, str], waiting: Migration
) -> None:
    page = open_page(manager, filled["waiting"])
    page.evaluate("window.neverReloaded = true")
    rects = (
        "[...document.querySelectorAll('#phase-bar .piece:not(.life) > rect')]"
        ".map((one) => one.getBoundingClientRect().width)"
    )
    before = page.evaluate(rects)

    page.wait_for_function(f"(before) => {rects}.at(-1) > before", arg=before[-1])

    assert len(page.evaluate(rects)) == len(before)
    assert page.evaluate("window.neverReloaded") is True


@pytest.mark.parametrize("view", ["cards", "map"])
def test_all_moves_of_one_way_are_one_line_whose_head_ends_before_the_host(
    open_page: Open, helpdesk: User, waiting: Migration, live: Migration, view: str
) -> None:
    way = {"source_host": waiting.source_host, "source_zone": waiting.source_zone, "dest_host": "compute3"}
    Migration.objects.filter(pk=live.pk).update(**way)

    page = open_page(helpdesk, f"/clouds/lab/?view={view}")

    expect(page.locator(".moves [data-from=compute1][data-to=compute3]")).to_have_count(2)
    expect(page.locator("#lines .flight")).to_have_count(1)
    expect(page.locator("#lines .flight.going")).to_have_count(1)
    tip, *edges = page.evaluate(
        """() => {
            const line = document.querySelector("#lines .flight"), head = document.querySelector("#arrow");
            const box = (name) => document.querySelector(`[data-host=${name}]`).getBoundingClientRect();
            const from = box("compute1"), to = box("compute3");
            const end = line.getPointAtLength(line.getTotalLength()).x + line.getScreenCTM().e;
            const tip = end + Math.sign(to.left - from.left) * head.markerWidth.baseVal.value;
            return [tip, from.left, from.right, to.left, to.right];
        }"""
    )
    _, begin, end, _ = sorted(edges)
    assert begin < tip < end  # in the gap between the two hosts
