"""A move that stopped half-way: what exists, and the ways on as buttons."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client

from nmigrate import inventory, selectors, services
from nmigrate.models import AuditEvent, Instance, Migration
from nmigrate.states import Kind, State
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text
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
        "demo_zone is brought up again in zone nova.",
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


@pytest.fixture
def known(able: FakeCloud, half_way: Migration) -> Migration:
    """The inventory, too, has read that no host of the zone is in service."""
    inventory.read_hosts(able)
    return half_way


def back(able: FakeCloud, *hosts: str) -> None:
    """These hosts are in service again, and the inventory knows."""
    for host in hosts:
        able.hosts[host] = replace(able.hosts[host], status="enabled")
    inventory.read_hosts(able)


def shown_to(client: Client, user: User, move: Migration) -> str:
    client.force_login(user)
    return text(client.get(f"/migrations/{move.pk}/"))


def test_while_no_host_can_take_it_that_is_said_and_none_is_offered(
    client: Client, helpdesk: User, known: Migration
) -> None:
    shown = shown_to(client, helpdesk, known)

    assert (
        "The hosts now</dt><dd>No host of zone nova-1 can take it. All of them are out of service." in shown
    )
    assert 'name="host"' not in shown


def test_a_host_that_is_back_is_told_and_the_step_can_be_tried_again(
    client: Client, able: FakeCloud, helpdesk: User, known: Migration
) -> None:
    back(able, known.asked_host)

    shown = shown_to(client, helpdesk, known)

    assert f"The hosts now</dt><dd>{known.asked_host} can take it now." in shown
    assert "Try the step again, or go back: nmigrate would" in shown
    assert "<b>You can.</b>" in shown
    assert shown.index("/retry/") < shown.index("/go-back/"), "what helps stands first"


def test_another_host_of_the_zone_is_chosen_and_the_step_leads_there(
    client: Client, able: FakeCloud, helpdesk: User, known: Migration
) -> None:
    before, other = known.asked_host, ({"compute1", "compute3"} - {known.asked_host}).pop()
    back(able, other)
    shown = shown_to(client, helpdesk, known)
    assert f"Another host of zone nova-1 can take it: {other}." in shown
    assert f'<option value="{other}">' in shown

    client.post(f"/migrations/{known.pk}/retry/", {"comment": "the fans are in", "host": other})

    assert reach(able, known, State.DONE).dest_host == other
    told = AuditEvent.objects.get(action="retry_move")
    assert told.reason == f"To {other} instead of {before}. the fans are in"
    assert told.to_host == other
    assert known.orders.filter(action="unshelve", state="done").count() == 1


@pytest.mark.parametrize("host", ["compute3", "compute2", "nowhere", "x\0y"])
def test_a_host_that_cannot_take_it_is_refused_and_nothing_is_ordered(
    client: Client, helpdesk: User, known: Migration, host: str
) -> None:
    client.force_login(helpdesk)

    response = client.post(f"/migrations/{known.pk}/retry/", {"comment": "", "host": host})

    known.refresh_from_db()
    assert (response.status_code, known.state) == (409, State.STRANDED)
    assert "cannot take demo_zone now." in text(response)
    assert not known.orders.filter(state="queued").exists()


def test_another_host_is_not_offered_once_somebody_has_brought_it_up(
    client: Client, able: FakeCloud, helpdesk: User, known: Migration
) -> None:
    back(able, "compute1", "compute3")
    Instance.objects.filter(uuid=known.instance_uuid).update(status="ACTIVE", host="compute1", zone="nova-1")

    shown = shown_to(client, helpdesk, known)

    assert 'name="host"' not in shown
    assert "demo_zone is running on compute1 in zone nova-1." in shown


def test_a_copy_that_was_never_booted_can_be_booted_on_another_host(
    client: Client, able: FakeCloud, helpdesk: User, known: Migration
) -> None:
    back(able, "compute1", "compute3")
    Instance.objects.filter(uuid=known.instance_uuid).update(status="SHUTOFF", host="compute2", zone="nova")
    Migration.objects.filter(pk=known.pk).update(kind="copy", step="boot", image_id="a snapshot")
    client.force_login(helpdesk)

    client.post(f"/migrations/{known.pk}/retry/", {"host": "compute3"})

    assert known.orders.get(action="boot").host == "compute3"


def test_an_open_page_learns_that_a_host_is_back(
    client: Client, able: FakeCloud, helpdesk: User, known: Migration
) -> None:
    client.force_login(helpdesk)
    version = client.get(f"/migrations/{known.pk}/").context["version"]
    status = f"/migrations/{known.pk}/status/?v={version}"
    assert client.get(status).status_code == 204

    back(able, known.asked_host)

    assert "can take it now" in text(client.get(status))


# -- left as it is


@pytest.fixture
def left(helpdesk: User, half_way: Migration) -> Migration:
    services.leave_migration(actor=helpdesk, migration=half_way)
    return half_way


def is_now(move: Migration, **fields: str) -> None:
    Instance.objects.filter(uuid=move.instance_uuid).update(**fields)


def test_what_was_left_says_what_to_do_as_long_as_it_is_not_well(
    client: Client, helpdesk: User, left: Migration
) -> None:
    for page in (f"/migrations/{left.pk}/", "/mine/"):
        client.force_login(helpdesk)
        shown = text(client.get(page))
        assert "demo_zone is shelved: it is on no host, and its disk is kept." in shown
        assert "An operator must bring it up again in the cloud: it is shelved." in shown

    is_now(left, status="SHUTOFF", host="compute4")
    shown = shown_to(client, helpdesk, left)
    assert "demo_zone is stopped on compute4" in shown
    assert "Start it, and tell its owner: it ran before the move." in shown
    assert 'id="start-it"' in shown


def test_what_was_left_leaves_my_work_once_it_is_well_and_its_page_says_so(
    client: Client, helpdesk: User, operator: User, left: Migration
) -> None:
    version = selectors.mine_version(helpdesk)
    is_now(left, status="ACTIVE", host="compute4", zone="nova")

    for user in (helpdesk, operator):
        client.force_login(user)
        assert f'id="failed-{left.pk}"' not in text(client.get("/mine/"))
    shown = shown_to(client, helpdesk, left)
    assert "demo_zone is running on compute4 in zone nova." in shown
    assert "Nothing needs to be put right any more." in shown
    assert selectors.mine_version(helpdesk) != version, "an open page learns it"


def test_what_a_copy_left_stays_in_my_work(client: Client, operator: User, left: Migration) -> None:
    Migration.objects.filter(pk=left.pk).update(kind=Kind.COPY, copy_uuid="its-copy")
    is_now(left, status="ACTIVE", host="compute4", zone="nova")
    client.force_login(operator)

    assert f'id="failed-{left.pk}"' in text(client.get("/mine/"))


def test_what_was_left_bound_to_no_zone_stays_in_my_work(
    client: Client, operator: User, left: Migration
) -> None:
    Migration.objects.filter(pk=left.pk).update(changes_pin=True)
    is_now(left, status="ACTIVE", host="compute4", zone="nova", pinned_zone="")
    client.force_login(operator)
    assert f'id="failed-{left.pk}"' in text(client.get("/mine/"))

    is_now(left, pinned_zone="nova")
    assert f'id="failed-{left.pk}"' not in text(client.get("/mine/"))


def test_what_was_left_leaves_my_work_once_it_is_gone(
    client: Client, helpdesk: User, left: Migration
) -> None:
    Instance.objects.filter(uuid=left.instance_uuid).delete()
    client.force_login(helpdesk)

    assert f'id="failed-{left.pk}"' not in text(client.get("/mine/"))
    assert "demo_zone itself is no longer there." in shown_to(client, helpdesk, left)


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
