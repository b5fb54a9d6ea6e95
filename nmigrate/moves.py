"""Of which steps each kind of move is made, forwards and back. Pure: no queries and no I/O.

A step is one call that changes something in the cloud. The next is ordered only after the one before it was seen
to have taken effect, in the same transaction that notes this: a crash between two steps loses and doubles nothing.
"""

from enum import StrEnum
from typing import Any, Protocol

from nmigrate.sentences import say
from nmigrate.states import Kind, State


class Action(StrEnum):
    """One call to the cloud."""

    MIGRATE = "migrate"
    LIVE = "live"
    ABORT = "abort"
    FORCE = "force"
    CONFIRM = "confirm"
    REVERT = "revert"
    START = "start"
    STOP = "stop"
    LOCK = "lock"
    UNLOCK = "unlock"
    PIN = "pin"
    UNPIN = "unpin"
    SHELVE = "shelve"
    OFFLOAD = "offload"
    UNSHELVE = "unshelve"
    SNAPSHOT = "snapshot"
    BOOT = "boot"
    DELETE = "delete"
    DELETE_IMAGE = "delete_image"
    READDRESS = "readdress"
    EVACUATE = "evacuate"


ACTION_LABELS: dict[Action, str] = {
    Action.MIGRATE: say("cold migration"),
    Action.LIVE: say("live migration"),
    Action.ABORT: say("stop of the live migration"),
    Action.FORCE: say("finish of the live migration"),
    Action.CONFIRM: say("confirmation"),
    Action.REVERT: say("way back"),
    Action.START: say("start"),
    Action.STOP: say("stop"),
    Action.LOCK: say("lock"),
    Action.UNLOCK: say("unlock"),
    Action.PIN: say("binding to its zone"),
    Action.UNPIN: say("release from its zone"),
    Action.SHELVE: say("shelving"),
    Action.OFFLOAD: say("taking off its host"),
    Action.UNSHELVE: say("unshelving"),
    Action.SNAPSHOT: say("snapshot"),
    Action.BOOT: say("boot of the copy"),
    Action.DELETE: say("deletion"),
    Action.DELETE_IMAGE: say("deletion of the image"),
    Action.READDRESS: say("change of addresses"),
    Action.EVACUATE: say("evacuation"),
}

ASIDE = frozenset({Action.LOCK, Action.ABORT, Action.FORCE})
"""Calls beside the steps: none follows from them, and the move goes on without them."""

DELETE_ORIGINAL, KEEP_ORIGINAL = "delete", "stopped"
"""What becomes of the original when the copy is kept."""


class Facts(Protocol):
    """What the steps depend on; models.Migration has it."""

    @property
    def kind(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def step(self) -> str: ...
    @property
    def stranded_in(self) -> str: ...
    @property
    def changes_pin(self) -> bool: ...
    @property
    def is_held(self) -> bool: ...
    @property
    def has_arrived(self) -> bool: ...
    @property
    def before(self) -> dict[str, Any]: ...
    @property
    def copy_uuid(self) -> str: ...
    @property
    def image_id(self) -> str: ...
    @property
    def original_after(self) -> str: ...
    @property
    def same_addresses(self) -> bool: ...


_A = Action
_ROUTES: dict[tuple[Kind, State], tuple[Action, ...]] = {
    (Kind.COLD, State.RUNNING): (_A.UNPIN, _A.MIGRATE),
    (Kind.COLD, State.CONFIRMING): (_A.CONFIRM, _A.PIN, _A.UNLOCK),
    (Kind.COLD, State.REVERTING): (_A.REVERT, _A.PIN, _A.UNLOCK),
    (Kind.LIVE, State.RUNNING): (_A.UNPIN, _A.LIVE, _A.PIN),
    (Kind.LIVE, State.REVERTING): (_A.PIN,),
    (Kind.SHELVE, State.RUNNING): (_A.SHELVE, _A.OFFLOAD, _A.UNSHELVE, _A.STOP),
    (Kind.SHELVE, State.REVERTING): (_A.UNSHELVE, _A.STOP),
    (Kind.COPY, State.RUNNING): (_A.STOP, _A.SNAPSHOT, _A.BOOT),
    (Kind.COPY, State.CONFIRMING): (_A.UNLOCK, _A.DELETE, _A.READDRESS),
    (Kind.COPY, State.REVERTING): (_A.DELETE, _A.DELETE_IMAGE, _A.UNLOCK, _A.START),
    (Kind.EVACUATE, State.RUNNING): (_A.EVACUATE,),
}

DECIDED = frozenset({Kind.COLD, Kind.COPY})
"""Kinds that end with a manager's decision."""


def ran(move: Facts) -> bool:
    """Whether the instance ran before the move."""
    return move.before.get("status") not in ("SHUTOFF", None)


def _is_needed(action: Action, move: Facts, phase: State) -> bool:
    """Whether this move has this step; what it depends on is all in the record."""
    match action:
        case Action.UNPIN:
            return move.changes_pin
        case Action.PIN:
            return move.changes_pin and bool(move.before.get("pinned_zone"))
        case Action.UNLOCK:
            return move.is_held
        case Action.REVERT:
            return move.has_arrived
        case Action.STOP:
            return ran(move) if move.kind == Kind.COPY else not ran(move)
        case Action.START:
            return ran(move)
        case Action.DELETE if phase is State.CONFIRMING:
            return move.original_after == DELETE_ORIGINAL
        case Action.DELETE:
            return bool(move.copy_uuid)
        case Action.DELETE_IMAGE:
            return bool(move.image_id)
        case Action.READDRESS:
            return move.same_addresses
    return True


def route(move: Facts, phase: State) -> tuple[Action, ...]:
    """The steps of this move while it is in this state, in their order."""
    steps = _ROUTES.get((Kind(move.kind), phase), ())
    return tuple(action for action in steps if _is_needed(action, move, phase))


def first_step(move: Facts, phase: State) -> Action | None:
    return next(iter(route(move, phase)), None)


def next_step(move: Facts) -> Action | None:
    """The step after the one that this move is at; None after the last of its phase."""
    phase = State(move.state)
    all_steps = _ROUTES[Kind(move.kind), phase]
    later = all_steps[all_steps.index(Action(move.step)) + 1 :] if move.step in all_steps else all_steps
    return next((action for action in later if _is_needed(action, move, phase)), None)


def is_first_step(move: Facts) -> bool:
    """Whether nothing has been changed before the step that this move is at."""
    return move.state in (State.QUEUED, State.SENDING, State.RUNNING) and (
        first_step(move, State.RUNNING) == move.step
    )


def has_way_back(move: Facts) -> bool:
    """Whether a move that stopped half-way can be put back: not once it was decided on, or is on its way back.

    One that has arrived and only could not be bound again is where it was asked to be.
    """
    return (
        move.stranded_in == State.RUNNING and move.step != Action.PIN and bool(route(move, State.REVERTING))
    )
