"""The steps of a move in words: what is done, what goes on and what is to come; and what the follower saw of Nova."""

from dataclasses import dataclass

from nmigrate.models import Observation
from nmigrate.moves import Action
from nmigrate.sentences import say

POST_COPY = "running (post-copy)"
"""Nova's word for a live move whose guest runs on its new host already; it can be neither stopped nor forced."""


@dataclass(frozen=True, slots=True)
class StepWords:
    """One step of a move: when it is over, while it goes on, and before it begins."""

    done: str
    now: str
    later: str


STEP_WORDS: dict[Action, StepWords] = {
    Action.UNPIN: StepWords(
        say("Freed from its zone"), say("Being freed from its zone"), say("It is freed from its zone")
    ),
    Action.MIGRATE: StepWords(say("Moved"), say("Nova is moving it"), say("Nova moves it")),
    Action.LIVE: StepWords(
        say("Moved live"), say("Nova is moving it live"), say("Nova moves it while it runs")
    ),
    Action.PIN: StepWords(
        say("Bound to the zone where it is"),
        say("Being bound to its zone"),
        say("It is bound to its zone"),
    ),
    Action.SHELVE: StepWords(
        say("Shut down and stored"), say("Being shut down and stored"), say("It is shut down and stored")
    ),
    Action.OFFLOAD: StepWords(
        say("Taken off its host"), say("Being taken off its host"), say("It is taken off its host")
    ),
    Action.UNSHELVE: StepWords(
        say("Brought up again"), say("Being brought up again"), say("It is brought up there")
    ),
    Action.STOP: StepWords(say("Stopped"), say("Being stopped"), say("It is stopped")),
    Action.START: StepWords(say("Started"), say("Being started"), say("It is started")),
    Action.SNAPSHOT: StepWords(
        say("Snapshot made"), say("A snapshot is being made"), say("A snapshot of it is made")
    ),
    Action.BOOT: StepWords(
        say("Copy started"), say("The copy is being started"), say("A copy is started there")
    ),
    Action.DELETE_IMAGE: StepWords(
        say("Snapshot deleted"), say("The snapshot is being deleted"), say("The snapshot is deleted")
    ),
    Action.READDRESS: StepWords(
        say("The copy has the addresses now"),
        say("The copy is getting the addresses"),
        say("The copy gets the addresses"),
    ),
    Action.CONFIRM: StepWords(
        say("The old host's room is free again"),
        say("Nova is giving the old host's room back"),
        say("Nova gives the old host's room back"),
    ),
    Action.REVERT: StepWords(
        say("Brought back to its old host"),
        say("Nova is bringing it back to its old host"),
        say("Nova brings it back"),
    ),
    Action.LOCK: StepWords(
        say("Locked until the decision"), say("Being locked until the decision"), say("It is locked")
    ),
    Action.UNLOCK: StepWords(say("Unlocked"), say("Being unlocked"), say("It is unlocked")),
    Action.EVACUATE: StepWords(
        say("Built anew"), say("Being built anew on another host"), say("It is built anew")
    ),
    Action.ABORT: StepWords(
        say("Nova stopped the live move"), say("Nova is asked to stop"), say("Nova is asked to stop")
    ),
    Action.FORCE: StepWords(
        say("Nova finished it at once"),
        say("Nova is asked to finish it now"),
        say("Nova is asked to finish it now"),
    ),
}
_OF_THE_ORIGINAL = StepWords(
    say("Original deleted"), say("The original is being deleted"), say("The original is deleted")
)
_OF_THE_COPY = StepWords(say("Copy deleted"), say("The copy is being deleted"), say("The copy is deleted"))


@dataclass(frozen=True, slots=True)
class Seen:
    """What Nova was seen to do: while it goes on, and afterwards; "" where the end of the step tells it anyway."""

    now: str
    past: str = ""


_PREPARED = Seen(say("Nova is preparing the move"), say("Nova prepared the move"))
_SET_UP = Seen(say("It is being set up on the new host"), say("It was set up on the new host"))
_STORED = Seen(say("Its disk is being stored"))
_SNAPSHOT = Seen(say("A snapshot of its disk is being made"))
_SNAPSHOT_STORED = Seen(say("The snapshot is being stored"))
_BUILT = Seen(say("It is being built anew"))
_GIVEN_BACK = Seen(say("Nova is giving the old host's room back"))
_BROUGHT_BACK = Seen(say("Nova is bringing it back to its old host"))

