"""Every text of the pages is told in the reader's language: with a catalogue of brackets, none stands outside."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation
from django.utils.translation import get_language_info

from nmigrate import inventory, services, watchdog
from nmigrate.cloud import api
from nmigrate.cloud.refusals import plain_refusal
from nmigrate.models import (
    Approval,
    AuditEvent,
    Finding,
    Heartbeat,
    Hypervisor,
    Instance,
    Migration,
    Order,
    OutsideMove,
)
from nmigrate.moves import Action
from nmigrate.sentences import say, told
from nmigrate.states import State
from tests.conftest import run_tasks
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text
from tests.web.telling import tell_in_brackets, unmarked
from webui.templatetags.desk import meter, zone_named, zone_titled
from webui.templatetags.parts import composed

DATA = (
    *("lab", "vm1", "vm2", "doem", "demo_zone", "compute1", "compute2", "compute3", "compute4", "compute9"),
    *("nova", "nova-1", "demo", "project-demo", "m1.tiny", "m1.small", "cirros", "GMT"),
    *("helpdesk", "manager", "manager2", "auditor", "operator", "root", "controller"),
    *("disk errors on compute1", "PSU swap on Sunday", "the zone closes", "move", "looks healthy"),
    *("OPS-311", "OPS-7"),
    "resize",  # what Nova calls it
    *(composed(get_language_info(code)["name_local"]) for code in ("vi", "en")),
)


@pytest.fixture(autouse=True)
def _brackets(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Also while Vietnamese is not complete and so not offered."""
    settings.LANGUAGES = [("en", "English"), ("vi", "Tiếng Việt")]
    tell_in_brackets(monkeypatch)


def shown(client: Client, user: User, *addresses: str) -> dict[str, list[str]]:
    """Address -> what this person sees there outside of the brackets."""
    client.force_login(user)
    found = {}
    for address in addresses:
        response = client.get(address, headers={"accept-language": "vi"})
        page = text(response)
        assert "⟦" in page, f"{address} is not told in brackets: {response.status_code}"
        if left := unmarked(page, DATA):
            found[address] = left
    return found


def pages_of(migration: Migration) -> tuple[str, ...]:
    return (
        f"/migrations/{migration.pk}/",
        f"/migrations/{migration.pk}/decide/",
        "/migrations/",
        "/approvals/",
        f"/clouds/lab/instances/{migration.instance_uuid}/",
    )


def test_the_helper_finds_what_stands_outside() -> None:
    """Else the tests below could pass with everything unmarked."""
    page = (
        '<p title="Why ⟦so⟧">⟦It is ⟧vm2⟦ <b>on</b> ⟧here⟦.⟧</p><pre>it</pre><p class="mono">so</p>'
        '<p>⟦Look <a aria-label="⟧⟦go⟧⟦" href="⟧/x⟦">at ⟧vm2⟦ now</a>.⟧ 4 GiB</p>'
    )

    assert unmarked(page, {"vm2"}) == ["title: Why", "here"]


def test_a_sentence_filled_in_with_a_word_shows_that_word() -> None:
    with translation.override("vi"):
        assert told(say("{name} is {state}.", name="vm2", state=say("running"))) == "⟦⟧vm2⟦ is ⟧⟦running⟧⟦.⟧"


@pytest.mark.parametrize(
    "state",
    [
        *("asked", "moving", "waiting", "done", "asking", "live", "copied"),
        "half_way",
    ],
)
def test_the_pages_of_a_move_are_told_in_every_state(
    client: Client, manager: User, state: str, request: pytest.FixtureRequest
) -> None:
    migration = request.getfixturevalue(state)
    entry = AuditEvent.objects.latest("pk").pk

    assert shown(client, manager, *pages_of(migration), "/audit/", f"/audit/{entry}/") == {}


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_told(client: Client, manager: User, waiting: Migration, state: State) -> None:
    Migration.objects.filter(pk=waiting.pk).update(
        state=state,
        stranded_in=State.RUNNING,
        ended_at=timezone.now() + timedelta(minutes=3),
        decide_by=timezone.now() + timedelta(hours=3),
    )

    assert shown(client, manager, *pages_of(waiting)) == {}


