"""The state table: which action takes a migration from where to where, and who may do it.

Read it aloud. Buttons, guards, the README's table and the database's constraint on active migrations are all
computed from here, so that they cannot disagree. No queries and no I/O in this file.
"""

from dataclasses import dataclass
from enum import StrEnum

from nmigrate.sentences import say


class State(StrEnum):
    """Where one migration stands, as this application knows it from what Nova said."""

    ASKING = "asking"
    QUEUED = "queued"
    SENDING = "sending"
    RUNNING = "running"
    WAITING = "waiting"
    CONFIRMING = "confirming"
    REVERTING = "reverting"
    STRANDED = "stranded"
    DONE = "done"
    REVERTED = "reverted"
    ABORTED = "aborted"
    FAILED = "failed"
    DECLINED = "declined"
    CANCELLED = "cancelled"


LABELS: dict[State, str] = {
    State.ASKING: say("waits for approval"),
    State.QUEUED: say("waiting to be sent"),
    State.SENDING: say("being sent"),
    State.RUNNING: say("moving"),
    State.WAITING: say("waits for a decision"),
    State.CONFIRMING: say("being confirmed"),
    State.REVERTING: say("going back"),
    State.STRANDED: say("stopped half-way"),
    State.DONE: say("done"),
    State.REVERTED: say("sent back"),
    State.ABORTED: say("cancelled on the way"),
    State.FAILED: say("failed"),
    State.DECLINED: say("not approved"),
    State.CANCELLED: say("withdrawn"),
}

MEANINGS: dict[State, str] = {
    State.ASKING: say("It means downtime, so a manager must approve it before it starts."),
    State.QUEUED: say(
        "It has been asked for, and waits to be sent to Nova; mostly that takes a second or two."
    ),
    State.SENDING: say("It is being sent to Nova."),
    State.RUNNING: say("Nova accepted the order and is moving the instance."),
    State.WAITING: say("It has moved, and the move is not finished: a manager confirms or rejects it."),
    State.CONFIRMING: say("It was confirmed; Nova and nmigrate finish the last steps."),
    State.REVERTING: say("Nova is putting everything back as it was before the move."),
    State.STRANDED: say(
        "A step failed after earlier ones had changed something. Somebody must choose what happens next."
    ),
    State.DONE: say("Nova says that it is finished, and the instance is where it should be."),
    State.REVERTED: say("The instance is back where it came from."),
    State.ABORTED: say("The live move was cancelled on the way; the instance runs where it was."),
    State.FAILED: say("It did not happen, or not wholly; the page says why and what to do next."),
    State.DECLINED: say("A manager did not approve it; nothing was sent to Nova."),
    State.CANCELLED: say("It was withdrawn before anything was sent to Nova."),
}


class Kind(StrEnum):
    """What kind of move it is; moves.py says of which steps each is made."""

    COLD = "cold"
    LIVE = "live"
    SHELVE = "shelve"
    COPY = "copy"
    EVACUATE = "evacuate"


KIND_LABELS: dict[Kind, str] = {
    Kind.COLD: say("cold migration"),
    Kind.LIVE: say("live migration"),
    Kind.SHELVE: say("shelve and unshelve"),
    Kind.COPY: say("snapshot and boot"),
    Kind.EVACUATE: say("evacuation"),
}


