"""How a state is told: a tone (a shape and a colour) and a word. One table for each kind of state."""

from dataclasses import dataclass

from nmigrate.models import Hypervisor, Instance, Migration, Observation, OutsideMove, Service
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.preflight import TASK_WORDS, status_words
from nmigrate.states import LABELS, Kind, State

POST_COPY = "running (post-copy)"
"""Nova's word for a live move whose guest runs on its new host already; it can be neither stopped nor forced."""

OK, OFF, BAD, WARN, BUSY, WAIT = "ok", "off", "bad", "warn", "busy", "wait"

STATE_TONES: dict[State, str] = {
    State.ASKING: WAIT,
    State.QUEUED: BUSY,
    State.SENDING: BUSY,
    State.RUNNING: BUSY,
    State.WAITING: WAIT,
    State.CONFIRMING: BUSY,
    State.REVERTING: BUSY,
    State.STRANDED: BAD,
    State.DONE: OK,
    State.REVERTED: OFF,
    State.ABORTED: OFF,
    State.FAILED: BAD,
    State.DECLINED: OFF,
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
    # what people do
    "request": "asked for the move",
    "approve": "approved the start",
    "override": "set aside what spoke against it",
    "decline": "did not approve the start",
    "cancel": "withdrew the request",
    "abort": "asked to stop the live move",
    "force": "asked to finish the live move now",
    "confirm": "confirmed the move",
    "reject": "rejected the move",
    "retry_move": "tried the step again",
    "retry_keep": "tried the step again",
    "retry_return": "tried the step again",
    "go_back": "sent it back to how it was",
    "leave": "left it as it is",
    "start": "asked to start it",
    "stop": "asked to stop it",
    "unlock": "asked to unlock it",
    # what a worker does
    "claim": "took the order",
    "accept": "Nova accepted the move",
    "refuse": "refused it",
    # what the follower sees
    "arrive": "saw it arrive",
    "finish": "saw the move done",
    "complete": "saw the move done",
    "restore": "saw it back as it was",
    "end_abort": "saw the live move stopped",
    "undo": "saw the live move stopped, and puts it back",
    "expire": "sent it back: nobody decided in time",
    "observe_confirm": "confirmed it outside nmigrate",
    "observe_revert": "rejected it outside nmigrate",
    "reopen": "opened the decision again",
    "strand": "a step failed half-way",
    "fail": "the move failed",
    "started": "saw it started",
    "stopped": "saw it stopped",
    "unlocked": "saw it unlocked",
    "remind": "reminded of the decision",
    "hold_removed": "took off the lock that held it",
    "original_started": "started the original beside its copy",
    "pin_changed": "changed the zone that it is bound to",
    "finding": "found something wrong",
    "finding_ended": "saw that it has passed",
    "outside_move": "moved it",
    "outside_move_ended": "its move ended",
    "outside_move_ours": "saw that the move is one of ours",
}

# One order to Nova, by what it does: "Nova accepted the start", "the start was refused".
_ORDER_WORDS: dict[str, str] = {action.value: label for action, label in ACTION_LABELS.items()} | {
    "migrate": "move",
    "live": "live move",
    "revert": "rejection",
    "lock": "lock until the decision",
    "unlock": "unlocking",
}
ANSWERS: dict[str, str] = {
    "accepted": "Nova accepted the {}",
    "refused": "the {} was refused",
    "failed": "the {} failed",
}


@dataclass(frozen=True, slots=True)
class StepWords:
    """One step of a move: when it is over, while it goes on, and before it begins."""

    done: str
    now: str
    later: str


