"""The plan page: ask for a move, and what bad input gets."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from nmigrate import services
from nmigrate.models import Cloud, Hypervisor, Instance, Migration, OutsideMove
from tests.fakecloud import FakeCloud
from tests.web.conftest import text
from tests.wide import wide_cloud


@pytest.fixture
def page(client: Client, helpdesk: User, vm2: Instance) -> str:
    """The address of vm2's plan, with the helpdesk signed in."""
    client.force_login(helpdesk)
    return f"/clouds/lab/instances/{vm2.uuid}/migrate/"


def plan_of(instance: Instance) -> str:
    return f"/clouds/lab/instances/{instance.uuid}/migrate/"


def card(shown: str, key: str) -> str:
    """The part of the page that is about one way."""
    start = shown.index(f'id="way-{key}"')
    return shown[start : shown.index("</article>", start)]


def test_the_plan_names_each_host_with_its_room_or_why_it_cannot_be(client: Client, page: str) -> None:
    Hypervisor.objects.filter(host="compute3").update(state="down")
    Hypervisor.objects.filter(host="compute4").update(memory_mb_used=196000)

    shown = text(client.get(page))

    assert "Let Nova choose the host" in shown
    assert "compute3 is down. Choose another host." in shown
    assert 'value="host:compute3" hx-get="?host=compute3" disabled' in shown
    assert "Free: 187 GiB memory, 184 vCPU, 1,960 GiB disk" in shown
    assert "compute4 is too full: 96 MiB of memory free, 2,048 needed. Choose another host." in shown
    assert "compute1 already" not in shown


def test_another_zone_can_be_chosen_without_naming_a_host(client: Client, page: str) -> None:
    shown = text(client.get(page + "?zone=nova"))

    assert 'value="zone:nova" hx-get="?zone=nova" checked' in shown
    assert "compute2 suits best there and would be chosen." in shown


def test_the_ways_stand_side_by_side_with_what_each_costs(
    client: Client, helpdesk: User, running: Instance
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get(plan_of(running) + "?host=compute3"))

    for key, costs in {
        "live": ("none; usually a pause of less than a second", "none needed"),
        "cold": ("usually a minute or two", "a manager approves the start"),
        "shelve": ("settings of UEFI (NVRAM) are lost", "a manager approves the start"),
        "copy": ("a new one", "nmigrate&#x27;s account"),
    }.items():
        for words in costs:
            assert words in card(shown, key), (key, words)
    assert "Recommended: Live." in shown
    assert 'value="live" data-ask="Move it live to compute3" checked' in shown


def test_what_will_happen_is_told_for_each_way(client: Client, helpdesk: User, running: Instance) -> None:
    client.force_login(helpdesk)

    shown = text(client.get(plan_of(running) + "?zone=nova-1"))

    assert "demo_zone goes on running while its memory is copied to compute" in shown
    assert "demo_zone is shut down, and its disk is brought to compute" in shown
    assert (
        "Dropped, the copy is deleted with what was written there, and demo_zone is started again." in shown
    )


def test_an_old_nova_is_named_where_it_stands_in_the_way(client: Client, page: str, vm2: Instance) -> None:
    Cloud.objects.update(nova_used="2.93")

    shown = text(client.get(page + "?zone=nova"))

    for key in ("unpin-live", "unpin-cold"):
        assert "This needs Nova 2026.2 (microversion 2.104)" in card(shown, key)
        assert "disabled" in card(shown, key)


def test_the_setting_turns_the_approval_of_downtime_off(
    client: Client, helpdesk: User, running: Instance, settings: Any
) -> None:
    client.force_login(helpdesk)
    settings.NMIGRATE_APPROVE_DOWNTIME = False

    assert "a manager approves the start" not in text(client.get(plan_of(running)))


