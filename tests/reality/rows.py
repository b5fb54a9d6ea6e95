"""What the lab's databases hold of an instance: looked at, kept aside, and put back after a try.

To ask the APIs would take more of the processor than the moves themselves, and to boot an instance anew after each
try ten times as long.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nmigrate.lab import Lab
from nmigrate.lab.bulk import OF_INSTANCE, Row, Table
from nmigrate.lab.bulk import remove as remove_records

CELL_TABLES = (*OF_INSTANCE, "instance_faults", "migrations")
KEPT_BY = {
    "ports": "id",
    "volumes": "id",
    "volume_attachment": "volume_id",
    "images": "id",
    "image_locations": "image_id",
    "image_properties": "image_id",
}
"""Tables of the other services -> the column by which their rows belong to a port, a volume or an image."""
OVER = {"finished", "confirmed", "reverted", "error", "failed", "completed", "done", "cancelled"}
"""Nova's statuses of a migration record at rest."""


@dataclass(frozen=True)
class Seen:
    """Where an instance is in its life. `words`: what Nova noted of the action, "" when all went well."""

    vm_state: str
    task_state: str
    host: str
    is_over: bool
    has_failed: bool = False
    words: str = ""


@dataclass(frozen=True)
class Saved:
    """Every row about an instance: database, table, row."""

    rows: tuple[tuple[str, str, Row], ...]
    migrations: frozenset[int]
    """Numbers of Nova's records of its moves until now."""

    @property
    def host(self) -> str:
        return str(next(row["host"] for _, table, row in self.rows if table == "instances") or "")


