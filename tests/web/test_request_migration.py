"""The plan page: ask for a move, and what bad input gets."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from nmigrate.models import Cloud, Hypervisor, Instance, Migration
from tests.fakecloud import FakeCloud
from tests.web.conftest import text


@pytest.fixture
def page(client: Client, helpdesk: User, vm2: Instance) -> str:
    """The address of vm2's plan, with the helpdesk signed in."""
    client.force_login(helpdesk)
    return f"/clouds/lab/instances/{vm2.uuid}/migrate/"


def test_the_plan_names_each_host_with_its_room_or_why_it_cannot_be(client: Client, page: str) -> None:
    Hypervisor.objects.filter(host="compute3").update(state="down")

    shown = text(client.get(page))

    assert "Let the scheduler choose" in shown
    assert "compute3 is down. Choose another host." in shown
    assert "vm2 is bound to zone nova-1 and compute2 is in zone nova." in shown
    assert 'value="compute3" disabled' in shown.replace(" checked", "")
    assert "compute1 already" not in shown


def test_a_running_instance_is_announced_to_be_shut_down(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)
    running = Instance.objects.get(name="demo_zone")

    assert "it is shut down for the move" in text(
        client.get(f"/clouds/lab/instances/{running.uuid}/migrate/")
    )


def test_asking_leads_to_the_page_that_follows_it(client: Client, page: str) -> None:
    response = client.post(page, {"host": "compute3", "reason": "disk errors", "ticket": "OPS-1"})

    made = Migration.objects.get()
    assert (response.status_code, response.headers["Location"]) == (302, f"/migrations/{made.pk}/")
    assert (made.asked_host, made.reason, made.ticket) == ("compute3", "disk errors", "OPS-1")


@pytest.mark.parametrize("reason", ["", "   \n "])
def test_without_a_reason_the_sentence_stands_at_the_field(client: Client, page: str, reason: str) -> None:
    response = client.post(page, {"host": "compute3", "reason": reason, "ticket": "OPS-1"})

    assert response.status_code == 422
    assert '<p class="error" id="reason-error">Say why it is moved' in text(response)
    assert 'value="OPS-1"' in text(response)
    assert not Migration.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("ticket", "x" * 101, "A ticket may have up to 100 characters."),
        ("reason", "x" * 2001, "A reason may have up to 2000 characters."),
        ("reason", "null \0 byte", "Null characters are not allowed."),
    ],
)
def test_too_much_or_bad_text_is_refused_and_kept(
    client: Client, page: str, field: str, value: str, sentence: str
) -> None:
    response = client.post(page, {"host": "", "reason": "because", "ticket": "", field: value})

    assert response.status_code == 422
    assert sentence in text(response)
    assert not Migration.objects.exists()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("compute1", "vm2 is on compute1 already."),
        ("nowhere", "There is no host nowhere in lab."),
        ("compute2", "compute2 is in zone nova"),
    ],
)
def test_a_destination_that_cannot_be_gets_one_sentence(
    client: Client, page: str, host: str, sentence: str
) -> None:
    response = client.post(page, {"host": host, "reason": "disk <errors>", "ticket": "OPS-1"})

    assert response.status_code == 409
    assert sentence in text(response)
    assert "disk &lt;errors&gt;" in text(response), "what was typed is kept"
    assert not Migration.objects.exists()


def test_the_second_click_shows_the_move_that_is_under_way(client: Client, page: str) -> None:
    client.post(page, {"host": "", "reason": "once"})
    response = client.post(page, {"host": "", "reason": "twice"})

    made = Migration.objects.get()
    assert response.status_code == 409
    assert f'href="/migrations/{made.pk}/">See the move that is under way' in text(response)


def test_a_locked_instance_offers_no_button_and_says_why(client: Client, page: str, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="accounting closes the year")

    shown = text(client.get(page))
    assert "vm2 is locked (“accounting closes the year”)" in shown
    assert "Ask to move it" not in shown
    assert client.post(page, {"reason": "please"}).status_code == 409


@pytest.mark.parametrize("uuid", ["6a4e53cb-0cf3-4113-9571-c42aa9f1afa4", "not-a-uuid", "%00", "ÄÖ"])
def test_an_instance_that_is_not_there_gets_a_page_that_says_so(
    client: Client, helpdesk: User, synced: FakeCloud, uuid: str
) -> None:
    client.force_login(helpdesk)
    for end in ("", "migrate/"):
        response = client.get(f"/clouds/lab/instances/{uuid}/{end}")
        assert response.status_code == 404
        assert "lab has no such instance" in text(response)


def test_a_deleted_instance_still_links_to_what_moved_it(
    client: Client, manager: User, waiting: Migration
) -> None:
    client.force_login(manager)
    Instance.objects.filter(uuid=waiting.instance_uuid).delete()

    shown = text(client.get(f"/clouds/lab/instances/{waiting.instance_uuid}/"))

    assert "lab has no such instance any more" in shown
    assert f'href="/migrations/{waiting.pk}/"' in shown
    assert f"/audit/?instance={waiting.instance_uuid}" in shown


def test_an_unknown_cloud_is_not_found(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)
    Cloud.objects.create(name="lab")

    assert client.get("/clouds/elsewhere/").status_code == 404
    assert client.get("/clouds/lab/hosts/nowhere/").status_code == 404