def test_asking_leads_to_the_page_that_follows_it(client: Client, page: str) -> None:
    response = client.post(
        page, {"to": "host:compute3", "way": "cold", "reason": "disk errors", "ticket": "OPS-1"}
    )

    made = Migration.objects.get()
    assert (response.status_code, response.headers["Location"]) == (302, f"/migrations/{made.pk}/")
    assert (made.asked_host, made.reason, made.ticket) == ("compute3", "disk errors", "OPS-1")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"to": "", "way": "live", "block": "block"}, {"kind": "live", "block": "block", "state": "queued"}),
        ({"host": "compute3", "way": "cold"}, {"kind": "cold", "asked_host": "compute3", "state": "asking"}),
        ({"zone": "nova-1", "way": "shelve"}, {"kind": "shelve", "asked_zone": "nova-1", "state": "asking"}),
        (
            {"to": "zone:nova-1", "way": "copy", "original_after": "delete", "same_addresses": "on"},
            {"kind": "copy", "original_after": "delete", "same_addresses": True},
        ),
        ({"to": "zone:nova-1", "way": "copy", "block": "block"}, {"original_after": "stopped", "block": ""}),
    ],
)
def test_each_way_is_asked_for_with_its_options(
    client: Client, helpdesk: User, running: Instance, sent: dict[str, str], kept: dict[str, Any]
) -> None:
    client.force_login(helpdesk)

    assert client.post(plan_of(running), sent | {"reason": "the zone closes"}).status_code == 302

    made = Migration.objects.get()
    assert {name: getattr(made, name) for name in kept} == kept


def test_a_way_that_frees_it_from_its_zone_says_so_in_the_record(
    client: Client, page: str, able: FakeCloud
) -> None:
    client.post(page, {"to": "zone:nova", "way": "unpin-cold", "reason": "the zone closes"})

    made = Migration.objects.get()
    assert (made.kind, made.changes_pin, made.asked_zone) == ("cold", True, "nova")


def test_the_same_addresses_only_once_the_original_is_deleted(
    client: Client, helpdesk: User, running: Instance
) -> None:
    client.force_login(helpdesk)
    sent = {"to": "zone:nova-1", "way": "copy", "original_after": "stopped", "same_addresses": "on"}

    response = client.post(plan_of(running), sent | {"reason": "typed"})

    assert response.status_code == 422
    assert 'id="same-error">They are free only once the original is deleted' in text(response)
    assert 'name="same_addresses" checked' in text(response), "what was chosen is kept"


def test_without_a_script_a_button_shows_the_ways_and_keeps_what_was_typed(client: Client, page: str) -> None:
    response = client.post(
        page, {"to": "host:compute2", "look": "1", "reason": "half a sente", "ticket": "T"}
    )

    assert response.status_code == 200
    assert 'value="host:compute2" hx-get="?host=compute2" checked' in text(response)
    assert "half a sente</textarea>" in text(response)
    assert not Migration.objects.exists()


@pytest.mark.parametrize("way", ["", "teleport" * 10, "unpin-cold", "evacuate"])
def test_a_way_that_does_not_lead_there_is_refused_with_a_sentence(
    client: Client, page: str, way: str
) -> None:
    response = client.post(page, {"to": "host:compute3", "way": way, "reason": "typed before"})

    assert response.status_code in (409, 422)
    assert "typed before</textarea>" in text(response)
    assert not Migration.objects.exists()


def test_only_an_operator_evacuates(
    client: Client, helpdesk: User, operator: User, able: FakeCloud, vm2: Instance
) -> None:
    Hypervisor.objects.filter(host="compute1").update(state="down")
    asked = {"to": "host:compute3", "way": "evacuate", "reason": "compute1 burnt"}
    client.force_login(helpdesk)
    assert "Only an operator may evacuate" in text(client.get(plan_of(vm2)))
    assert client.post(plan_of(vm2), asked).status_code == 409

    client.force_login(operator)
    assert "Be certain that compute1 is off" in text(client.get(plan_of(vm2)))
    assert client.post(plan_of(vm2), asked).status_code == 302

    assert Migration.objects.get().kind == "evacuate"


@pytest.mark.parametrize("reason", ["", "   \n "])
def test_without_a_reason_the_sentence_stands_at_the_field(client: Client, page: str, reason: str) -> None:
    response = client.post(page, {"to": "host:compute3", "way": "cold", "reason": reason, "ticket": "OPS-1"})

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
    response = client.post(page, {"to": "", "way": "cold", "reason": "because", "ticket": "", field: value})

    assert response.status_code == 422
    assert sentence in text(response)
    assert not Migration.objects.exists()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("compute1", "vm2 is on compute1 already."),
        ("nowhere", "There is no host nowhere in lab."),
        ("compute2", "This way does not lead there."),
    ],
)
def test_a_destination_that_cannot_be_gets_one_sentence(
    client: Client, page: str, host: str, sentence: str
) -> None:
    response = client.post(page, {"host": host, "way": "cold", "reason": "disk <errors>", "ticket": "OPS-1"})

    assert response.status_code == 409
    assert sentence in text(response)
    assert "disk &lt;errors&gt;" in text(response), "what was typed is kept"
    assert not Migration.objects.exists()


