"""What Nova's own records say of an instance, read in its databases: to ask its API twenty times a second for
each of twenty instances would take more of the processor than to boot them."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from nmigrate.lab.errors import LabError

SECONDS = 180  # for an instance to reach the state that it shall have
STATUS = {
    "active": "ACTIVE",
    "stopped": "SHUTOFF",
    "paused": "PAUSED",
    "suspended": "SUSPENDED",
    "error": "ERROR",
    "shelved_offloaded": "SHELVED_OFFLOADED",
}


def wait(state: Path, server: str, *statuses: str) -> str:
    """The status of an instance once it is one of `statuses` and no task is under way.

    `state` is the lab's state folder. Raises LabError with what the instance is instead, at once when it has
    failed and SECONDS later otherwise.
    """
    end = time.monotonic() + SECONDS
    # an instance for which no host was found lies in the other database
    files = [state / f"db/{name}.sqlite" for name in ("nova_cell1", "nova_cell0")]
    with (
        closing(sqlite3.connect(files[0], timeout=60)) as cell,
        closing(sqlite3.connect(files[1])) as nowhere,
    ):
        while True:
            status, task, fault = read(cell, server) or read(nowhere, server) or ("BUILD", "scheduling", "")
            if status in statuses and not task:
                return status
            if (status == "ERROR" and not task) or time.monotonic() > end:
                wanted = " or ".join(statuses)
                raise LabError(f"instance {server} is {status} ({task or fault}) instead of {wanted}")
            time.sleep(0.1)


def read(database: sqlite3.Connection, server: str) -> tuple[str, str, str] | None:
    """Status, task and last fault of an instance; None when it is not in this database."""
    query = "SELECT vm_state, task_state FROM instances WHERE uuid = ? AND deleted = 0"
    row = database.execute(query, (server,)).fetchone()
    if row is None:
        return None
    query = "SELECT message FROM instance_faults WHERE instance_uuid = ? ORDER BY id DESC"
    fault = database.execute(query, (server,)).fetchone()
    return STATUS.get(row[0], row[0].upper()), row[1] or "", fault[0] if fault else ""
