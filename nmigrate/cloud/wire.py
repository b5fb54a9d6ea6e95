"""From the JSON that Nova and placement answer to the frozen records of api.py. Pure functions, no calls."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nmigrate.cloud import api

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """What placement says of one provider, by resource class."""

    amounts: dict[str, api.Amount] = field(default_factory=dict)
    traits: tuple[str, ...] = ()


def when(text: str | None) -> datetime | None:
    """Nova writes UTC without saying so, sometimes with a Z: "2026-11-22T21:39:54.758503"."""
    if not text:
        return None
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def stamp(value: datetime) -> str:
    """For `changes-since`: UTC, whole seconds."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def server(row: Row) -> api.Server:
    flavor = row.get("flavor") or {}
    image = row.get("image") or {}
    networks = {
        name: [address["addr"] for address in addresses]
        for name, addresses in (row.get("addresses") or {}).items()
    }
    return api.Server(
        uuid=row["id"],
        name=row.get("name") or row["id"],
        status=row["status"],
        host=row.get("OS-EXT-SRV-ATTR:host") or "",
        zone=row.get("OS-EXT-AZ:availability_zone") or "",
        vm_state=row.get("OS-EXT-STS:vm_state") or "",
        task_state=row.get("OS-EXT-STS:task_state") or "",
        power_state=row.get("OS-EXT-STS:power_state") or 0,
        project_id=row.get("tenant_id") or "",
        user_id=row.get("user_id") or "",
        hypervisor=row.get("OS-EXT-SRV-ATTR:hypervisor_hostname") or "",
        pinned_zone=row.get("pinned_availability_zone") or None,
        pin_known="pinned_availability_zone" in row,
        locked=bool(row.get("locked")),
        locked_reason=row.get("locked_reason") or "",
        flavor=flavor.get("original_name") or "",
        vcpus=flavor.get("vcpus") or 0,
        memory_mb=flavor.get("ram") or 0,
        disk_gb=flavor.get("disk") or 0,
        ephemeral_gb=flavor.get("ephemeral") or 0,
        swap_mb=flavor.get("swap") or 0,
        extra_specs=dict(flavor.get("extra_specs") or {}),
        image_id=image.get("id") or "",
        root_device=row.get("OS-EXT-SRV-ATTR:root_device_name") or "",
        image_properties=dict(image.get("properties") or {}),
        scheduler_hints=dict(row.get("scheduler_hints") or {}),
        config_drive=str(row.get("config_drive") or "").lower() == "true",
        addresses=tuple(address for addresses in networks.values() for address in addresses),
        networks=networks,
        volumes=tuple(volume["id"] for volume in row.get("os-extended-volumes:volumes_attached") or ()),
        key_name=row.get("key_name") or "",
        metadata=dict(row.get("metadata") or {}),
        tags=tuple(row.get("tags") or ()),
        description=row.get("description") or "",
        host_status=row.get("host_status") or "",
        progress=row.get("progress") or 0,
        fault=(row.get("fault") or {}).get("message") or "",
        created_at=when(row.get("created")),
        updated_at=when(row.get("updated")),
        launched_at=when(row.get("OS-SRV-USG:launched_at")),
    )


def server_migration(row: Row) -> api.ServerMigration:
    return api.ServerMigration(
        id=row["id"],
        uuid=row.get("uuid") or "",
        instance_uuid=row["instance_uuid"],
        status=row["status"] or "",
        type=row.get("migration_type") or "",
        source_host=row.get("source_compute") or "",
        dest_host=row.get("dest_compute") or "",
        user_id=row.get("user_id") or "",
        created_at=when(row.get("created_at")),
        updated_at=when(row.get("updated_at")),
    )


def live_progress(row: Row) -> api.LiveProgress:
    return api.LiveProgress(
        id=row["id"],
        status=row["status"] or "",
        dest_host=row.get("dest_compute") or "",
        memory_total=row.get("memory_total_bytes"),
        memory_processed=row.get("memory_processed_bytes"),
        memory_remaining=row.get("memory_remaining_bytes"),
        disk_total=row.get("disk_total_bytes"),
        disk_processed=row.get("disk_processed_bytes"),
        disk_remaining=row.get("disk_remaining_bytes"),
    )


def image(row: Row) -> api.Image:
    return api.Image(
        id=row["id"],
        name=row.get("name") or "",
        status=row.get("status") or "",
        size=row.get("size") or 0,
        holds_volume=_holds_volume(row.get("block_device_mapping") or ""),
        traits=tuple(
            sorted(
                name.removeprefix("trait:")
                for name, wish in row.items()
                if name.startswith("trait:") and wish == "required"
            )
        ),
    )