def test_the_second_click_shows_the_move_that_is_under_way(client: Client, page: str) -> None:
    client.post(page, {"to": "", "way": "cold", "reason": "once"})
    response = client.post(page, {"to": "", "way": "cold", "reason": "twice"})

    made = Migration.objects.get()
    assert response.status_code == 409
    assert f'href="/migrations/{made.pk}/">See that move' in text(response)


def test_a_locked_instance_needs_a_managers_permission_and_says_why(
    client: Client, page: str, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True, locked_reason="accounting closes the year")

    whole = text(client.get(page))
    shown = card(whole, "cold")

    assert whole.count("vm2 is locked (“accounting closes the year”)") == 1
    assert "is locked" in whole[whole.index("A manager must allow it.") : whole.index('class="ways"')]
    assert "A manager allows it, or not." in whole
    assert "needs a manager&#x27;s permission" in shown
    assert '<input type="hidden" name="set_aside" value="cold:lock">' in shown


def test_all_that_stands_in_the_way_is_said_of_what_is_locked_and_busy(
    client: Client, page: str, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True, task_state="image_uploading")

    shown = text(client.get(page))

    assert "vm2 is busy (its snapshot is being stored)." in shown
    assert "vm2 is locked." in shown


def test_that_nova_may_choose_another_zone_is_said_where_nova_is_chosen(
    client: Client, page: str, running: Instance
) -> None:
    shown = text(client.get(plan_of(running)))

    assert shown.count("It is bound to no zone, so Nova may choose a host outside zone nova.") == 1
    assert "bound to no zone" in shown[: shown.index('id="how-title"')]


def test_what_to_know_of_every_way_is_said_once_above_them(
    client: Client, page: str, running: Instance
) -> None:
    Instance.objects.filter(pk=running.pk).update(
        extra_specs={"hw:cpu_policy": "dedicated"}, config_drive=True
    )

    for where in ("", "?host=compute4"):
        shown = text(client.get(plan_of(running) + where))
        above = shown[shown.index('id="warned"') : shown.index('class="ways"')]
        assert "It is tied to certain processors of its host" in above
        assert shown.count("It is tied to certain processors of its host") == 1
        assert "It has a config drive" in card(shown, "live")
        assert shown.count("It has a config drive") == 1


def test_nobody_is_told_to_move_cold_what_cannot_be_moved_cold(
    client: Client, page: str, vm2: Instance
) -> None:
    assert "Move it cold: nothing runs" in text(client.get(page))

    Instance.objects.filter(pk=vm2.pk).update(task_state="image_uploading")

    assert "Move it cold" not in text(client.get(page))


def test_a_lock_that_the_page_did_not_show_refuses(client: Client, page: str, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True)

    assert client.post(page, {"way": "cold", "reason": "please"}).status_code == 409
    assert client.post(page, {"way": "cold", "set_aside": "live:lock", "reason": "please"}).status_code == 409
    assert not Migration.objects.exists()


def test_asking_past_a_lock_waits_for_a_manager(client: Client, page: str, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True)

    response = client.post(page, {"way": "cold", "set_aside": "cold:lock", "reason": "please"})

    assert response.status_code == 302
    assert Migration.objects.get().state == "asking"


def test_a_host_that_only_a_manager_may_allow_can_be_chosen_and_asked_for(
    client: Client, page: str, helpdesk: User, vm2: Instance
) -> None:
    OutsideMove.objects.create(
        cloud="lab", server_migration_id=9, instance_uuid="u", type="evacuation", status="accepted",
        source_host="compute3", started_at=timezone.now(), updated_at=timezone.now(),
    )  # fmt: skip

    shown = text(client.get(page))
    assert "1 other host, none can take it, 1 with a manager's permission" in shown
    assert 'value="host:compute3" hx-get="?host=compute3">' in shown
    assert "compute3 is being evacuated just now." in shown
    chosen = card(text(client.get(page + "?host=compute3")), "cold")
    assert '<input type="hidden" name="set_aside" value="cold:host_evacuated">' in chosen

    form = {"to": "host:compute3", "way": "cold", "set_aside": "cold:host_evacuated", "reason": "please"}
    assert client.post(page, form).status_code == 302
    assert Migration.objects.get().state == "asking"


