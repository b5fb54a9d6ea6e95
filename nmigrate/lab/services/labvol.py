"""Cinder's volume driver for the lab: keeps nothing but the records that Cinder itself keeps.

Every volume is there; images, snapshots and clones are copied in no time. The connection names the host of
the connector, so that a reader sees which compute a volume is exported to. "fail_volume" of the behaviour
lists steps to fail at; "initialize_connection:compute2" fails for one host.
"""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

# ruff: noqa: ARG002  # Cinder gives every method its arguments

import io
from typing import Any

import behaviour
from cinder import exception, interface
from cinder.volume import driver


@interface.volumedriver
class LabVolumeDriver(driver.VolumeDriver):
    """A backend of 100 TB that does nothing."""

    VERSION = "1.0"
    SUPPORTED = True

    def _step(self, *names: str) -> None:
        behaviour.wait("volume_seconds")
        told = behaviour.read()["fail_volume"]
        for name in names:
            if name in told:
                raise exception.VolumeBackendAPIException(data=f"lab: {name} was told to fail")

    def check_for_setup_error(self) -> None:
        """Nothing is set up."""

    def _update_volume_stats(self) -> None:
        self._stats = {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name") or "lab",
            "vendor_name": "lab",
            "driver_version": self.VERSION,
            "storage_protocol": "fake",
            "multiattach": True,
            "total_capacity_gb": 100000,
            "free_capacity_gb": 100000,
            "reserved_percentage": 0,
            "thin_provisioning_support": True,
            "max_over_subscription_ratio": 1000,
            "online_extend_support": True,
            "QoS_support": False,
        }

    def create_volume(self, volume: Any) -> None:
        self._step("create_volume")

    def delete_volume(self, volume: Any) -> None:
        self._step("delete_volume")

    def create_snapshot(self, snapshot: Any) -> None:
        self._step("create_snapshot")

    def delete_snapshot(self, snapshot: Any) -> None:
        self._step("delete_snapshot")

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        self._step("create_volume_from_snapshot")

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        self._step("create_cloned_volume")

    def extend_volume(self, volume: Any, new_size: int) -> None:
        self._step("extend_volume")

    def revert_to_snapshot(self, context: Any, volume: Any, snapshot: Any) -> None:
        self._step("revert_to_snapshot")

    def retype(self, context: Any, volume: Any, new_type: Any, diff: Any, host: Any) -> bool:
        return True

    def clone_image(
        self, context: Any, volume: Any, image_location: Any, image_meta: Any, image_service: Any
    ) -> tuple[dict[str, Any], bool]:
        self._step("clone_image")
        return {}, True

    def copy_image_to_volume(
        self, context: Any, volume: Any, image_service: Any, image_id: str, disable_sparse: bool = False
    ) -> None:
        self._step("copy_image_to_volume")

    def copy_volume_to_image(self, context: Any, volume: Any, image_service: Any, image_meta: Any) -> None:
        self._step("copy_volume_to_image")
        data = io.BytesIO(f"lab volume {volume.id}\n".encode())
        image_service.update(context, image_meta["id"], {"disk_format": "raw"}, data)

    def ensure_export(self, context: Any, volume: Any) -> None:
        """Nothing is exported."""

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """Nothing is exported."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Nothing is exported."""

    def initialize_connection(self, volume: Any, connector: Any, **kwargs: Any) -> dict[str, Any]:
        host = connector.get("host")
        self._step("initialize_connection", f"initialize_connection:{host}")
        data = {"volume_id": volume.id, "lab_host": host, "access_mode": "rw", "discard": False}
        return {"driver_volume_type": "fake", "data": data}

    def terminate_connection(self, volume: Any, connector: Any, **kwargs: Any) -> None:
        self._step("terminate_connection")
