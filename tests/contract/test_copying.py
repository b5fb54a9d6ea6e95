"""A copy of a server, from its image to the addresses: the same on the fake and on a real Nova, glance and neutron."""

import uuid as uuids

import pytest

from nmigrate.cloud import api
from tests.contract.seen import exists, newest_action, until_rest
from tests.contract.stage import Stage


def image_of(stage: Stage, uuid: str) -> api.Image:
    name = f"k-image ({uuids.uuid4()})"
    stage.cloud.create_image(uuid, stage.cloud.server(uuid).project_id, name)
    stage.until(lambda: [image.status for image in stage.cloud.images_named(name)] == ["active"])
    stage.until(lambda: not stage.cloud.server(uuid).task_state)
    return stage.cloud.images_named(name)[0]


def boot_copy(stage: Stage, uuid: str, **changes: object) -> api.Server:
    """The copy, as soon as it can be found."""
    mark = f"k-{uuids.uuid4()}"
    image = image_of(stage, uuid)
    stage.cloud.create_server(stage.new_server(uuid, image.id, tags=("web", mark), **changes))
    stage.until(lambda: len(stage.cloud.servers_tagged(mark)) == 1)
    return stage.cloud.servers_tagged(mark)[0]


# -- images


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF"])
def test_snapshot(stage: Stage, status: str) -> None:
    uuid = stage.boot("k-snapshot", "compute1", status)
    name = f'k-snap "1", ({uuids.uuid4()})'
    request_id = stage.cloud.create_image(uuid, stage.cloud.server(uuid).project_id, name)
    assert newest_action(stage, uuid) == ("createImage", request_id)
    with pytest.raises(api.Refused):
        stage.cloud.create_image(uuid, stage.cloud.server(uuid).project_id, "second")
    stage.until(lambda: [image.status for image in stage.cloud.images_named(name)] == ["active"])
    until_rest(stage, uuid, status)
    image = stage.cloud.images_named(name)[0]
    assert stage.cloud.image(image.id) == image
    assert (image.name, image.size > 0) == (name, True)
    assert stage.cloud.delete_image(image.id)
    assert stage.cloud.images_named(name) == []
    for call in (stage.cloud.image, stage.cloud.delete_image):
        with pytest.raises(api.NotFound):
            call(image.id)


def test_copy_of_what_starts_from_a_volume_names_an_image_and_starts_from_a_volume(stage: Stage) -> None:
    uuid = stage.boot_from_volume("k-volume", "compute1")
    original = stage.cloud.server(uuid)
    assert (original.image_id, stage.cloud.volume_devices(uuid)) == (
        "",
        {original.root_device: original.volumes[0]},
    )
    copy = boot_copy(stage, uuid)
    copy = until_rest(stage, copy.uuid, "ACTIVE")
    assert copy.volumes != original.volumes
    assert stage.cloud.volume_devices(copy.uuid) == {copy.root_device: copy.volumes[0]}
    image = next(row for row in stage.cloud.images() if row.id == copy.image_id)
    assert image.holds_volume


def test_copy_of_what_has_a_disk_of_its_own_does_not(stage: Stage) -> None:
    copy = boot_copy(stage, stage.boot("k-disk", "compute1"))
    assert not next(row for row in stage.cloud.images() if row.id == copy.image_id).holds_volume
    assert stage.cloud.volume_devices(copy.uuid) == {}


def test_what_an_image_requires_of_a_host_is_told_with_the_image(stage: Stage) -> None:
    made = stage.image_that_requires("CUSTOM_SSD")
    traits = {image.id: image.traits for image in stage.cloud.images()}
    assert traits.pop(made) == ("CUSTOM_SSD",)
    assert stage.cloud.delete_image(made)
    assert traits
    assert not any(traits.values())


def test_snapshot_that_fails_is_gone_and_the_action_says_nothing(stage: Stage) -> None:
    uuid = stage.boot("k-snap-fail", "compute1")
    stage.fail_at("compute1", "snapshot")
    name = f"in:k-fail ({uuids.uuid4()})"
    request_id = stage.cloud.create_image(uuid, stage.cloud.server(uuid).project_id, name)
    stage.until(lambda: stage.cloud.images_named(name) == [])
    until_rest(stage, uuid, "SHUTOFF")
    assert stage.cloud.action(uuid, request_id).message == ""


def test_images_are_found_by_their_whole_name(stage: Stage) -> None:
    uuid = stage.boot("k-named", "compute1")
    name = f'in:k, "named" ({uuids.uuid4()})'
    stage.cloud.create_image(uuid, stage.cloud.server(uuid).project_id, name)
    assert [image.name for image in stage.cloud.images_named(name)] == [name]
    assert stage.cloud.images_named(name[:-1]) == []
    until_rest(stage, uuid, "SHUTOFF")


def test_project_where_we_have_no_role(stage: Stage) -> None:
    uuid = stage.boot("k-no-role", "compute1")
    missing = str(uuids.uuid4()).replace("-", "")
    with pytest.raises(api.Unauthorized, match="no role in project"):
        stage.cloud.create_image(uuid, missing, "k-none")
    new = stage.new_server(uuid, stage.cloud.server(uuid).image_id, project_id=missing)
    with pytest.raises(api.Unauthorized, match="no role in project"):
        stage.cloud.create_server(new)


def test_projects_where_we_may_act(stage: Stage) -> None:
    uuid = stage.boot("k-projects", "compute1")
    assert stage.cloud.server(uuid).project_id in stage.cloud.own_projects()


# -- boot


