"""Many instances within seconds: copies of the records of one in the databases of Nova, Placement, Neutron.

They are real to every API: list, show, migrate, live-migrate, delete. Booting them would take an hour.
"""

import json
import secrets
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from nmigrate.lab.base import FLAVORS, IMAGE, NETWORK
from nmigrate.lab.errors import LabError
from nmigrate.lab.lab import Lab
from nmigrate.lab.records import wait

RESERVATION = "r-bulk"  # by which clear() knows its own
DATABASES = ("nova_cell1", "nova_api", "placement", "neutron")
OF_INSTANCE = (
    "instance_extra",
    "instance_info_caches",
    "instance_system_metadata",
    "block_device_mapping",
    "virtual_interfaces",
)
Row = dict[str, Any]
WITH_COLUMN: dict[tuple[Path, str], list[str]] = {}
"""Database and column -> tables that have it: see Table.tables_with."""


class Table:
    """Rows of one database, read and written as dicts. Table and column names are this module's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        self.connection.row_factory = sqlite3.Row

    def rows(self, table: str, where: str = "1", *values: Any) -> list[Row]:
        """All rows that `where` is true of."""
        query = f"SELECT * FROM {table} WHERE {where}"  # noqa: S608
        return [dict(row) for row in self.connection.execute(query, values)]

    def insert(self, table: str, row: Row) -> int:
        """Add a row; its id."""
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        query = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        return int(self.connection.execute(query, list(row.values())).lastrowid or 0)

    def delete(self, table: str, column: str, value: Any) -> None:
        """Remove the rows whose `column` is `value`."""
        self.connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (value,))  # noqa: S608

    def tables_with(self, column: str) -> list[str]:
        """The tables that have such a column; looked up once."""
        if (self.path, column) not in WITH_COLUMN:
            query = "SELECT name FROM sqlite_master WHERE type = 'table'"
            names = [row[0] for row in self.connection.execute(query)]
            WITH_COLUMN[self.path, column] = [
                name
                for name in names
                if column in [row[1] for row in self.connection.execute(f'PRAGMA table_info("{name}")')]
            ]
        return WITH_COLUMN[self.path, column]


@contextmanager
def transaction(lab: Lab) -> Iterator[tuple[Table, ...]]:
    """The four databases, locked for writing until the end of the block; nothing is kept if it fails."""
    if not (lab.state / "db").is_dir():
        raise LabError("this lab has no databases yet: start it with `manage.py lab up`")
    with ExitStack() as stack:
        found = tuple(Table(lab.state / f"db/{name}.sqlite") for name in DATABASES)
        for one in found:
            stack.callback(one.connection.close)
            one.connection.execute("BEGIN IMMEDIATE")
        yield found
        for one in found:
            one.connection.execute("COMMIT")


def clone(
    lab: Lab,
    n: int,
    prefix: str = "bulk",
    pinned: bool = False,
    stopped_percent: int = 0,
    flavor: str = "m1.tiny",
) -> int:
    """Add `n` instances named `prefix`-0000 and so on, spread over all hosts; returns how many.

    `pinned` ties each to the zone of its host. The lab must run: one instance is booted to be copied, once.
    """
    if flavor not in FLAVORS:
        raise LabError(f"the lab has no flavor {flavor}")
    original = boot_original(lab, f"{prefix}-original", flavor)
    with transaction(lab) as (cell, api, placement, neutron):
        source = Source(cell, api, placement, neutron, original)
        start = len(
            cell.rows("instances", "display_name LIKE ? AND reservation_id = ?", f"{prefix}-%", RESERVATION)
        )
        for number in range(n):
            stopped = secrets.randbelow(100) < stopped_percent
            source.copy(f"{prefix}-{start + number:04d}", number, pinned, stopped)
    return n


def boot_original(lab: Lab, name: str, flavor: str) -> str:
    """The id of the instance that is copied; its last records are written shortly after it is ACTIVE."""
    client = lab.client()
    found = client.get("nova", f"/servers/detail?name=^{name}$")["servers"]
    if found:
        return str(found[0]["id"])
    flavors = {one["name"]: one["id"] for one in client.get("nova", "/flavors")["flavors"]}
    server = {
        "name": name,
        "flavorRef": flavors[flavor],
        "imageRef": client.get("glance", f"/v2/images?name={IMAGE}")["images"][0]["id"],
        "networks": [{"uuid": client.get("neutron", f"/v2.0/networks?name={NETWORK}")["networks"][0]["id"]}],
    }
    made = client.post("nova", "/servers", {"server": server})["server"]["id"]
    wait(lab.state, made, "ACTIVE")
    end = time.monotonic() + 30
    while time.monotonic() < end:
        actions = client.get("nova", f"/servers/{made}/os-instance-actions")["instanceActions"]
        events = client.get("nova", f"/servers/{made}/os-instance-actions/{actions[0]['request_id']}")
        if all(event["finish_time"] for event in events["instanceAction"]["events"]):
            break
        time.sleep(0.2)
    return str(made)


def changed(row: Row, words: Mapping[str, str], **values: Any) -> Row:
    """A copy of a row with ids replaced in every text, some values set, and its own number left out."""
    copied = {}
    for name, value in row.items():
        if isinstance(value, str):
            for old, new in words.items():
                value = value.replace(old, new)
        copied[name] = value
    copied.update(values)
    if isinstance(copied.get("id"), int):
        del copied["id"]
    return copied


class Source:
    """All records of one instance, and how to make another like it."""

    def __init__(self, cell: Table, api: Table, placement: Table, neutron: Table, original: str) -> None:
        self.cell, self.api, self.placement, self.neutron = cell, api, placement, neutron
        self.id = original
        self.instance = cell.rows("instances", "uuid = ?", original)[0]
        self.parts = {table: cell.rows(table, "instance_uuid = ?", original) for table in OF_INSTANCE}
        self.actions = [
            (row, cell.rows("instance_actions_events", "action_id = ?", row["id"]))
            for row in cell.rows("instance_actions", "instance_uuid = ?", original)
        ]
        self.mapping = api.rows("instance_mappings", "instance_uuid = ?", original)[0]
        self.spec = api.rows("request_specs", "instance_uuid = ?", original)[0]
        self.consumer = placement.rows("consumers", "uuid = ?", original)[0]
        self.allocations = placement.rows("allocations", "consumer_id = ?", original)
        self.port = neutron.rows("ports", "device_id = ?", original)[0]
        self.attributes = neutron.rows("standardattributes", "id = ?", self.port["standard_attr_id"])[0]
        tables = neutron.tables_with("port_id")
        self.of_port = {table: neutron.rows(table, "port_id = ?", self.port["id"]) for table in tables}
        self.address = self.of_port["ipallocations"][0]["ip_address"]
        self.ipam = neutron.rows("ipamallocations", "ip_address = ?", self.address)[0]
        used = {row["ip_address"] for row in neutron.rows("ipamallocations")}
        addresses = (f"10.20.{high}.{low}" for high in range(100, 255) for low in range(1, 255))
        self.free = (address for address in addresses if address not in used)
        self.hosts = cell.rows("compute_nodes", "deleted = 0")
        self.providers = {row["name"]: row["id"] for row in placement.rows("resource_providers")}
        self.zones = {
            host["host"]: zone["value"]
            for zone in api.rows("aggregate_metadata", "key = 'availability_zone'")
            for host in api.rows("aggregate_hosts", "aggregate_id = ?", zone["aggregate_id"])
        }

    def copy(self, name: str, number: int, pinned: bool, stopped: bool) -> None:
        """Write the records of a new instance; `number` chooses its host in turn."""
        host = self.hosts[number % len(self.hosts)]
        new, port, address = str(uuid.uuid4()), str(uuid.uuid4()), next(self.free)
        mac = "fa:16:3e:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))
        words = {
            self.id: new,
            self.port["id"]: port,
            self.port["mac_address"]: mac,
            f'"{self.address}"': f'"{address}"',
        }
        zone = self.zones.get(host["host"], "nova")
        self._copy_instance(name, words, host, zone, stopped, mac, port)
        self._copy_schedule(words, host, zone if pinned else None)
        self._copy_port(words, host, address)

    def _copy_instance(
        self, name: str, words: dict[str, str], host: Row, zone: str, stopped: bool, mac: str, port: str
    ) -> None:
        state = {"vm_state": "stopped", "power_state": 4} if stopped else {}
        place = {
            "host": host["host"],
            "node": host["hypervisor_hostname"],
            "launched_on": host["host"],
            "compute_id": host["id"],
            "availability_zone": zone,
        }
        names = {"display_name": name, "hostname": name, "reservation_id": RESERVATION}
        self.cell.insert("instances", changed(self.instance, words, **names, **place, **state))
        for table, rows in self.parts.items():
            for row in rows:
                values: Row = {}
                if table == "block_device_mapping":
                    values["uuid"] = str(uuid.uuid4())
                if table == "virtual_interfaces":
                    values["address"] = f"{mac}/{port}"
                self.cell.insert(table, changed(row, words, **values))
        for action, events in self.actions:
            request = f"req-{uuid.uuid4()}"
            number = self.cell.insert("instance_actions", changed(action, words, request_id=request))
            for event in events:
                self.cell.insert("instance_actions_events", changed(event, words, action_id=number))

    def _copy_schedule(self, words: dict[str, str], host: Row, zone: str | None) -> None:
        self.api.insert("instance_mappings", changed(self.mapping, words))
        spec = json.loads(self.spec["spec"].replace(self.id, words[self.id]))
        spec["nova_object.data"]["availability_zone"] = zone
        self.api.insert("request_specs", changed(self.spec, words, spec=json.dumps(spec)))
        self.placement.insert("consumers", changed(self.consumer, words))
        provider = self.providers[host["hypervisor_hostname"]]
        for row in self.allocations:
            self.placement.insert("allocations", changed(row, words, resource_provider_id=provider))

    def _copy_port(self, words: dict[str, str], host: Row, address: str) -> None:
        attributes = self.neutron.insert("standardattributes", changed(self.attributes, {}))
        self.neutron.insert("ports", changed(self.port, words, standard_attr_id=attributes))
        for table, rows in self.of_port.items():
            for row in rows:
                values: Row = {"host": host["host"]} if "host" in row else {}
                if table == "ipallocations":
                    values = {"ip_address": address}
                self.neutron.insert(table, changed(row, words, **values))
        self.neutron.insert("ipamallocations", changed(self.ipam, {}, ip_address=address))


def clear(lab: Lab, prefix: str = "bulk") -> int:
    """Remove the copies named `prefix`-… from the databases, and the original; returns how many copies."""
    with transaction(lab) as (cell, api, placement, neutron):
        where = "display_name LIKE ? AND deleted = 0 AND reservation_id = ?"
        copies = [row["uuid"] for row in cell.rows("instances", where, f"{prefix}-%", RESERVATION)]
        for one in copies:
            remove(cell, api, placement, neutron, one)
    client = lab.client()
    for server in client.get("nova", f"/servers/detail?name=^{prefix}-original$")["servers"]:
        client.call("DELETE", "nova", f"/servers/{server['id']}")
    return len(copies)


def remove(cell: Table, api: Table, placement: Table, neutron: Table, instance: str) -> None:
    """Take all records of an instance out; its volumes, which Cinder keeps, stay."""
    for action in cell.rows("instance_actions", "instance_uuid = ?", instance):
        cell.delete("instance_actions_events", "action_id", action["id"])
    for table in (*OF_INSTANCE, "instance_actions", "instance_faults", "migrations"):
        cell.delete(table, "instance_uuid", instance)
    cell.delete("instances", "uuid", instance)
    for table in ("instance_mappings", "request_specs", "instance_group_member"):
        api.delete(table, "instance_uuid", instance)
    placement.delete("allocations", "consumer_id", instance)
    placement.delete("consumers", "uuid", instance)
    for port in neutron.rows("ports", "device_id = ?", instance):
        for row in neutron.rows("ipallocations", "port_id = ?", port["id"]):
            neutron.delete("ipamallocations", "ip_address", row["ip_address"])
        for table in neutron.tables_with("port_id"):
            neutron.delete(table, "port_id", port["id"])
        neutron.delete("ports", "id", port["id"])
        neutron.delete("standardattributes", "id", port["standard_attr_id"])
