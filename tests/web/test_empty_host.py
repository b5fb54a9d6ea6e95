"""Emptying a host: what is proposed, that what is chosen is asked for once with one reason, and what stops it."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from nmigrate import services
from nmigrate.models import AuditEvent, Hypervisor, Instance, Migration, Order
from tests.conftest import play
from tests.fakecloud import FakeCloud
from tests.web.conftest import text
from tests.wide import wide_cloud

EMPTY = "/clouds/lab/hosts/{}/empty/"
SignIn = Callable[[User], Client]


def row(shown: str, name: str) -> str:
    start = shown.index(f">{name}</a>")
    return shown[shown.rindex("<tr>", 0, start) : shown.index("</tr>", start)]


def picks(shown: str) -> dict[str, bool]:
    """Each box's value, and whether it is ticked."""
    boxes = re.findall(
        r'<input type="checkbox" class="pick" name="pick" value="([^"]+)" id="[^"]+"( checked)?', shown
    )
    return {value: bool(checked) for value, checked in boxes}


def uuid_of(name: str) -> str:
    return Instance.objects.get(name=name).uuid


def test_each_instance_gets_a_way_and_a_host_of_its_zone(
    sign_in: SignIn, helpdesk: User, running: Instance
) -> None:
    shown = text(sign_in(helpdesk).get(EMPTY.format("compute2")))
    assert picks(shown) == {
        f"{uuid_of('demo_zone')}/live/compute4": True,
        f"{uuid_of('doem')}/cold/compute4": True,
    }
    assert "2 move without a change: what runs goes on, what is stopped stays stopped." in shown
    assert "Which of them, and where to</h2>" in shown
    assert "compute2 is still in service" in shown


def test_what_would_go_down_is_offered_and_not_ticked(
    sign_in: SignIn, helpdesk: User, running: Instance
) -> None:
    Hypervisor.objects.filter(host="compute2").update(version=9000000)
    Hypervisor.objects.filter(host="compute4").update(version=8000000)
    shown = text(sign_in(helpdesk).get(EMPTY.format("compute2")))
    assert picks(shown)[f"{running.uuid}/cold/compute4"] is False
    assert "1 is shut down on the way." in shown
    assert "a manager approves first" in row(shown, "demo_zone")
    assert f"/instances/{running.uuid}/migrate/" in row(shown, "demo_zone")


def test_there_is_room_for_all_of_them_together(sign_in: SignIn, helpdesk: User, able: FakeCloud) -> None:
    one = Instance.objects.get(name="vm1")
    Hypervisor.objects.filter(host="compute3").update(
        memory_mb_capacity=one.memory_mb * 3 // 2, memory_mb_used=0
    )
    shown = text(sign_in(helpdesk).get(EMPTY.format("compute1")))
    assert list(picks(shown)) == [f"{one.uuid}/cold/compute3"]
    assert "No host of zone nova-1 can take it. compute3 is too full" in row(shown, "vm2")
    assert f"/instances/{uuid_of('vm2')}/migrate/" in row(shown, "vm2")


def test_what_is_asked_for_and_not_yet_sent_takes_its_room(
    sign_in: SignIn, helpdesk: User, able: FakeCloud
) -> None:
    one = Instance.objects.get(name="vm1")
    Hypervisor.objects.filter(host="compute3").update(
        memory_mb_capacity=one.memory_mb * 3 // 2, memory_mb_used=0
    )
    services.request_migration(actor=helpdesk, instance=one, host="compute3", reason="first")
    shown = text(sign_in(helpdesk).get(EMPTY.format("compute1")))
    assert picks(shown) == {}
    assert "compute3 is too full" in row(shown, "vm2")
    assert "1 is being moved already." in shown