def test_a_decision_outside_is_told(
    client: Client, manager: User, synced: FakeCloud, waiting: Migration
) -> None:
    Approval.objects.create(
        migration=waiting,
        decision=Approval.CONFIRM,
        comment=say("decided outside nmigrate"),
        requested_by_id=waiting.requested_by_id,
        decided_by_name="somebody outside nmigrate",
        decided_at=timezone.now(),
        is_outside=True,
    )
    Migration.objects.filter(pk=waiting.pk).update(state=State.DONE, is_decided_outside=True)

    assert shown(client, manager, *pages_of(waiting)) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "SHUTOFF", "config_drive": True, "volumes": ["root"], "tags": ["root"]},
        {"status": "ACTIVE", "pinned_zone": None, "swap_mb": 4, "ephemeral_gb": 2, "fault": "No valid host"},
        {"locked": True, "locked_reason": "OPS-7"},
        {"status": "SHELVED_OFFLOADED", "host": "", "zone": ""},
        {"task_state": "powering-off"},
    ],
)
def test_an_instance_is_told(
    client: Client, operator: User, vm2: Instance, change: dict[str, object]
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(**change)

    assert shown(client, operator, f"/clouds/lab/instances/{vm2.uuid}/") == {}


@pytest.mark.parametrize(
    ("change", "of_hosts"),
    [
        ({}, {}),
        ({}, {"memory_mb_used": 196000, "traits": ["HW_CPU_X86_SSE"]}),
        (
            {"status": "SHUTOFF", "image_id": "", "volumes": ["root", "OPS-7"], "pinned_zone": "nova"},
            {"status": "disabled", "disabled_reason": "OPS-7"},
        ),
        ({"status": "PAUSED", "config_drive": True, "swap_mb": 4, "pinned_zone": "nova"}, {"state": "down"}),
        ({"locked": True, "locked_reason": "OPS-7", "pin_known": False}, {}),
        ({"status": "SHELVED_OFFLOADED", "task_state": "unshelving"}, {"state": "down"}),
        ({"extra_specs": {"hw:tpm_version": "2.0"}, "volumes": ["root"]}, {}),
        ({"pinned_zone": "nova"}, {"status": "disabled"}),
        ({"pin_known": False}, {"memory_mb_used": 196000}),
    ],
)
def test_where_it_can_go_is_told(
    client: Client,
    manager: User,
    running: Instance,
    change: dict[str, Any],
    of_hosts: dict[str, Any],
) -> None:
    """The plan with its ways, and every host with every kind of move."""
    Instance.objects.filter(pk=running.pk).update(**change)
    Hypervisor.objects.exclude(host__in=("compute1", running.host)).update(**of_hosts)
    at = f"/clouds/lab/instances/{running.uuid}/"
    plans = [f"{at}migrate/{to}" for to in ("", "?host=compute1", "?host=compute4", "?zone=nova-1&way=copy")]

    assert shown(client, manager, f"{at}destinations/", *plans) == {}


@pytest.mark.parametrize("may_evacuate", [True, False])
def test_the_way_off_a_host_that_is_down_is_told(
    client: Client, operator: User, helpdesk: User, running: Instance, may_evacuate: bool
) -> None:
    Hypervisor.objects.filter(host=running.host).update(state="down")
    at = f"/clouds/lab/instances/{running.uuid}/"
    user = operator if may_evacuate else helpdesk

    pages = (at, f"{at}destinations/", f"{at}migrate/", f"{at}migrate/?zone=nova-1", f"{at}migrate/?host=x")
    assert shown(client, user, *pages) == {}


def test_a_request_that_cannot_be_is_told_why(client: Client, helpdesk: User, running: Instance) -> None:
    client.force_login(helpdesk)
    page = client.post(
        f"/clouds/lab/instances/{running.uuid}/migrate/",
        {"to": "host:compute2", "way": "cold", "reason": "move"},
        headers={"accept-language": "vi"},
    )

    assert page.status_code == 409
    assert "⟧demo_zone⟦ is on ⟧compute2⟦ already.⟧ ⟦Choose another host.⟧" in text(page)
    assert unmarked(text(page), DATA) == []


def test_what_was_judged_is_told_to_who_decides(
    client: Client, helpdesk: User, manager: User, manager2: User, synced: FakeCloud, vm2: Instance
) -> None:
    """The verdict that was stored with the request, and that of the start."""
    synced.change(vm2.uuid, locked=True, locked_reason="OPS-7")
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="OPS-7")
    vm2.refresh_from_db()
    move = services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="move", sets_aside=["lock"]
    )
    pages = (f"/migrations/{move.pk}/", f"/migrations/{move.pk}/decide/", "/approvals/")
    assert shown(client, manager, *pages) == {}
    assert "⟧vm2⟦ is locked (“⟧OPS-7⟦”).⟧" in text(client.get(pages[1], headers={"accept-language": "vi"}))

    services.approve_migration(actor=manager, migration=move, comment="looks healthy")
    run_tasks()
    move.refresh_from_db()
    assert move.verdict_at_start["reasons"][0]["rule"] == "lock"
    assert shown(client, manager, pages[1]) == {}
    late = f"{pages[1]}?seen=asking"
    assert shown(client, manager2, late) == {}
    assert "has decided meanwhile" in text(client.get(late, headers={"accept-language": "vi"}))
    reach(synced, move, State.WAITING)
    assert shown(client, manager, *pages, "/mine/", "/audit/") == {}


