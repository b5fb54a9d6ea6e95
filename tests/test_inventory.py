"""The inventory: what is copied from the cloud, what is noticed, and what it costs."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import inventory, preflight
from nmigrate.cloud import api
from nmigrate.models import Cloud, Hypervisor, Instance, Service
from tests.fakecloud import FakeCloud


def changes(cloud: FakeCloud) -> None:
    inventory.read_changes(cloud, inventory.Names())


def test_full_sync_copies_what_pages_and_rules_need(synced: FakeCloud) -> None:
    vm2 = Instance.objects.get(name="vm2")
    assert (vm2.host, vm2.zone, vm2.pinned_zone, vm2.project_name) == ("compute1", "nova-1", "nova-1", "demo")
    assert (vm2.vcpus, vm2.memory_mb, vm2.disk_gb, vm2.addresses) == (1, 2048, 20, ["10.20.0.14"])
    host = Hypervisor.objects.get(host="compute1")
    assert (host.zone, host.vcpus_capacity, host.memory_mb_capacity) == ("nova-1", 192, 196096)
    assert host.inventories["MEMORY_MB"] == {
        "total": 196608,
        "reserved": 512,
        "ratio": 1.0,
        "used": 4096,
        "max_unit": 196608,
    }
    assert host.max_units["VCPU"] == 48
    assert Service.objects.filter(binary="nova-compute").count() == 4


def test_search_text_is_case_folded_and_has_every_word_a_person_may_know(synced: FakeCloud) -> None:
    synced.add("CỔNG-Thanh-Toán", "compute1")
    changes(synced)
    row = Instance.objects.get(name="CỔNG-Thanh-Toán")
    for word in ("cổng-thanh", row.uuid, "10.20.0.14", "demo", "compute1"):
        assert word in row.search


def test_changes_since_brings_new_changed_and_deleted_instances(synced: FakeCloud, vm2: Instance) -> None:
    synced.add("new", "compute4")
    synced.change(vm2.uuid, status="ACTIVE")
    gone = Instance.objects.get(name="doem")
    synced.delete(gone.uuid)
    changes(synced)
    vm2.refresh_from_db()
    assert vm2.status == "ACTIVE"
    assert Instance.objects.filter(name="new").exists()
    assert not Instance.objects.filter(name="doem").exists()


def test_full_sync_forgets_what_is_gone_even_if_its_deletion_was_never_told(
    synced: FakeCloud, vm2: Instance
) -> None:
    del synced.by_uuid[vm2.uuid]
    inventory.read_all_servers(synced, inventory.Names())
    assert not Instance.objects.filter(name="vm2").exists()
    assert Instance.objects.count() == 3


def test_older_data_never_replaces_newer(synced: FakeCloud, vm2: Instance) -> None:
    """The full read may bring a page that was fetched before a change that is known already."""
    stale = synced.by_uuid[vm2.uuid]
    synced.change(vm2.uuid, status="ACTIVE")
    changes(synced)
    inventory.store_servers("lab", [stale], inventory.Names())
    vm2.refresh_from_db()
    assert vm2.status == "ACTIVE"


def test_instance_born_during_a_full_sync_is_kept(synced: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    real = synced.servers

    def slow(changes_since: datetime | None = None) -> Iterator[api.Server]:
        yield from list(real(changes_since))
        if changes_since is None:
            born = synced.add("born-meanwhile", "compute4")
            inventory.store_servers("lab", [born], inventory.Names())

    monkeypatch.setattr(synced, "servers", slow)
    inventory.read_all_servers(synced, inventory.Names())
    assert Instance.objects.filter(name="born-meanwhile").exists()


def test_version_grows_only_when_a_page_would_show_something_new(synced: FakeCloud, vm2: Instance) -> None:
    before = Cloud.objects.get().version
    changes(synced)
    inventory.read_hosts(synced)
    assert Cloud.objects.get().version == before
    synced.change(vm2.uuid, task_state="resize_prep")
    changes(synced)
    assert Cloud.objects.get().version == before + 1
    synced.add_host("compute3", "nova-1", status="disabled", disabled_reason="psu")
    inventory.read_hosts(synced)
    assert Cloud.objects.get().version == before + 2


def test_host_that_is_gone_is_forgotten(synced: FakeCloud) -> None:
    del synced.hosts["compute4"]
    inventory.read_hosts(synced)
    assert not Hypervisor.objects.filter(host="compute4").exists()


def test_cursor_follows_the_newest_change_with_an_overlap(synced: FakeCloud, vm2: Instance) -> None:
    synced.change(vm2.uuid, status="ACTIVE")
    changes(synced)
    newest = synced.by_uuid[vm2.uuid].updated_at
    assert Cloud.objects.get().servers_cursor == newest
    assert timedelta(seconds=10) <= inventory.OVERLAP <= timedelta(minutes=2)


def test_queries_of_a_quiet_read_do_not_grow_with_the_number_of_instances(synced: FakeCloud) -> None:
    def count() -> int:
        Cloud.objects.update(
            servers_cursor=timezone.now() - timedelta(days=1)
        )  # so that every row is looked at
        with CaptureQueriesContext(connection) as queries:
            changes(synced)
        return len(queries)

    few = count()
    for number in range(1000):
        synced.add(f"many-{number}", "compute1")
    changes(synced)
    assert Instance.objects.count() == 1004
    assert count() == few


def test_server_groups_come_with_their_rule_and_go_again(synced: FakeCloud, vm2: Instance) -> None:
    synced.groups = [api.ServerGroup("g-1", "apart", "anti-affinity", (vm2.uuid,))]
    inventory.read_server_groups(synced)
    vm2.refresh_from_db()
    assert vm2.server_groups == [
        {"uuid": "g-1", "name": "apart", "policy": "anti-affinity", "max_per_host": 1}
    ]
    changes(synced)
    inventory.read_all_servers(synced, inventory.Names())
    vm2.refresh_from_db()
    assert vm2.server_groups
    synced.groups = []
    inventory.read_server_groups(synced)
    vm2.refresh_from_db()
    assert vm2.server_groups == []


def test_unknown_names_cost_one_call_not_one_each(synced: FakeCloud) -> None:
    names = inventory.Names()
    synced.add("foreign", "compute1", project_id="nobody-knows")
    for _ in range(3):
        inventory.read_changes(synced, names)
    assert Instance.objects.get(name="foreign").project_name == "nobody-knows"
    assert names.projects["nobody-knows"] == ""


def test_what_starts_from_a_volume_is_known_though_nova_names_an_image(
    synced: FakeCloud, vm2: Instance
) -> None:
    synced.stored_images["i-1"] = api.Image("i-1", "snapshot", "active", holds_volume=True)
    synced.change(vm2.uuid, image_id="i-1", volumes=("v-1",))
    inventory.read_all_servers(synced, inventory.Names())
    vm2.refresh_from_db()
    assert (vm2.image_id, preflight.starts_from_volume(vm2)) == ("", True)
    assert synced.calls["volume_devices"] == 0


@pytest.mark.parametrize("is_root", [True, False])
def test_when_its_image_is_gone_its_devices_tell_and_are_asked_for_once(
    synced: FakeCloud, vm2: Instance, is_root: bool
) -> None:
    synced.change(vm2.uuid, image_id="deleted-since", volumes=("v-1",))
    if is_root:
        synced.booted_from_volume_images.add(vm2.uuid)
    names = inventory.Names()
    for _ in range(3):
        inventory.read_all_servers(synced, names)
    vm2.refresh_from_db()
    assert preflight.starts_from_volume(vm2) is is_root
    assert synced.calls["volume_devices"] == 1


def test_an_account_that_may_not_read_volumes_reads_everything_else(
    synced: FakeCloud, vm2: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced.change(vm2.uuid, image_id="deleted-since", volumes=("v-1",), name="renamed")

    def refuse(uuid: str) -> dict[str, str]:
        raise api.Unauthorized("This account may not.", "403")

    monkeypatch.setattr(synced, "volume_devices", refuse)
    inventory.read_all_servers(synced, inventory.Names())
    vm2.refresh_from_db()
    assert (vm2.name, preflight.starts_from_volume(vm2)) == ("renamed", False)


def test_what_its_image_requires_of_a_host_is_known_though_nova_does_not_tell_it(
    synced: FakeCloud, vm2: Instance
) -> None:
    synced.stored_images["i-1"] = api.Image("i-1", "fast", "active", traits=("CUSTOM_SSD",))
    synced.change(vm2.uuid, image_id="i-1", image_properties={"hw_firmware_type": "uefi"})
    inventory.read_all_servers(synced, inventory.Names())
    vm2.refresh_from_db()
    assert vm2.image_properties == {"hw_firmware_type": "uefi", "trait:CUSTOM_SSD": "required"}


def test_shared_folders_are_read_a_few_at_a_time_those_not_read_for_longest_first(
    synced: FakeCloud, vm2: Instance
) -> None:
    synced.shared[vm2.uuid] = ("share-1",)
    inventory.read_all_servers(synced, inventory.Names())
    everyone = Instance.objects.count()
    inventory.read_shares(synced)
    inventory.read_shares(synced)
    assert synced.calls["shares_of"] == everyone, "none is read again so soon"
    vm2.refresh_from_db()
    assert vm2.shares == ["share-1"]
    synced.shared[vm2.uuid] = ()
    Instance.objects.filter(pk=vm2.pk).update(shares_read_at=timezone.now() - timedelta(minutes=11))
    before = Cloud.objects.get(pk="lab").version
    for number in range(25):
        synced.add(f"new-{number}", "compute1")
    inventory.read_all_servers(synced, inventory.Names())
    inventory.read_shares(synced)
    assert synced.calls["shares_of"] == everyone + inventory.SHARES_AT_A_TIME
    inventory.read_shares(synced)
    vm2.refresh_from_db()
    assert (vm2.shares, Cloud.objects.get(pk="lab").version > before) == ([], True)


def test_a_cloud_without_shared_folders_is_not_asked_for_them(synced: FakeCloud, vm2: Instance) -> None:
    inventory.read_shares(synced)
    assert synced.calls["shares_of"] == 0


def test_an_account_that_may_not_read_shared_folders_goes_on(
    synced: FakeCloud, vm2: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced.shared[vm2.uuid] = ("share-1",)

    def refuse(uuid: str) -> tuple[str, ...]:
        raise api.Unauthorized("This account may not.", "403")

    monkeypatch.setattr(synced, "shares_of", refuse)
    inventory.read_shares(synced)
    vm2.refresh_from_db()
    assert (vm2.shares, vm2.shares_read_at is not None) == ([], True)