def test_shelving_within_a_zone_is_offered_and_asked_for(client: Client, page: str, able: FakeCloud) -> None:
    assert "Recommended: Cold." in text(client.get(page + "?host=compute3"))
    shown = card(text(client.get(page + "?host=compute3&way=shelve")), "shelve")
    assert "checked" in shown
    assert "brought up again on compute3." in shown
    client.post(page, {"to": "host:compute3", "way": "shelve", "reason": "its disk is broken"})
    made = Migration.objects.get()
    assert (made.kind, made.asked_host, made.asked_zone) == ("shelve", "compute3", "nova-1")


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


@pytest.mark.parametrize("query", ["?zone=mars", "?host=nowhere", "?to=zone:mars"])
def test_a_link_to_a_destination_that_is_not_there_says_so(client: Client, page: str, query: str) -> None:
    response = client.get(page + query)

    assert response.status_code == 200
    assert "There is no" in text(response)
    assert client.get(page + "?zone=%00&host=%00&to=host:%00").status_code == 200


def test_an_unknown_cloud_is_not_found(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)
    Cloud.objects.create(name="lab")

    assert client.get("/clouds/elsewhere/").status_code == 404
    assert client.get("/clouds/lab/hosts/nowhere/").status_code == 404


def test_a_host_comes_with_what_to_know_of_it_and_the_best_with_its_score(
    client: Client, helpdesk: User, running: Instance
) -> None:
    features = ["HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"]
    Hypervisor.objects.update(traits=features)
    Hypervisor.objects.filter(host="compute1").update(traits=features[:1])
    client.force_login(helpdesk)

    shown = text(client.get(plan_of(running) + "?host=compute1"))

    where = shown[: shown.index('id="how-title"')]
    assert "The processor of compute1 lacks X86_AVX2" in where
    assert "If you choose one yourself: <b>compute4</b> suits best, with " in where
    assert "of memory would stay free" in where
    assert "The processor of compute1 lacks X86_AVX2" in card(shown, "live")
    assert "The processor of compute1 lacks" not in card(shown, "cold")


def test_what_suits_best_stands_first_and_a_host_says_which_kind_does_not_lead_there(
    client: Client, helpdesk: User, running: Instance
) -> None:
    """compute4 has far more memory free, and an older hypervisor."""
    Hypervisor.objects.update(version=8_000_000)
    Hypervisor.objects.filter(host="compute4").update(version=7_000_000, memory_mb_used=0)
    Hypervisor.objects.exclude(host="compute4").update(memory_mb_used=90_000)
    client.force_login(helpdesk)

    shown = text(client.get(plan_of(running)))

    assert "Not by live migration. The hypervisor of compute4 is older than that of compute2." in shown
    assert "of compute1 is older" not in shown
    found = re.findall(r'<input type="radio" name="to" value="host:([^"]+)"', shown)
    assert found == ["compute4", "compute1", "compute3"], "its own zone first, then what suits best"
    Hypervisor.objects.filter(host="compute3").update(memory_mb_used=10_000)
    found = re.findall(
        r'<input type="radio" name="to" value="host:([^"]+)"', text(client.get(plan_of(running)))
    )
    assert found == ["compute4", "compute3", "compute1"]


@pytest.fixture
def cornered(vm2: Instance) -> Instance:
    """Its zone has one other host, where a member of its server group is; the other zone has two."""
    group = {"uuid": "g", "name": "apart", "policy": "anti-affinity"}
    Instance.objects.filter(name="vm1").update(host="compute3", server_groups=[group])
    Instance.objects.filter(pk=vm2.pk).update(server_groups=[group])
    vm2.refresh_from_db()
    return vm2


NONE_IN_ITS_ZONE = (
    "It is bound to zone nova-1, and of its hosts none can take it. Its server group apart keeps its members apart, "
    "and one is on compute3. Choose another zone."
)


def test_the_scheduler_cannot_choose_where_no_host_can_take_it(
    client: Client, page: str, cornered: Instance
) -> None:
    shown = text(client.get(page))

    assert "1 other host, none can take it" in shown
    assert '<input type="radio" name="to" value="" hx-get="?" disabled>' in shown
    assert f'<span class="why">{NONE_IN_ITS_ZONE}</span>' in shown
    assert "Usually the right choice." not in shown
    assert "Recommended:" not in shown
    assert shown.count(NONE_IN_ITS_ZONE) == 1
    assert "Nova cannot choose a host for it now." in shown[shown.index('id="how-title"') :]
    assert "disabled" in card(shown, "cold")
    assert 'value="zone:nova" hx-get="?zone=nova">' in shown


