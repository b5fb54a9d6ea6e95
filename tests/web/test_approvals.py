"""What waits for managers: approval before the start, the deadline, and several decided together."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from nmigrate import services
from nmigrate.models import Approval, Instance, Migration
from nmigrate.states import State
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text


def due_in(migration: Migration, span: timedelta) -> None:
    Migration.objects.filter(pk=migration.pk).update(decide_by=timezone.now() + span)


# -- before the start


def test_whoever_asks_for_downtime_reads_that_a_manager_must_approve_it(
    client: Client, helpdesk: User, asking: Migration
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{asking.pk}/"))

    assert "waits for approval" in shown
    assert "Waiting for a manager&#x27;s approval" in shown
    assert "Withdraw the request" in shown
    assert "Look at it and decide" not in shown


def test_a_manager_reads_who_asks_why_and_what_it_means(
    client: Client, manager: User, asking: Migration
) -> None:
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{asking.pk}/decide/"))

    for words in (
        "Let demo_zone be moved?",
        "helpdesk",
        "PSU swap on Sunday",
        "usually a minute or two",
        "demo_zone is shut down, and its disk is brought to compute4.",
        f'action="/migrations/{asking.pk}/approve/"',
        f'formaction="/migrations/{asking.pk}/decline/"',
    ):
        assert words in shown


def test_what_would_be_refused_now_is_said_before_it_is_approved(
    client: Client, manager: User, asking: Migration
) -> None:
    Instance.objects.filter(uuid=asking.instance_uuid).update(locked=True, locked_reason="closing the year")
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{asking.pk}/decide/"))

    assert "It would be refused now." in shown
    assert "closing the year" in shown


@pytest.mark.parametrize(
    ("verb", "decision", "state"),
    [("approve", Approval.APPROVE, State.QUEUED), ("decline", Approval.DECLINE, State.DECLINED)],
)
def test_the_answer_with_its_comment_is_kept(
    client: Client, manager: User, asking: Migration, verb: str, decision: str, state: State
) -> None:
    client.force_login(manager)

    response = client.post(f"/migrations/{asking.pk}/{verb}/", {"comment": "at night"})

    asking.refresh_from_db()
    made = Approval.objects.get()
    assert response.headers["Location"] == f"/migrations/{asking.pk}/"
    assert (made.decision, made.comment, asking.state) == (decision, "at night", state)
    assert "“at night”" in text(client.get(f"/migrations/{asking.pk}/"))


@pytest.mark.parametrize("verb", ["approve", "decline"])
def test_nobody_approves_what_they_asked_for_themselves(
    client: Client, manager: User, running: Instance, verb: str
) -> None:
    own = services.request_migration(actor=manager, instance=running, reason="mine")
    client.force_login(manager)

    assert client.post(f"/migrations/{own.pk}/{verb}/").status_code == 403
    own.refresh_from_db()
    assert own.state == State.ASKING


def test_the_second_manager_sees_that_it_was_approved_already(
    client: Client, manager: User, manager2: User, asking: Migration
) -> None:
    services.approve_migration(actor=manager2, migration=asking)
    client.force_login(manager)

    response = client.post(f"/migrations/{asking.pk}/decline/", {"comment": "no"})

    assert response.status_code == 409
    assert "has gone on meanwhile" in text(response)
    assert "manager2 approved it" in text(response)


# -- a copy


def test_the_decision_on_a_copy_says_what_becomes_of_both(
    client: Client, manager: User, copied: Migration
) -> None:
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{copied.pk}/decide/"))

    assert "Keep the copy of demo_zone?" in shown
    assert "The original is <b>deleted</b>. There is no way back after it." in shown
    assert "The original is started again on compute2." in shown
    assert copied.copy_uuid in shown


def test_the_copy_and_its_original_lead_to_the_move(
    client: Client, helpdesk: User, copied: Migration
) -> None:
    client.force_login(helpdesk)

    assert f"/clouds/lab/instances/{copied.copy_uuid}/" in text(client.get(f"/migrations/{copied.pk}/"))
    page = text(client.get(f"/clouds/lab/instances/{copied.copy_uuid}/"))
    assert "It is the copy of demo_zone" in page
    assert f'href="/migrations/{copied.pk}/"' in page
    assert "copy of demo_zone, waits for a decision" in text(client.get("/clouds/lab/"))


# -- the deadline


@pytest.mark.parametrize(
    ("span", "tone", "words"),
    [
        (timedelta(hours=23, minutes=10, seconds=30), "wait", "decide within 23 h 10 min"),
        (timedelta(minutes=40, seconds=30), "warn", "decide within 40 min"),
        (timedelta(hours=-3, seconds=-30), "bad", "overdue for 3 h"),
    ],
)
def test_the_countdown_stands_on_the_list_and_on_both_pages(
    client: Client, manager: User, waiting: Migration, span: timedelta, tone: str, words: str
) -> None:
    due_in(waiting, span)
    client.force_login(manager)

    for path in ("/approvals/", f"/migrations/{waiting.pk}/", f"/migrations/{waiting.pk}/decide/"):
        shown = text(client.get(path))
        assert words in shown, path
        assert f'<span class="state {tone}">' in shown, path


@pytest.mark.parametrize(
    ("at_end", "sentence"),
    [("nothing", "it goes on waiting."), ("revert", "it goes back to compute1.")],
)
def test_what_happens_at_its_end_is_said(
    client: Client, manager: User, waiting: Migration, settings: Any, at_end: str, sentence: str
) -> None:
    settings.NMIGRATE_DECISION_AT_END = at_end
    client.force_login(manager)

    assert f"If nobody decides by then, {sentence}" in text(client.get(f"/migrations/{waiting.pk}/decide/"))


def test_what_is_due_comes_first_and_the_badge_says_so(
    client: Client, manager: User, asking: Migration, waiting: Migration
) -> None:
    client.force_login(manager)
    before = text(client.get("/approvals/"))
    assert before.index(">demo_zone<") < before.index(">vm2<"), "the longest wait comes first"
    assert '<span class="count">2</span>' in before

    due_in(waiting, timedelta(minutes=5))

    after = text(client.get("/approvals/"))
    assert after.index(">vm2<") < after.index(">demo_zone<")
    assert '<span class="count due">2, 1 due</span>' in after
    assert client.get("/approvals/badge/?v=2.0").status_code == 200
    assert client.get("/approvals/badge/?v=2.1").status_code == 204


# -- several together


@pytest.fixture
def own(synced: FakeCloud, manager: User) -> Migration:
    doem = Instance.objects.get(name="doem")
    return reach(
        synced, services.request_migration(actor=manager, instance=doem, reason="own"), State.WAITING
    )


def together(client: Client, answer: str, *picks: str, comment: str = "") -> tuple[int, str]:
    response = client.post("/approvals/decide/", {"answer": answer, "pick": picks, "comment": comment})
    return response.status_code, text(response)


def test_ones_own_request_has_no_box(
    client: Client, manager: User, asking: Migration, waiting: Migration, own: Migration
) -> None:
    client.force_login(manager)

    shown = text(client.get("/approvals/"))

    assert f'value="{asking.pk}.asking"' in shown
    assert f'value="{waiting.pk}.waiting"' in shown
    assert f'value="{own.pk}.waiting"' not in shown


@pytest.mark.parametrize(
    ("answer", "states", "words"),
    [
        ("yes", {"demo_zone": "queued", "vm2": "confirming"}, ("start approved", "confirmed")),
        ("no", {"demo_zone": "declined", "vm2": "reverting"}, ("start not approved", "rejected")),
    ],
)
def test_both_kinds_are_decided_with_one_comment(
    client: Client,
    manager: User,
    asking: Migration,
    waiting: Migration,
    answer: str,
    states: dict[str, str],
    words: tuple[str, str],
) -> None:
    client.force_login(manager)

    picks = (f"{asking.pk}.asking", f"{waiting.pk}.waiting")
    status, shown = together(client, answer, *picks, comment="all well")

    assert status == 200
    assert dict(Migration.objects.values_list("instance_name", "state")) == states
    assert set(Approval.objects.values_list("comment", flat=True)) == {"all well"}
    assert all(word in shown for word in (*words, "2 of 2 decided"))


def test_one_that_cannot_be_decided_stops_no_other_and_says_why(
    client: Client, manager: User, waiting: Migration, own: Migration
) -> None:
    client.force_login(manager)

    status, shown = together(client, "yes", f"{own.pk}.waiting", f"{waiting.pk}.waiting")

    assert status == 200
    assert "1 of 2 decided" in shown
    assert "another manager has to decide" in shown


def test_what_has_gone_on_since_the_page_was_drawn_is_not_decided_unseen(
    client: Client, manager: User, manager2: User, synced: FakeCloud, asking: Migration
) -> None:
    """The box said "let it start"; by now it has arrived, and yes would mean "keep it there"."""
    services.approve_migration(actor=manager2, migration=asking)
    reach(synced, asking, State.WAITING)
    client.force_login(manager)

    status, shown = together(client, "yes", f"{asking.pk}.asking")

    asking.refresh_from_db()
    assert (status, asking.state) == (409, State.WAITING)
    assert "has gone on meanwhile (waits for a decision)" in shown


@pytest.mark.parametrize(
    ("answer", "picks", "sentence"),
    [
        ("yes", (), "Choose at least one"),
        ("yes", ("1.done",), "What was chosen cannot be read."),
        ("yes", ("x.waiting",), "What was chosen cannot be read."),
        ("yes", ("9" * 40 + ".waiting",), "What was chosen cannot be read."),
        ("maybe", ("1.waiting",), "Press one of the two buttons."),
    ],
)
def test_a_choice_that_makes_no_sense_gets_a_sentence(
    client: Client, manager: User, waiting: Migration, answer: str, picks: tuple[str, ...], sentence: str
) -> None:
    client.force_login(manager)

    status, shown = together(client, answer, *picks, comment="typed before")

    waiting.refresh_from_db()
    assert status == 422
    assert sentence in shown
    assert "typed before</textarea>" in shown
    assert waiting.state == State.WAITING


def test_what_is_gone_is_left_out(client: Client, manager: User, waiting: Migration) -> None:
    client.force_login(manager)

    status, shown = together(client, "yes", "987654.waiting")

    assert status == 409
    assert "What was chosen is no longer there." in shown
