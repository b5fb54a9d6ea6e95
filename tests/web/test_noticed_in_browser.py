"""Findings and outside moves in a real browser: no accessibility error, nothing too wide, and pages that follow."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from nmigrate import watchdog
from nmigrate.models import Finding, Hypervisor, Instance, Migration, OutsideMove
from tests.fakecloud import FakeCloud
from tests.web.browsing import LONG, Open, complaints, too_wide
from tests.web.test_health_pages import beat
from tests.web.test_noticed_pages import outside

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]

SHOTS = os.environ.get("NMIGRATE_TEST_SHOTS", "")
"""A folder for pictures of the pages, to be looked at; none by default."""


@pytest.fixture
def story(able: FakeCloud, waiting: Migration, live: Migration) -> dict[str, str]:
    """Findings of several kinds, one that has passed, moves of others under way and over, a long name."""
    beat("follower")
    beat("worker")
    vm1, doem = Instance.objects.get(name="vm1"), Instance.objects.get(name="doem")
    Instance.objects.filter(pk=vm1.pk).update(name=LONG, task_state="image_uploading")
    hour = timezone.now() - timedelta(hours=1)
    Instance.objects.filter(pk=vm1.pk).update(updated_at=hour)
    now = timezone.now().timestamp()
    gib = 2**30
    progress = {
        "total": 4 * gib,
        "remaining": 2 * gib,
        "processed": 9 * gib,
        "samples": [[now - 400, 2 * gib], [now, 2 * gib]],
    }
    Migration.objects.filter(pk=live.pk).update(
        progress={**progress, "least": [now - 400, 2 * gib], "read_at": now}
    )
    Migration.objects.filter(pk=waiting.pk).update(decide_by=timezone.now() - timedelta(minutes=1))
    watchdog.judge("lab")
    Migration.objects.filter(pk=waiting.pk).update(decide_by=timezone.now() + timedelta(hours=5))
    Hypervisor.objects.filter(host="compute1").update(state="down")
    watchdog.judge("lab")
    outside(doem, dest_host="compute4", user_name="m" * 40)
    outside(
        doem, server_migration_id=800, status="error", ended_at=hour, started_at=hour, type="live-migration"
    )
    return {
        "health": "/health/",
        "migration": f"/migrations/{waiting.pk}/",
        "live": f"/migrations/{live.pk}/",
        "instance": f"/clouds/lab/instances/{doem.uuid}/",
        "long": f"/clouds/lab/instances/{vm1.uuid}/",
        "topology": "/clouds/lab/",
        "outside": "/migrations/?made=outside",
        "trail": "/audit/",
    }


@pytest.mark.parametrize(
    ("phone", "dark"),
    [(False, False), (False, True), (True, False), (True, True)],
    ids=["desk", "desk in the dark", "phone", "phone in the dark"],
)
def test_no_page_has_an_accessibility_error_or_is_too_wide(
    open_page: Open, operator: User, story: dict[str, str], phone: bool, dark: bool, live_server: LiveServer
) -> None:
    page = open_page(operator, "/health/", phone=phone, dark=dark)
    wrong = []
    for name, path in story.items():
        page.goto(live_server.url + path)
        wrong += [f"{name}: {complaint}" for complaint in complaints(page)]
        if too_wide(page) > 0:
            wrong.append(f"{name}: {too_wide(page)} px too wide")
        if SHOTS:
            shot = f"{name}-{'360' if phone else '1440'}-{'dark' if dark else 'light'}.png"
            page.screenshot(path=Path(SHOTS) / shot, full_page=True)

    assert wrong == []


def test_the_count_beside_health_follows_without_a_reload(
    open_page: Open, operator: User, waiting: Migration
) -> None:
    beat("follower")
    page = open_page(operator, "/health/")
    expect(page.locator("#health")).to_contain_text("finds nothing")
    Migration.objects.update(decide_by=timezone.now() - timedelta(minutes=1))
    watchdog.judge("lab")

    page.evaluate("htmx.trigger('#findings-badge', 'wake'); htmx.trigger('#health', 'wake')")

    expect(page.locator("#findings-badge")).to_contain_text("1")
    expect(page.locator("#health")).to_contain_text("Nobody has decided on the move of vm2 in time.")
    Finding.objects.update(ended_at=timezone.now())
    page.evaluate("htmx.trigger('#findings-badge', 'wake')")
    expect(page.locator("#findings-badge")).to_have_text("")


def test_choosing_the_moves_of_others_filters_the_list_in_place(
    open_page: Open, operator: User, waiting: Migration
) -> None:
    outside(Instance.objects.get(name="doem"), status="completed", ended_at=timezone.now())
    page = open_page(operator, "/migrations/")
    expect(page.locator("#rows")).not_to_contain_text("doem")

    page.get_by_label("Which").select_option("made outside nmigrate")

    expect(page.locator("#rows")).to_contain_text("doem")
    assert OutsideMove.objects.count() == 1
