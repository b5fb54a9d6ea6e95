"""The end of the wait at the page: a countdown, and then it goes back by itself."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from nmigrate.lab import Lab
from tests.story.desk import Desk, Seat, seat_at
from tests.story.test_moves import facts, known, plan, waits
from tests.story.test_story import state

pytestmark = [pytest.mark.lab, pytest.mark.browser]


@pytest.fixture(scope="module")
def hasty(lab: Lab) -> Iterator[Desk]:
    """An application that sends back after 12 seconds."""
    made = Desk(
        lab,
        "hasty",
        {
            "NMIGRATE_DECISION_SECONDS": "12",
            "NMIGRATE_REMIND_SECONDS": "8",
            "NMIGRATE_DECISION_AT_END": "revert",
        },
    )
    made.first_start()
    yield made
    made.stop()


@pytest.fixture
def hasty_seat(chromium: Browser, hasty: Desk) -> Iterator[Seat]:
    yield from seat_at(chromium, hasty)


def test_nobody_decides_and_it_is_sent_back(
    hasty: Desk, hasty_seat: Seat, make_server: Callable[..., Any]
) -> None:
    uuid = known(hasty, make_server(host="compute1", stopped=True))
    page = hasty_seat("helpdesk")
    plan(page, hasty, uuid, "compute3")
    waits(page)
    expect(state(page)).to_contain_text("sent back", timeout=60_000)
    expect(page.locator("main")).to_contain_text("Nobody decided")
    after = facts(hasty, uuid)
    assert (after["host"], after["status"], after["locked"]) == ("compute1", "SHUTOFF", False)
    actions = {
        row[0] for row in hasty.rows("SELECT action FROM nmigrate_auditevent WHERE instance_uuid = ?", uuid)
    }
    assert {"remind", "expire", "restore"} <= actions
