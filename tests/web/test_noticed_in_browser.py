"""Findings and outside moves in a real browser: no accessibility error, nothing too wide, and pages that follow."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from nmigrate import watchdog
from nmigrate.models import Finding, Instance, Migration, OutsideMove
from tests.web.browsing import Open
from tests.web.test_health_pages import beat
from tests.web.test_noticed_pages import outside

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]


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

    page.get_by_label("Origin").select_option("made outside nmigrate")

    expect(page.locator("#rows")).to_contain_text("doem")
    assert OutsideMove.objects.count() == 1