def test_another_zone_is_still_asked_for_then(client: Client, page: str, cornered: Instance) -> None:
    sent = {"way": "cold", "reason": "disk errors", "to": ""}
    refused = client.post(page, sent)
    assert (refused.status_code, "none can take it" in text(refused)) == (409, True)

    assert "Recommended: Free it from its zone" in text(client.get(page + "?zone=nova"))
    assert client.post(page, sent | {"to": "zone:nova", "way": "unpin-cold"}).status_code == 302


def test_a_zone_that_cannot_take_it_cannot_be_chosen(client: Client, page: str, vm2: Instance) -> None:
    Hypervisor.objects.filter(host="compute2").update(state="down")
    Hypervisor.objects.filter(host="compute4").update(memory_mb_used=196000)

    for shown in (text(client.get(page)), text(client.get(page + "?zone=nova"))):
        assert "2 hosts, none can take it" in shown
        assert 'value="zone:nova" hx-get="?zone=nova" disabled>' in shown
        assert "No host of zone nova can take it. compute2 is down. compute4 is too full: 96 MiB" in shown


def test_what_no_host_of_any_zone_can_take_cannot_be_moved(client: Client, page: str, vm2: Instance) -> None:
    Hypervisor.objects.exclude(host="compute1").update(status="disabled", disabled_reason="")

    shown = text(client.get(page))

    assert "It cannot be moved now" in shown
    assert "compute3 is out of service. An operator must make room, or bring a host back." in shown


def test_planned_again_it_begins_with_what_was_asked_for(
    client: Client, page: str, helpdesk: User, vm2: Instance
) -> None:
    before = services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="disk errors", ticket="OPS-311"
    )
    services.cancel_migration(actor=helpdesk, migration=before)

    shown = text(client.get(page, {"again": before.pk}))

    assert ">disk errors</textarea>" in shown
    assert 'value="OPS-311"' in shown
    assert re.search(r'value="host:compute3"[^>]* checked', shown)
    assert re.search(r'id="way-cold"[^>]* checked', shown)
    other = text(client.get(page, {"again": str(before.pk), "host": "compute4"}))
    assert re.search(r'value="host:compute4"[^>]* checked', other)
    assert not re.search(r'value="host:compute3"[^>]* checked', other)
    for odd in ("0", "x", "9" * 30, str(before.pk + 1)):
        assert ">disk errors</textarea>" not in text(client.get(page, {"again": odd})), odd


def test_planned_again_it_tells_why_a_manager_said_no(
    client: Client, page: str, helpdesk: User, manager: User, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True)
    vm2.refresh_from_db()
    before = services.request_migration(actor=helpdesk, instance=vm2, reason="old", sets_aside=["lock"])
    services.decline_migration(actor=manager, migration=before, comment="Not before the 3rd")

    shown = text(client.get(page, {"again": before.pk}))

    assert "The last time manager said no:" in shown
    assert "“Not before the 3rd”" in shown
    assert "said no" not in text(client.get(page))


def test_where_nova_cannot_choose_the_host_that_can_take_it_is_one_click_away(
    client: Client, page: str, cornered: Instance
) -> None:
    shown = text(client.get(page))

    link = re.search(r'id="plan-best" href="([^"]+)"', shown)
    assert link is not None
    there = text(client.get(page + link.group(1).replace("&amp;", "&")))
    assert "Recommended: Free it from its zone" in there


def test_hosts_are_not_said_to_take_what_cannot_be_moved(client: Client, page: str, vm2: Instance) -> None:
    assert "1 other host, 1 can take it" in text(client.get(page))

    Instance.objects.filter(pk=vm2.pk).update(locked=True)
    assert "1 other host, none can take it, 1 with a manager" in text(client.get(page))


def test_what_a_manager_may_allow_off_a_host_that_was_declared_down_can_be_asked_for(
    client: Client, page: str, vm2: Instance
) -> None:
    Cloud.objects.update(nova_used="2.104", own_projects=["project-demo"])
    Hypervisor.objects.filter(host="compute1").update(forced_down=True)
    judged = text(client.get(page.replace("/migrate/", "/destinations/")))
    link = re.search(r'href="[^"]*/migrate/\?(host=compute3&amp;way=shelve)"', judged)
    assert link is not None

    shown = text(client.get(page + "?" + link.group(1).replace("&amp;", "&")))

    assert re.search(r'id="way-shelve"[^>]* checked', shown)
    assert "counts as down: this works only if it still answers" in shown
    sent = {
        "to": "host:compute3",
        "way": "shelve",
        "reason": "disk errors",
        "set_aside": "shelve:source_state",
    }
    assert client.post(page, sent).status_code == 302
    made = Migration.objects.get()
    assert (made.kind, made.state) == ("shelve", "asking")


