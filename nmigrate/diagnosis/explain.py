"""From what Nova said about one failed move to its cause."""

import hashlib
import re
from dataclasses import dataclass

from nmigrate.cloud import api
from nmigrate.diagnosis.table import OPERATOR, match


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a move failed: `what` happened, the `next_step` and `who` can do it, and Nova's own words."""

    what: str
    next_step: str
    said: str
    key: str = ""
    who: str = ""


_CHANGING = (
    (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "<uuid>"),
    (r"req-\S+", "<request>"),
    (r"\b(?:on|from|to|host|of) [\w.-]*\d[\w.-]*", "<host>"),
    (r"\d+", "<n>"),
    (r"\s+", " "),
)
"""What differs between two cases of the same trouble."""


def mark(said: str) -> str:
    """A short, stable mark of words that no row knows: the same for another instance, host or number."""
    words = said.lower()
    for pattern, stand_in in _CHANGING:
        words = re.sub(pattern, stand_in, words)
    return "unknown:" + hashlib.sha256(words.strip().encode()).hexdigest()[:10]


def cause_of(said: str) -> tuple[str, str]:
    """The key of the cause and the role that can act, for any words of the cloud's."""
    row = match(said)
    return (row.key, row.who) if row is not None else (mark(said), OPERATOR)


def explain_move(instance_name: str, action: api.Action | None, fault: str, asked_host: str) -> Cause:
    """The cause of a failed move. `action` with its events if Nova still has it; `fault` if the server has one."""
    failed = _failed_steps(action)
    lines = [_line(event) for event in failed]
    if action is not None and not lines and action.message:
        lines.append(f"{action.action}: {action.message}")
    if fault:
        lines.append(f"fault: {fault}")
    said = "\n".join(lines)
    row = match(said)
    if row is not None:
        what = row.what
        if row.key == "no-valid-host" and asked_host:
            what = f"Nova says that {asked_host} cannot take {instance_name}: no room, out of service or not allowed."
        return Cause(what, row.next_step, said, row.key, row.who)
    what = f"Nova gave up the move of {instance_name}{_where(failed)}"
    what += " with the words below." if said else " and did not say why."
    next_step = "Show this page to an operator; try another host meanwhile."
    return Cause(what, next_step, said, mark(said), OPERATOR)


def _failed_steps(action: api.Action | None) -> list[api.Event]:
    """The innermost step first: it failed first and knows best; the conductor only repeats it."""
    events = action.events if action is not None else ()
    failed = [event for event in events if event.result not in ("", "Success")]
    return sorted(failed, key=lambda event: event.name.startswith("conductor_"))


def _line(event: api.Event) -> str:
    where = f" on {event.host}" if event.host else ""
    return f"{event.name}{where}: {event.result}. {event.details}".strip()


_STEPS = (
    ("check_can_live_migrate", "while it was checked"),
    ("pre_live_migration", "while the new host was prepared"),
    ("live_migration", "while it was copied"),
    ("prep_resize", "while the move was prepared"),
    ("finish_resize", "while it was started on the new host"),
    ("resize_instance", "while its disk was copied"),
    ("conductor", "while a host was looked for"),
)


def _where(failed: list[api.Event]) -> str:
    """Which step failed, and on which host, in plain words."""
    if not failed:
        return ""
    first = failed[0]
    doing = next((words for name, words in _STEPS if name in first.name), "")
    on = f" on {first.host}" if first.host else ""
    return f" {doing}{on}".rstrip() if doing or on else ""