# The instance's task says most; then its status; then the status of Nova's own record of the move.
_SEEN_TASK: dict[str, Seen] = {
    "resize_prep": _PREPARED,
    "resize_migrating": Seen(say("The disk is being copied"), say("The disk was copied")),
    "resize_migrated": Seen(say("The disk was copied"), say("The disk was copied")),
    "resize_finish": _SET_UP,
    "resize_confirming": _GIVEN_BACK,
    "resize_reverting": _BROUGHT_BACK,
    "powering-off": Seen(say("It is being shut down")),
    "powering-on": Seen(say("It is being started")),
    "shelving": Seen(say("It is being shut down to be stored")),
    "shelving_image_pending_upload": _STORED,
    "shelving_image_uploading": _STORED,
    "shelving_offloading": Seen(say("It is being taken off its host")),
    "unshelving": Seen(say("It is being brought up again")),
    "spawning": _SET_UP,
    "image_snapshot": _SNAPSHOT,
    "image_snapshot_pending": _SNAPSHOT,
    "image_pending_upload": _SNAPSHOT_STORED,
    "image_uploading": _SNAPSHOT_STORED,
    "migrating": Seen(say("It is being moved while it runs")),
    "rebuilding": _BUILT,
    "rebuild_block_device_mapping": Seen(
        say("Its volumes are being attached"), say("Its volumes were attached")
    ),
    "rebuild_spawning": _BUILT,
    "deleting": Seen(say("It is being deleted")),
}
_SEEN_RECORD: dict[str, Seen] = {
    "accepted": Seen(say("Nova has taken the order")),
    "pre-migrating": Seen(
        say("Nova is preparing the move on its new host"), say("Nova prepared the move on its new host")
    ),
    "migrating": Seen(say("It is being moved")),
    "post-migrating": _SET_UP,
    "queued": Seen(
        say("Nova has taken the order, and others come first"), say("It waited in line in the cloud")
    ),
    "preparing": Seen(say("Nova is preparing the new host"), say("Nova prepared the new host")),
    "running": Seen(say("Its memory is being copied"), say("Its memory was copied")),
    POST_COPY: Seen(
        say("It runs on its new host already; the rest of its memory follows"),
        say("It ran on its new host already while the rest of its memory followed"),
    ),
    "confirming": _GIVEN_BACK,
    "reverting": _BROUGHT_BACK,
}


def seen(observation: Observation) -> Seen:
    """One observation in words; Nova's own word where we have no better one."""
    record = _SEEN_RECORD.get(observation.nova_status)
    if observation.task_state == "migrating" and record is not None:
        return record  # of a live move the record tells more
    if observation.task_state:
        doing = observation.task_state.replace("_", " ").replace("-", " ")
        return _SEEN_TASK.get(observation.task_state) or _own_word(doing)
    if observation.status == "VERIFY_RESIZE":
        there = (
            say("It has arrived on {host}", host=observation.host)
            if observation.host
            else say("It is on its new host")
        )
        return Seen(there, there)
    return record or _own_word(observation.nova_status)


def _own_word(word: str) -> Seen:
    return Seen(say("Nova says: {word}", word=word), say("Nova said: {word}", word=word))


_LOCKED_AS_BEFORE = StepWords(
    say("Our lock taken off; locked as before"),
    say("Our lock is being taken off; the one before it stays"),
    say("It is locked as before"),
)


def of_step(action: Action, *, is_copy: bool = False, was_locked: bool = False) -> StepWords:
    """A step of a move; a deletion means another thing when it is the copy that goes, and so does taking off our lock
    where there was one before."""
    if action is Action.UNLOCK and was_locked:
        return _LOCKED_AS_BEFORE
    if action is Action.DELETE:
        return _OF_THE_COPY if is_copy else _OF_THE_ORIGINAL
    return STEP_WORDS[action]
