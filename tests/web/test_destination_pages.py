"""The page of all destinations: what it shows, where it leads, and that it asks no more for more hosts."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from nmigrate.models import Cloud, Hypervisor, Instance, Migration
from tests.fakecloud import FakeCloud
from tests.web.conftest import text
from tests.wide import wide_cloud


def path_of(instance: Instance) -> str:
    return f"/clouds/{instance.cloud_id}/instances/{instance.uuid}/destinations/"


def row(shown: str, host: str) -> str:
    start = shown.index(f"<span>{host}</span></th>")
    return shown[start : shown.index("</tr>", start)]


@pytest.fixture
def shown_to(client: Client) -> Any:
    def show(user: User, instance: Instance, query: str = "") -> str:
        client.force_login(user)
        return text(client.get(path_of(instance) + query))

    return show


def test_every_host_stands_there_with_every_kind(shown_to: Any, helpdesk: User, running: Instance) -> None:
    Hypervisor.objects.filter(host="compute3").update(state="down")
    shown = shown_to(helpdesk, running)

    for name in ("Live", "Cold", "Shelve", "Copy"):
        assert f'aria-label="{name} to compute4: can"' in row(shown, "compute4")
    assert row(shown, "compute3").count("cannot</span>") == 4
    assert "compute3 is down. Choose another host." in row(shown, "compute3")
    assert "evacuation is for a host that is down" in shown
    assert "compute2</span></th>" not in shown  # where it is


def test_a_cell_leads_to_the_plan_of_that_move(
    shown_to: Any, client: Client, helpdesk: User, running: Instance
) -> None:
    shown = shown_to(helpdesk, running)
    plan = f"/clouds/lab/instances/{running.uuid}/migrate/"
    for kind in ("live", "cold", "shelve", "copy"):
        assert f'href="{plan}?host=compute4&amp;way={kind}"' in row(shown, "compute4")
        planned = text(client.get(f"{plan}?host=compute4&way={kind}"))
        start = planned.index(f'id="way-{kind}"')
        assert " checked" in planned[start : planned.index(">", start)]
        assert 'value="host:compute4" hx-get="?host=compute4" checked' in planned


def test_the_recommended_one_comes_with_its_reasons(shown_to: Any, helpdesk: User, running: Instance) -> None:
    shown = shown_to(helpdesk, running)
    assert "Recommended: compute4, live" in shown
    assert "of memory would stay free" in shown
    assert "in the same zone" in shown
    assert (
        f'id="plan-best" href="/clouds/lab/instances/{running.uuid}/migrate/?host=compute4&amp;way=live"'
        in shown
    )


def test_a_host_is_found_by_name_and_the_impossible_left_out(
    shown_to: Any, helpdesk: User, running: Instance
) -> None:
    Hypervisor.objects.filter(host="compute3").update(state="down")
    found = shown_to(helpdesk, running, "?q=PUTE3")
    assert "compute3</span></th>" in found
    assert "compute4</span></th>" not in found
    found = shown_to(helpdesk, running, "?only=1")
    assert "compute3</span></th>" not in found
    assert "compute4</span></th>" in found
    assert "No host of this selection." in shown_to(helpdesk, running, "?q=nowhere")


def test_what_is_true_of_a_whole_zone_is_said_once(
    shown_to: Any, helpdesk: User, able: FakeCloud, vm2: Instance
) -> None:
    shown = shown_to(helpdesk, vm2)
    assert shown.count("It is freed from zone nova-1 and bound to nova afterwards.") == 1
    assert "can, but" in row(shown, "compute2")


def test_a_lock_asks_for_a_manager(shown_to: Any, helpdesk: User, running: Instance) -> None:
    Instance.objects.filter(pk=running.pk).update(locked=True, locked_reason="closing the year")
    shown = shown_to(helpdesk, running)
    assert 'aria-label="Live to compute4: ask a manager"' in row(shown, "compute4")
    assert "Nothing is recommended" in shown
    assert "none can take it, 1 with a manager's permission</span>" in shown.replace("&#x27;", "'")
    assert "way=live" in row(shown, "compute4")


def test_what_holds_for_every_kind_and_host_is_said_once_above_them(
    shown_to: Any, helpdesk: User, running: Instance
) -> None:
    Instance.objects.filter(pk=running.pk).update(locked=True, locked_reason="closing the year")

    shown = shown_to(helpdesk, running)

    assert shown.count("is locked (“closing the year”)") == 1
    assert "is locked" in shown[shown.index('id="everywhere"') : shown.index('id="best-title"')]
    assert "What stands in the way of every move, to any host:" in shown
    assert "Needs a manager's permission." in shown


def test_what_is_closed_leads_nowhere_and_no_advice_leads_there(
    shown_to: Any, helpdesk: User, running: Instance
) -> None:
    Instance.objects.filter(pk=running.pk).update(status="SHUTOFF")
    assert "Move it cold: nothing runs" in shown_to(helpdesk, running)

    Instance.objects.filter(pk=running.pk).update(locked=True, task_state="image_uploading")
    shown = shown_to(helpdesk, running)

    assert "Move it cold" not in shown
    assert "/migrate/" not in shown
    assert shown.count("is locked.") == 1
    assert shown.count("is busy") == 1
    assert shown.count("Told above") == 1
    assert "</svg>Cold, Shelve, Copy</span>" in shown, "which have no other reason"


def test_what_is_told_of_a_kind_is_not_told_of_the_recommended_host_again(
    shown_to: Any, helpdesk: User, running: Instance
) -> None:
    Instance.objects.filter(pk=running.pk).update(config_drive=True)
    group = {"uuid": "g", "name": "apart", "policy": "soft-anti-affinity"}
    Instance.objects.filter(pk=running.pk).update(server_groups=[group])
    Instance.objects.filter(name="vm1").update(host="compute4", server_groups=[group])
    Hypervisor.objects.filter(host__in=["compute1", "compute3"]).update(state="down")

    shown = shown_to(helpdesk, running)

    assert "Recommended: compute4, live" in shown
    assert shown.count("It has a config drive") == 1
    assert shown.count("would like its members apart, and one is on compute4") == 1
    assert "would like its members apart" in shown[: shown.index('id="kinds-title"')]
    assert "told above" in row(shown, "compute4")


def test_an_auditor_sees_it_without_links(shown_to: Any, auditor: User, running: Instance) -> None:
    shown = shown_to(auditor, running)
    assert "can</span>" in row(shown, "compute4")
    assert "/migrate/" not in shown


def test_while_it_moves_nothing_else_can_be_planned(
    shown_to: Any, helpdesk: User, vm2: Instance, asked: Migration
) -> None:
    shown = shown_to(helpdesk, Instance.objects.get(uuid=asked.instance_uuid))
    assert f'href="/migrations/{asked.pk}/">See that move' in shown
    assert "is open already" in shown
    assert "/migrate/?" not in shown


def test_a_cloud_with_one_host_says_that_there_is_no_other(
    shown_to: Any, helpdesk: User, running: Instance
) -> None:
    Hypervisor.objects.exclude(host=running.host).delete()
    assert "lab has no other host." in shown_to(helpdesk, running)


def test_an_instance_that_is_gone_gets_a_page_that_says_so(
    client: Client, helpdesk: User, able: FakeCloud
) -> None:
    client.force_login(helpdesk)
    assert client.get("/clouds/lab/instances/gone/destinations/").status_code == 404


def test_names_that_are_markup_stay_text(shown_to: Any, helpdesk: User, running: Instance) -> None:
    Hypervisor.objects.filter(host="compute4").update(host='"><b>&x')
    shown = shown_to(helpdesk, running)
    assert '"><b>&x' not in shown
    assert "host=%22%3E%3Cb%3E%26x&amp;way=live" in shown


def test_more_hosts_cost_no_more_queries(client: Client, helpdesk: User) -> None:
    found = {}
    for hosts in (10, 500):
        instance = wide_cloud(hosts, f"with-{hosts}")
        client.force_login(helpdesk)
        client.get(path_of(instance))
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(path_of(instance))
        found[hosts] = len(asked)
        assert text(answer).count('<th scope="row"') == hosts - 1
        Cloud.objects.all().delete()
    assert found[10] == found[500]


def test_no_page_of_it_calls_the_cloud(
    shown_to: Any, helpdesk: User, running: Instance, able: FakeCloud
) -> None:
    able.calls.clear()
    shown_to(helpdesk, running)
    assert not able.calls


def test_what_cannot_take_it_in_any_way_is_told_for_the_picture(
    client: Client, helpdesk: User, auditor: User, running: Instance
) -> None:
    Hypervisor.objects.filter(host="compute4").update(state="down")
    path = f"/clouds/lab/instances/{running.uuid}/no-landing/"
    client.force_login(helpdesk)
    assert client.get(path).json() == {"compute4": "compute4 is down. Choose another host."}
    assert client.get("/clouds/lab/instances/gone/no-landing/").status_code == 404
    client.force_login(auditor)
    assert client.get(path).status_code == 403


def test_where_no_kind_of_move_is_open_there_is_no_empty_table(
    client: Client, helpdesk: User, running: Instance
) -> None:
    path = f"/clouds/lab/instances/{running.uuid}/destinations/"
    client.force_login(helpdesk)
    assert "<table" in text(client.get(path))
    Instance.objects.filter(pk=running.pk).update(status="ERROR")
    assert "<table" not in text(client.get(path))


def test_what_is_locked_says_so_at_its_name(shown_to: Any, helpdesk: User, running: Instance) -> None:
    mark = '<use href="#shape-lock"/></svg>locked</span>'
    assert mark not in shown_to(helpdesk, running)

    Instance.objects.filter(pk=running.pk).update(locked=True)

    assert shown_to(helpdesk, running).count(mark) == 1