def test_copy_is_alike_and_belongs_to_the_same_project(stage: Stage) -> None:
    uuid = stage.boot("k-copied", "compute1", zone="nova-1")
    labels = {"metadata": {"owner": "lab"}, "description": "a copy", "config_drive": True}
    copy = boot_copy(stage, uuid, zone="nova-1", host="compute3", **labels)
    copy = until_rest(stage, copy.uuid, "ACTIVE")
    original = stage.cloud.server(uuid)
    assert (copy.name, copy.project_id, copy.flavor) == (original.name, original.project_id, original.flavor)
    assert (copy.vcpus, copy.memory_mb, copy.disk_gb) == (
        original.vcpus,
        original.memory_mb,
        original.disk_gb,
    )
    assert (copy.host, copy.zone) == ("compute3", "nova-1")
    assert (copy.metadata, copy.description, copy.config_drive) == ({"owner": "lab"}, "a copy", True)
    assert "web" in copy.tags
    assert copy.networks.keys() == original.networks.keys()
    ports, before = stage.cloud.ports(copy.uuid), stage.cloud.ports(uuid)
    assert [port.network_id for port in ports] == [port.network_id for port in before]
    assert [port.security_groups for port in ports] == [port.security_groups for port in before]
    assert newest_action(stage, copy.uuid)[0] == "create"
    assert copy.key_name == ""


def test_copy_joins_the_server_group(stage: Stage) -> None:
    name = f"k-group-{uuids.uuid4()}"
    stage.group(name, "anti-affinity")
    group = next(row for row in stage.cloud.server_groups() if row.name == name)
    uuid = stage.boot("k-grouped", "compute1")
    copy = boot_copy(stage, uuid, server_group=group.uuid)
    until_rest(stage, copy.uuid, "ACTIVE")
    group = next(row for row in stage.cloud.server_groups() if row.name == name)
    assert group.members == (copy.uuid,)


def test_copy_gets_the_owners_key_and_we_do_not_keep_it(stage: Stage) -> None:
    name = f"k key {uuids.uuid4()}"
    owner = stage.key(name, True)
    uuid = stage.boot("k-keyed", "compute1")
    copy = boot_copy(stage, uuid, key_name=name, key_owner=owner)
    assert until_rest(stage, copy.uuid, "ACTIVE").key_name == name
    assert name not in stage.borrowed_keys()


def test_copy_whose_key_is_gone_is_refused(stage: Stage) -> None:
    name = f"k gone {uuids.uuid4()}"
    stage.key(name, True)
    owner = stage.key(name, False)
    uuid = stage.boot("k-no-key", "compute1")
    new = stage.new_server(uuid, image_of(stage, uuid).id, key_name=name, key_owner=owner)
    with pytest.raises(api.Refused, match=f"key pair {name} no longer exists"):
        stage.cloud.create_server(new)


def test_copy_whose_image_is_gone_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-no-image", "compute1")
    with pytest.raises(api.Refused):
        stage.cloud.create_server(stage.new_server(uuid, str(uuids.uuid4())))


def test_copy_to_an_impossible_place_is_refused(stage: Stage) -> None:
    uuid = stage.boot("k-copy-where", "compute1")
    image = image_of(stage, uuid)
    for zone, host, words in (
        ("nowhere", "", "no zone of that name"),
        ("nova-1", "nowhere", "does not know that host"),
    ):
        new = stage.new_server(uuid, image.id, zone=zone, host=host)
        with pytest.raises(api.Refused, match=words):
            stage.cloud.create_server(new)


def test_copy_that_fits_nowhere_is_in_error(stage: Stage) -> None:
    uuid = stage.boot("k-copy-nowhere", "compute1")
    copy = boot_copy(stage, uuid, zone="nova-1", host="compute2")
    copy = until_rest(stage, copy.uuid, "ERROR")
    assert (copy.host, "No valid host was found" in copy.fault) == ("", True)
    assert stage.cloud.delete_server(copy.uuid)
    stage.until(lambda: not exists(stage, copy.uuid))


def test_copy_that_fails_on_its_host_is_in_error(stage: Stage) -> None:
    uuid = stage.boot("k-copy-fail", "compute1")
    stage.fail_at("compute3", "spawn")
    copy = boot_copy(stage, uuid, zone="nova-1", host="compute3")
    assert until_rest(stage, copy.uuid, "ERROR").fault


# -- addresses, and the end


def test_deleted_server_takes_its_addresses_with_it(stage: Stage) -> None:
    uuid = stage.boot("k-end", "compute1")
    before = stage.cloud.ports(uuid)
    assert before[0].addresses
    assert before[0].mac
    copy = boot_copy(stage, uuid)
    until_rest(stage, copy.uuid, "ACTIVE")
    (port,) = stage.cloud.ports(copy.uuid)
    with pytest.raises(api.Refused, match="Another network card still has one") as refused:
        stage.cloud.set_addresses(port.id, before[0].addresses)
    assert refused.value.said.startswith("409")
    request_id = stage.cloud.delete_server(uuid)
    assert newest_action(stage, uuid) == ("delete", request_id)
    stage.until(lambda: not exists(stage, uuid))
    stage.until(lambda: stage.cloud.ports(uuid) == [])
    stage.cloud.set_addresses(port.id, before[0].addresses)
    assert stage.cloud.ports(copy.uuid)[0].addresses == before[0].addresses
    with pytest.raises(api.NotFound):
        stage.cloud.delete_server(uuid)


def test_lock_does_not_stop_our_deletion(stage: Stage) -> None:
    uuid = stage.boot("k-end-locked", "compute1")
    stage.lock(uuid, "mine")
    stage.cloud.delete_server(uuid)
    stage.until(lambda: not exists(stage, uuid))


def test_unknown_port(stage: Stage) -> None:
    with pytest.raises(api.NotFound):
        stage.cloud.set_addresses(str(uuids.uuid4()), ())