STEP_WORDS: dict[Action, StepWords] = {
    Action.UNPIN: StepWords("Freed from its zone", "Being freed from its zone", "It is freed from its zone"),
    Action.MIGRATE: StepWords("Moved", "Nova is moving it", "Nova moves it"),
    Action.LIVE: StepWords("Moved live", "Nova is moving it live", "Nova moves it while it runs"),
    Action.PIN: StepWords("Bound to its zone again", "Being bound to its zone", "It is bound to its zone"),
    Action.SHELVE: StepWords(
        "Shut down and stored", "Being shut down and stored", "It is shut down and stored"
    ),
    Action.OFFLOAD: StepWords("Taken off its host", "Being taken off its host", "It is taken off its host"),
    Action.UNSHELVE: StepWords(
        "Brought up again", "Being brought up again", "It is brought up in the other zone"
    ),
    Action.STOP: StepWords("Stopped", "Being stopped", "It is stopped"),
    Action.START: StepWords("Started", "Being started", "It is started"),
    Action.SNAPSHOT: StepWords("Snapshot made", "A snapshot is being made", "A snapshot of it is made"),
    Action.BOOT: StepWords(
        "Copy started", "The copy is being started", "A copy is started in the other zone"
    ),
    Action.DELETE_IMAGE: StepWords(
        "Snapshot deleted", "The snapshot is being deleted", "The snapshot is deleted"
    ),
    Action.READDRESS: StepWords(
        "The copy has the addresses now", "The copy is getting the addresses", "The copy gets the addresses"
    ),
    Action.CONFIRM: StepWords(
        "The old host's room is free again",
        "Nova is giving the old host's room back",
        "Nova gives the old host's room back",
    ),
    Action.REVERT: StepWords(
        "Brought back to its old host", "Nova is bringing it back to its old host", "Nova brings it back"
    ),
    Action.LOCK: StepWords("Locked until the decision", "Being locked until the decision", "It is locked"),
    Action.UNLOCK: StepWords("Unlocked", "Being unlocked", "It is unlocked"),
    Action.EVACUATE: StepWords("Built anew", "Being built anew on another host", "It is built anew"),
    Action.ABORT: StepWords("Nova stopped the live move", "Nova is asked to stop", "Nova is asked to stop"),
    Action.FORCE: StepWords(
        "Nova finished it at once", "Nova is asked to finish it now", "Nova is asked to finish it now"
    ),
}
_OF_THE_ORIGINAL = StepWords("Original deleted", "The original is being deleted", "The original is deleted")
_OF_THE_COPY = StepWords("Copy deleted", "The copy is being deleted", "The copy is deleted")

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
    "shelving": "It is being shut down to be stored",
    "shelving_image_pending_upload": "Its disk is being stored",
    "shelving_image_uploading": "Its disk is being stored",
    "shelving_offloading": "It is being taken off its host",
    "unshelving": "It is being brought up again",
    "spawning": "It is being set up on its new host",
    "image_snapshot": "A snapshot of its disk is being made",
    "image_snapshot_pending": "A snapshot of its disk is being made",
    "image_pending_upload": "The snapshot is being stored",
    "image_uploading": "The snapshot is being stored",
    "migrating": "It is being moved while it runs",
    "rebuilding": "It is being built anew",
    "rebuild_block_device_mapping": "Its volumes are being attached",
    "rebuild_spawning": "It is being built anew",
    "deleting": "It is being deleted",
}
_SEEN_RECORD: dict[str, str] = {
    "accepted": "Nova has taken the order",
    "pre-migrating": "Nova has chosen a host and is preparing it",
    "migrating": "It is being moved",
    "post-migrating": "It is being set up on the new host",
    "finished": "It is on its new host",
    "queued": "Nova has taken the order, and others come first",
    "preparing": "Nova is preparing the new host",
    "running": "Its memory is being copied while it runs",
    POST_COPY: "It runs on its new host already; the rest of its memory follows",
    "completed": "It runs on its new host",
    "done": "It is on its new host",
    "cancelled": "Nova says that the move was stopped",
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


# What a state means where a kind of move gives it another meaning than states.MEANINGS.
_MEANS: dict[tuple[str, str], str] = {
    (Kind.LIVE, State.RUNNING): "It goes on running while Nova moves it.",
    (Kind.SHELVE, State.RUNNING): "It is stored, and brought up elsewhere, step by step.",
    (Kind.COPY, State.RUNNING): "A copy of it is made, step by step; the original stays where it is.",
    (Kind.COPY, State.WAITING): "The copy runs beside the original; a manager keeps the copy or drops it.",
    (Kind.COPY, State.CONFIRMING): "The copy is kept; what was asked for the original is being done.",
    (Kind.COPY, State.REVERTING): "The copy is being taken away again.",
    (Kind.COPY, State.DONE): "The copy has taken its place.",
    (Kind.COPY, State.REVERTED): "The copy is gone again; the original is as it was.",
    (Kind.EVACUATE, State.RUNNING): "Nova is building it anew on another host.",
}


def meaning(migration: Migration) -> str:
    """What the state of this migration means, in one sentence."""
    return _MEANS.get((migration.kind, migration.state), migration.meaning)


def of_migration(state: str) -> Look:
    return Look(STATE_TONES[State(state)], LABELS[State(state)])


_OUTSIDE: dict[str, "Look"] = {
    "completed": Look(OK, "done"),
    "done": Look(OK, "done"),
    "confirmed": Look(OK, "done"),
    "reverted": Look(OFF, "sent back"),
    "cancelled": Look(OFF, "stopped on the way"),
    "error": Look(BAD, "failed"),
    "failed": Look(BAD, "failed"),
    "finished": Look(WAIT, "waits for a decision"),
    "confirming": Look(BUSY, "being confirmed"),
    "reverting": Look(BUSY, "going back"),
}


def of_outside(move: OutsideMove) -> Look:
    """How a move that others made stands, by the status of Nova's record."""
    return _OUTSIDE.get(move.status, Look(BUSY, "moving"))


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
    """What somebody did, as words; "start_accepted" is Nova's answer to an order."""
    if action in ACTION_WORDS:
        return ACTION_WORDS[action]
    order, _, answer = action.rpartition("_")
    if order in _ORDER_WORDS and answer in ANSWERS:
        return ANSWERS[answer].format(_ORDER_WORDS[order])
    return action.replace("_", " ")


def of_step(action: Action, *, is_copy: bool = False) -> StepWords:
    """A step of a move; only a deletion means another thing when it is the copy that goes."""
    if action is Action.DELETE:
        return _OF_THE_COPY if is_copy else _OF_THE_ORIGINAL
    return STEP_WORDS[action]
