"""How a state is told: a tone (a shape and a colour) and a word. One table for each kind of state."""

from dataclasses import dataclass

from nmigrate.models import Hypervisor, Instance, Observation, Service
from nmigrate.preflight import status_words
from nmigrate.states import LABELS, TRANSITIONS, State

OK, OFF, BAD, WARN, BUSY, WAIT = "ok", "off", "bad", "warn", "busy", "wait"

STATE_TONES: dict[State, str] = {
    State.QUEUED: BUSY,
    State.SENDING: BUSY,
    State.RUNNING: BUSY,
    State.WAITING: WAIT,
    State.CONFIRMING: BUSY,
    State.REVERTING: BUSY,
    State.DONE: OK,
    State.REVERTED: OFF,
    State.FAILED: BAD,
    State.CANCELLED: OFF,
}

_STATUS_TONES: dict[str, str] = {
    "ACTIVE": OK,
    "SHUTOFF": OFF,
    "PAUSED": OFF,
    "SUSPENDED": OFF,
    "SHELVED": OFF,
    "SHELVED_OFFLOADED": OFF,
    "ERROR": BAD,
    "RESCUE": WARN,
    "VERIFY_RESIZE": WAIT,
    "BUILD": BUSY,
    "REBOOT": BUSY,
    "HARD_REBOOT": BUSY,
    "RESIZE": BUSY,
    "REVERT_RESIZE": BUSY,
    "MIGRATING": BUSY,
    "PASSWORD": BUSY,
    "REBUILD": BUSY,
}

TASK_WORDS: dict[str, str] = {
    "powering-off": "being stopped",
    "powering-on": "being started",
    "resize_prep": "a move is being prepared",
    "resize_migrating": "its disk is being copied",
    "resize_migrated": "its disk has been copied",
    "resize_finish": "being set up on its new host",
    "resize_confirming": "its old host is being tidied up",
    "resize_reverting": "going back to its old host",
    "migrating": "being moved live",
    "rebooting": "restarting",
    "deleting": "being deleted",
    "spawning": "being created",
    "scheduling": "a host is being chosen",
    "networking": "its network is being set up",
}

POWER_WORDS: dict[int, str] = {
    0: "unknown",
    1: "running",
    3: "paused",
    4: "stopped",
    6: "crashed",
    7: "suspended",
}

# What somebody did, in the audit trail. Steps of the state table that are missing here have its labels.
ACTION_WORDS: dict[str, str] = {
    "request": "asked for the move",
    "cancel": "withdrew the request",
    "confirm": "confirmed the move",
    "reject": "rejected the move",
    "start": "asked to start it",
    "claim": "took the order",
    "start_claim": "took the order to start it",
    "refuse": "refused it",
    "fail": "the move failed",
    "arrive": "saw it arrive",
    "complete": "saw the move done",
    "restore": "saw it back on its old host",
    "migrate_accepted": "Nova accepted the move",
    "confirm_accepted": "Nova accepted the confirmation",
    "revert_accepted": "Nova accepted the rejection",
    "start_accepted": "Nova accepted the start",
}

# What the follower saw, as a sentence in a timeline. The instance's task says most; then its status; then the
# status of Nova's own record of the move.
_SEEN_TASK: dict[str, str] = {
    "resize_prep": "Nova is preparing the move and choosing a host",
    "resize_migrating": "The disk is being copied",
    "resize_migrated": "The disk has been copied",
    "resize_finish": "It is being set up on the new host",
    "resize_confirming": "Nova is giving the old host's room back",
    "resize_reverting": "Nova is bringing it back to its old host",
    "powering-off": "It is being shut down",
    "powering-on": "It is being started",
}
_SEEN_RECORD: dict[str, str] = {
    "accepted": "Nova has taken the order",
    "pre-migrating": "Nova has chosen a host and is preparing it",
    "migrating": "It is being moved",
    "post-migrating": "It is being set up on the new host",
    "finished": "It is on its new host",
    "confirming": "Nova is giving the old host's room back",
    "confirmed": "Nova says that the move is confirmed",
    "reverting": "Nova is bringing it back to its old host",
    "reverted": "Nova says that the move is taken back",
    "error": "Nova says that the move failed",
    "failed": "Nova says that the move failed",
}


@dataclass(frozen=True, slots=True)
class Look:
    """A tone and the words beside it."""

    tone: str
    word: str


def of_migration(state: str) -> Look:
    return Look(STATE_TONES[State(state)], LABELS[State(state)])


def of_status(status: str, task_state: str = "") -> Look:
    """An instance's state. While Nova does something to it, that is what counts."""
    if task_state:
        doing = TASK_WORDS.get(task_state, task_state.replace("_", " ").replace("-", " "))
        return Look(BUSY, f"{status_words(status)}, {doing}" if status in ("ACTIVE", "SHUTOFF") else doing)
    return Look(_STATUS_TONES.get(status, WARN), status_words(status))


def of_instance(instance: Instance) -> Look:
    return of_status(instance.status, instance.task_state)


def of_host(host: Hypervisor | Service) -> Look:
    if host.forced_down:
        return Look(BAD, "declared down")
    if host.state != "up":
        return Look(BAD, "down")
    if host.status != "enabled":
        return Look(WARN, "out of service")
    return Look(OK, "up")


def of_power(power_state: object) -> str:
    return POWER_WORDS.get(power_state, "unknown") if isinstance(power_state, int) else "unknown"


def seen(observation: Observation) -> str:
    """One observation as a sentence; Nova's own word where we have no better one."""
    if observation.task_state:
        doing = observation.task_state.replace("_", " ").replace("-", " ")
        return _SEEN_TASK.get(observation.task_state, f"Nova says: {doing}")
    if observation.status == "VERIFY_RESIZE":
        return (
            f"It is on {observation.host}; Nova waits for the decision"
            if observation.host
            else _SEEN_RECORD["finished"]
        )
    if observation.nova_status:
        return _SEEN_RECORD.get(observation.nova_status, f"Nova says: {observation.nova_status}")
    return f"It is {status_words(observation.status)}"


def of_action(action: str) -> str:
    """What somebody did, as words."""
    if action in ACTION_WORDS:
        return ACTION_WORDS[action]
    if action in TRANSITIONS:
        label = TRANSITIONS[action].label
        return label[:1].lower() + label[1:] if not label.startswith("Nova") else label
    return action.replace("_", " ")
