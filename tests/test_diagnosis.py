"""Every row of the failure table is found by words that Nova says; unknown words get a mark of their own."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from nmigrate import services
from nmigrate.diagnosis import TABLE, explain_move, mark, match
from nmigrate.models import Instance, Migration
from nmigrate.selectors.causes import similar_cases
from tests.conftest import play, run_tasks
from tests.fakecloud import FakeCloud

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


def test_unknown_words_have_the_same_mark_on_another_host() -> None:
    assert mark("flux empty on compute1 after 3 s") == mark("flux empty on compute22 after 71 s")
    assert mark("flux empty") != mark("flux full")
    assert explain_move("vm2", None, "flux empty", "").key == mark("fault: flux empty")


def test_a_refusal_stores_cause_and_role(synced: FakeCloud, helpdesk: User, vm2: Instance) -> None:
    move = services.request_migration(actor=helpdesk, instance=vm2, reason="x")

    def goes_down_meanwhile(_call: str) -> None:
        synced.add_host("compute1", "nova-1", forced_down=True)

    synced.before_post = goes_down_meanwhile
    run_tasks()
    move.refresh_from_db()
    assert (move.cause, move.next_step_by) == ("source-down", "operator")


def fail_twice(cloud: FakeCloud, helpdesk: User, vm2: Instance) -> list[Migration]:
    cloud.add_host("compute3", "nova-1", status="disabled")
    wanted: dict[str, Any] = {"actor": helpdesk, "instance": vm2, "reason": "x"}
    return [play(cloud, services.request_migration(**wanted)) for _ in range(2)]


def test_a_failure_finds_earlier_ones_of_its_cause(
    synced: FakeCloud, helpdesk: User, vm2: Instance, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, second = fail_twice(synced, helpdesk, vm2)
    assert second.cause == "no-valid-host"
    with django_assert_num_queries(1):
        assert list(similar_cases(second)) == [first]


def test_the_page_says_who_can_act_and_what_was_seen_before(
    synced: FakeCloud, helpdesk: User, vm2: Instance, client: Client
) -> None:
    first, second = fail_twice(synced, helpdesk, vm2)
    client.force_login(helpdesk)
    shown = client.get(f"/migrations/{second.pk}/").content.decode()
    assert "You can do this." in shown
    assert f'Seen before: <a href="/migrations/{first.pk}/">' in shown
