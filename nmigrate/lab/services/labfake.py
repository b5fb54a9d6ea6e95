"""Nova's virt driver for the lab: simulated hypervisors that take their time and fail when they are told to.

Nova's own FakeDriver, with what a migration desk needs to see: guests and node ids that survive a restart,
live migrations with progress, abort and force-complete, cold migrations that last, snapshots that reach
Glance, and libvirt's own verdict on shared and local storage. How long and where to fail: see behaviour.py.
"""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

# ruff: noqa: ARG002  # Nova gives every method its arguments

import builtins
import io
import json
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import behaviour
import os_traits
import oslo_messaging
from nova import exception
from nova.compute import power_state, task_states, vm_states
from nova.image import glance
from nova.virt import driver, fake

POWER = {
    vm_states.ACTIVE: power_state.RUNNING,
    vm_states.PAUSED: power_state.PAUSED,
    vm_states.SUSPENDED: power_state.SUSPENDED,
    vm_states.RESCUED: power_state.RUNNING,
    vm_states.STOPPED: power_state.SHUTDOWN,
}
NODE_DEFAULTS = {"vcpus": 48, "memory_mb": 196608, "local_gb": 2048, "hypervisor_version": 8002002}
CPU = {
    "arch": "x86_64",
    "model": "Cascadelake-Server-noTSX",
    "vendor": "Intel",
    "features": ["aes", "avx", "avx2", "avx512f", "pge", "clflush", "sse4.2", "vmx"],
    "topology": {"cells": 2, "sockets": 1, "cores": 12, "threads": 2},
}
OWN_TRAITS = ("HW_CPU_X86_", "CUSTOM_", "COMPUTE_SECURITY_TPM_")
MIB, GIB = 1024**2, 1024**3
PROGRESS_SECONDS = 0.5  # Nova's libvirt driver writes its records every 5 s; a lab's migration is shorter


def node(host: str) -> dict[str, Any]:
    """What `host` can carry as computes.json says now: vcpus, memory_mb, local_gb, hypervisor_version."""
    try:
        hosts = json.loads(Path(os.environ["NMIGRATE_LAB_COMPUTES"]).read_text(encoding="utf-8"))
        return {**NODE_DEFAULTS, **hosts.get(host, {})}
    except (OSError, ValueError):
        return dict(NODE_DEFAULTS)


def cpu(node: dict[str, Any]) -> dict[str, Any]:
    """The processor of a host: `cpu_info` of computes.json says what differs."""
    return {**CPU, **node.get("cpu_info", {})}


def processor_traits(features: list[str]) -> set[str]:
    """Placement's names of processor features, where it has one: avx512f is HW_CPU_X86_AVX512F."""
    known = os_traits.get_traits("HW_CPU_X86_")
    special = {"aes": "AESNI", "sse4.1": "SSE41", "sse4.2": "SSE42"}
    names = {f"HW_CPU_X86_{special.get(feature, feature).upper()}" for feature in features}
    return names & set(known)