class Perm(StrEnum):
    """Who may do what; roles.py says which role holds which. SYSTEM is this application itself."""

    VIEW = "nmigrate.view_inventory"
    REQUEST = "nmigrate.request_migration"
    APPROVE = "nmigrate.approve_migration"
    OPERATE = "nmigrate.operate_instance"
    STOP = "nmigrate.stop_instance"
    UNLOCK = "nmigrate.unlock_instance"
    FORCE = "nmigrate.force_migration"
    EVACUATE = "nmigrate.evacuate_instance"
    AUDIT = "nmigrate.view_audit"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row: `action` takes a migration from one of `sources` to `target`, if `permission` allows."""

    sources: frozenset[State]
    target: State
    permission: Perm
    label: str


def _row(sources: str, target: State, permission: Perm, label: str) -> Transition:
    return Transition(frozenset(State(word) for word in sources.split()), target, permission, label)


_S, _P = State, Perm
TRANSITIONS: dict[str, Transition] = {
    # what people do
    "approve": _row("asking", _S.QUEUED, _P.APPROVE, say("Approve the move")),
    "decline": _row("asking", _S.DECLINED, _P.APPROVE, say("Do not approve")),
    "cancel": _row("asking queued", _S.CANCELLED, _P.REQUEST, say("Withdraw the request")),
    "abort": _row("running", _S.RUNNING, _P.OPERATE, say("Stop the live move")),
    "force": _row("running", _S.RUNNING, _P.FORCE, say("Finish the live move now")),
    "confirm": _row("waiting", _S.CONFIRMING, _P.APPROVE, say("Confirm the move")),
    "reject": _row("waiting", _S.REVERTING, _P.APPROVE, say("Reject the move")),
    "retry_move": _row("stranded", _S.RUNNING, _P.OPERATE, say("Try the step again")),
    "retry_keep": _row("stranded", _S.CONFIRMING, _P.OPERATE, say("Try the step again")),
    "retry_return": _row("stranded", _S.REVERTING, _P.OPERATE, say("Try the step again")),
    "go_back": _row("stranded", _S.REVERTING, _P.OPERATE, say("Go back to how it was")),
    "leave": _row("stranded", _S.FAILED, _P.OPERATE, say("Leave it as it is")),
    # what a worker does
    "claim": _row("queued", _S.SENDING, _P.SYSTEM, say("A worker took it")),
    "accept": _row("sending", _S.RUNNING, _P.SYSTEM, say("Nova accepted it")),
    "refuse": _row("queued sending", _S.FAILED, _P.SYSTEM, say("It was refused")),
    # what the follower reads in Nova
    "arrive": _row("running", _S.WAITING, _P.SYSTEM, say("At its destination, waiting for a decision")),
    "finish": _row("running", _S.DONE, _P.SYSTEM, say("Done")),
    "end_abort": _row("running", _S.ABORTED, _P.SYSTEM, say("Cancelled on the way")),
    "undo": _row("running", _S.REVERTING, _P.SYSTEM, say("Cancelled on the way, being put back")),
    "expire": _row("waiting", _S.REVERTING, _P.SYSTEM, say("Sent back, because nobody decided in time")),
    "observe_confirm": _row("running waiting", _S.CONFIRMING, _P.SYSTEM, say("Confirmed outside nmigrate")),
    "observe_revert": _row("running waiting", _S.REVERTING, _P.SYSTEM, say("Reverted outside nmigrate")),
    "reopen": _row("confirming reverting", _S.WAITING, _P.SYSTEM, say("The decision did not take effect")),
    "strand": _row("running confirming reverting", _S.STRANDED, _P.SYSTEM, say("A step failed half-way")),
    "complete": _row("confirming", _S.DONE, _P.SYSTEM, say("Done")),
    "restore": _row("reverting", _S.REVERTED, _P.SYSTEM, say("Back where it came from")),
    "fail": _row(
        "sending running waiting confirming reverting stranded", _S.FAILED, _P.SYSTEM, say("Failed")
    ),
}

# Where a migration starts, and every state that still moves or ends: computed, never listed twice.
INITIAL = State.QUEUED
FIRST = frozenset({State.ASKING, State.QUEUED})
TERMINAL: frozenset[State] = frozenset(
    state for state in State if not any(state in row.sources for row in TRANSITIONS.values())
)
ACTIVE: frozenset[State] = frozenset(State) - TERMINAL
# The follower reads these from Nova's lists; the others have not reached Nova yet.
FOLLOWED: frozenset[State] = ACTIVE - {State.ASKING, State.QUEUED}
# Something moves, or will in a moment, without anybody's doing.
MOVING: frozenset[State] = ACTIVE - {State.ASKING, State.WAITING, State.STRANDED}
PERSON_ACTIONS: frozenset[str] = frozenset(
    action for action, row in TRANSITIONS.items() if row.permission is not Perm.SYSTEM
)


def actions_from(state: State) -> tuple[str, ...]:
    """What a person may do with a migration in this state, permissions apart."""
    return tuple(
        action for action, row in TRANSITIONS.items() if action in PERSON_ACTIONS and state in row.sources
    )