def _holds_volume(mapping: str) -> bool:
    """What Nova writes of a snapshot of a server that starts from a volume (nova/compute/api.py, as JSON in a text)."""
    try:
        disks = json.loads(mapping or "[]")
        return any(str(disk["boot_index"]) == "0" and disk["destination_type"] == "volume" for disk in disks)
    except (ValueError, TypeError, KeyError):
        return False


def port(row: Row) -> api.Port:
    return api.Port(
        id=row["id"],
        network_id=row["network_id"],
        addresses=tuple((fixed["subnet_id"], fixed["ip_address"]) for fixed in row.get("fixed_ips") or ()),
        mac=row.get("mac_address") or "",
        security_groups=tuple(row.get("security_groups") or ()),
    )


def service(row: Row) -> api.Service:
    return api.Service(
        uuid=str(row["id"]),
        binary=row["binary"],
        host=row["host"],
        zone=row.get("zone") or "",
        state=row["state"],
        status=row["status"],
        disabled_reason=row.get("disabled_reason") or "",
        forced_down=bool(row.get("forced_down")),
        seen_at=when(row.get("updated_at")),
    )


def server_group(row: Row) -> api.ServerGroup:
    """Since 2.64 a group has one `policy`; before it had a list."""
    return api.ServerGroup(
        uuid=row["id"],
        name=row.get("name") or "",
        policy=row.get("policy") or next(iter(row.get("policies") or ()), ""),
        members=tuple(row.get("members") or ()),
        max_per_host=int((row.get("rules") or {}).get("max_server_per_host") or 1),
    )


def hypervisor(
    row: Row, compute: api.Service | None, aggregates: Mapping[str, list[str]], summary: Summary
) -> api.Hypervisor:
    host = row["service"]["host"]
    return api.Hypervisor(
        uuid=str(row["id"]),
        name=row["hypervisor_hostname"],
        host=host,
        zone=compute.zone if compute else "",
        state=row["state"],
        status=row["status"],
        disabled_reason=row["service"].get("disabled_reason") or "",
        forced_down=compute.forced_down if compute else False,
        type=row.get("hypervisor_type") or "",
        version=row.get("hypervisor_version") or 0,
        vcpus=summary.amounts.get("VCPU", api.Amount()),
        memory_mb=summary.amounts.get("MEMORY_MB", api.Amount()),
        disk_gb=summary.amounts.get("DISK_GB", api.Amount()),
        traits=summary.traits,
        aggregates=tuple(sorted(aggregates.get(host, ()))),
        service_seen_at=compute.seen_at if compute else None,
    )


def room(summary: Summary) -> api.Room:
    none = api.Amount()
    amounts = summary.amounts
    return api.Room(
        vcpus=amounts.get("VCPU", none),
        memory_mb=amounts.get("MEMORY_MB", none),
        disk_gb=amounts.get("DISK_GB", none),
        traits=summary.traits,
    )


def summary(row: Row) -> Summary:
    """A provider summary of allocation candidates: capacity is already (total - reserved) x ratio."""
    amounts = {
        name: api.Amount(total=amount["capacity"], used=amount["used"])
        for name, amount in row["resources"].items()
    }
    return Summary(amounts, tuple(sorted(row.get("traits") or ())))


def provider(inventories: Row, usages: Row, traits: list[str]) -> Summary:
    """A provider asked for by itself: with total, reserved and ratio."""
    amounts = {
        name: api.Amount(
            total=row["total"],
            reserved=row["reserved"],
            ratio=row["allocation_ratio"],
            used=usages.get(name, 0),
            max_unit=row.get("max_unit") or 0,
        )
        for name, row in inventories.items()
    }
    return Summary(amounts, tuple(sorted(traits)))


def action(row: Row) -> api.Action:
    events = [
        api.Event(
            name=event["event"],
            result=event.get("result") or "",
            host=event.get("host") or "",
            details=event.get("details") or "",
            started_at=when(event.get("start_time")),
            finished_at=when(event.get("finish_time")),
        )
        for event in row.get("events") or ()
    ]
    return api.Action(
        request_id=row["request_id"] or "",
        action=row["action"],
        user_id=row.get("user_id") or "",
        message=row.get("message") or "",
        started_at=when(row.get("start_time")),
        events=tuple(sorted(events, key=lambda event: event.started_at or _LONG_AGO)),
    )


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def action_time(found: api.Action) -> datetime:
    return found.started_at or _LONG_AGO
