"""The health page, and the two addresses that machines ask."""

import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from nmigrate.models import Cloud, Finding, Heartbeat, Instance, Migration, Service
from tests.fakecloud import FakeCloud
from tests.web.conftest import text


def beat(name: str, ago: timedelta = timedelta(0)) -> None:
    Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now() - ago})


def test_healthz_needs_no_login(client: Client, db: None) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


def test_readyz_wants_signs_of_life_from_both(client: Client, db: None) -> None:
    assert client.get("/readyz").status_code == 503
    beat("worker")
    beat("follower", timedelta(minutes=10))
    assert client.get("/readyz").content == b"no sign of life from: follower\n"

    beat("follower")

    assert client.get("/readyz").status_code == 200


def test_a_process_that_need_not_be_replaced_yet_is_silent_for_people_only(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    beat("follower")
    beat("worker", timedelta(seconds=40))
    client.force_login(helpdesk)

    assert client.get("/readyz").status_code == 200
    assert "Nothing is sent to the cloud just now:" in text(client.get("/mine/"))


def test_it_says_what_is_broken_in_words(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    Cloud.objects.create(name="dr", problem="dr does not accept the password.", problem_since=timezone.now())
    Service.objects.create(
        cloud_id="lab", uuid="s", binary="nova-compute", host="compute9", state="down", status="enabled"
    )
    beat("worker", timedelta(minutes=10))
    client.force_login(helpdesk)

    shown = text(client.get("/health/"))

    assert "dr does not accept the password." in shown
    assert "nova-compute on compute9" in shown
    assert "silent" in shown
    assert "never seen" in shown


def test_it_counts_the_moves_that_wait_for_a_person(
    client: Client, helpdesk: User, half_way: Migration, asked: Migration
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get("/health/"))

    assert "1 waits for a person</a>" in shown
    assert "stopped half-way: 1" in shown
    found = re.search(r'id="to-person" href="([^"]+)"', shown)
    assert found
    listed = text(client.get(found.group(1)))
    assert re.findall(r'id="row-(\d+)"', listed) == [str(half_way.pk)]
    assert "1 migration matches." in listed


def test_the_badge_counts_what_is_listed_as_in_need_of_a_look(
    client: Client, operator: User, synced: FakeCloud, vm2: Instance
) -> None:
    Cloud.objects.create(name="dr", problem="dr does not answer.", problem_since=timezone.now())
    Finding.objects.create(cloud="lab", rule="queued", what="w", since=timezone.now(), seen_at=timezone.now())
    Service.objects.filter(host="compute4").update(status="disabled")
    Instance.objects.filter(pk=vm2.pk).update(status="ERROR")
    client.force_login(operator)

    shown = text(client.get("/health/"))

    needs, others = (
        shown.index("What needs a look: 2</h2>"),
        shown.index("Hosts and instances in trouble</h2>"),
    )
    assert '<span class="count due">2</span>' in shown
    assert needs < shown.index("dr does not answer.") < others
    assert needs < shown.index("<article") < others
    assert shown.index("One service of a host") > others
    assert shown.index("is in error</a>") > others


def test_it_counts_what_waits_for_a_worker(client: Client, helpdesk: User, asked: Migration) -> None:
    client.force_login(helpdesk)

    shown = text(client.get("/health/"))

    assert "task waiting for a worker · 1 order to be sent, or without an answer" in shown
    assert "cold migration of vm2" in shown
    assert "Orders that wait to be sent, or for an answer</h2>" in shown
    assert "waiting to be sent</span>" in shown


def test_nothing_is_green_while_a_service_is_down(client: Client, operator: User, synced: FakeCloud) -> None:
    beat("follower")
    client.force_login(operator)
    assert "finds nothing" in text(client.get("/health/"))

    Service.objects.filter(host="compute4").update(state="down")

    shown = text(client.get("/health/"))
    assert "finds nothing" not in shown
    assert "One service of a host is down or out of service." in shown


def test_who_starts_a_silent_process_reads_how_and_others_whom_to_tell(
    client: Client, operator: User, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(operator)
    assert "Start it with" in text(client.get("/health/"))

    client.force_login(helpdesk)
    shown = text(client.get("/health/"))
    assert "manage.py" not in shown
    assert "Tell an operator. Operators of this cloud: operator." in shown


def test_what_is_red_stands_first(client: Client, operator: User, synced: FakeCloud) -> None:
    client.force_login(operator)
    shown = text(client.get("/health/"))
    assert shown.index("never seen") < shown.index("What needs a look")

    for name in ("worker", "follower"):
        beat(name)
    shown = text(client.get("/health/"))
    assert shown.index("What needs a look") < shown.index("This application")


def test_services_that_were_never_listed_are_not_called_up(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)
    assert "all up" in text(client.get("/health/"))

    Service.objects.all().delete()

    shown = text(client.get("/health/"))
    assert "Nova listed none" in shown
    assert "all up" not in shown
