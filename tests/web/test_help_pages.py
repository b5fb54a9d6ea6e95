"""The guides, the words, the tour, the page of parts; and the pages for what goes wrong."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.template import Context, Template
from django.test import Client, RequestFactory

from nmigrate import services
from nmigrate.models import Instance, Migration
from nmigrate.roles import ROLES
from nmigrate.states import KIND_LABELS, State
from tests.conftest import follow, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text
from tests.web.test_access import POST_ONLY
from webui import glossary, guides
from webui.steps import PAGES
from webui.words import STATE_TONES

ROOT = Path(__file__).parents[2]


# -- the guides


def test_there_is_a_guide_for_each_role() -> None:
    assert {guide.role for guide in guides.GUIDES} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_ones_own_guide_comes_first_and_open_and_its_links_lead_somewhere(
    client: Client, person: Callable[..., User], synced: FakeCloud, role: str
) -> None:
    client.force_login(person(role, "somebody"))

    shown = text(client.get("/guide/"))

    first = re.search(r'<details class="card guide" id="(\w+)"( open)?', shown)
    assert first is not None
    assert first.groups() == (role, " open")
    main = shown[shown.index('<main id="main"') :]
    links = set(re.findall(r'href="(/[^"]*)"', main))
    assert len(links) > 3
    assert {link: client.get(link, follow=True).status_code for link in links} == dict.fromkeys(links, 200)


# -- the words


def test_every_word_stands_in_one_group_and_every_word_of_a_guide_is_explained() -> None:
    grouped = [key for _, keys in glossary.GROUPS for key in keys]
    used = {key for guide in guides.GUIDES for hint in guide.hints for key in hint.terms}

    assert sorted(grouped) == sorted(glossary.TERMS)
    assert used <= set(glossary.TERMS)


def test_every_kind_of_move_is_explained_by_its_own_name() -> None:
    assert {kind: glossary.TERMS[kind].word for kind in KIND_LABELS} == dict(KIND_LABELS)


def test_no_explanation_uses_a_word_that_only_nova_knows() -> None:
    shy = re.compile(r"\b(?:VERIFY_RESIZE|nova-compute|placement|libvirt|conductor|microversion)\b")
    assert [key for key, one in glossary.TERMS.items() if shy.search(one.means)] == []


def test_a_word_that_explains_itself_works_without_a_script_and_has_an_id_of_its_own(
    rf: RequestFactory,
) -> None:
    page = Template('{% load parts %}{% term "cold" %} {% term "cold" %} {% term "live" "live" %}')

    shown = page.render(Context({"request": rf.get("/")}))

    ids = re.findall(r' id="([\w-]+)"', shown)
    assert ids == ["term-cold", "term-cold-2", "term-live"]
    assert re.findall(r'popovertarget="([\w-]+)"', shown) == ids
    assert "moved while it is off" in shown
    assert ">live</button>" in shown


def test_a_word_in_a_fragment_does_not_clash_with_the_page_around_it(
    rf: RequestFactory, client: Client
) -> None:
    from django_htmx.middleware import HtmxDetails

    request = rf.get("/", headers={"HX-Request": "true", "HX-Target": "ways"})
    request.htmx = HtmxDetails(request)  # type: ignore[attr-defined]  # what the middleware sets

    shown = Template('{% load parts %}{% term "cold" %}').render(Context({"request": request}))

    assert 'id="ways-term-cold"' in shown


def test_an_unknown_word_is_a_fault_of_the_page() -> None:
    with pytest.raises(KeyError):
        Template('{% load parts %}{% term "hocus" %}').render(Context({}))


# -- the tour


def tones(client: Client) -> list[str]:
    return [step.tone for step in client.get("/tour/").context["steps"]]


def test_the_tour_notices_what_was_done(
    client: Client, helpdesk: User, manager: User, auditor: User, synced: FakeCloud, vm2: Instance
) -> None:
    client.force_login(helpdesk)
    assert tones(client) == ["now", "later", "later", "later", "later"]

    made = services.request_migration(actor=helpdesk, instance=vm2, reason="noises")
    assert tones(client) == ["done", "now", "later", "later", "later"]
    version = client.get("/tour/").context["version"]
    assert client.get(f"/tour/now/?v={version}").status_code == 204

    reach(synced, made, State.WAITING)
    assert tones(client) == ["done", "done", "now", "later", "later"]
    assert client.get(f"/tour/now/?v={version}").status_code == 200

    services.confirm_migration(actor=manager, migration=made)
    reach(synced, made, State.DONE)
    run_tasks()
    follow(synced, 2)
    assert tones(client) == ["done", "done", "done", "now", "later"]

    services.start_instance(actor=helpdesk, instance=Instance.objects.get(name="vm2"))
    assert tones(client) == ["done", "done", "done", "done", "now"]
    client.force_login(auditor)
    assert tones(client) == ["done"] * 5


def test_where_there_is_no_demo_the_tour_touches_nothing(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)  # there is vm2, but no account called manager or auditor

    shown = text(client.get("/tour/"))

    assert "The tour belongs to the demo" in shown
    assert 'id="tour"' not in shown


def test_who_is_not_the_person_of_the_step_may_sign_in_as_them(
    client: Client, helpdesk: User, manager: User, auditor: User, synced: FakeCloud
) -> None:
    client.force_login(manager)
    assert "Sign out, to sign in as helpdesk" in text(client.get("/tour/"))

    answer = client.post("/logout/", {"next": "/login/?next=/tour/"})

    assert answer.headers["Location"] == "/login/?next=/tour/"


# -- the parts


def test_the_page_of_parts_shows_every_state(client: Client, helpdesk: User, db: None) -> None:
    client.force_login(helpdesk)

    shown = text(client.get("/components/"))

    assert [
        label for label in client.get("/components/").context["labels"].values() if label not in shown
    ] == []
    assert [tone for tone in set(STATE_TONES.values()) if f'class="state {tone}"' not in shown] == []


def test_a_colour_is_named_once() -> None:
    """Light and dark side by side; a second list of them would come to differ."""
    tokens = (ROOT / "static/css/tokens.css").read_text()
    names = re.findall(r"^\s+(--[\w-]+):", tokens, re.MULTILINE)
    assert len(names) == len(set(names)) > 30
    elsewhere = [
        f"{path.name}: {found}"
        for path in (ROOT / "static/css").glob("*.css")
        if path.name != "tokens.css"
        for found in re.findall(
            r"#[0-9a-f]{3,8}\b(?!-)|rgb\([^)]*\)", re.sub(r"#[a-z][\w-]*", "", path.read_text())
        )
    ]
    assert elsewhere == []


# -- what goes wrong


@pytest.mark.parametrize("code", [400, 404, 405, 500])
def test_an_error_page_needs_nobody_signed_in_and_says_what_to_do_next(code: int) -> None:
    from django.template.loader import render_to_string

    shown = render_to_string(f"{code}.html")

    assert f">{code}</p>" in shown
    assert 'href="/mine/"' in shown


def test_a_step_opened_like_a_page_says_that_nothing_was_done(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    client.force_login(helpdesk)

    answer = client.get(f"/migrations/{asked.pk}/cancel/")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"
    assert "A step is not done by its address" in text(answer)
    assert f'id="its-page" href="/migrations/{asked.pk}/"' in text(answer)


def test_every_address_that_only_takes_a_step_has_its_page() -> None:
    assert set(PAGES) == set(POST_ONLY)


def test_the_language_of_the_answer_to_a_step_leads_back_to_a_page(
    client: Client, manager: User, asked: Migration
) -> None:
    client.force_login(manager)
    answer = client.post(f"/migrations/{asked.pk}/confirm/")

    assert answer.status_code == 409
    assert f'<input type="hidden" name="next" value="/migrations/{asked.pk}/decide/">' in text(answer)


def test_who_signs_in_anew_after_a_step_comes_back_to_its_page(client: Client, asked: Migration) -> None:
    path = f"/migrations/{asked.pk}/"
    ours, theirs = f"http://testserver{path}?x=1", f"http://elsewhere.example{path}"

    def back(referer: str) -> str:
        return client.post(f"{path}cancel/", headers={"Referer": referer}).headers["Location"]

    assert back(ours) == f"/login/?next={path}%3Fx%3D1&unsent=1"
    assert back(theirs) == "/login/?next=/&unsent=1"
    assert "so nothing was done" in text(client.get(back(ours)))
    assert "so nothing was done" not in text(client.get("/login/"))


def test_after_a_step_the_next_page_says_once_what_was_done(
    client: Client, manager: User, waiting: Migration
) -> None:
    client.force_login(manager)

    shown = text(client.post(f"/migrations/{waiting.pk}/confirm/", follow=True))

    assert '<div class="toast">You confirmed the move of vm2.</div>' in shown
    assert 'class="toast"' not in text(client.get(f"/migrations/{waiting.pk}/"))


def test_a_step_that_came_too_late_has_no_toast(
    client: Client, manager: User, manager2: User, waiting: Migration
) -> None:
    services.confirm_migration(actor=manager2, migration=waiting)
    client.force_login(manager)

    answer = client.post(f"/migrations/{waiting.pk}/confirm/")

    assert answer.status_code == 409
    assert 'class="toast"' not in text(answer)
