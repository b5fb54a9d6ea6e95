"""What was typed when the session had ended: who signs in again finds it, unsent; nobody else does."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from nmigrate.models import Approval, Hypervisor, Instance, Migration
from nmigrate.states import State
from tests.web.browsing import Open, complaints
from tests.web.conftest import text
from webui import unsent

TEMPLATES = Path(__file__).parents[2] / "templates"


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, name
    return found.group(1)


def sent_too_late(client: Client, user: User, page: str, step: str, data: dict[str, Any]) -> HttpResponseBase:
    """The answer to a form of that page, sent when the session has ended."""
    client.force_login(user)
    drawn_for = hidden(text(client.get(page)), "typed_by")
    Session.objects.all().delete()
    return client.post(step, data | {"typed_by": drawn_for})


def signed_in(client: Client, page: HttpResponseBase, name: str, word: str = "x") -> HttpResponseBase:
    """The sign-in form of that page, filled in and sent, and wherever it leads."""
    fields = {field: hidden(text(page), field) for field in ("carried", "next")}
    return client.post("/login/", {"username": name, "password": word} | fields, follow=True)


@pytest.fixture
def comment_too_late(client: Client, manager: User, waiting: Migration) -> HttpResponseBase:
    """The sign-in page that a manager gets who has pressed "Confirm" with a comment."""
    at = f"/migrations/{waiting.pk}/"
    return sent_too_late(client, manager, f"{at}decide/", f"{at}confirm/", {"comment": "<b>pinged</b> it"})


def test_a_reason_typed_before_the_session_ended_is_in_the_form_again_and_was_not_sent(
    client: Client, helpdesk: User, running: Instance
) -> None:
    plan = f"/clouds/lab/instances/{running.uuid}/migrate/"
    typed = {"to": "host:compute4", "way": "cold", "reason": "a <long>\nreason", "ticket": "OPS-9"}

    refused = sent_too_late(client, helpdesk, plan, plan, typed)
    shown = signed_in(client, refused, "helpdesk")

    assert refused.status_code == 403
    assert "so nothing was sent" in text(refused)
    assert shown.redirect_chain == [(plan, 302)]  # type: ignore[attr-defined]  # the client adds it
    assert "Nothing was sent: you had been signed out." in text(shown)
    assert "a &lt;long&gt;\nreason</textarea>" in text(shown)
    assert 'name="ticket" value="OPS-9"' in text(shown)
    assert 'value="host:compute4" hx-get="?host=compute4" checked' in text(shown)
    assert re.search('value="cold" data-ask="[^"]+" checked', text(shown))
    assert not Migration.objects.exists()


def test_a_comment_comes_back_once_and_nothing_is_decided(
    client: Client, comment_too_late: HttpResponseBase, waiting: Migration
) -> None:
    shown = text(signed_in(client, comment_too_late, "manager"))

    assert "&lt;b&gt;pinged&lt;/b&gt; it</textarea>" in shown
    waiting.refresh_from_db()
    assert waiting.state == State.WAITING
    assert not Approval.objects.exists()
    assert "pinged" not in text(client.get(f"/migrations/{waiting.pk}/decide/"))
    assert unsent.HELD not in client.session


def test_a_wrong_password_in_between_loses_nothing(
    client: Client, comment_too_late: HttpResponseBase
) -> None:
    again = signed_in(client, comment_too_late, "manager", "wrong")

    assert "do not fit together" in text(again)
    assert "pinged" in text(signed_in(client, again, "manager"))


def test_another_language_in_between_loses_nothing(
    client: Client, comment_too_late: HttpResponseBase
) -> None:
    shown = text(comment_too_late)
    assert 'action="/login/" class="row languages' in shown
    fields = {field: hidden(shown, field) for field in ("carried", "next")}

    again = client.post("/login/", fields | {"language": "vi"})

    assert client.cookies["django_language"].value == "vi"
    assert '<html lang="vi"' in text(again)
    assert 'role="alert"' in text(again), "it still says that something is kept"
    assert "pinged" in text(signed_in(client, again, "manager"))


def test_a_language_that_there_is_not_changes_nothing(
    client: Client, comment_too_late: HttpResponseBase
) -> None:
    again = client.post("/login/", {"carried": hidden(text(comment_too_late), "carried"), "language": "xx"})

    assert '<html lang="en"' in text(again)
    assert "django_language" not in client.cookies
    assert hidden(text(again), "carried")


def test_somebody_else_who_signs_in_never_sees_it(
    client: Client, comment_too_late: HttpResponseBase, manager2: User
) -> None:
    shown = text(signed_in(client, comment_too_late, "manager2"))

    assert "pinged" not in shown
    assert 'id="unsent"' not in shown
    assert unsent.HELD not in client.session


def test_who_has_signed_in_anew_in_another_tab_gets_it_back_at_once(
    manager: User, manager2: User, waiting: Migration
) -> None:
    at = f"/migrations/{waiting.pk}/"
    strict = Client(enforce_csrf_checks=True)
    typed = {"comment": "pinged it", "typed_by": unsent.author(manager)}

    strict.force_login(manager)
    own = strict.post(f"{at}confirm/", typed, follow=True)
    strict.force_login(manager2)
    foreign = strict.post(f"{at}confirm/", typed)

    assert own.redirect_chain == [(f"{at}decide/", 302)]
    assert "pinged it</textarea>" in text(own)
    assert foreign.status_code == 403
    assert "This page was open for too long" in text(foreign)
    assert not Approval.objects.exists()


def test_nothing_is_kept_of_a_form_that_is_not_ours(
    client: Client, manager: User, waiting: Migration
) -> None:
    step = f"/migrations/{waiting.pk}/confirm/"
    late = timezone.now() + timedelta(days=8)
    drawn_for = unsent.author(manager)

    forged = client.post(step, {"comment": "x", "typed_by": "1:forged"})
    huge = client.post(step, {"comment": "x" * (unsent.LIMIT + 1), "typed_by": drawn_for})
    with time_machine.travel(late, tick=False):
        old = client.post(step, {"comment": "x", "typed_by": drawn_for})
    swapped = client.post("/login/", {"username": "manager", "password": "x", "carried": drawn_for})

    for answer in (forged, huge, old):
        assert answer.status_code == 302
        assert answer.headers["Location"].endswith("&unsent=1")
    assert swapped.headers["Location"] == "/mine/"


def test_neither_passwords_nor_tokens_nor_other_fields_are_carried(
    client: Client, helpdesk: User, vm2: Instance
) -> None:
    plan = f"/clouds/lab/instances/{vm2.uuid}/migrate/"
    typed = {"reason": "r", "csrfmiddlewaretoken": "t", "password": "p", "set_aside": "cold:lock"}

    signed_in(client, sent_too_late(client, helpdesk, plan, plan, typed), "helpdesk")
    refused = sent_too_late(client, helpdesk, plan, plan, typed)
    client.post(
        "/login/", {"username": "helpdesk", "password": "x", "carried": hidden(text(refused), "carried")}
    )

    assert client.session[unsent.HELD]["typed"] == {"reason": ["r"]}


def test_what_was_ticked_and_written_for_several_comes_back(
    client: Client, manager: User, asked: Migration, asking: Migration
) -> None:
    picked = [f"{asking.pk}.asking"]
    typed = {"pick": picked, "comment": "after the backup", "answer": "yes"}
    client.force_login(manager)
    drawn_for = unsent.author(manager)
    client.logout()

    refused = client.post("/approvals/decide/", typed | {"typed_by": drawn_for})
    shown = text(signed_in(client, refused, "manager"))

    assert re.search(f'value="{picked[0]}"[^>]* checked', shown)
    assert "after the backup" in shown


def test_a_note_comes_back_where_it_was_written(
    client: Client, operator: User, half_way: Migration, running: Instance, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True, status="ACTIVE")
    at, page = f"/clouds/lab/instances/{vm2.uuid}/", f"/migrations/{half_way.pk}/"

    unlocking = sent_too_late(client, operator, at, f"{at}unlock/", {"comment": "asked its owner"})
    assert 'value="asked its owner"' in text(signed_in(client, unlocking, "operator"))
    Instance.objects.filter(pk=vm2.pk).update(locked=False)
    stopping = sent_too_late(client, operator, at, f"{at}stop/", {"comment": "its disk is full"})
    assert 'value="its disk is full"' in text(signed_in(client, stopping, "operator"))
    Instance.objects.filter(pk=vm2.pk).update(locked=True)
    stopping = sent_too_late(client, operator, at, f"{at}stop/", {"comment": "its disk is full"})
    shown = text(signed_in(client, stopping, "operator"))
    assert 'value="its disk is full"' not in shown, "the reason of a stop is none of an unlocking"
    leaving = sent_too_late(client, operator, page, f"{page}leave/", {"comment": "put right by hand"})
    assert "put right by hand</textarea>" in text(signed_in(client, leaving, "operator"))


def test_the_host_that_was_chosen_comes_back_with_the_note(
    client: Client, operator: User, half_way: Migration
) -> None:
    page = f"/migrations/{half_way.pk}/"
    Hypervisor.objects.filter(zone="nova-1").update(state="up", status="enabled", forced_down=False)
    other = "compute1" if half_way.asked_host == "compute3" else "compute3"

    late = sent_too_late(client, operator, page, f"{page}retry/", {"comment": "n", "host": other})

    assert f'<option value="{other}" selected>' in text(signed_in(client, late, "operator"))


def test_a_page_of_many_comes_back_as_the_same_one(client: Client, operator: User, running: Instance) -> None:
    at = "/clouds/lab/hosts/compute2/empty/?page=2"
    late = sent_too_late(client, operator, at, at, {"reason": "new disks"})
    shown = signed_in(client, late, "operator")
    assert shown.redirect_chain == [(at, 302)]  # type: ignore[attr-defined]  # the client adds it


def test_what_was_written_is_shown_even_when_its_form_is_gone(
    client: Client, comment_too_late: HttpResponseBase, waiting: Migration
) -> None:
    Migration.objects.filter(pk=waiting.pk).update(state=State.DONE)

    shown = text(signed_in(client, comment_too_late, "manager"))

    assert '<textarea id="comment"' not in shown
    assert "<pre>&lt;b&gt;pinged&lt;/b&gt; it</pre>" in shown


def test_every_form_in_which_one_writes_carries_for_whom_it_was_drawn() -> None:
    forms = re.compile(r'<form [^>]*method="post".*?</form>', re.DOTALL)
    pages = [page.read_text() for page in TEMPLATES.glob("*.html")]
    written = [form for page in pages for form in forms.findall(page) if re.search("reason|comment", form)]

    assert len(written) == 7
    assert all("{% csrf_token %}{% typed_by %}" in form for form in written)


def test_an_htmx_step_of_nobody_says_that_nothing_was_done(client: Client, waiting: Migration) -> None:
    page = f"/migrations/{waiting.pk}/"
    sent = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}

    answer = client.post(f"{page}cancel/", headers=sent)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/login/?next={page}&unsent=1")


@pytest.mark.browser
@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("js", [True, False])
def test_what_a_manager_types_outlives_the_session(
    open_page: Open, manager: User, waiting: Migration, js: bool
) -> None:
    page = open_page(manager, f"/migrations/{waiting.pk}/decide/", js=js)
    page.fill("#comment", "pinged it, all is well")
    Session.objects.all().delete()
    if js:  # the next poll finds nobody: it says so, and leaves the page as it is
        expect(page.locator("#lost")).to_contain_text("You have been signed out.")
    page.click("button:has-text('Confirm: keep it')")
    expect(page.locator("[role=alert]")).to_contain_text("so nothing was sent")
    assert not js or complaints(page) == []
    for language in ("vi", "en"):
        page.click(f"button[name=language][value={language}]")
        expect(page.locator("html")).to_have_attribute("lang", language)
    page.fill("#id_username", "manager")
    page.fill("#id_password", "x")
    page.click("button.primary")

    expect(page.locator("#unsent")).to_contain_text("Nothing was sent")
    expect(page.locator("#comment")).to_have_value("pinged it, all is well")
    assert not js or complaints(page) == []
    page.click("button:has-text('Confirm: keep it')")
    expect(page.locator("#toasts")).to_contain_text("You confirmed the move of vm2.")
