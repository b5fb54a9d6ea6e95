"""One of each part that the pages are made of, in every state: what /components/ shows. Nothing of it is stored."""

from datetime import datetime, timedelta
from typing import Any

from nmigrate.models import Hypervisor, Instance, Migration
from nmigrate.selectors import Chip
from nmigrate.sentences import say
from nmigrate.states import KIND_LABELS, LABELS, State
from webui import timeline
from webui.timeline import Step
from webui.words import BAD, BUSY, OFF, OK, WAIT, WARN, Look

LONG = "billing-database-primary-eu-central-production-replica-0042"

TONES = (
    Look(OK, say("well, done, possible")),
    Look(BUSY, say("something goes on by itself")),
    Look(WAIT, say("a person must decide")),
    Look(WARN, say("look at it")),
    Look(BAD, say("broken, failed, impossible")),
    Look(OFF, say("off, over, not used")),
)
STATUSES = ("ACTIVE", "SHUTOFF", "VERIFY_RESIZE", "RESIZE", "PAUSED", "RESCUE", "ERROR", "SHELVED_OFFLOADED")
METERS = (
    (say("Empty"), 0, 32),
    (say("Half"), 16, 32),
    (say("Filling"), 26, 32),
    (say("Full"), 31, 32),
    (say("Over"), 40, 32),
    (say("Unknown"), 0, 0),
)


def everything(now: datetime) -> dict[str, Any]:
    """What the page shows, made for it: rows that no database has."""
    moves = [_move(state, now) for state in State]
    return {
        "tones": TONES,
        "moves": moves,
        "labels": LABELS,
        "instances": [_instance(status) for status in STATUSES],
        "hosts": [
            Hypervisor(host="compute1", state="up", status="enabled"),
            Hypervisor(host="compute2", state="up", status="disabled"),
            Hypervisor(host="compute3", state="down", status="enabled"),
            Hypervisor(host="compute4", state="up", status="enabled", forced_down=True),
        ],
        "meters": METERS,
        "chips": [
            Chip(_instance("ACTIVE"), None),
            Chip(_instance("SHUTOFF"), None),
            Chip(_instance("ERROR"), None),
            Chip(_instance("ACTIVE", "vm3"), _move(State.RUNNING, now)),
            Chip(_instance("VERIFY_RESIZE"), _move(State.WAITING, now)),
            Chip(_instance("ACTIVE", LONG), None),
        ],
        "kinds": list(KIND_LABELS.values()),
        "dues": [_due(now, hours) for hours in (20, 1, -3)],
        "steps": [
            Step(
                say("Asked by {name}", name="helpdesk"), now - timedelta(minutes=6), note=say("to compute3")
            ),
            Step(say("Sent to Nova, and accepted"), now - timedelta(minutes=5)),
            Step(say("The disk is being copied"), now - timedelta(minutes=4), timeline.ASIDE),
            Step(say("A step failed half-way"), now - timedelta(minutes=2), timeline.FAIL),
            Step(say("Nova is bringing it back"), now - timedelta(minutes=1), timeline.NOW),
            Step(say("Back on {host}", host="compute1"), None, timeline.LATER),
        ],
    }


def _move(state: State, now: datetime) -> Migration:
    return Migration(
        pk=1,
        instance_name="vm2",
        kind="cold",
        state=state.value,
        source_host="compute1",
        asked_host="compute3",
        requested_by_name="helpdesk",
        requested_at=now - timedelta(minutes=6),
        waiting_since=now - timedelta(minutes=4),
    )


def _due(now: datetime, hours: int) -> Migration:
    move = _move(State.WAITING, now)
    move.decide_by = now + timedelta(hours=hours)
    return move


def _instance(status: str, name: str = "vm2") -> Instance:
    return Instance(
        cloud_id="lab", uuid=f"sample-{status.lower()}-{name[:8]}", name=name, status=status, host="compute1"
    )