class Rows:
    """One for all threads; each has its own connections."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.local = threading.local()

    def _table(self, name: str) -> Table:
        if not hasattr(self.local, "tables"):
            self.local.tables = {}
        if name not in self.local.tables:
            table = Table(self.lab.state / f"db/{name}.sqlite")
            table.connection.execute(
                "PRAGMA synchronous = OFF"
            )  # as the services of the lab: see sqlite_tuning.py
            self.local.tables[name] = table
        found: Table = self.local.tables[name]
        return found

    @contextmanager
    def _writing(self, name: str) -> Iterator[Table]:
        """One database at a time, and no longer than needed: all services of the lab wait meanwhile."""
        table = self._table(name)
        table.connection.execute("BEGIN IMMEDIATE")
        try:
            yield table
        except BaseException:
            table.connection.rollback()
            raise
        table.connection.execute("COMMIT")

    # -- to look

    def look(self, uuid: str, request_id: str, before: frozenset[int] = frozenset()) -> Seen | None:
        """The instance, and whether what was asked with `request_id` is over; None while Nova has no record of it.

        `before`: moves that Nova had noted already.
        """
        for name in ("nova_cell1", "nova_cell0"):
            cell = self._table(name)
            found = cell.rows("instances", "uuid = ? AND deleted = 0", uuid)
            if found:
                return self._seen(cell, found[0], request_id, before)
        return None

    def _seen(self, cell: Table, row: Row, request_id: str, before: frozenset[int]) -> Seen:
        query = """SELECT e.finish_time, e.details, e.result FROM instance_actions_events e
            JOIN instance_actions a ON a.id = e.action_id WHERE a.instance_uuid = ? AND a.request_id = ?"""
        events = cell.connection.execute(query, (row["uuid"], request_id)).fetchall()
        moves = cell.rows("migrations", "instance_uuid = ? AND deleted = 0", row["uuid"])
        new = [move for move in moves if move["id"] not in before]
        is_over = (
            not row["task_state"]
            and bool(events)
            and all(event["finish_time"] for event in events)
            and all(move["status"] in OVER for move in new)
        )
        words = " | ".join(event["details"] for event in events if event["details"])
        has_failed = any(event["result"] == "Error" for event in events)
        return Seen(row["vm_state"], row["task_state"] or "", row["host"] or "", is_over, has_failed, words)

    def fault(self, uuid: str) -> str:
        for name in ("nova_cell1", "nova_cell0"):
            for row in self._table(name).rows("instance_faults", "instance_uuid = ? ORDER BY id DESC", uuid):
                return str(row["message"])
        return ""

    def made_by(self, request_id: str) -> str:
        """The instance that was asked for with this request; "" while Nova has not got so far."""
        for name in ("nova_cell1", "nova_cell0"):
            for row in self._table(name).rows("instance_actions", "request_id = ?", request_id):
                return str(row["instance_uuid"])
        return ""

    def is_copied(self, uuid: str) -> bool:
        """Whether a live move of it is past its checks."""
        rows = self._table("nova_cell1").rows("migrations", "instance_uuid = ? AND status = 'running'", uuid)
        return bool(rows)

    # -- to keep and to put back

    def save(self, uuid: str) -> Saved:
        cell = self._table("nova_cell1")
        moves = cell.rows("migrations", "instance_uuid = ?", uuid)
        found = [("nova_cell1", "instances", row) for row in cell.rows("instances", "uuid = ?", uuid)]
        for table in CELL_TABLES:
            found += [("nova_cell1", table, row) for row in cell.rows(table, "instance_uuid = ?", uuid)]
        api = self._table("nova_api")
        found += [
            ("nova_api", "request_specs", row) for row in api.rows("request_specs", "instance_uuid = ?", uuid)
        ]
        for consumer in (uuid, *(move["uuid"] for move in moves)):
            for table, column in (("consumers", "uuid"), ("allocations", "consumer_id")):
                rows = self._table("placement").rows(table, f"{column} = ?", consumer)
                found += [("placement", table, row) for row in rows]
        neutron = self._table("neutron")
        for port in neutron.rows("ports", "device_id = ?", uuid):
            found.append(("neutron", "ports", port))
            for table in ("ml2_port_bindings", "ml2_port_binding_levels"):
                found += [("neutron", table, row) for row in neutron.rows(table, "port_id = ?", port["id"])]
        for volume in self._volumes(uuid):
            cinder = self._table("cinder")
            for table, column in (("volumes", "id"), ("volume_attachment", "volume_id")):
                found += [("cinder", table, row) for row in cinder.rows(table, f"{column} = ?", volume)]
        for image in self._shelved_image(uuid):
            glance = self._table("glance")
            for table, column in (
                ("images", "id"),
                ("image_locations", "image_id"),
                ("image_properties", "image_id"),
            ):
                found += [("glance", table, row) for row in glance.rows(table, f"{column} = ?", image)]
        return Saved(tuple(found), frozenset(move["id"] for move in moves))

    def is_as(self, uuid: str, saved: Saved) -> bool:
        """Whether the instance itself is as it was when it was saved."""
        was = next(row for _, table, row in saved.rows if table == "instances")
        now = self._table("nova_cell1").rows("instances", "uuid = ?", uuid)
        return bool(now) and all(now[0][name] == was[name] for name in ("vm_state", "task_state", "host"))

    def put_back(self, uuid: str, saved: Saved) -> None:
        """As it was when it was saved, wherever it is now; the hypervisors are told to forget it."""
        moves = self._table("nova_cell1").rows("migrations", "instance_uuid = ?", uuid)
        rows: dict[str, list[tuple[str, Row]]] = {name: [] for name in ("placement", "neutron", "nova_api")}
        for name, table, row in saved.rows:
            rows.setdefault(name, []).append((table, row))
        # the instance itself last: with it, it can be asked for again
        for name in sorted(rows, key="nova_cell1".__eq__):
            with self._writing(name) as database:
                self._clear(database, name, uuid, [move["uuid"] for move in moves])
                for table, row in rows[name]:
                    _make_way(database, table, row)
                for table, row in rows[name]:
                    database.insert(table, _numbered(database, table, row))
        self.lab.forget(uuid)

    def _clear(self, database: Table, name: str, uuid: str, moves: list[str]) -> None:
        """What Nova and placement have of it now goes, whether it was there before or not."""
        if name == "nova_cell1":
            database.delete("instances", "uuid", uuid)
            for table in CELL_TABLES:
                database.delete(table, "instance_uuid", uuid)
        elif name == "nova_api":
            database.delete("request_specs", "instance_uuid", uuid)
        elif name == "placement":
            for consumer in (uuid, *moves):
                database.delete("allocations", "consumer_id", consumer)
                database.delete("consumers", "uuid", consumer)

    def remove(self, uuid: str) -> None:
        """Take a copy out again, whether it came to life or not."""
        cell, api, placement, neutron = map(self._table, ("nova_cell1", "nova_api", "placement", "neutron"))
        remove_records(cell, api, placement, neutron, uuid)
        self.lab.forget(uuid)

    def set(self, uuid: str, **values: object) -> None:
        """Change columns of an instance's own record, as something went wrong would."""
        names = ", ".join(f"{name} = ?" for name in values)
        with self._writing("nova_cell1") as cell:
            cell.connection.execute(f"UPDATE instances SET {names} WHERE uuid = ?", (*values.values(), uuid))

    def _volumes(self, uuid: str) -> list[str]:
        rows = self._table("nova_cell1").rows(
            "block_device_mapping", "instance_uuid = ? AND deleted = 0", uuid
        )
        return [row["volume_id"] for row in rows if row["volume_id"]]

    def _shelved_image(self, uuid: str) -> list[str]:
        where = "instance_uuid = ? AND key = 'shelved_image_id'"
        rows = self._table("nova_cell1").rows("instance_system_metadata", where, uuid)
        return [row["value"] for row in rows if row["value"]]


def _numbered(database: Table, table: str, row: Row) -> Row:
    """With its own number, unless SQLite has given that to another row meanwhile."""
    is_number = isinstance(row.get("id"), int)
    if is_number and database.rows(table, "id = ?", row["id"]):
        return {name: value for name, value in row.items() if name != "id"}
    return row


def _make_way(database: Table, table: str, row: Row) -> None:
    """For a row of Neutron, Cinder or Glance: what they have in its place now goes."""
    if table == "ports":
        for other in ("ml2_port_bindings", "ml2_port_binding_levels"):
            database.delete(other, "port_id", row["id"])
    if table in KEPT_BY:
        database.delete(table, KEPT_BY[table], row[KEPT_BY[table]])
