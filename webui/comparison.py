"""The instance before its move and now, side by side, for the migration page and for who decides."""

from dataclasses import dataclass, replace
from typing import Any

from nmigrate.models import Instance, Migration
from nmigrate.sentences import say, say_n
from nmigrate.states import Kind, State
from webui import words

STATE = say("State")
GONE = ("deleted", "gone")
"""Causes that say that there is no instance any more."""


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
    def is_same(self) -> bool:
        return bool(self.before and self.before == self.now)

    @property
    def is_bad(self) -> bool:
        return self.is_changed and not self.may_change


def subject(migration: Migration) -> str:
    """The UUID of what is compared with the instance before: its copy, once there is one and it was not dropped."""
    is_copy = migration.copy_uuid and migration.state not in (State.REVERTING, State.REVERTED)
    return migration.copy_uuid if is_copy else migration.instance_uuid


def rows(migration: Migration, instance: Instance | None) -> list[Row]:
    """What was stored before the order, and what after it; without that, what the inventory says of `instance`,
    which is the copy where one was made."""
    before: dict[str, Any] = migration.before or {
        "host": migration.source_host,
        "zone": migration.source_zone,
    }
    now: dict[str, Any] = _current(instance) if instance and migration.is_active else migration.after
    if not now:
        now = {"host": migration.dest_host, "zone": migration.dest_zone}
    is_copy = migration.kind == Kind.COPY
    is_on_its_way = migration.is_active and migration.state != State.WAITING
    rebinds = migration.changes_pin or migration.kind in (Kind.SHELVE, Kind.COPY)
    found = [
        Row(say("Host"), _place(before, "host"), _place(now, "host"), may_change=True),
        Row(say("Zone"), _place(before, "zone"), _place(now, "zone"), may_change=True),
        Row(say("Bound to"), _pin(before), _pin(now), may_change=rebinds),
        Row(
            STATE,
            _status_by_nova(migration, before),
            _status_by_nova(migration, now),
            may_change=not _is_worse(migration, before, now),
        ),
        Row(
            say("Power"),
            _by_nova(migration, before, _power(before)),
            _by_nova(migration, now, _power(now)),
            may_change=is_on_its_way or migration.kind in (Kind.COPY, Kind.EVACUATE),
        ),
        Row(
            say("Addresses"), _text(before.get("addresses")), _text(now.get("addresses")), may_change=is_copy
        ),
        Row(
            say("Volumes"),
            _volumes(before.get("volumes")),
            _volumes(now.get("volumes")),
            may_change=is_copy,
        ),
        Row(say("Flavor"), _text(before.get("flavor")), _text(now.get("flavor"))),
    ]
    if instance is None and migration.cause in GONE:
        return [replace(row, now="–", may_change=True) for row in found if row.name != STATE] + [
            Row(STATE, _status(before), say("deleted"))
        ]
    if is_copy:
        found.insert(0, Row(say("UUID"), migration.instance_uuid, subject(migration), may_change=True))
    return found


def _current(instance: Instance) -> dict[str, Any]:
    names = (
        "host",
        "zone",
        "pinned_zone",
        "pin_known",
        "status",
        "task_state",
        "power_state",
        "addresses",
        "volumes",
        "flavor",
    )
    return {name: getattr(instance, name) for name in names}


def _text(value: Any, empty: str = "") -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value) or empty
    return str(value) if value is not None else ""


def _volumes(ids: Any) -> str:
    """How many, and as much of each one's id as tells it from the others; the cloud's list of servers has no names."""
    if not ids:
        return say("none")
    return say_n("{n} volume ({ids})", "{n} volumes ({ids})", len(ids), ids=_text([one[:8] for one in ids]))


def _is_worse(migration: Migration, before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether it is in error, or ran before and was left stopped, which only an evacuation may."""
    if now.get("status") == "ERROR":
        return True
    is_over = not migration.is_active and migration.kind != Kind.EVACUATE
    return is_over and before.get("status") == "ACTIVE" and now.get("status") == "SHUTOFF"


def _place(facts: dict[str, Any], name: str) -> str:
    """What is stored is nowhere, and known to be."""
    return say("none") if facts.get("status") == "SHELVED_OFFLOADED" else _text(facts.get(name))


def _pin(facts: dict[str, Any]) -> str:
    """The zone it is bound to, where the cloud tells."""
    if not facts.get("pin_known"):
        return ""
    return say("zone {zone}", zone=facts["pinned_zone"]) if facts.get("pinned_zone") else say("no zone")


def _status(facts: dict[str, Any]) -> str:
    """What Nova does to it, while it does something: its status alone would then be half of the truth."""
    task = facts.get("task_state", "")
    return words.of_status("" if task else facts["status"], task).word if facts.get("status") else ""


def _status_by_nova(migration: Migration, facts: dict[str, Any]) -> str:
    """What Nova does to it just now is no old news."""
    status = _status(facts)
    return status if facts.get("task_state") else _by_nova(migration, facts, status)


def _by_nova(migration: Migration, facts: dict[str, Any], word: str) -> str:
    """What Nova says of an instance whose host is dead is what it knew last."""
    is_there = migration.kind == Kind.EVACUATE and facts.get("host") in ("", None, migration.source_host)
    return say("{word}, as Nova knew it last", word=word) if word and is_there else word


def _power(facts: dict[str, Any]) -> str:
    return words.of_power(facts["power_state"]) if "power_state" in facts else ""
