"""What the simulated hypervisors and volumes have been told to do: read anew at each call of a driver."""

import json
import os
import time
from pathlib import Path
from typing import Any

DEFAULTS: dict[str, Any] = {
    "spawn_seconds": 0,
    "snapshot_seconds": 1,
    "live_migration_seconds": 8,
    "pre_live_migration_seconds": 0,
    "cold_migrate_seconds": 4,
    "confirm_seconds": 0.5,
    "revert_seconds": 1,
    "volume_seconds": 0,
    "shared_storage": False,
    "post_copy": False,
    "dirty_memory": False,
    "wrong_host": False,
    "live_timeout_seconds": 800,
    "fail": {},
    "fail_volume": [],
}


def read() -> dict[str, Any]:
    """The defaults with what behaviour.json says; a missing or half-written file says nothing."""
    try:
        text = Path(os.environ["NMIGRATE_LAB_BEHAVIOUR"]).read_text(encoding="utf-8")
        return {**DEFAULTS, **json.loads(text)}
    except (OSError, ValueError):
        return dict(DEFAULTS)


def wait(name: str, share: float = 1.0) -> None:
    """Sleep for the `share` of the seconds that `name` stands at."""
    time.sleep(float(read()[name]) * share)


def told(step: str, host: str) -> Any:
    """How `step` shall fail on `host`: a sentence, an exception as {"raises": its class, and what it takes}, or None.

    "fail" maps a host to a list of steps, or to a mapping of steps to one of these.
    """
    steps = read()["fail"].get(host, [])
    if step not in steps:
        return None
    return steps[step] if isinstance(steps, dict) else f"lab: {step} was told to fail on {host}"


def failure(step: str, host: str) -> str | None:
    """The same as a sentence only."""
    how = told(step, host)
    return str(how) if how else None
