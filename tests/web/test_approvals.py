"""What waits for managers: approval before the start, the deadline, and several decided together."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import services
from nmigrate.models import Approval, Hypervisor, Instance, Migration
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


def test_a_way_without_downtime_is_named_before_downtime_is_approved(
    client: Client, manager: User, asking: Migration
) -> None:
    client.force_login(manager)
    address = f"/migrations/{asking.pk}/decide/"
    hint = "A live move would do it without downtime; helpdesk chose cold migration."
    plan = f"/clouds/lab/instances/{asking.instance_uuid}/migrate/?host=compute4&amp;way=live"

    shown = text(client.get(address))
    assert hint in shown
    assert plan in shown

    for change in ({"status": "SHUTOFF"}, {"status": "PAUSED", "extra_specs": {"hw:tpm_version": "2.0"}}):
        Instance.objects.filter(uuid=asking.instance_uuid).update(**change)
        assert "A live move would do it" not in text(client.get(address))


def test_approving_is_not_called_a_start(client: Client, manager: User, asking: Migration) -> None:
    client.force_login(manager)

    running = text(client.get(f"/migrations/{asking.pk}/decide/"))
    Instance.objects.filter(uuid=asking.instance_uuid).update(status="SHUTOFF")
    stopped = text(client.get(f"/migrations/{asking.pk}/decide/"))

    assert ">Approve the move</button>" in running
    assert "The move begins at once. demo_zone is shut down on the way." in running
    assert "The move begins at once; it stays stopped." in stopped
    assert "is shut down on the way" not in stopped


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


@pytest.mark.parametrize("comment", ["", "  \n"])
def test_a_no_needs_a_reason_which_who_asked_reads(
    client: Client, manager: User, asking: Migration, comment: str
) -> None:
    client.force_login(manager)

    response = client.post(f"/migrations/{asking.pk}/decline/", {"comment": comment})

    asking.refresh_from_db()
    assert response.status_code == 422
    assert "Say why not: helpdesk reads it, and the audit trail keeps it." in text(response)
    assert (asking.state, asking.approvals.count()) == (State.ASKING, 0)
    client.post(f"/migrations/{asking.pk}/decline/", {"comment": "not in office hours"})
    asking.refresh_from_db()
    assert asking.state == State.DECLINED


def test_several_noes_need_a_reason_and_what_was_chosen_stays_chosen(
    client: Client, manager: User, asking: Migration
) -> None:
    client.force_login(manager)
    chosen = {"pick": [f"{asking.pk}.asking"], "answer": "no"}

    response = client.post("/approvals/decide/", chosen)

    asking.refresh_from_db()
    shown = text(response)
    assert response.status_code == 422
    assert "Say why not: who asked reads it" in shown
    assert re.search(rf'value="{asking.pk}.asking"[^>]* checked ', shown)
    assert asking.state == State.ASKING
    client.post("/approvals/decide/", chosen | {"comment": "not in office hours"})
    asking.refresh_from_db()
    assert asking.state == State.DECLINED


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
    assert "manager2 has decided meanwhile: approved. Your click changed nothing." in text(response)
    assert "manager2 approved it" in text(response)


@pytest.mark.parametrize(
    ("by_another", "words"),
    [(True, "manager2 has decided meanwhile: approved."), (False, "This migration has gone on meanwhile.")],
)
def test_the_buttons_of_an_open_page_are_switched_off_once_it_was_decided(
    client: Client, manager: User, manager2: User, asking: Migration, by_another: bool, words: str
) -> None:
    client.force_login(manager)
    before = text(client.get(f"/migrations/{asking.pk}/decide/"))
    poll = f"/migrations/{asking.pk}/decide/?seen=asking"
    assert f'hx-get="{poll}"' in before
    assert '<div class="decision" id="decision-foot">' in before
    assert "hx-swap-oob" not in text(client.get(poll)), "while it is open the form is left alone"

    services.approve_migration(actor=manager2 if by_another else manager, migration=asking)
    after = text(client.get(poll))

    assert '<div class="decision" id="decision-foot" hx-swap-oob="true">' in after
    assert words in after
    assert after.count(" disabled>") == 2
    assert "hx-swap-oob" not in text(client.get(f"/migrations/{asking.pk}/decide/?seen=nonsense"))


def test_the_question_that_comes_next_does_not_take_the_answer_to_the_last(
    client: Client, manager: User, manager2: User, synced: FakeCloud, asking: Migration
) -> None:
    services.approve_migration(actor=manager2, migration=asking)
    reach(synced, asking, State.WAITING)
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{asking.pk}/decide/?seen=asking"))

    assert "disabled>Approve the move<" in shown
    assert f"/migrations/{asking.pk}/confirm/" not in shown
    assert f'hx-get="/migrations/{asking.pk}/decide/?seen=asking"' in shown


# -- at the end


def test_the_second_decision_tells_the_first_and_how_long_it_was_down(
    client: Client, manager: User, manager2: User, synced: FakeCloud, asking: Migration
) -> None:
    services.approve_migration(actor=manager2, migration=asking, comment="at night")
    reach(synced, asking, State.WAITING)
    asking.observations.all().delete()
    for ago, status, task in ((90, "ACTIVE", "resize_migrating"), (20, "VERIFY_RESIZE", "")):
        asking.observations.create(at=timezone.now() - timedelta(seconds=ago), status=status, task_state=task)
    Migration.objects.filter(pk=asking.pk).update(
        project_name="billing", requested_at=timezone.now() - timedelta(minutes=5)
    )
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{asking.pk}/decide/"))

    assert "Approved by manager2 <time" in shown
    assert "</time>: “at night”</p>" in shown
    assert "project billing" in shown
    assert "It was down for 1 min 10 s on the way." in shown
    assert "It runs; nmigrate does not look inside it." in shown


def test_what_never_ran_there_is_not_called_tested(client: Client, manager: User, waiting: Migration) -> None:
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{waiting.pk}/decide/"))

    assert "It is off: nothing has run on compute3 yet." in shown
    assert "nmigrate does not look inside it" not in shown
    assert "It was down" not in shown
    assert "Approved by" not in shown


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
    assert "the copy, waits for a decision" in text(client.get("/clouds/lab/"))


# -- the deadline


@pytest.mark.parametrize(
    ("span", "tone", "words"),
    [
        (timedelta(hours=23, minutes=10, seconds=30), "wait", "decision due in 23 h 10 min"),
        (timedelta(minutes=40, seconds=30), "warn", "decision due in 40 min"),
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
    assert '<span class="count due">2 · 1 due</span>' in after
    assert client.get("/approvals/badge/?v=2.0.0").status_code == 200
    assert client.get("/approvals/badge/?v=2.1.0").status_code == 204

    due_in(waiting, timedelta(minutes=-5))

    assert '<span class="count due">2 · 1 overdue</span>' in text(client.get("/approvals/badge/?v=2.1.0"))


# -- the list


def test_each_row_says_what_its_decision_means(
    client: Client, manager: User, asking: Migration, waiting: Migration
) -> None:
    Migration.objects.filter(pk=asking.pk).update(project_name="billing")
    client.force_login(manager)

    shown = text(client.get("/approvals/"))

    assert "asks to be moved" in shown
    assert "runs: down for a minute or two" in shown
    assert ">is stopped<" in shown
    assert "project billing" in shown
    assert "what was written on the new host since is lost" in shown
    assert "project billing" in text(client.get("/mine/"))


def test_a_row_of_what_arrived_running_says_what_is_lost(
    client: Client, manager: User, manager2: User, synced: FakeCloud, asking: Migration
) -> None:
    services.approve_migration(actor=manager2, migration=asking)
    reach(synced, asking, State.WAITING)
    client.force_login(manager)

    assert "and what was written on compute4 since is lost" in text(client.get("/approvals/"))
    Instance.objects.filter(uuid=asking.instance_uuid).update(power_state=4)
    assert "is off now: sent back" in text(client.get("/approvals/"))


def test_a_row_of_a_copy_says_what_is_lost(client: Client, manager: User, copied: Migration) -> None:
    client.force_login(manager)

    assert "the copy runs. If it is kept, its original is deleted; if it is dropped," in text(
        client.get("/approvals/")
    )


def test_the_list_asks_as_much_of_many_as_of_one(
    client: Client, manager: User, helpdesk: User, asking: Migration, waiting: Migration
) -> None:
    client.force_login(manager)
    Migration.objects.filter(pk=waiting.pk).update(state=State.RUNNING)
    with CaptureQueriesContext(connection) as one:
        client.get("/approvals/")
    Migration.objects.filter(pk=waiting.pk).update(state=State.WAITING)
    with CaptureQueriesContext(connection) as two:
        client.get("/approvals/")

    assert len(one) == len(two)
    Instance.objects.filter(name__in=("vm1", "doem")).update(status="ACTIVE", locked=False)
    for instance in Instance.objects.filter(name__in=("vm1", "doem")):
        services.request_migration(actor=helpdesk, instance=instance, reason="r")
    assert Migration.objects.filter(state=State.ASKING).count() == 3
    with CaptureQueriesContext(connection) as four:
        client.get("/approvals/")
    assert len(one) == len(four)


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


def test_what_would_be_refused_now_has_no_box_and_says_why(
    client: Client, manager: User, asking: Migration, waiting: Migration
) -> None:
    Instance.objects.filter(uuid=asking.instance_uuid).update(locked=True, locked_reason="closing the year")
    client.force_login(manager)

    shown = text(client.get("/approvals/"))

    assert f'value="{asking.pk}.asking"' not in shown
    assert f'value="{waiting.pk}.waiting"' in shown
    assert "would be refused now</span> <b>must be decided separately</b> ·" in shown
    assert "closing the year" in shown
    assert f'id="d-{asking.pk}" href="/migrations/{asking.pk}/decide/">Decide' in shown


def test_who_decides_is_not_told_to_choose_a_host(client: Client, manager: User, asking: Migration) -> None:
    Hypervisor.objects.filter(host="compute4").update(state="down")
    client.force_login(manager)

    shown = text(client.get("/approvals/"))

    assert "compute4 is down." in shown
    assert "Choose another host" not in shown


def test_what_asks_to_set_a_rule_aside_would_not_be_refused_by_it(
    client: Client, helpdesk: User, manager: User, synced: FakeCloud
) -> None:
    vm2 = Instance.objects.get(name="vm2")
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="closing the year")
    vm2.refresh_from_db()
    services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors", sets_aside=["lock"]
    )
    client.force_login(manager)

    shown = text(client.get("/approvals/"))

    assert "sets aside a rule" in shown
    assert "would be refused now" not in shown


def test_what_was_ticked_before_it_would_be_refused_is_not_approved_with_the_others(
    client: Client, manager: User, asking: Migration, waiting: Migration
) -> None:
    Instance.objects.filter(uuid=asking.instance_uuid).update(locked=True, locked_reason="closing the year")
    client.force_login(manager)

    picks = (f"{asking.pk}.asking", f"{waiting.pk}.waiting")
    _, shown = together(client, "yes", *picks)

    assert "1 of 2 decided" in shown
    assert "It would be refused now." in shown
    assert Migration.objects.get(pk=asking.pk).state == State.ASKING
    status, _ = together(client, "no", picks[0], comment="it is locked")
    assert status == 200
    assert Migration.objects.get(pk=asking.pk).state == State.DECLINED


@pytest.mark.parametrize(
    ("answer", "states", "words"),
    [
        ("yes", {"demo_zone": "queued", "vm2": "confirming"}, ("move approved", "confirmed")),
        ("no", {"demo_zone": "declined", "vm2": "reverting"}, ("move not approved", "rejected")),
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
    assert "manager2 has decided meanwhile: approved. Your click changed nothing." in shown


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
