"""A copy of a server: image, boot, addresses, delete."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

from nmigrate.cloud import api
from nmigrate.cloud.refusals import flavor_is_gone, key_is_gone, no_role
from tests.fake.base import GONE, OWN, FakeBase

EXHAUSTED = (
    "Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for "
    "instance {}."
)


class Copying(FakeBase):
    """Handles: see the attributes. `fail_at` knows `snapshot` and `spawn`."""

    gone_flavors: frozenset[str] = frozenset()
    """Flavors that were deleted, by name."""
    gone_keys: frozenset[str] = frozenset()
    """Keys that their owner has deleted, by name."""
    kill_image = False
    """A snapshot that fails leaves its image as `killed`; Nova itself removes it, as it does without this."""

    def ports(self, uuid: str) -> list[api.Port]:
        self._answer("ports")
        return list(self.cards.get(uuid, ()))

    def images_named(self, name: str) -> list[api.Image]:
        self._answer("images_named")
        return [image for image in self.stored_images.values() if image.name == name]

    def image(self, image_id: str) -> api.Image:
        self._answer("image")
        return self._find_image(image_id)

    def servers_tagged(self, tag: str) -> list[api.Server]:
        self._answer("servers_tagged")
        return [self._seen(row) for row in self.by_uuid.values() if tag in row.tags]

    def create_image(self, uuid: str, project_id: str, name: str) -> str:
        return self._post("create_image", lambda: self._create_image(uuid, project_id, name))

    def delete_image(self, image_id: str) -> str:
        return self._post("delete_image", lambda: self._delete_image(image_id))

    def create_server(self, new: api.NewServer) -> str:
        return self._post("create_server", lambda: self._create_server(new))

    def set_addresses(self, port_id: str, addresses: tuple[tuple[str, str], ...]) -> str:
        return self._post("set_addresses", lambda: self._set_addresses(port_id, addresses))

    def delete_server(self, uuid: str) -> str:
        return self._post("delete_server", lambda: self._delete_server(uuid))

    # -- images

    def _check_role(self, project_id: str) -> None:
        if project_id not in self.projects:
            raise no_role(self.name, project_id, "401 The request you have made requires authentication.")

    def _find_image(self, image_id: str) -> api.Image:
        if image_id not in self.stored_images:
            raise api.NotFound(GONE, f"404 No image found with ID {image_id}")
        return self.stored_images[image_id]

    def _create_image(self, uuid: str, project_id: str, name: str) -> str:
        self._check_role(project_id)
        server = self._find(uuid)
        self._check_state(server, "createImage", "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
        image = api.Image(str(uuid4()), name, "queued")
        self.stored_images[image.id] = image
        request_id = self._begin(uuid, "createImage", OWN)
        if self.starts_from_volume(server):  # cinder keeps its disks, the image is empty and names them
            self.stored_images[image.id] = replace(image, status="active", holds_volume=True)
            return request_id
        self.change(uuid, task_state="image_snapshot_pending")
        self._pending[uuid] = self._snapshotting(uuid, image.id)
        return request_id

    def _snapshotting(self, uuid: str, image_id: str) -> Iterator[None]:
        yield
        if self.fail_at.get(self.by_uuid[uuid].host) == "snapshot":
            # Seen on the lab: the image is gone, and the action says nothing of it.
            if self.kill_image:
                self.stored_images[image_id] = replace(self.stored_images[image_id], status="killed")
            else:
                self.stored_images.pop(image_id, None)
            self.change(uuid, task_state="")
            return
        self.change(uuid, task_state="image_uploading")
        yield
        if image_id in self.stored_images:
            size = self.by_uuid[uuid].disk_gb * 1024**2
            self.stored_images[image_id] = replace(self.stored_images[image_id], status="active", size=size)
        self.change(uuid, task_state="")

    def _delete_image(self, image_id: str) -> str:
        self._find_image(image_id)
        del self.stored_images[image_id]
        return f"req-{uuid4()}"

    # -- servers

    def _create_server(self, new: api.NewServer) -> str:
        self._check_role(new.project_id)
        if new.flavor in self.gone_flavors:
            raise flavor_is_gone(new.flavor)
        if new.key_name in self.gone_keys:
            raise key_is_gone(new.key_name)
        if self._find_image(new.image_id).status != "active":
            raise self._refuse(f"Image {new.image_id} is not active.", 400)
        self._check_zone(new.zone)
        self._check_host(new.host)
        alike = next((row for row in self.by_uuid.values() if row.flavor == new.flavor), None)
        server = api.Server(
            uuid=str(uuid4()),
            name=new.name,
            status="BUILD",
            host="",
            zone=new.zone,
            vm_state="building",
            task_state="scheduling",
            project_id=new.project_id,
            user_id=OWN,
            pinned_zone=new.zone or None,
            flavor=new.flavor,
            vcpus=alike.vcpus if alike else 1,
            memory_mb=alike.memory_mb if alike else 2048,
            disk_gb=alike.disk_gb if alike else 20,
            image_id=new.image_id,
            root_device="/dev/vda",
            volumes=(f"volume-{uuid4()}",) if self.stored_images[new.image_id].holds_volume else (),
            config_drive=new.config_drive,
            key_name=new.key_name,
            metadata=dict(new.metadata),
            tags=new.tags,
            description=new.description,
            created_at=self._now(),
            updated_at=self._now(),
        )
        self.by_uuid[server.uuid] = server
        if server.volumes:
            self.booted_from_volume_images.add(server.uuid)
        self.cards[server.uuid] = []
        if new.server_group:
            self.groups = [
                replace(group, members=(*group.members, server.uuid))
                if group.uuid == new.server_group
                else group
                for group in self.groups
            ]
        request_id = self._begin(server.uuid, "create", OWN)
        self._pending[server.uuid] = self._building(server.uuid, new, request_id)
        return request_id

    def _building(self, uuid: str, new: api.NewServer, request_id: str) -> Iterator[None]:
        yield
        fitting = self._choose(self.by_uuid[uuid], new.host)
        if not fitting:
            said = "No valid host was found. "
            self._event(uuid, request_id, "schedule_instances", "controller", said)
            self.change(uuid, status="ERROR", vm_state="error", task_state="", fault=said)
            return
        for chosen in fitting:
            self.change(
                uuid, task_state="spawning", host=chosen, hypervisor=chosen, zone=self.hosts[chosen].zone
            )
            yield
            if self.fail_at.get(chosen) != "spawn":
                groups = new.security_groups
                self.cards[uuid] = [
                    self._card(network, self._free_address(), security_groups=groups)
                    for network in new.networks
                ]
                self._readdress(uuid)
                self.change(uuid, status="ACTIVE", vm_state="active", power_state=1, task_state="")
                return
            said = f"lab: injected failure of spawn on {chosen}"
            self._event(uuid, request_id, "compute__do_build_and_run_instance", chosen, said)
        self.change(
            uuid, status="ERROR", vm_state="error", task_state="", fault=EXHAUSTED.format(uuid),
            host="", hypervisor="", zone=new.zone,
        )  # fmt: skip

    def _set_addresses(self, port_id: str, addresses: tuple[tuple[str, str], ...]) -> str:
        owner = next((uuid for uuid, cards in self.cards.items() if port_id in {c.id for c in cards}), None)
        if owner is None:
            raise api.NotFound(GONE, f"404 Port {port_id} could not be found.")
        others = [card for cards in self.cards.values() for card in cards if card.id != port_id]
        for subnet, address in addresses:
            if any((subnet, address) in card.addresses for card in others):
                raise self._refuse(f"IP address {address} already allocated in subnet {subnet}")
        self.cards[owner] = [
            replace(card, addresses=addresses) if card.id == port_id else card for card in self.cards[owner]
        ]
        self._pending[f"addresses of {owner}"] = self._hearing(owner)
        return f"req-{uuid4()}"

    def _hearing(self, uuid: str) -> Iterator[None]:
        """Neutron tells Nova of new addresses a little later (seconds on the lab)."""
        yield
        yield
        yield
        if uuid in self.by_uuid:
            self._readdress(uuid)

    def _delete_server(self, uuid: str) -> str:
        self._find(uuid)
        request_id = self._begin(uuid, "delete", OWN)
        self.change(uuid, task_state="deleting")
        self._pending[uuid] = self._deleting(uuid)
        return request_id

    def _deleting(self, uuid: str) -> Iterator[None]:
        yield
        self._remove(uuid)
