"""Who sees which address: every address of the application, every role, in one table."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import URLPattern
from django.views.defaults import server_error

from nmigrate.models import Migration
from tests.web.conftest import text
from webui import urls

PAGES = {
    # url name: (who sees it, its address)
    "home": ("helpdesk manager auditor operator", "/"),
    "mine": ("helpdesk manager auditor operator", "/mine/"),
    "mine_now": ("helpdesk manager auditor operator", "/mine/now/"),
    "mine_chain": ("manager auditor operator", "/mine/chain/"),
    "clouds": ("helpdesk manager auditor operator", "/clouds/"),
    "topology": ("helpdesk manager auditor operator", "/clouds/lab/"),
    "topology_picture": ("helpdesk manager auditor operator", "/clouds/lab/picture/"),
    "topology_freshness": ("helpdesk manager auditor operator", "/clouds/lab/freshness/"),
    "find": ("helpdesk manager auditor operator", "/clouds/lab/find/?q=vm"),
    "host": ("helpdesk manager auditor operator", "/clouds/lab/hosts/compute1/"),
    "host_chips": ("helpdesk manager auditor operator", "/clouds/lab/hosts/compute1/chips/"),
    "empty_host": ("helpdesk manager operator", "/clouds/lab/hosts/compute1/empty/"),
    "emptied": ("helpdesk manager operator", "/clouds/lab/hosts/compute1/emptied/"),
    "host_panel": ("helpdesk manager auditor operator", "/clouds/lab/hosts/compute1/panel/"),
    "move_menu": ("helpdesk manager operator", "/clouds/lab/instances/{uuid}/move-menu/"),
    "no_landing": ("helpdesk manager operator", "/clouds/lab/instances/{uuid}/no-landing/"),
    "instance": ("helpdesk manager auditor operator", "/clouds/lab/instances/{uuid}/"),
    "instance_status": ("helpdesk manager auditor operator", "/clouds/lab/instances/{uuid}/status/"),
    "destinations": ("helpdesk manager auditor operator", "/clouds/lab/instances/{uuid}/destinations/"),
    "request_migration": ("helpdesk manager operator", "/clouds/lab/instances/{uuid}/migrate/"),
    "migrations": ("helpdesk manager auditor operator", "/migrations/"),
    "migration": ("helpdesk manager auditor operator", "/migrations/{pk}/"),
    "migration_status": ("helpdesk manager auditor operator", "/migrations/{pk}/status/"),
    "migration_bar": ("helpdesk manager auditor operator", "/migrations/{pk}/bar/"),
    "decide_migration": ("manager", "/migrations/{pk}/decide/"),
    "approvals": ("manager", "/approvals/"),
    "approvals_badge": ("manager", "/approvals/badge/"),
    "audit_trail": ("manager auditor operator", "/audit/"),
    "audit_event": ("manager auditor operator", "/audit/1/"),
    "export_moves": ("manager auditor operator", "/audit/moves.csv"),
    "export_audit": ("manager auditor operator", "/audit/export.csv"),
    "figures": ("manager auditor operator", "/figures/"),
    "findings_badge": ("manager operator", "/health/badge/"),
    "health": ("helpdesk manager auditor operator", "/health/"),
    "guide": ("helpdesk manager auditor operator", "/guide/"),
    "guide_words": ("helpdesk manager auditor operator", "/guide/words/"),
    "tour": ("helpdesk manager auditor operator", "/tour/"),
    "tour_now": ("helpdesk manager auditor operator", "/tour/now/"),
    "components": ("helpdesk manager auditor operator", "/components/"),
}
POST_ONLY = {
    # url name: (who may send it, its address)
    "start_instance": ("helpdesk manager operator", "/clouds/lab/instances/{uuid}/start/"),
    "stop_instance": ("manager operator", "/clouds/lab/instances/{uuid}/stop/"),
    "unlock_instance": ("operator", "/clouds/lab/instances/{uuid}/unlock/"),
    "abort_migration": ("helpdesk manager operator", "/migrations/{pk}/abort/"),
    "force_migration": ("manager operator", "/migrations/{pk}/force/"),
    "retry_migration": ("helpdesk manager operator", "/migrations/{pk}/retry/"),
    "go_back": ("helpdesk manager operator", "/migrations/{pk}/go-back/"),
    "leave_migration": ("helpdesk manager operator", "/migrations/{pk}/leave/"),
    "approve_migration": ("manager", "/migrations/{pk}/approve/"),
    "decline_migration": ("manager", "/migrations/{pk}/decline/"),
    "decide_together": ("manager", "/approvals/decide/"),
    "cancel_migration": ("helpdesk manager operator", "/migrations/{pk}/cancel/"),
    "confirm_migration": ("manager", "/migrations/{pk}/confirm/"),
    "reject_migration": ("manager", "/migrations/{pk}/reject/"),
}
OPEN = {"healthz", "readyz", "login", "logout"}
ROLES = ("helpdesk", "manager", "auditor", "operator", "")


def address(pattern: str, migration: Migration) -> str:
    return pattern.format(uuid=migration.instance_uuid, pk=migration.pk)


def test_the_table_names_every_address() -> None:
    named = {pattern.name for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)}

    assert named == set(PAGES) | set(POST_ONLY) | OPEN


@pytest.mark.parametrize("role", ROLES)
def test_each_page_is_for_its_roles_only(
    role: str, client: Client, person: Callable[..., User], waiting: Migration
) -> None:
    client.force_login(person(role, "somebody"))

    answers = {name: client.get(address(path, waiting)).status_code for name, (_, path) in PAGES.items()}

    seen = {name for name, status in answers.items() if status in (200, 302)}
    assert seen == {name for name, (allowed, _) in PAGES.items() if role and role in allowed.split()}
    assert {status for name, status in answers.items() if name not in seen} <= {403}


def test_without_signing_in_there_is_nothing_to_see(client: Client, waiting: Migration) -> None:
    for name, (_, pattern) in (PAGES | POST_ONLY).items():
        path = address(pattern, waiting)
        response = client.post(path) if name in POST_ONLY else client.get(path)
        assert response.status_code == 302, name
        assert response.headers["Location"].startswith("/login/?next="), name


@pytest.mark.parametrize("role", ROLES)
def test_each_action_is_for_its_roles_only(
    role: str, client: Client, person: Callable[..., User], waiting: Migration
) -> None:
    client.force_login(person(role, "somebody"))

    for name, (allowed, pattern) in POST_ONLY.items():
        status = client.post(address(pattern, waiting)).status_code
        expected = (302, 409, 422) if role and role in allowed.split() else (403,)
        assert status in expected, name


def test_no_action_is_done_by_following_a_link(client: Client, manager: User, waiting: Migration) -> None:
    client.force_login(manager)

    for name, (_, pattern) in POST_ONLY.items():
        assert client.get(address(pattern, waiting)).status_code == 405, name


def test_somebody_without_a_role_reads_whom_to_ask(
    client: Client, person: Callable[..., User], synced: object
) -> None:
    User.objects.create_superuser("root-of-all", password="x")
    client.force_login(person("", "newcomer"))

    page = text(client.get("/clouds/lab/"))

    assert "You have no role yet" in page
    assert "Ask root-of-all" in page


def test_a_poll_after_the_session_has_ended_takes_the_page_to_the_login(
    client: Client, waiting: Migration
) -> None:
    response = client.get(
        f"/migrations/{waiting.pk}/status/",
        headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver/migrations/{waiting.pk}/"},
    )

    assert response.status_code == 204
    assert response.headers["HX-Redirect"] == f"/login/?next=/migrations/{waiting.pk}/"


def test_every_answer_carries_the_strict_policies(client: Client, db: None) -> None:
    headers = client.get("/login/").headers

    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "no-store" in headers["Cache-Control"]


def test_a_post_without_the_token_is_refused_with_a_page(helpdesk: User, waiting: Migration) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(helpdesk)

    response = strict.post(f"/migrations/{waiting.pk}/cancel/")

    assert response.status_code == 403
    assert "This page was open for too long" in text(response)


def test_an_unknown_address_gets_a_designed_page(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)

    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert "There is no such page" in text(response)


def test_the_page_for_what_broke_needs_neither_session_nor_database(rf: RequestFactory) -> None:
    response = server_error(rf.get("/"))

    assert response.status_code == 500
    assert "Something broke in nmigrate" in text(response)


def test_signing_in_with_a_wrong_password_says_so(client: Client, helpdesk: User) -> None:
    response = client.post("/login/", {"username": "helpdesk", "password": "wrong"})

    assert response.status_code == 200
    assert "This name and password do not fit together" in text(response)


def test_signing_out_needs_a_post(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)

    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
