"""A move that stopped half-way: what exists, and the ways on as buttons."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from nmigrate.models import AuditEvent, Migration
from nmigrate.states import State
from tests.web.conftest import text
from webui import timeline


def test_the_page_says_what_exists_and_offers_the_ways_on(
    client: Client, helpdesk: User, half_way: Migration
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{half_way.pk}/"))

    for words in (
        "demo_zone is shelved: it is on no host, and its disk is kept.",
        f'formaction="/migrations/{half_way.pk}/retry/">Try the step again',
        f'formaction="/migrations/{half_way.pk}/go-back/">Go back to how it was',
        f'formaction="/migrations/{half_way.pk}/leave/">Leave it as it is',
        "demo_zone is brought up again in nova.",
        "Waiting for somebody to choose what happens next",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("verb", "action", "state"),
    [
        ("retry", "retry_move", State.RUNNING),
        ("go-back", "go_back", State.REVERTING),
        ("leave", "leave", State.FAILED),
    ],
)
def test_each_way_on_is_taken_with_its_note(
    client: Client, helpdesk: User, half_way: Migration, verb: str, action: str, state: State
) -> None:
    client.force_login(helpdesk)

    response = client.post(f"/migrations/{half_way.pk}/{verb}/", {"comment": "room was made"})

    half_way.refresh_from_db()
    assert response.status_code == 302
    assert half_way.state == state
    assert AuditEvent.objects.get(action=action).reason == "room was made"
    assert any("“room was made”" in step.note for step in timeline.steps(half_way))


def test_who_comes_second_sees_the_true_state_and_keeps_the_note(
    client: Client, helpdesk: User, half_way: Migration
) -> None:
    client.force_login(helpdesk)
    client.post(f"/migrations/{half_way.pk}/retry/")

    response = client.post(f"/migrations/{half_way.pk}/go-back/", {"comment": "too late"})

    assert response.status_code == 409
    assert "has gone on meanwhile" in text(response)


def test_an_auditor_reads_it_and_presses_nothing(client: Client, auditor: User, half_way: Migration) -> None:
    client.force_login(auditor)

    shown = text(client.get(f"/migrations/{half_way.pk}/"))

    assert "stopped half-way" in shown
    assert "formaction" not in shown


def test_a_note_that_is_too_long_is_refused_and_kept(
    client: Client, helpdesk: User, half_way: Migration
) -> None:
    client.force_login(helpdesk)

    response = client.post(f"/migrations/{half_way.pk}/leave/", {"comment": "y" * 2001})

    half_way.refresh_from_db()
    assert response.status_code == 422
    assert "A comment may have up to 2000 characters." in text(response)
    assert "y" * 2001 in text(response)
    assert half_way.state == State.STRANDED