def test_what_is_not_there_or_not_allowed_is_told(
    client: Client, helpdesk: User, manager: User, person: Callable[..., User], done: Migration
) -> None:
    Instance.objects.filter(uuid=done.instance_uuid).delete()
    gone = f"/clouds/lab/instances/{done.instance_uuid}/"

    assert (
        shown(client, helpdesk, gone, f"{gone[:-2]}x/", "/clouds/lab/hosts/compute9/", "/nowhere/", "/audit/")
        == {}
    )
    assert shown(client, person("", "demo"), "/migrations/") == {}
    assert (
        shown(
            client,
            manager,
            "/audit/?since=never&migration=x",
            "/migrations/?state=x&kind=y",
            "/audit/?person=9999",
        )
        == {}
    )


def test_what_the_cloud_refused_is_told(
    client: Client, manager: User, asked: Migration, synced: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker stores is made in no language; each reader has it in theirs."""

    def refuse(uuid: str, host: str = "") -> str:
        raise api.Refused(plain_refusal("Compute host compute3 could not be found"), "400")

    monkeypatch.setattr(synced, "migrate", refuse)
    run_tasks()
    asked.refresh_from_db()
    assert (asked.state, asked.failure) == (
        State.FAILED,
        "vm2 was not moved: the cloud refused it. It stays on compute1, as it was.",
    )

    again = Migration.objects.get(pk=asked.pk)
    again.pk = None
    again.save()

    assert shown(client, manager, f"/migrations/{again.pk}/", "/audit/", "/mine/", "/figures/") == {}
    assert "⟦not moved since⟧" in text(
        client.get(f"/migrations/{again.pk}/", headers={"accept-language": "vi"})
    )


def test_what_goes_wrong_quietly_is_told(
    client: Client, operator: User, manager: User, waiting: Migration
) -> None:
    """Findings, an order without an answer, a silent process, a lost cloud, and moves that others made."""
    now = timezone.now()
    old = {"asked_by_name": "root", "created_at": now - timedelta(days=1), "enqueued_at": now}
    Migration.objects.filter(pk=waiting.pk).update(decide_by=now - timedelta(hours=1))
    Order.objects.create(cloud="lab", instance_uuid="1", instance_name="vm1", action=Action.START, **old)
    for number, status in enumerate(("finished", "error", "done", "preparing")):
        OutsideMove.objects.create(
            cloud="lab",
            server_migration_id=900 + number,
            instance_uuid=waiting.instance_uuid,
            instance_name="vm2",
            type="resize",
            status=status,
            source_host="compute1",
            dest_host="compute3",
            started_at=now,
        )
    Heartbeat.objects.create(name="worker", at=now - timedelta(days=1), pid=1)
    watchdog.judge("lab")
    Finding.objects.filter(rule="overdue").update(ended_at=now)
    error = api.Unreachable(say("{cloud} cannot be reached. nmigrate keeps trying.", cloud="lab"), "x")
    inventory.note_problem("lab", error)

    pages = ("/health/", "/mine/", "/migrations/?made=outside", "/migrations/?made=x", "/audit/")
    for user in (operator, manager):
        assert shown(client, user, *pages, f"/clouds/lab/instances/{waiting.instance_uuid}/") == {}


def test_a_conflict_is_told(client: Client, manager: User, done: Migration) -> None:
    client.force_login(manager)
    late = client.post(f"/migrations/{done.pk}/confirm/", headers={"accept-language": "vi"})

    assert late.status_code == 409
    assert "⟦The move of ⟧vm2⟦ has gone on meanwhile (⟧⟦" in text(late)
    assert unmarked(text(late), DATA) == []


def test_a_bad_form_is_told(client: Client, manager: User, waiting: Migration) -> None:
    client.force_login(manager)
    page = client.post(
        f"/migrations/{waiting.pk}/confirm/", {"comment": "x" * 2001}, headers={"accept-language": "vi"}
    )

    assert page.status_code == 422
    assert "⟦A comment may have up to ⟧2000⟦ characters.⟧" in text(page)


def test_a_zone_is_not_called_so_twice() -> None:
    assert [zone_named(name) for name in ("nova", "zone-a", "Zone 7")] == ["zone nova", "zone-a", "Zone 7"]
    assert [zone_titled(name) for name in ("nova", "zone-a")] == ["Zone nova", "zone-a"]


def test_what_the_hosts_have_makes_what_their_zone_has() -> None:
    assert "8 / 191.5\N{NO-BREAK SPACE}GiB" in meter("Memory", 8192, 196096, "MiB")
    assert "16 / 383\N{NO-BREAK SPACE}GiB" in meter("Memory", 2 * 8192, 2 * 196096, "MiB")
