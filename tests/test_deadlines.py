"""The end of the wait: a reminder before it, and at it what the setting says."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from nmigrate import deadlines, services
from nmigrate.cloud import api
from nmigrate.models import AuditEvent, Instance, Migration, Order
from nmigrate.states import State
from tests.conftest import play, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.telling import tell_in_brackets, unmarked


@pytest.fixture
def waiting(synced: FakeCloud, helpdesk: User, vm2: Instance) -> Migration:
    return play(synced, services.request_migration(actor=helpdesk, instance=vm2, reason="x"))


def due_in(move: Migration, **span: Any) -> None:
    Migration.objects.filter(pk=move.pk).update(decide_by=timezone.now() + timedelta(**span))
    move.refresh_from_db()


def reminders() -> int:
    return AuditEvent.objects.filter(action="remind").count()


def test_wait_has_an_end(waiting: Migration, settings: Any) -> None:
    assert waiting.decide_by is not None
    assert waiting.waiting_since is not None
    length = waiting.decide_by - waiting.waiting_since
    assert length == timedelta(seconds=settings.NMIGRATE_DECISION_SECONDS)


def test_wait_without_an_end(synced: FakeCloud, helpdesk: User, vm2: Instance, settings: Any) -> None:
    settings.NMIGRATE_DECISION_SECONDS = 0
    move = play(synced, services.request_migration(actor=helpdesk, instance=vm2, reason="x"))
    assert (move.state, move.decide_by) == (State.WAITING, None)


def test_managers_are_reminded_once(waiting: Migration) -> None:
    deadlines.settle("lab")
    assert reminders() == 0
    due_in(waiting, minutes=5)
    for _ in range(3):
        deadlines.settle("lab")
    waiting.refresh_from_db()
    assert (reminders(), waiting.reminded_at is not None) == (1, True)


def test_mail_goes_to_managers_who_may_decide(
    waiting: Migration, helpdesk: User, manager: User, manager2: User, settings: Any
) -> None:
    settings.NMIGRATE_MAIL, settings.NMIGRATE_PAGES_URL = True, "https://desk.example.org"
    User.objects.filter(pk=manager.pk).update(email="m@example.org")
    User.objects.filter(pk=helpdesk.pk).update(email="h@example.org")
    due_in(waiting, minutes=5)
    deadlines.settle("lab")
    run_tasks()
    (sent,) = mail.outbox
    assert sent.recipients() == ["m@example.org"]
    assert f"https://desk.example.org/migrations/{waiting.pk}/decide/" in sent.body


def test_each_manager_has_the_mail_in_the_language_of_their_pages(
    client: Client, waiting: Migration, manager: User, manager2: User
) -> None:
    for user, language in ((manager, "vi"), (manager2, "en")):
        User.objects.filter(pk=user.pk).update(email=f"{language}@example.org")
        client.force_login(user)
        client.get("/mine/", headers={"accept-language": language})
    due_in(waiting, minutes=5)

    deadlines.mail_managers(waiting)

    sent = {one.recipients()[0]: one.subject for one in mail.outbox}
    assert sent == {
        "vi@example.org": "Quyết định về lần di chuyển vm2",
        "en@example.org": "Decide on the move of vm2",
    }


def test_mail_to_who_was_never_here_is_in_the_language_of_the_application(
    waiting: Migration, manager: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_in_brackets(monkeypatch)
    settings.LANGUAGE_CODE = "vi"
    User.objects.filter(pk=manager.pk).update(email="m@example.org")
    due_in(waiting, minutes=5)

    deadlines.mail_managers(waiting)

    (sent,) = mail.outbox
    assert sent.subject == "⟦Decide on the move of ⟧vm2⟦⟧"
    assert unmarked(str(sent.body), ("vm2", "compute1", "compute2", "compute3", "compute4", "helpdesk")) == []


def test_nothing_happens_at_the_end_by_default(waiting: Migration) -> None:
    due_in(waiting, minutes=-5)
    deadlines.settle("lab")
    waiting.refresh_from_db()
    assert waiting.state == State.WAITING


def test_sent_back_at_the_end_where_the_setting_says_so(
    synced: FakeCloud, waiting: Migration, settings: Any
) -> None:
    settings.NMIGRATE_DECISION_AT_END = "revert"
    due_in(waiting, minutes=-5)
    play(synced, waiting)
    assert waiting.state == State.REVERTED
    assert "Nobody decided" in waiting.remark
    event = AuditEvent.objects.get(action="expire")
    assert (event.actor, event.state_after) == ("nmigrate", "reverting")
    order = Order.objects.get(action=Order.Action.REVERT)
    assert (order.asked_by, order.asked_by_name) == (None, "nmigrate")
    assert not Instance.objects.get(uuid=waiting.instance_uuid).locked


def test_decision_in_time_is_not_overruled(
    synced: FakeCloud, waiting: Migration, manager: User, settings: Any
) -> None:
    settings.NMIGRATE_DECISION_AT_END = "revert"
    due_in(waiting, minutes=-5)
    services.confirm_migration(actor=manager, migration=waiting)
    play(synced, waiting)
    assert waiting.state == State.DONE


def test_way_back_that_nova_refuses_at_the_end_is_not_tried_at_every_tick(
    synced: FakeCloud, waiting: Migration, settings: Any
) -> None:
    settings.NMIGRATE_DECISION_AT_END = "revert"
    due_in(waiting, minutes=-5)

    def refuse(call: str) -> None:
        if call == "revert_resize":
            raise api.Refused("The compute service of its host is down.", "409")

    synced.before_post = refuse
    for _ in range(6):
        play(synced, waiting, 2)
    assert (waiting.state, waiting.remark) == (State.WAITING, "The compute service of its host is down.")
    assert AuditEvent.objects.filter(action="expire").count() == 1
