"""A live move on its page: how far it is, stopping it, finishing it at once, and when Nova takes neither."""

import time

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from nmigrate.models import Migration
from nmigrate.states import State
from tests.conftest import follow
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text
from webui import timeline

MIB, GIB = 2**20, 2**30


def measured(live: Migration, *remaining: int) -> None:
    """Nova's measurements of 2 GiB, five seconds apart: what was left at each."""
    now = time.time()
    samples = [[now - 5 * (len(remaining) - n), left] for n, left in enumerate(remaining, 1)]
    figures = {"total": 2 * GIB, "remaining": remaining[-1], "processed": 3 * GIB, "samples": samples}
    Migration.objects.filter(pk=live.pk).update(progress=figures)


def page_of(client: Client, user: User, migration: Migration) -> str:
    client.force_login(user)
    return text(client.get(f"/migrations/{migration.pk}/"))


def test_looking_at_the_page_makes_the_follower_ask_nova(
    client: Client, helpdesk: User, able: FakeCloud, live: Migration
) -> None:
    assert live.watched_at is None
    assert "Nova measures about every 5 seconds" in page_of(client, helpdesk, live)

    follow(able)

    assert client.get(f"/migrations/{live.pk}/status/", {"v": "0"}).status_code == 200
    assert Migration.objects.get(pk=live.pk).watched_at is not None
    assert able.calls["live_progress"] > 0


def test_the_progress_is_told_in_figures_and_words(client: Client, helpdesk: User, live: Migration) -> None:
    measured(live, 1600 * MIB, 700 * MIB)

    shown = page_of(client, helpdesk, live)

    assert '<progress max="100" value="66" aria-label="Memory copied">66%</progress>' in shown
    assert "1.3 GiB of 2.0 GiB of memory copied · about 3 s left" in shown


def test_a_move_that_comes_no_closer_to_its_end_says_so(
    client: Client, operator: User, live: Migration
) -> None:
    measured(live, 700 * MIB, 700 * MIB, 800 * MIB, 900 * MIB)

    shown = page_of(client, operator, live)

    assert "changes its memory faster than it can be copied. Finish it now, or stop it." in shown
    assert " left</span>" not in shown


@pytest.mark.parametrize(("role", "may_force"), [("helpdesk", False), ("manager", True), ("operator", True)])
def test_who_may_stop_and_who_may_finish_it(
    client: Client, live: Migration, role: str, may_force: bool, request: pytest.FixtureRequest
) -> None:
    shown = page_of(client, request.getfixturevalue(role), live)

    assert f'action="/migrations/{live.pk}/abort/"' in shown
    assert (f'action="/migrations/{live.pk}/force/"' in shown) is may_force


def test_stopped_it_stays_where_it_was(
    client: Client, helpdesk: User, able: FakeCloud, live: Migration
) -> None:
    client.force_login(helpdesk)

    assert client.post(f"/migrations/{live.pk}/abort/").status_code == 302
    assert "being stopped" in text(client.get(f"/migrations/{live.pk}/"))
    reach(able, live, State.ABORTED)

    assert "Stop of the live move asked for by helpdesk" in text(client.get(f"/migrations/{live.pk}/"))
    told = timeline.steps(live)
    assert [step.title for step in told[-2:]] == [
        "Stop of the live move asked for by helpdesk",
        "Cancelled on the way; it runs on compute2",
    ]
    assert {step.tone for step in told} == {timeline.DONE}, "it was wanted"


def test_what_is_being_stopped_is_not_offered_to_be_finished(
    client: Client, operator: User, live: Migration
) -> None:
    assert "/force/" in page_of(client, operator, live)
    client.post(f"/migrations/{live.pk}/abort/")
    assert "/force/" not in page_of(client, operator, live)


def test_stopped_and_bound_again_it_is_called_cancelled_on_the_way(
    client: Client, helpdesk: User, live: Migration
) -> None:
    ended = {
        "state": State.REVERTED,
        "nova_status": "cancelled",
        "changes_pin": True,
        "ended_at": timezone.now(),
    }
    Migration.objects.filter(pk=live.pk).update(**ended)
    shown = page_of(client, helpdesk, live)
    assert "cancelled on the way" in shown
    assert "put back" not in shown
    assert f'href="/migrations/{live.pk}/"' in text(client.get("/migrations/?state=aborted"))
    assert f'href="/migrations/{live.pk}/"' not in text(client.get("/migrations/?state=reverted"))


def test_finished_now_it_says_that_the_guest_is_paused(
    client: Client, operator: User, able: FakeCloud, live: Migration
) -> None:
    client.force_login(operator)

    assert client.post(f"/migrations/{live.pk}/force/").status_code == 302

    shown = text(client.get(f"/migrations/{live.pk}/"))
    assert "is paused until the rest of its memory has followed" in shown
    assert f'action="/migrations/{live.pk}/force/"' not in shown
    able.hold_live = False
    reach(able, live, State.DONE)
    shown = text(client.get(f"/migrations/{live.pk}/"))
    assert "It was paused while the rest of its memory was copied" in shown
    assert "It ran all the time" not in shown


@pytest.mark.parametrize("action", ["abort", "force"])
def test_the_second_click_says_that_it_was_asked_already(
    client: Client, operator: User, live: Migration, action: str
) -> None:
    client.force_login(operator)
    client.post(f"/migrations/{live.pk}/{action}/")

    response = client.post(f"/migrations/{live.pk}/{action}/")

    assert response.status_code == 409
    assert "already" in text(response)


@pytest.mark.parametrize("action", ["abort", "force"])
def test_after_the_guest_has_changed_hosts_nothing_can_be_stopped(
    client: Client, operator: User, live: Migration, action: str
) -> None:
    Migration.objects.filter(pk=live.pk).update(nova_status="running (post-copy)")

    shown = page_of(client, operator, live)

    assert "demo_zone already runs on compute4." in shown
    assert f"/{action}/" not in shown
    assert client.post(f"/migrations/{live.pk}/{action}/").status_code == 409


def test_a_cold_move_has_no_progress_and_cannot_be_stopped(
    client: Client, operator: User, moving: Migration
) -> None:
    shown = page_of(client, operator, moving)

    assert "<progress" not in shown
    assert client.post(f"/migrations/{moving.pk}/abort/").status_code == 409