def test_the_chosen_ones_are_asked_for_with_one_reason(
    sign_in: SignIn, operator: User, running: Instance, able: FakeCloud
) -> None:
    client = sign_in(operator)
    chosen = list(picks(text(client.get(EMPTY.format("compute2")))))
    asked = {"pick": chosen, "reason": "new disks", "ticket": "OPS-7"}
    answer = client.post(EMPTY.format("compute2"), asked, follow=True)
    assert answer.redirect_chain == [("/clouds/lab/hosts/compute2/emptied/", 302)]
    assert "2 of 2 moves asked for" in text(answer)
    assert "This page follows them." in text(answer)
    made = Migration.objects.order_by("instance_name")
    assert [(one.instance_name, one.kind, one.asked_host, one.reason, one.ticket) for one in made] == [
        ("demo_zone", "live", "compute4", "new disks", "OPS-7"),
        ("doem", "cold", "compute4", "new disks", "OPS-7"),
    ]
    assert AuditEvent.objects.filter(action="request", actor="operator").count() == 2
    host = text(client.get("/clouds/lab/hosts/compute2/"))
    assert "2 moves off this host are not over yet" in host
    there = re.search(r'id="leaving" href="([^"]+)"', host)
    assert there
    assert text(client.get(there[1].replace("&amp;", "&"))).count('data-label="Instance"') == 2
    for migration in made:
        play(able, migration)
    assert {able.server(one.instance_uuid).host for one in made} == {"compute4"}
    shown = text(client.get("/clouds/lab/hosts/compute2/emptied/"))
    assert "done" in shown
    assert "waits for a decision" in shown
    assert Migration.objects.count() == 2, "to load the page anew asks for nothing"


def test_pressed_twice_moves_nothing_twice(sign_in: SignIn, helpdesk: User, running: Instance) -> None:
    client = sign_in(helpdesk)
    asked = {"pick": list(picks(text(client.get(EMPTY.format("compute2"))))), "reason": "new disks"}
    client.post(EMPTY.format("compute2"), asked)
    again = client.post(EMPTY.format("compute2"), asked, follow=True)
    assert "No move was asked for" in text(again)
    assert "A move of doem is open already" in text(again)
    assert Migration.objects.count() == Order.objects.count() == 2


def test_one_that_cannot_be_asked_for_stops_no_other(
    sign_in: SignIn, helpdesk: User, running: Instance
) -> None:
    client = sign_in(helpdesk)
    chosen = [*picks(text(client.get(EMPTY.format("compute2")))), "no-such-uuid/cold/compute4"]
    Instance.objects.filter(pk=running.pk).update(host="compute4")
    asked = {"pick": chosen, "reason": "new disks"}
    shown = text(client.post(EMPTY.format("compute2"), asked, follow=True))
    assert "1 of 3 moves asked for" in shown
    assert "demo_zone has left compute2." in shown
    assert "It is no longer there." in shown
    assert [one.instance_name for one in Migration.objects.all()] == ["doem"]


def test_without_a_reason_nothing_is_asked_for_and_the_ticks_stay(
    sign_in: SignIn, helpdesk: User, running: Instance
) -> None:
    chosen = f"{uuid_of('doem')}/cold/compute4"
    answer = sign_in(helpdesk).post(EMPTY.format("compute2"), {"pick": [chosen], "ticket": "OPS-7"})
    assert answer.status_code == 422
    shown = text(answer)
    assert "Say why it is moved" in shown
    assert 'value="OPS-7"' in shown
    assert picks(shown) == {f"{running.uuid}/live/compute4": False, chosen: True}
    assert not Migration.objects.exists()


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        ([], "Choose at least one instance."),
        (["{}/copy/compute4"], "What was chosen cannot be read."),
        (["{}/cold/"], "What was chosen cannot be read."),
        (["\0/cold/compute4"], "What was chosen cannot be read."),
        (["x"], "What was chosen cannot be read."),
    ],
)
def test_what_cannot_be_read_is_refused(
    sign_in: SignIn, helpdesk: User, running: Instance, pick: list[str], said: str
) -> None:
    chosen = [one.format(running.uuid) for one in pick]
    answer = sign_in(helpdesk).post(EMPTY.format("compute2"), {"pick": chosen, "reason": "new disks"})
    assert answer.status_code == 422
    assert said in text(answer)
    assert not Migration.objects.exists()


