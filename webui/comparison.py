"""The instance before its move and now, side by side, for the migration page and for who decides."""

from dataclasses import dataclass
from typing import Any

from nmigrate.models import Instance, Migration
from webui import words


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to compare. `is_bad`: it changed though a move should leave it alone."""

    name: str
    before: str
    now: str
    may_change: bool = False

    @property
    def is_changed(self) -> bool:
        return bool(self.before and self.now and self.before != self.now)

    @property
    def is_bad(self) -> bool:
        return self.is_changed and not self.may_change


def rows(migration: Migration, instance: Instance | None) -> list[Row]:
    """What was stored before the order, and what after it; without that, what the inventory says."""
    before: dict[str, Any] = migration.before or {
        "host": migration.source_host,
        "zone": migration.source_zone,
    }
    now: dict[str, Any] = migration.after or (_current(instance) if instance and migration.is_active else {})
    if not now:
        now = {"host": migration.dest_host, "zone": migration.dest_zone}
    return [
        Row("Host", _text(before.get("host")), _text(now.get("host")), may_change=True),
        Row("Zone", _text(before.get("zone")), _text(now.get("zone")), may_change=True),
        Row("State", _status(before), _status(now), may_change=True),
        Row("Power", _power(before), _power(now)),
        Row("Addresses", _text(before.get("addresses")), _text(now.get("addresses"))),
        Row("Volumes", _text(before.get("volumes"), "none"), _text(now.get("volumes"), "none")),
        Row("Flavor", _text(before.get("flavor")), _text(now.get("flavor"))),
    ]


def _current(instance: Instance) -> dict[str, Any]:
    names = ("host", "zone", "status", "power_state", "addresses", "volumes", "flavor")
    return {name: getattr(instance, name) for name in names}


def _text(value: Any, empty: str = "") -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value) or empty
    return str(value) if value is not None else ""


def _status(facts: dict[str, Any]) -> str:
    return words.of_status(facts["status"]).word if facts.get("status") else ""


def _power(facts: dict[str, Any]) -> str:
    return words.of_power(facts["power_state"]) if "power_state" in facts else ""