def node_uuid(name: str) -> str:
    """The same id at each start: the stock driver's is new in every process."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


class Job:
    """A live migration under way on this host, and what has been asked of it."""

    def __init__(self) -> None:
        self.force = threading.Event()
        self.abort = threading.Event()
        self.wake = threading.Event()
        self.out_of_time = False


class LabDriver(fake.FakeDriver):
    """One simulated hypervisor; each nova-compute of the lab has its own."""

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self._jobs: dict[str, Job] = {}

    # -- what the host is

    def _refresh(self) -> dict[str, Any]:
        now = node(self._host)
        self.vcpus, self.memory_mb, self.local_gb = now["vcpus"], now["memory_mb"], now["local_gb"]
        self.resources.vcpus, self.resources.memory_mb = self.vcpus, self.memory_mb
        self.resources.local_gb = self.local_gb
        return now

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        now = self._refresh()
        resources = super().get_available_resource(nodename)
        if resources:
            resources["uuid"] = node_uuid(nodename)
            resources["hypervisor_type"] = now.get("hypervisor_type", "QEMU")
            resources["hypervisor_version"] = now["hypervisor_version"]
            resources["cpu_info"] = json.dumps(cpu(now))
        return resources

    def update_provider_tree(self, provider_tree: Any, nodename: str, allocations: Any = None) -> None:
        now = self._refresh()
        super().update_provider_tree(provider_tree, nodename, allocations)
        # as libvirt's driver does: what the processor can, and what an operator says of the host
        wanted = processor_traits(cpu(now)["features"]) | set(now.get("traits", ()))
        had = {name for name in provider_tree.data(nodename).traits if name.startswith(OWN_TRAITS)}
        provider_tree.remove_traits(nodename, *(had - wanted))
        provider_tree.add_traits(nodename, *(wanted - had))
        inventory = dict(provider_tree.data(nodename).inventory)
        for name, values in now.get("inventory", {}).items():
            inventory[name] = {**inventory.get(name, {}), **values}
        provider_tree.update_inventory(nodename, inventory)

    def forget(self, uuid: str) -> None:
        """Its records were written from outside: believe them anew."""
        self.instances.pop(uuid, None)

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {node_uuid(name): name for name in self.get_available_nodes()}

    def get_host_ip_addr(self) -> str:
        digits = "".join(letter for letter in self._host if letter.isdigit()) or "0"
        return f"192.168.10.{10 + int(digits) % 240}"

    def get_host_uptime(self) -> str:
        seconds = int(time.monotonic())
        days, hours, minutes = seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60
        load = "{:.2f}, {:.2f}, {:.2f}".format(*os.getloadavg())
        now = time.strftime("%H:%M:%S")
        return f" {now} up {days} days, {hours:2d}:{minutes:02d},  0 users,  load average: {load}\n"

    # -- guests

    def _maybe_fail(self, step: str) -> None:
        told = behaviour.told(step, self._host)
        if told:
            raise trouble(told)

    def _set(self, instance: Any, state: int) -> None:
        # unknown here after a restart, or when its records were cloned
        guest = self.instances.setdefault(
            instance.uuid, fake.FakeInstance(instance.name, state, instance.uuid)
        )
        guest.state = state

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        # after a restart this driver knows no guest: believe the records once
        if instance.uuid not in self.instances and instance.host == self._host and not instance.task_state:
            state = POWER.get(instance.vm_state)
            if instance.vm_state == vm_states.RESIZED:
                # keeps what it was before the move: a stopped guest is stopped at VERIFY_RESIZE
                state = instance.power_state or power_state.RUNNING
            if state is not None:
                self._set(instance, state)
        return super().get_info(instance, use_cache)

    def spawn(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        behaviour.wait("spawn_seconds")
        self._maybe_fail("spawn")
        super().spawn(context, instance, *args, **kwargs)

    def destroy(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        self._maybe_fail("destroy")
        if instance.uuid in self.instances:
            super().destroy(context, instance, *args, **kwargs)

    def pause(self, instance: Any) -> None:
        self._set(instance, power_state.PAUSED)

    def unpause(self, instance: Any) -> None:
        self._set(instance, power_state.RUNNING)

    def suspend(self, context: Any, instance: Any) -> None:
        self._set(instance, power_state.SUSPENDED)

    def resume(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        self._set(instance, power_state.RUNNING)

    def power_off(self, instance: Any, timeout: int = 0, retry_interval: int = 0) -> None:
        self._maybe_fail("power_off")
        self._set(instance, power_state.SHUTDOWN)

    def power_on(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        self._maybe_fail("power_on")
        self._set(instance, power_state.RUNNING)

    def snapshot(self, context: Any, instance: Any, image_id: str, update_task_state: Any) -> None:
        self._maybe_fail("snapshot")
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        behaviour.wait("snapshot_seconds")
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING, expected_state=task_states.IMAGE_PENDING_UPLOAD
        )
        images = glance.API()
        metadata = {
            "disk_format": "raw",
            "container_format": "bare",
            "name": images.get(context, image_id).get("name"),
            "properties": {},
        }
        data = io.BytesIO(f"lab snapshot of {instance.uuid}\n".encode())
        images.update(context, image_id, metadata, data, purge_props=False)

    # -- cold migration: like libvirt's it has no percentage, only states; its time is spent in two of them

    def migrate_disk_and_power_off(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        behaviour.wait("cold_migrate_seconds", 0.7)
        self._maybe_fail("migrate_disk_and_power_off")
        self._set(instance, power_state.SHUTDOWN)
        return super().migrate_disk_and_power_off(context, instance, *args, **kwargs)

    def finish_migration(self, *args: Any, **kwargs: Any) -> None:
        behaviour.wait("cold_migrate_seconds", 0.3)
        self._maybe_fail("finish_migration")
        super().finish_migration(*args, **kwargs)
        if behaviour.told("boot", self._host):  # it is started, and goes down again by itself
            self._set(args[2], power_state.SHUTDOWN)

    def confirm_migration(self, *args: Any, **kwargs: Any) -> None:
        behaviour.wait("confirm_seconds")
        self._maybe_fail("confirm_migration")
        super().confirm_migration(*args, **kwargs)

    def finish_revert_migration(self, *args: Any, **kwargs: Any) -> None:
        behaviour.wait("revert_seconds")
        self._maybe_fail("finish_revert_migration")
        super().finish_revert_migration(*args, **kwargs)

    # -- live migration

    def check_can_live_migrate_destination(
        self, context: Any, instance: Any, src_compute_info: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Libvirt's verdict on the processor: this host must have all that the source's has."""
        self._maybe_refuse("check_can_live_migrate_destination")
        source = json.loads(src_compute_info["cpu_info"] or "{}")
        if set(source.get("features", ())) - set(cpu(node(self._host))["features"]):
            raise exception.InvalidCPUInfo(reason="CPU doesn't have compatibility.\n\n0\n\nRefer to libvirt")
        return super().check_can_live_migrate_destination(
            context, instance, src_compute_info, *args, **kwargs
        )

    def check_can_live_migrate_source(
        self, context: Any, instance: Any, dest_check_data: Any, block_device_info: Any = None
    ) -> Any:
        """Libvirt's verdict: shared is a guest that is all volumes, or any on hosts with shared_storage."""
        self._maybe_refuse("check_can_live_migrate_source")
        data = dest_check_data
        data.is_shared_instance_path = bool(behaviour.read()["shared_storage"])
        data.is_shared_block_storage = not has_local_disk(instance, block_device_info)
        is_shared = data.is_shared_instance_path or data.is_shared_block_storage
        if "block_migration" not in data:
            data.block_migration = not is_shared
        if data.block_migration and is_shared:
            raise exception.InvalidLocalStorage(
                reason="Block migration can not be used with shared storage.", path=self._host
            )
        if not data.block_migration and not is_shared:
            raise exception.InvalidSharedStorage(
                reason="Shared storage live-migration requires either shared storage or boot-from-volume with"
                " no local disks.",
                path=self._host,
            )
        return data

    def _maybe_refuse(self, check: str) -> None:
        told = behaviour.told(check, self._host)
        if told:
            raise trouble(
                {"raises": "MigrationPreCheckError", "reason": told} if isinstance(told, str) else told
            )

    def pre_live_migration(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        behaviour.wait("pre_live_migration_seconds")
        self._maybe_fail("pre_live_migration")
        return super().pre_live_migration(context, instance, *args, **kwargs)

    def live_migration(
        self,
        context: Any,
        instance: Any,
        dest: str,
        post_method: Any,
        recover_method: Any,
        block_migration: bool = False,
        migrate_data: Any = None,
    ) -> None:
        job = self._jobs[instance.uuid] = Job()
        try:
            succeeded = self._copy(job, instance, migrate_data.migration, block_migration)
        finally:
            self._jobs.pop(instance.uuid, None)
        if job.abort.is_set() or job.out_of_time:
            recover_method(context, instance, dest, migrate_data, migration_status="cancelled")
        elif behaviour.told("live_migration_end", self._host):
            # as seen in the field: the record is closed, and what should follow never comes
            migrate_data.migration.status = "completed"
            migrate_data.migration.save()
        elif succeeded and behaviour.read()["wrong_host"]:
            # the same, at rest again
            recover_method(context, instance, dest, migrate_data, migration_status="completed")
        elif succeeded:
            post_method(context, instance, dest, block_migration, migrate_data)
        else:
            recover_method(context, instance, dest, migrate_data)

    def _copy(self, job: Job, instance: Any, migration: Any, with_disk: bool) -> bool:
        """Write the progress until all is copied; False when it was told to fail, which it does half-way."""
        seconds = float(behaviour.read()["live_migration_seconds"])
        memory = instance.flavor.memory_mb * MIB
        disk = instance.flavor.root_gb * GIB if with_disk else 0
        start = time.monotonic()
        while not (job.force.is_set() or job.abort.is_set()):
            taken = time.monotonic() - start
            part = min(1.0, taken / seconds) if seconds else 1.0
            told = behaviour.read()
            if told["dirty_memory"]:
                # it saw-tooths and comes no nearer to its end; libvirt's driver gives up after a time
                part = 0.3 + 0.1 * (int(2 * taken) % 3)
                job.out_of_time = taken > float(told["live_timeout_seconds"])
                if job.out_of_time:
                    break
            migration.memory_total, migration.disk_total = memory, disk
            migration.memory_processed, migration.disk_processed = int(memory * part), int(disk * part)
            migration.memory_remaining = memory - migration.memory_processed
            migration.disk_remaining = disk - migration.disk_processed
            migration.save()
            instance.progress = int(100 * part)
            instance.save()
            if part >= 0.5 and behaviour.failure("live_migration", self._host):
                return False
            if part >= 0.5 and told["post_copy"]:
                # as libvirt's monitor does: from here on the guest runs on its new host
                migration.status = "running (post-copy)"
                migration.save()
                if part >= 0.9:
                    self._maybe_fail("post_copy")
            if part >= 1.0:
                break
            job.wake.wait(min(PROGRESS_SECONDS, seconds))
        return True

    def live_migration_force_complete(self, instance: Any) -> None:
        job = self._jobs.get(instance.uuid)
        if job:
            job.force.set()
            job.wake.set()

    def live_migration_abort(self, instance: Any) -> None:
        job = self._jobs.get(instance.uuid)
        if job:
            job.abort.set()
            job.wake.set()

    def post_live_migration(
        self, context: Any, instance: Any, block_device_info: Any, migrate_data: Any = None
    ) -> None:
        self.destroy(context, instance, None, block_device_info)


def trouble(told: str | dict[str, Any]) -> Exception:
    """What to raise: a sentence, or an exception of Nova, oslo.messaging or Python with what it takes.

    {"raises": "InvalidCPUInfo", "reason": "..."}; with "rollback" inside what lets Nova put the instance back, as
    libvirt's driver does it for a cold migration.
    """
    if isinstance(told, str):
        return exception.NovaException(told)
    takes = {name: value for name, value in told.items() if name not in ("raises", "rollback")}
    kind = told["raises"]
    if hasattr(exception, kind):
        made = getattr(exception, kind)(**takes)
    else:
        made = (getattr(oslo_messaging, kind, None) or getattr(builtins, kind))(*takes.values())
    return exception.InstanceFaultRollback(made) if told.get("rollback") else made


def has_local_disk(instance: Any, block_device_info: Any) -> bool:
    """Whether a disk of the guest lies on its host: its root, an ephemeral, a swap or a config drive."""
    flavor = instance.flavor
    extra = bool(flavor.ephemeral_gb or flavor.swap or instance.config_drive)
    return extra or not driver.block_device_info_get_mapping(block_device_info) or bool(instance.image_ref)