def test_a_locked_one_is_left_to_its_own_plan(sign_in: SignIn, helpdesk: User, running: Instance) -> None:
    Instance.objects.filter(name="doem").update(locked=True, locked_reason="billing")
    client = sign_in(helpdesk)
    shown = text(client.get(EMPTY.format("compute2")))
    assert list(picks(shown)) == [f"{running.uuid}/live/compute4"]
    assert "doem is locked (“billing”)." in row(shown, "doem")
    assert "Plan doem by itself" in row(shown, "doem")
    forged = {"pick": [f"{uuid_of('doem')}/cold/compute4"], "reason": "new disks"}
    assert "doem is locked" in text(client.post(EMPTY.format("compute2"), forged, follow=True))
    assert not Migration.objects.exists()


def test_a_dead_host_is_evacuated_by_an_operator_who_ticks_each(
    sign_in: SignIn, operator: User, running: Instance
) -> None:
    Hypervisor.objects.filter(host="compute2").update(state="down")
    client = sign_in(operator)
    shown = text(client.get(EMPTY.format("compute2")))
    assert picks(shown) == {
        f"{running.uuid}/evacuate/compute4": False,
        f"{uuid_of('doem')}/evacuate/compute4": False,
    }
    assert "Be certain that compute2 is off" in shown
    assert "what was written is lost" in row(shown, "demo_zone")
    asked = {"pick": list(picks(shown)), "reason": "it burnt"}
    answer = client.post(EMPTY.format("compute2"), asked, follow=True)
    assert "2 of 2 moves asked for" in text(answer)
    assert set(Migration.objects.values_list("kind", flat=True)) == {"evacuate"}


def test_helpdesk_evacuates_nothing(sign_in: SignIn, helpdesk: User, running: Instance) -> None:
    Hypervisor.objects.filter(host="compute2").update(state="down")
    client = sign_in(helpdesk)
    shown = text(client.get(EMPTY.format("compute2")))
    assert picks(shown) == {}
    assert "What is on it</h2>" in shown
    assert "Only an operator may evacuate" in shown
    assert '<button class="primary" id="ask"' not in shown
    forged = {"pick": [f"{running.uuid}/evacuate/compute4"], "reason": "it burnt"}
    assert client.post(EMPTY.format("compute2"), forged).status_code == 403
    assert not Migration.objects.exists()


def test_a_suspended_one_is_left_to_a_manager(sign_in: SignIn, helpdesk: User, running: Instance) -> None:
    Instance.objects.filter(pk=running.pk).update(status="SUSPENDED")
    shown = row(text(sign_in(helpdesk).get(EMPTY.format("compute2"))), "demo_zone")
    assert "what it holds in memory would be lost" in shown
    assert "Plan demo_zone by itself" in shown


def test_what_no_room_helps_is_not_told_to_wait_for_room(
    sign_in: SignIn, helpdesk: User, running: Instance
) -> None:
    apart = [{"uuid": "g", "name": "web", "policy": "anti-affinity"}]
    Instance.objects.filter(pk=running.pk).update(server_groups=apart, pinned_zone="nova")
    Instance.objects.filter(name="vm1").update(server_groups=apart, host="compute4")
    shown = row(text(sign_in(helpdesk).get(EMPTY.format("compute2"))), "demo_zone")
    assert "Planned by itself, it may go to another zone." in shown
    Hypervisor.objects.filter(zone="nova-1").update(state="down")
    shown = row(text(sign_in(helpdesk).get(EMPTY.format("compute2"))), "demo_zone")
    assert "Ask an operator to review the group." in shown


