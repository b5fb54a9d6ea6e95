"""Every row of the failure table is found by words that Nova says; unknown words get a mark of their own."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from nmigrate import services, stranding
from nmigrate.cloud import api
from nmigrate.diagnosis import ROWS, TABLE, Row, explain_move, explain_refusal, mark, match, own_cause
from nmigrate.diagnosis.explain import _STEPS, CHECK_OF_DESTINATION
from nmigrate.judging import explained
from nmigrate.models import Instance, Migration
from nmigrate.moves import Action
from nmigrate.selectors.causes import similar_cases
from nmigrate.sentences import keep, kept, told
from nmigrate.states import Kind, State
from nmigrate.stranding import what_happened
from tests.conftest import play, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.telling import is_made, tell_in_brackets

SAID = {
    "Unexpected error while running command: not able to execute ssh command: x": "ssh",
    "Host key verification failed": "ssh",
    "Migration pre-check error: Migration is not supported for LVM backed instances": "lvm",
    "Failed to validate instance group policy due to: Anti-affinity": "server-group",
    "Binding failed for port 42, please check neutron logs": "port-binding",
    "The file /var/lib/x already exists, it is expected not to exist.": "leftover-files",
    "The instance requires a newer hypervisor version than has been provided.": "older-hypervisor",
    "compute1 is not on shared storage: Shared storage live-migration requires it": "not-shared-storage",
    "compute1 is not on local storage: Block migration can not be used with shared storage.": "not-local-storage",
    "No valid host was found. Unacceptable CPU info: CPU doesn't have compatibility.": "cpu",
    "Disk of instance is too large(available on destination host: 1)": "disk-too-large",
    "Selective block device migration is not supported with tunnelled block migrations": "tunnelled",
    "Cannot live migrate VIF with related PCI": "device",
    "Feature not supported with instances that have shares.": "shares",
    "Instance has an associated NUMA topology, cell contains compute nodes older than train": "numa",
    "Operation 'x' not supported for SEV-enabled instance (1b2e).": "special-instance",
    "Compute service of compute3 is still in use.": "still-in-use",
    "Lack of memory(host:1 <= instance:2)": "no-memory",
    "Service is unavailable at this time.": "source-down",
    'Host "compute1" is not in the availability zone "nova-2".': "unshelve-target",
    "Cannot migrate to the host where the server exists.": "same-or-unknown-host",
    "Compute host nope could not be found.": "same-or-unknown-host",
    "Instance 1b2e is locked": "locked",
    "Cannot 'migrate' instance 1b2e while it is in task_state resize_prep": "wrong-state",
    "Policy doesn't allow os_compute_api:servers:confirm_resize to be performed.": "no-right",
    "Confirm resize failed, try hard rebooting the instance": "confirm-cleanup",
    "MessagingTimeout: Timed out waiting for a reply to message ID 1": "interrupted",
    "No valid host was found. No valid host found for cold migrate": "no-valid-host",
    "Insufficient compute resources: Requested instance NUMA topology.": "no-room",
    "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances": "quota",
    "ClientException": "volume",
    "Connection to the hypervisor is broken on host": "hypervisor-away",
    "libvirtError": "guest-did-not-start",
    "internal error: process exited while connecting to monitor: x": "guest-did-not-start",
    "ProcessExecutionError": "host-command",
    "Image 1b2e could not be found.": "image",
    "404 Instance 1b2e could not be found.": "gone",
}


@pytest.mark.parametrize(("said", "key"), SAID.items())
def test_words_lead_to_their_row(said: str, key: str) -> None:
    row = match(said)
    assert row is not None
    assert row.key == key


def test_every_row_is_reached_by_words_and_has_a_key_of_its_own() -> None:
    keys = [row.key for row in TABLE]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(SAID.values())


def action(*events: api.Event) -> api.Action:
    return api.Action("req-1", "live-migration", message="Error", events=events)


def failed(
    details: str, name: str = "compute_check_can_live_migrate_destination", host: str = "compute3"
) -> api.Event:
    return api.Event(name, "Error", host, details)


def nowhere() -> api.Event:
    return failed("No valid host was found. ", "conductor_live_migrate_instance", "controller")


def test_unknown_words_have_the_same_mark_on_another_host() -> None:
    assert mark("flux empty on compute1 after 3 s") == mark("flux empty on compute22 after 71 s")
    assert mark("flux empty") != mark("flux full")
    assert explain_move(None, "flux empty", name="vm2").key == mark("flux empty")


def test_what_no_row_knows_is_not_planned_again_while_it_is_in_error(
    synced: FakeCloud, vm2: Instance
) -> None:
    synced.change(vm2.uuid, status="ERROR", fault="flux empty")
    vm2.status = "ERROR"
    cause = explained(synced, Migration(source_host="compute1"), vm2).cause
    assert cause is not None
    assert cause.key == mark("flux empty")
    assert cause.next_step.startswith("An operator must find out why, and bring it out of its error.")


def test_unknown_words_are_shown_with_step_and_host_though_the_cloud_ends_with_known_ones() -> None:
    cause = explain_move(action(nowhere(), failed("flux empty")), name="vm2", dest="compute3")
    assert cause.key == mark("flux empty")
    assert cause.why.startswith("It failed while the new host was checked on compute3.")
    assert "“flux empty”" in cause.why
    assert [proof.request_id for proof in cause.proofs] == ["req-1", "req-1"]


def test_the_innermost_words_win_over_what_the_conductor_makes_of_them() -> None:
    cause = explain_move(action(nowhere(), failed("Unacceptable CPU info: x")), name="vm2", source="compute1")
    assert cause.key == "cpu"
    assert cause.why.startswith("The processor of compute3 lacks something that vm2 uses")
    assert cause.next_step.startswith("Plan it again with a host of the same model as compute1")


def test_each_host_that_the_cloud_tried_is_told_with_its_own_reason() -> None:
    both = action(
        failed("Unacceptable CPU info: x", host="compute3"),
        failed("x already exists, it is expected not to exist.", host="compute4"),
        nowhere(),
    )
    cause = explain_move(both, name="vm2")
    assert cause.why.startswith("The cloud tried 2 hosts. The processor of compute3")
    assert "lie on compute4" in cause.why


def test_a_host_that_passed_its_check_and_was_dropped_had_no_network() -> None:
    passed = api.Event("compute_check_can_live_migrate_destination", "Success", "compute3")
    cause = explain_move(action(passed, nowhere()), name="vm2")
    assert (cause.key, cause.why) == (
        "port-binding", "Most likely: its network could not be connected on compute3.",
    )  # fmt: skip


def test_an_action_without_words_says_so_and_keeps_the_request_id() -> None:
    cause = explain_move(action(), name="vm2")
    assert cause.key == "no-words"
    assert cause.proofs[0].request_id == "req-1"


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_every_row_says_why_what_next_and_who_without_novas_words(row: Row) -> None:
    cause = own_cause(
        row.key, name="vm2", source="compute1", dest="compute3", host="compute1", beside="a disk"
    )
    assert [text for text in (cause.what, cause.why, cause.next_step) if not is_made(text)] == []
    for text in (cause.why, cause.next_step):
        assert text.endswith(".")
        assert "{" not in text
        assert not re.search(r"\bNova\b(?! sees)|nova-|VERIFY|vm_state|hypervisor_hostname|libvirt", text)
    assert cause.who in ("helpdesk", "operator")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_is_not_known_has_a_word_that_fits_into_the_sentence(row: Row) -> None:
    cause = own_cause(row.key, host="compute1", beside="a disk")
    for text in filter(None, (cause.what, cause.why, cause.next_step)):
        assert text[0].isupper() or text.startswith(("nmigrate", "compute1"))


def test_a_cause_is_told_in_the_readers_language_with_what_only_its_reader_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell_in_brackets(monkeypatch)
    stored = kept(keep(own_cause("cpu", name="vm2", source="compute1").why))
    with translation.override("vi"):
        assert (
            told(stored)
            == "⟦The processor of ⟧⟦the other host⟧⟦ lacks something that ⟧vm2⟦ uses while it runs.⟧"
        )


def test_every_step_of_the_clouds_that_fails_without_known_words_is_told() -> None:
    hosts = [failed("flux empty", host=host) for host in ("compute3", "compute4")]
    causes = [explain_move(action(failed("flux empty", name)), name="vm2") for name, _ in _STEPS]
    causes += [
        explain_move(action(failed("flux empty", "sends_flux", host)), name="vm2")
        for host in ("", "compute3")
    ]
    causes.append(explain_move(action(*hosts), name="vm2"))
    causes.append(explain_move(None, "flux empty", name="vm2"))
    causes.append(
        explain_move(action(api.Event(CHECK_OF_DESTINATION, "Success", "c3"), nowhere()), name="vm2")
    )
    assert [one.why for one in causes if not (is_made(one.why) and is_made(one.next_step))] == []
    assert [is_made(proof.step) for proof in causes[-2].proofs] == [True]


@pytest.mark.parametrize("step", ["", *Action])
def test_what_did_not_work_and_the_ways_on_are_told(step: str) -> None:
    cause = own_cause("ssh", name="vm2")
    for kind, known, host in itertools.product(Kind, ("", "x"), ("", "compute3")):
        move = Migration(
            instance_name="vm2",
            kind=kind,
            step=step,
            state=State.STRANDED,
            stranded_in=State.RUNNING,
            source_host="compute1",
            source_zone="nova-1",
            asked_host=host,
            copy_uuid=known,
            image_id=known,
            changes_pin=True,
            before={"status": "ACTIVE", "pinned_zone": "nova"},
        )
        texts = [stranding._ways_on(move, one) for one in (cause, own_cause("too-full"))]
        for status, at in itertools.product(("ACTIVE", "SHUTOFF", "PAUSED", "ERROR"), ("", "compute1")):
            texts.append(what_happened(move, cause, Instance(status=status, host=at)))
        assert [text for text in texts if not is_made(text)] == []


OBJECTED = [
    ("vm2 is locked (“x. y”). Ask its owner to unlock it first.", "locked", "vm2 is locked (“x. y”)."),
    ("compute3 is too full: 1 free. Choose another host.", "too-full", "compute3 is too full: 1 free."),
    ("compute3 is down. Choose another host.", "host-down", "compute3 is down."),
    ("clouds.yaml has no x. An operator must add it.", "not-set-up", "clouds.yaml has no x."),
    ("It no longer waits for this decision.", "decided-otherwise", "It no longer waits for this decision."),
    ("It is bound to zone a, and of its hosts none can take it. b is down. Choose another zone.", "host-down",
     "It is bound to zone a, and of its hosts none can take it. b is down."),
    ("No host can take it now. None of them has enough memory free. An operator must make room, or bring a host back.",
     "too-full", "No host can take it now. None of them has enough memory free."),
    ("There is no other host. An operator must make room, or bring a host back.", "no-valid-host",
     "There is no other host."),
    ("Pigs fly.", "changed-meanwhile", "Pigs fly."),
]  # fmt: skip
"""What our own rules say -> row, and what the page says of it."""


@pytest.mark.parametrize(("sentence", "key", "why"), OBJECTED)
def test_what_our_own_rules_object_to_has_a_cause_too(sentence: str, key: str, why: str) -> None:
    cause = explain_refusal(sentence, None, name="vm2")
    assert (cause.key, cause.why) == (key, why)
    assert cause.who == ("operator" if "An operator must" in sentence else "helpdesk")
    assert cause.next_step


def test_a_refusal_stores_cause_and_role(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    move = services.request_migration(actor=helpdesk, instance=vm2, reason="x")

    def goes_down_meanwhile(_call: str) -> None:
        synced.add_host("compute1", "nova-1", forced_down=True)

    synced.before_post = goes_down_meanwhile
    run_tasks()
    move.refresh_from_db()
    assert (move.cause, move.next_step_by) == ("source-down", "operator")


def fail_twice(cloud: FakeCloud, helpdesk: User, vm2: Instance) -> list[Migration]:
    for host, zone in (("compute2", "nova"), ("compute3", "nova-1"), ("compute4", "nova")):
        cloud.add_host(host, zone, status="disabled")
    wanted: dict[str, Any] = {"actor": helpdesk, "instance": vm2, "reason": "x"}
    return [play(cloud, services.request_migration(**wanted)) for _ in range(2)]


def test_a_failure_finds_earlier_ones_of_its_cause(
    synced: FakeCloud, helpdesk: User, vm2: Instance, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, second = fail_twice(synced, helpdesk, vm2)
    assert second.cause == "host-out-of-service"
    with django_assert_num_queries(1):
        assert list(similar_cases(second)) == [first]


def test_the_page_says_who_can_act_and_what_was_seen_before(
    synced: FakeCloud, helpdesk: User, vm2: Instance, client: Client, person: Callable[..., User]
) -> None:
    first, second = fail_twice(synced, helpdesk, vm2)
    client.force_login(helpdesk)
    shown = client.get(f"/migrations/{second.pk}/").content.decode()
    assert "An operator of the cloud. Show or send them this page." in shown, "nobody is one yet"
    person("operator", "olga")
    shown = client.get(f"/migrations/{second.pk}/").content.decode()
    assert "An operator of the cloud: olga. Show or send them this page." in shown
    assert "<dt>Seen before</dt>" in shown
    assert f'<a href="/migrations/{first.pk}/">' in shown
    assert "not moved since" in shown
