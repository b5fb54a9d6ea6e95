"""The steps of a move in words: what is done, what goes on and what is to come; and what the follower saw of Nova."""

from dataclasses import dataclass

from nmigrate.models import Observation
from nmigrate.moves import Action
from nmigrate.preflight import status_words
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

# What the follower saw, as a sentence in a timeline. The instance's task says most; then its status; then the
# status of Nova's own record of the move.
_SEEN_TASK: dict[str, str] = {
    "resize_prep": say("Nova is preparing the move"),
    "resize_migrating": say("The disk is being copied"),
    "resize_migrated": say("The disk has been copied"),
    "resize_finish": say("It is being set up on the new host"),
    "resize_confirming": say("Nova is giving the old host's room back"),
    "resize_reverting": say("Nova is bringing it back to its old host"),
    "powering-off": say("It is being shut down"),
    "powering-on": say("It is being started"),
    "shelving": say("It is being shut down to be stored"),
    "shelving_image_pending_upload": say("Its disk is being stored"),
    "shelving_image_uploading": say("Its disk is being stored"),
    "shelving_offloading": say("It is being taken off its host"),
    "unshelving": say("It is being brought up again"),
    "spawning": say("It is being set up on its new host"),
    "image_snapshot": say("A snapshot of its disk is being made"),
    "image_snapshot_pending": say("A snapshot of its disk is being made"),
    "image_pending_upload": say("The snapshot is being stored"),
    "image_uploading": say("The snapshot is being stored"),
    "migrating": say("It is being moved while it runs"),
    "rebuilding": say("It is being built anew"),
    "rebuild_block_device_mapping": say("Its volumes are being attached"),
    "rebuild_spawning": say("It is being built anew"),
    "deleting": say("It is being deleted"),
}
_SEEN_RECORD: dict[str, str] = {
    "accepted": say("Nova has taken the order"),
    "pre-migrating": say("Nova has chosen a host and is preparing it"),
    "migrating": say("It is being moved"),
    "post-migrating": say("It is being set up on the new host"),
    "finished": say("It is on its new host"),
    "queued": say("Nova has taken the order, and others come first"),
    "preparing": say("Nova is preparing the new host"),
    "running": say("Its memory is being copied while it runs"),
    POST_COPY: say("It runs on its new host already; the rest of its memory follows"),
    "completed": say("It runs on its new host"),
    "done": say("It is on its new host"),
    "cancelled": say("Nova says that the move was stopped"),
    "confirming": say("Nova is giving the old host's room back"),
    "confirmed": say("Nova says that the move is confirmed"),
    "reverting": say("Nova is bringing it back to its old host"),
    "reverted": say("Nova says that the move is taken back"),
    "error": say("Nova says that the move failed"),
    "failed": say("Nova says that the move failed"),
}


def seen(observation: Observation) -> str:
    """One observation as a sentence; Nova's own word where we have no better one."""
    if observation.task_state:
        doing = observation.task_state.replace("_", " ").replace("-", " ")
        return _SEEN_TASK.get(observation.task_state, say("Nova says: {word}", word=doing))
    if observation.status == "VERIFY_RESIZE":
        return (
            say("It is on {host}; Nova waits for the decision", host=observation.host)
            if observation.host
            else _SEEN_RECORD["finished"]
        )
    if observation.nova_status:
        return _SEEN_RECORD.get(
            observation.nova_status, say("Nova says: {word}", word=observation.nova_status)
        )
    return say("It is {state}", state=status_words(observation.status))


def of_step(action: Action, *, is_copy: bool = False) -> StepWords:
    """A step of a move; only a deletion means another thing when it is the copy that goes."""
    if action is Action.DELETE:
        return _OF_THE_COPY if is_copy else _OF_THE_ORIGINAL
    return STEP_WORDS[action]