def test_what_left_and_waits_is_told(sign_in: SignIn, helpdesk: User, waiting: Migration) -> None:
    shown = text(sign_in(helpdesk).get(EMPTY.format("compute1")))
    assert "1 instance has left it, and its room here is kept until a manager decides:" in shown
    assert f'id="held-{waiting.pk}"' in shown


def test_what_became_of_them_is_told_to_who_asked(sign_in: SignIn, operator: User, able: FakeCloud) -> None:
    answer = sign_in(operator).get("/clouds/lab/hosts/compute2/emptied/")
    assert (answer.status_code, answer["Location"]) == (302, "/clouds/lab/hosts/compute2/")


def test_two_hosts_are_followed_beside_each_other(sign_in: SignIn, operator: User, running: Instance) -> None:
    client = sign_in(operator)
    for host in ("compute1", "compute2"):
        chosen = list(picks(text(client.get(EMPTY.format(host)))))
        client.post(EMPTY.format(host), {"pick": chosen, "reason": "new disks"})
    first = text(client.get("/clouds/lab/hosts/compute1/emptied/"))
    assert "2 of 2 moves asked for" in first
    poll = re.search(r'hx-get="([^"]+)" hx-select="#asked"', first)
    assert poll
    assert client.get(poll[1], headers={"HX-Request": "true"}).status_code == 204
    gone = client.get("/clouds/lab/hosts/compute3/emptied/", headers={"HX-Request": "true"})
    assert gone.status_code == 204, "what is on the page stays"


def test_a_paused_one_is_told_what_keeps_it_from_moving_live(
    sign_in: SignIn, helpdesk: User, running: Instance
) -> None:
    Instance.objects.filter(pk=running.pk).update(status="PAUSED")
    Hypervisor.objects.filter(host="compute4").update(memory_mb_capacity=100, memory_mb_used=0)
    shown = row(text(sign_in(helpdesk).get(EMPTY.format("compute2"))), "demo_zone")
    assert "compute4 is too full" in shown
    assert "is paused; only" not in shown


def test_what_may_not_be_asked_for_keeps_the_others_from_being_asked_for(
    sign_in: SignIn, helpdesk: User, running: Instance
) -> None:
    mixed = [f"{running.uuid}/live/compute4", f"{uuid_of('doem')}/evacuate/compute4"]
    asked = {"pick": mixed, "reason": "new disks"}
    assert sign_in(helpdesk).post(EMPTY.format("compute2"), asked).status_code == 403
    assert not Migration.objects.exists(), "not the first one either"


def test_an_empty_host_says_so(sign_in: SignIn, helpdesk: User, able: FakeCloud) -> None:
    shown = text(sign_in(helpdesk).get(EMPTY.format("compute3")))
    assert "There is nothing on compute3 that could be moved." in shown


def test_a_host_that_is_gone_is_said_to_be(sign_in: SignIn, helpdesk: User, able: FakeCloud) -> None:
    assert sign_in(helpdesk).get(EMPTY.format("nowhere")).status_code == 404


def test_the_way_there_is_on_the_host_for_who_may_move(
    sign_in: SignIn, helpdesk: User, auditor: User, operator: User, running: Instance
) -> None:
    path, link = "/clouds/lab/hosts/compute2/", 'href="/clouds/lab/hosts/compute2/empty/"'
    assert link in text(sign_in(helpdesk).get(path))
    assert link not in text(sign_in(auditor).get(path))
    Hypervisor.objects.filter(host="compute2").update(state="down")
    assert link not in text(sign_in(helpdesk).get(path))
    assert "Evacuate this host" in text(sign_in(operator).get(path))


def test_more_instances_ask_no_more(sign_in: SignIn, operator: User, db: None) -> None:
    wide = wide_cloud(40)
    client = sign_in(operator)
    path = f"/clouds/wide/hosts/{wide.host}/empty/"

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(path).status_code == 200
        return len(asked)

    few = queries()
    assert Instance.objects.filter(cloud="wide").exclude(host=wide.host).update(host=wide.host) > 100
    assert queries() == few
