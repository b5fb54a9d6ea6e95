"""The state table: which action takes a migration from where to where, and who may do it.

Read it aloud. Buttons, guards, the README's table and the database's constraint on active migrations are all
computed from here, so that they cannot disagree. No queries and no I/O in this file.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where one migration stands, as this application knows it from what Nova said."""

    QUEUED = "queued"
    SENDING = "sending"
    RUNNING = "running"
    WAITING = "waiting"
    CONFIRMING = "confirming"
    REVERTING = "reverting"
    DONE = "done"
    REVERTED = "reverted"
    FAILED = "failed"
    CANCELLED = "cancelled"


LABELS: dict[State, str] = {
    State.QUEUED: "asked",
    State.SENDING: "being sent",
    State.RUNNING: "moving",
    State.WAITING: "waits for a decision",
    State.CONFIRMING: "being confirmed",
    State.REVERTING: "going back",
    State.DONE: "done",
    State.REVERTED: "sent back",
    State.FAILED: "failed",
    State.CANCELLED: "withdrawn",
}

MEANINGS: dict[State, str] = {
    State.QUEUED: "Somebody asked for it; a worker will send it to Nova within a second or two.",
    State.SENDING: "A worker has taken it and is speaking to Nova.",
    State.RUNNING: "Nova accepted the order and is moving the instance.",
    State.WAITING: "The instance is on its new host; a manager confirms or rejects the move.",
    State.CONFIRMING: "The move was confirmed; Nova is giving the old host's room back.",
    State.REVERTING: "The move was rejected; Nova is bringing the instance back to its old host.",
    State.DONE: "Nova says that it is finished, and the instance is where it should be.",
    State.REVERTED: "The instance is back on the host that it came from.",
    State.FAILED: "It did not happen, or not wholly; the page says why and what to do next.",
    State.CANCELLED: "It was withdrawn before anything was sent to Nova.",
}


class Kind(StrEnum):
    """What kind of move it is. Each kind has rows of its own in TRANSITIONS."""

    COLD = "cold"


KIND_LABELS: dict[Kind, str] = {Kind.COLD: "cold migration"}


class Perm(StrEnum):
    """Who may do what; roles.py says which role holds which. SYSTEM is this application itself."""

    VIEW = "nmigrate.view_inventory"
    REQUEST = "nmigrate.request_migration"
    APPROVE = "nmigrate.approve_migration"
    OPERATE = "nmigrate.operate_instance"
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
    "cancel": _row("queued", _S.CANCELLED, _P.REQUEST, "Withdraw the request"),
    "confirm": _row("waiting", _S.CONFIRMING, _P.APPROVE, "Confirm the move"),
    "reject": _row("waiting", _S.REVERTING, _P.APPROVE, "Reject the move"),
    # what a worker does
    "claim": _row("queued", _S.SENDING, _P.SYSTEM, "A worker took it"),
    "accept": _row("sending", _S.RUNNING, _P.SYSTEM, "Nova accepted it"),
    "refuse": _row("queued sending", _S.FAILED, _P.SYSTEM, "It was refused"),
    # what the follower reads in Nova
    "arrive": _row("running", _S.WAITING, _P.SYSTEM, "On the new host, waiting for a decision"),
    "observe_confirm": _row("running waiting", _S.CONFIRMING, _P.SYSTEM, "Confirmed outside nmigrate"),
    "observe_revert": _row("running waiting", _S.REVERTING, _P.SYSTEM, "Reverted outside nmigrate"),
    "reopen": _row("confirming reverting", _S.WAITING, _P.SYSTEM, "The decision did not take effect"),
    "complete": _row("confirming", _S.DONE, _P.SYSTEM, "Done"),
    "restore": _row("reverting", _S.REVERTED, _P.SYSTEM, "Back on its old host"),
    "fail": _row("sending running waiting confirming reverting", _S.FAILED, _P.SYSTEM, "Failed"),
}

# Where a migration starts, and every state that still moves or ends: computed, never listed twice.
INITIAL = State.QUEUED
TERMINAL: frozenset[State] = frozenset(
    state for state in State if not any(state in row.sources for row in TRANSITIONS.values())
)
ACTIVE: frozenset[State] = frozenset(State) - TERMINAL
# The follower reads these from Nova's lists; a queued one has not reached Nova yet.
FOLLOWED: frozenset[State] = ACTIVE - {State.QUEUED}
PERSON_ACTIONS: frozenset[str] = frozenset(
    action for action, row in TRANSITIONS.items() if row.permission is not Perm.SYSTEM
)


def actions_from(state: State) -> tuple[str, ...]:
    """What a person may do with a migration in this state, permissions apart."""
    return tuple(
        action for action, row in TRANSITIONS.items() if action in PERSON_ACTIONS and state in row.sources
    )