def test_nothing_can_be_chosen_for_what_cannot_be_moved_at_all(
    client: Client, page: str, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(status="ERROR")

    for query in ({}, {"host": "compute3"}, {"zone": "nova"}):
        shown = text(client.get(page, query))
        assert "It cannot be moved now" in shown
        assert shown.count("vm2 is in error; only a") == 2, "of each way that Nova itself takes"
        assert 'type="radio"' not in shown
    kept = client.post(page, {"to": "host:compute3", "way": "cold", "reason": "typed before"})
    assert (kept.status_code, "typed before</textarea>" in text(kept)) == (409, True)
    radios = re.findall(r'<input type="radio" name="(?:to|way)"[^>]*>', text(kept))
    assert len(radios) > 4
    assert all(" disabled" in radio and " checked" not in radio for radio in radios)


@pytest.mark.parametrize("changes", [{"status": "SUSPENDED"}, {"shares": ["s"], "status": "ACTIVE"}])
def test_the_plan_offers_the_hosts_that_the_table_offers(
    client: Client, page: str, vm2: Instance, changes: dict[str, Any]
) -> None:
    """Nova's scheduler migrates neither; the first it shelves, and the second it copies."""
    Cloud.objects.update(nova_used="2.103")
    Instance.objects.filter(pk=vm2.pk).update(**changes)
    judged = text(client.get(page.replace("/migrate/", "/destinations/")))
    offered = set(re.findall(r"/migrate/\?host=(\w+)&amp;way=(\w+)", judged))

    shown = text(client.get(page))

    assert "It cannot be moved now" not in shown
    assert re.search(r'name="to" value="" hx-get="\?" disabled', shown)
    hosts = re.findall(r'value="host:(\w+)" hx-get="[^"]*">', shown)
    assert set(hosts) == {host for host, _ in offered} == {"compute2", "compute3", "compute4"}
    for host in hosts:
        there = re.findall(r'id="way-(\w+)"[^>]*>', text(client.get(page, {"host": host})))
        assert {way for to, way in offered if to == host} <= set(there)


def test_a_suspended_instance_is_moved_only_with_a_managers_permission(
    client: Client, page: str, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(status="SUSPENDED")

    shown = text(client.get(page))
    assert "With a host chosen there are others, which a manager may allow." in shown
    assert "1 other host, none can take it, 1 with a manager's permission" in shown
    there = text(client.get(page, {"host": "compute3"}))
    assert "what it holds in memory would be lost" in card(there, "shelve")
    assert "disabled" in card(there, "live")
    sent = {"to": "host:compute3", "way": "shelve", "set_aside": "shelve:state", "reason": "please"}
    assert client.post(page, sent).status_code == 302
    assert Migration.objects.get().state == "asking"


def test_off_a_host_that_is_down_another_way_is_told_of_but_not_offered_first(
    client: Client, page: str, vm2: Instance
) -> None:
    Hypervisor.objects.filter(host="compute1").update(state="down")

    shown = text(client.get(page))

    assert "Only an operator may evacuate" in shown
    assert "If compute1 still answers, a manager may allow another way." in shown
    assert f'href="{page.replace("/migrate/", "/destinations/")}"' in shown
    assert 'type="radio"' not in shown


def test_one_host_is_praised_and_nova_beside_it_is_not(client: Client, page: str) -> None:
    where = text(client.get(page)).partition('id="how-title"')[0]

    assert re.search(r'name="to" value="" hx-get="\?" checked', where)
    assert "Nova takes a host that is up and has room, in zone nova-1." in where
    assert "fits best" not in where


def test_of_many_hosts_the_first_are_shown_and_the_others_counted(client: Client, helpdesk: User) -> None:
    instance = wide_cloud(100)
    client.force_login(helpdesk)
    page = f"/clouds/wide/instances/{instance.uuid}/migrate/"

    zone = text(client.get(page)).split('<details class="zone-hosts"')[1]

    first, _, rest = zone.partition('<details class="rest">')
    assert "33 other hosts, " in first
    assert (first.count('name="to" value="host:'), rest.count('name="to"')) == (12, 21)
    assert "21 more hosts of zone-a" in rest
    last = re.findall(r'value="host:([^"]+)" hx-get="[^"]*">', rest)[-1]
    assert '<details class="rest" open>' in text(client.get(page, {"host": last}))
