"""A copy of a server: its image and boot in the original's project, its addresses, and the end of the original."""

import logging
from typing import Any
from urllib.parse import quote, urlencode

from nmigrate.cloud import api, wire
from nmigrate.cloud.openstack.session import Session, request_id
from nmigrate.cloud.refusals import flavor_is_gone, is_key_in_use, key_is_gone, key_was_changed

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""How often a boot is begun when another copy borrows a key of the same name."""


class Copying(Session):
    """Images and servers are made with a token for the original's project, so that they belong to it."""

    # -- images

    def create_image(self, uuid: str, project_id: str, name: str) -> str:
        body = {"createImage": {"name": name, "metadata": {}}}
        return request_id(self._nova_answer("POST", f"/servers/{uuid}/action", body, project_id))

    def images_named(self, name: str) -> list[api.Image]:
        # Without an operator glance would take what stands before a colon in the name for one.
        rows = self._images(urlencode({"name": f"eq:{name}", "limit": 100}))
        return [wire.image(row) for row in rows if row.get("name") == name]

    def image(self, image_id: str) -> api.Image:
        return wire.image(self._get("image", f"/images/{image_id}"))

    def delete_image(self, image_id: str) -> str:
        return request_id(self._answer("image", "DELETE", f"/images/{image_id}"))

    # -- boot

    def create_server(self, new: api.NewServer) -> str:
        body: dict[str, Any] = {
            "name": new.name,
            "imageRef": new.image_id,
            "flavorRef": self._flavor_id(new.flavor),
            "networks": [{"uuid": network} for network in new.networks] or "none",
            "metadata": new.metadata,
            "tags": list(new.tags),
            "config_drive": new.config_drive,
        }
        if new.zone:
            body["availability_zone"] = new.zone
        if new.host:
            body["host"] = new.host
        if new.security_groups:
            body["security_groups"] = [{"name": group} for group in new.security_groups]
        if new.description:
            body["description"] = new.description
        asked: dict[str, Any] = {"server": body}
        if new.server_group:
            asked["os:scheduler_hints"] = {"group": new.server_group}
        if not new.key_name:
            return request_id(self._nova_answer("POST", "/servers", asked, new.project_id))
        body["key_name"] = new.key_name
        return self._boot_with_key(new, asked)

    def _flavor_id(self, name: str) -> str:
        for row in self._paged("/flavors/detail", "flavors", {"is_public": "None"}):
            if row["name"] == name:
                return str(row["id"])
        raise flavor_is_gone(name)

    def _boot_with_key(self, new: api.NewServer, asked: dict[str, Any]) -> str:
        """A key belongs to a user, and Nova takes the one of that name from who boots: so ours must be the owner's.

        Another copy that needs a key of this name may take it away or be in its way at the same moment. Nova refuses
        then, so that nothing was done, and it is begun anew.
        """
        attempts = 1 if new.key_owner in ("", self.own_user_id()) else ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                if attempts == 1:
                    return request_id(self._nova_answer("POST", "/servers", asked, new.project_id))
                return self._boot_with_borrowed_key(new, asked)
            except api.Refused as error:
                if attempt == attempts or not is_key_in_use(error.said):
                    raise
        raise AssertionError("unreachable")

    def _boot_with_borrowed_key(self, new: api.NewServer, asked: dict[str, Any]) -> str:
        """Boot while our account has the owner's key. Whether it still was that one is looked at afterwards: a copy
        that may let in somebody else is deleted again."""
        wanted = self._key(new.key_name, new.key_owner)
        if wanted is None:
            raise key_is_gone(new.key_name)
        is_ours = self._borrow_key(wanted)
        try:
            answer = self._nova_answer("POST", "/servers", asked, new.project_id)
            now = self._key(new.key_name)
            is_gone = now is None and not is_ours  # whoever had made it has taken it away since
            if not is_gone and (now is None or now["public_key"] != wanted["public_key"]):
                self.delete_server(answer.json()["server"]["id"])
                raise key_was_changed(new.key_name, request_id(answer))
        finally:
            if is_ours:
                self._return_key(new.key_name)
        return request_id(answer)

    def _borrow_key(self, wanted: dict[str, Any]) -> bool:
        """Make our account have this key. False when it had it already; one of that name that differs is replaced."""
        name = wanted["name"]
        ours = self._key(name)
        if ours is not None:
            if ours["public_key"] == wanted["public_key"]:
                return False
            self._delete_key(name)
        body = {field: wanted[field] for field in ("name", "type", "public_key")}
        self._nova("POST", "/os-keypairs", {"keypair": body})
        return True

    def _return_key(self, name: str) -> None:
        try:
            self._delete_key(name)
        except api.CloudError as error:
            log.warning("%s: key pair %s stays in our account: %s", self.name, name, error)

    def _key(self, name: str, owner: str = "") -> dict[str, Any] | None:
        whose = f"?{urlencode({'user_id': owner})}" if owner else ""
        try:
            row: dict[str, Any] = self._nova("GET", f"/os-keypairs/{quote(name, safe='')}{whose}")["keypair"]
        except api.NotFound:
            return None
        return row

    def _delete_key(self, name: str) -> None:
        self._nova_answer("DELETE", f"/os-keypairs/{quote(name, safe='')}")

    def servers_tagged(self, tag: str) -> list[api.Server]:
        rows = self._paged("/servers/detail", "servers", {"all_tenants": "1", "tags": tag})
        return [wire.server(row) for row in rows]

    # -- addresses, and the end

    def ports(self, uuid: str) -> list[api.Port]:
        """Neutron tells their creation in whole seconds; among those of one second, Nova's order counts."""
        rows = self._get("network", f"/ports?{urlencode({'device_id': uuid})}")["ports"]
        order: dict[str, int] = {}
        if len(rows) > 1:
            networks = self._nova("GET", f"/servers/{uuid}")["server"]["addresses"].values()
            macs = [address.get("OS-EXT-IPS-MAC:mac_addr", "") for network in networks for address in network]
            order = {mac: number for number, mac in reversed(list(enumerate(macs)))}
        rows.sort(key=lambda row: (row.get("created_at") or "", order.get(row["mac_address"], len(order))))
        return [wire.port(row) for row in rows]

    def set_addresses(self, port_id: str, addresses: tuple[tuple[str, str], ...]) -> str:
        fixed = [{"subnet_id": subnet, "ip_address": address} for subnet, address in addresses]
        answer = self._answer("network", "PUT", f"/ports/{port_id}", json={"port": {"fixed_ips": fixed}})
        return request_id(answer)

    def delete_server(self, uuid: str) -> str:
        return request_id(self._nova_answer("DELETE", f"/servers/{uuid}"))
