"""Approvals: the badge, the list, the page from which a manager decides, and everybody who comes too late."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import services
from nmigrate.models import Approval, AuditEvent, Hypervisor, Instance, Migration
from nmigrate.states import State
from tests.conftest import follow, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text


@pytest.fixture
def own(synced: FakeCloud, manager: User) -> Migration:
    """A move that the manager asked for themselves, waiting."""
    doem = Instance.objects.get(name="doem")
    return reach(
        synced, services.request_migration(actor=manager, instance=doem, reason="my own"), State.WAITING
    )


def test_the_badge_counts_what_this_person_can_decide(
    client: Client, manager: User, waiting: Migration, own: Migration
) -> None:
    client.force_login(manager)

    badge = client.get("/approvals/badge/")

    assert '<span class="count">1</span>' in text(badge)
    assert client.get("/approvals/badge/?v=1.0.0").status_code == 204
    assert '<span class="count">1</span>' in text(client.get("/health/"))


def test_the_helpdesk_has_no_badge(client: Client, helpdesk: User, waiting: Migration) -> None:
    client.force_login(helpdesk)

    assert "approvals" not in text(client.get("/clouds/lab/"))


def test_the_list_says_why_one_cannot_decide_on_ones_own(
    client: Client, manager: User, waiting: Migration, own: Migration
) -> None:
    client.force_login(manager)

    shown = text(client.get("/approvals/"))

    assert shown.index("vm2") < shown.index("doem"), "the longest wait comes first"
    assert "You asked for this move yourself" in shown


def test_the_page_shows_who_why_and_before_and_now(client: Client, manager: User, waiting: Migration) -> None:
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{waiting.pk}/decide/"))

    for words in (
        "Keep vm2 on compute3?",
        "helpdesk",
        "disk errors on compute1",
        "OPS-311",
        "Confirm: keep it on compute3",
        "Reject: send it back to compute1",
        '<td class="changed">compute3</td>',
        "Power, addresses, volumes and flavor are what they were.",
    ):
        assert words in shown


def test_a_zone_that_nobody_had_asked_for_is_pointed_out(
    client: Client, manager: User, waiting: Migration
) -> None:
    client.force_login(manager)
    words = "Nova, which chose the host, took it from zone nova-1 to zone nova-2."

    def is_told() -> set[bool]:
        pages = (f"/migrations/{waiting.pk}/", f"/migrations/{waiting.pk}/decide/")
        return {words in text(client.get(page)) for page in pages}

    assert is_told() == {False}
    Migration.objects.filter(pk=waiting.pk).update(dest_zone="nova-2", asked_host="")
    assert is_told() == {True}
    Migration.objects.filter(pk=waiting.pk).update(asked_zone="nova-2")
    assert is_told() == {False}


def test_a_changed_address_is_pointed_out(client: Client, manager: User, waiting: Migration) -> None:
    Instance.objects.filter(uuid=waiting.instance_uuid).update(addresses=["10.99.99.99", "fd00::7:9"])
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{waiting.pk}/decide/"))

    assert "A move should have left this alone: addresses." in shown
    assert "should not have changed" in shown
    breakable = "10.<wbr>99.<wbr>99.<wbr>99, fd00::<wbr>7:<wbr>9"
    assert breakable in shown, "a narrow cell breaks it only there"


@pytest.mark.parametrize(
    ("action", "decision", "state"),
    [("confirm", Approval.CONFIRM, State.CONFIRMING), ("reject", Approval.REJECT, State.REVERTING)],
)
def test_a_decision_with_its_comment_is_kept(
    client: Client, manager: User, waiting: Migration, action: str, decision: str, state: State
) -> None:
    client.force_login(manager)

    response = client.post(f"/migrations/{waiting.pk}/{action}/", {"comment": "seen with my own eyes"})

    waiting.refresh_from_db()
    made = Approval.objects.get()
    assert response.headers["Location"] == f"/migrations/{waiting.pk}/"
    assert (made.decision, made.comment, made.decided_by) == (decision, "seen with my own eyes", manager)
    assert waiting.state == state


@pytest.mark.parametrize("action", ["confirm", "reject"])
def test_nobody_decides_on_their_own_request(
    client: Client, manager: User, own: Migration, action: str
) -> None:
    client.force_login(manager)

    response = client.post(f"/migrations/{own.pk}/{action}/")

    own.refresh_from_db()
    assert response.status_code == 403
    assert "another manager has to decide" in text(response)
    assert own.state == State.WAITING
    assert f"/migrations/{own.pk}/confirm/" not in text(client.get(f"/migrations/{own.pk}/decide/"))


@pytest.mark.parametrize("action", ["confirm", "reject"])
def test_the_second_manager_sees_what_the_first_has_decided(
    client: Client, manager: User, manager2: User, waiting: Migration, action: str
) -> None:
    services.confirm_migration(actor=manager2, migration=waiting, comment="mine")
    client.force_login(manager)

    response = client.post(f"/migrations/{waiting.pk}/{action}/", {"comment": "no, mine"})

    assert response.status_code == 409
    assert "manager2 has decided meanwhile: confirmed. Your click changed nothing." in text(response)
    assert text(response).count("manager2 confirmed it") == 1, "told once"
    assert "There is nothing to decide" not in text(response)
    assert "no, mine" in text(response), "what was typed is kept"
    assert Approval.objects.count() == 1


def test_an_open_page_learns_that_it_was_decided(
    client: Client, manager: User, manager2: User, waiting: Migration
) -> None:
    services.reject_migration(actor=manager2, migration=waiting, comment="wrong host")
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{waiting.pk}/decide/"))

    assert "There is nothing to decide any more." in shown
    assert "manager2 rejected it" in shown
    assert "/confirm/" not in shown


def test_who_has_decided_goes_on_to_the_next_that_waits_for_them(
    client: Client, manager: User, helpdesk: User, waiting: Migration, synced: FakeCloud
) -> None:
    def page(user: User) -> str:
        client.force_login(user)
        return text(client.get(f"/migrations/{waiting.pk}/"))

    def ask(name: str, actor: User) -> Migration:
        instance = Instance.objects.get(name=name)
        return services.request_migration(actor=actor, instance=instance, reason="old")

    own, others = ask("vm1", manager), ask("demo_zone", helpdesk)
    Migration.objects.filter(pk__in=(own.pk, others.pk)).update(state=State.ASKING)
    assert "Next decision" not in page(manager), "nothing is decided here yet"

    client.post(f"/migrations/{waiting.pk}/confirm/", {"comment": ""})
    assert f'href="/migrations/{others.pk}/decide/">Next decision: demo_zone' in page(manager)
    assert "Next decision" not in page(helpdesk)

    long_ago = timezone.now() - timedelta(hours=1)
    waiting.approvals.update(decided_at=long_ago)
    assert "Next decision" not in page(manager), "they look at it again, and decide on nothing now"
    waiting.approvals.update(decided_at=timezone.now())

    Migration.objects.filter(pk=others.pk).update(state=State.CANCELLED)
    assert "Next decision" not in page(manager), "one's own request is another's to decide"


def test_a_comment_that_is_too_long_is_refused_and_kept(
    client: Client, manager: User, waiting: Migration
) -> None:
    client.force_login(manager)

    response = client.post(f"/migrations/{waiting.pk}/confirm/", {"comment": "x" * 2001})

    waiting.refresh_from_db()
    assert response.status_code == 422
    assert "A comment may have up to 2000 characters." in text(response)
    assert waiting.state == State.WAITING


def test_what_an_approval_sets_aside_is_told_before_it_is_given(
    client: Client, helpdesk: User, manager: User, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="closing the year")
    vm2.refresh_from_db()
    move = services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors", sets_aside=["lock"]
    )
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{move.pk}/decide/"))

    assert "What your approval sets aside" in shown
    assert "vm2 is locked (“closing the year”)" in shown
    assert "you answer for that" in shown
    assert "Allow it: approve the move" in shown
    assert "It would be refused now" not in shown
    assert "is shut down on the way" not in shown
    assert "Nova does not say which. Their reason: “closing the year”" in shown
    listed = text(client.get("/approvals/"))
    assert "sets aside a rule" in listed
    assert "must be decided separately" in listed
    assert f'value="{move.pk}.asking"' not in listed
    assert "sets aside a rule" in text(client.get("/mine/"))

    Instance.objects.filter(pk=vm2.pk).update(status="SUSPENDED")
    assert "It would be refused now." in text(client.get(f"/migrations/{move.pk}/decide/"))


@pytest.fixture
def over_a_lock(helpdesk: User, synced: FakeCloud, vm2: Instance) -> Migration:
    """It asks a manager to set aside a lock."""
    synced.change(vm2.uuid, locked=True, locked_reason="closing the year")
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="closing the year")
    vm2.refresh_from_db()
    return services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors", sets_aside=["lock"]
    )


def test_what_no_longer_stands_in_the_way_is_not_set_aside(
    client: Client, manager: User, synced: FakeCloud, over_a_lock: Migration
) -> None:
    synced.change(over_a_lock.instance_uuid, locked=False, locked_reason="")
    Instance.objects.filter(uuid=over_a_lock.instance_uuid).update(locked=False, locked_reason="")
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{over_a_lock.pk}/decide/"))
    assert "No longer stands in the way:</b> vm2 is locked (“closing the year”)" in shown
    assert "What your approval sets aside" not in shown
    assert "No longer stands in the way" in text(client.get(f"/migrations/{over_a_lock.pk}/"))
    for page in ("/approvals/", "/mine/"):
        assert "sets aside a rule" not in text(client.get(page)), page

    client.post(f"/migrations/{over_a_lock.pk}/approve/", {"comment": ""})

    over_a_lock.refresh_from_db()
    assert over_a_lock.state == State.QUEUED, "there is nothing to answer for"
    assert over_a_lock.overrides == []
    assert not AuditEvent.objects.filter(action="override").exists()


def test_what_speaks_against_it_again_is_not_set_aside_unseen(
    client: Client, manager: User, over_a_lock: Migration
) -> None:
    client.force_login(manager)
    assert 'name="aside" value="lock"' in text(client.get(f"/migrations/{over_a_lock.pk}/decide/"))

    answer = client.post(f"/migrations/{over_a_lock.pk}/approve/", {"comment": "the lock was off"})

    over_a_lock.refresh_from_db()
    assert (answer.status_code, over_a_lock.state) == (409, State.ASKING)
    assert "Meanwhile something speaks against it that was not told before." in text(answer)
    assert "the lock was off</textarea>" in text(answer)


def test_a_reason_that_has_changed_is_told_as_it_is_now(
    client: Client, manager: User, over_a_lock: Migration
) -> None:
    Instance.objects.filter(uuid=over_a_lock.instance_uuid).update(locked_reason="an audit is on")
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{over_a_lock.pk}/decide/"))
    client.post(f"/migrations/{over_a_lock.pk}/approve/", {"comment": "they agreed", "aside": "lock"})

    assert "What your approval sets aside" in shown
    assert "vm2 is locked (“an audit is on”)" in shown
    assert "an audit is on" in AuditEvent.objects.get(action="override").reason


def test_an_open_page_learns_that_nothing_stands_in_the_way_any_more(
    client: Client, helpdesk: User, synced: FakeCloud, over_a_lock: Migration
) -> None:
    client.force_login(helpdesk)
    version = client.get(f"/migrations/{over_a_lock.pk}/").context["version"]
    assert client.get(f"/migrations/{over_a_lock.pk}/status/?v={version}").status_code == 204

    synced.change(over_a_lock.instance_uuid, locked=False, locked_reason="")
    follow(synced)

    answer = client.get(f"/migrations/{over_a_lock.pk}/status/?v={version}")
    assert "No longer stands in the way" in text(answer)


def test_nobody_is_said_to_have_locked_it_since_nova_does_not_say_who(
    client: Client, manager: User, asking: Migration
) -> None:
    Instance.objects.filter(uuid=asking.instance_uuid).update(locked=True, locked_reason="")
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{asking.pk}/decide/"))

    assert "Locked by its owner or an administrator; Nova does not say which. They gave no reason" in shown


def test_setting_aside_a_rule_needs_a_word(
    client: Client, helpdesk: User, manager: User, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True)
    vm2.refresh_from_db()
    move = services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors", sets_aside=["lock"]
    )
    client.force_login(manager)

    response = client.post(f"/migrations/{move.pk}/approve/", {"comment": " ", "aside": "lock"})

    move.refresh_from_db()
    assert (response.status_code, move.state) == (422, State.ASKING)
    assert '<p class="error" id="comment-error">Say why: you answer for what is set aside' in text(response)


def test_what_was_set_aside_and_why_is_told_at_the_second_decision(
    client: Client, helpdesk: User, manager: User, manager2: User, synced: FakeCloud, vm2: Instance
) -> None:
    synced.change(vm2.uuid, locked=True, locked_reason="closing the year")
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="closing the year")
    vm2.refresh_from_db()
    move = services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors", sets_aside=["lock"]
    )
    services.approve_migration(actor=manager2, migration=move, comment="the owner agreed")
    reach(synced, move, State.WAITING)
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{move.pk}/decide/"))

    assert "</time>: “the owner agreed”; set aside: vm2 is locked (“closing the year”)" in shown
    assert "Nova does not say which. Their reason: “closing the year”" in shown
    assert "a rule was set aside" in text(client.get("/approvals/"))
    assert "a rule was set aside" in text(client.get("/mine/"))


def test_both_verdicts_stand_on_the_page_of_the_move(
    client: Client, helpdesk: User, manager: User, synced: FakeCloud, vm2: Instance
) -> None:
    synced.change(vm2.uuid, locked=True, locked_reason="closing the year")
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="closing the year")
    vm2.refresh_from_db()
    move = services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors", sets_aside=["lock"]
    )
    services.approve_migration(actor=manager, migration=move, comment="agreed")
    synced.groups = []
    synced.add_host("compute3", "nova-1", traits=("COMPUTE_STATUS_DISABLED",))
    run_tasks()
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{move.pk}/"))

    assert "When it was asked for" in shown
    assert "Again, just before it started" in shown
    assert shown.count("<b>Set aside by a manager:</b> vm2 is locked") == 2
    assert "<b>New since it was asked for:</b> Nova&#x27;s scheduler still takes compute3" in shown
    assert "What spoke against it was set aside by manager" in shown


def test_where_a_rejection_leads_is_told_when_that_host_is_out_of_service(
    client: Client, manager: User, waiting: Migration
) -> None:
    client.force_login(manager)
    page = f"/migrations/{waiting.pk}/decide/"
    assert "out of service" not in text(client.get(page))

    Hypervisor.objects.filter(host="compute1").update(status="disabled", disabled_reason="DIMM")
    assert "<b>compute1 is out of service: “DIMM”.</b>" in text(client.get(page))

    Hypervisor.objects.filter(host="compute1").update(forced_down=True)
    assert "compute1 is down: Nova could not bring it back now." in text(client.get(page))


def test_a_page_judges_what_is_asked_for_once(
    client: Client, helpdesk: User, manager: User, running: Instance
) -> None:
    Instance.objects.filter(pk=running.pk).update(locked=True)
    running.refresh_from_db()
    move = services.request_migration(
        actor=helpdesk, instance=running, host="compute4", reason="disk errors", sets_aside=["lock"]
    )
    client.force_login(manager)

    for page in (f"/migrations/{move.pk}/", f"/migrations/{move.pk}/decide/"):
        with CaptureQueriesContext(connection) as asked:
            shown = text(client.get(page))
        assert "is locked" in shown
        assert sum('FROM "nmigrate_outsidemove"' in one["sql"] for one in asked) == 1, page
