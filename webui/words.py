"""How a state is told: a tone (a shape and a colour) and a word. One table for each kind of state."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from nmigrate.audit import OTHERS
from nmigrate.models import Hypervisor, Instance, Migration, Order, OutsideMove, Service
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.preflight import TASK_WORDS, status_words
from nmigrate.sentences import join, say
from nmigrate.states import LABELS, MEANINGS, Kind, State

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
    0: say("unknown"),
    1: say("running"),
    3: say("paused"),
    4: say("stopped"),
    6: say("crashed"),
    7: say("suspended"),
}

# What somebody did, in the audit trail. Steps of the state table that are missing here have its labels.
ACTION_WORDS: dict[str, str] = {
    # what people do
    "request": say("asked for the move"),
    "approve": say("approved the move"),
    "override": say("set aside what spoke against it"),
    "decline": say("did not approve the move"),
    "cancel": say("withdrew the request"),
    "abort": say("asked to stop the live move"),
    "force": say("asked to finish the live move now"),
    "confirm": say("confirmed the move"),
    "reject": say("rejected the move"),
    "retry_move": say("tried the step again"),
    "retry_keep": say("tried the step again"),
    "retry_return": say("tried the step again"),
    "go_back": say("sent it back to how it was"),
    "leave": say("left it as it is"),
    "start": say("asked to start it"),
    "stop": say("asked to stop it"),
    "unlock": say("asked to unlock it"),
    # what a worker does
    "claim": say("took the order"),
    "accept": say("saw Nova accept the move"),
    "refuse": say("refused it"),
    # what the follower sees
    "arrive": say("saw it arrive"),
    "finish": say("saw the move done"),
    "complete": say("saw the confirmed move done"),
    "restore": say("saw it back as it was"),
    "end_abort": say("saw the live move stopped"),
    "undo": say("saw the live move stopped, and puts it back"),
    "expire": say("sent it back: nobody decided in time"),
    "observe_confirm": say("confirmed it outside nmigrate"),
    "observe_revert": say("rejected it outside nmigrate"),
    "reopen": say("opened the decision again"),
    "strand": say("saw a step fail half-way"),
    "fail": say("saw the move fail"),
    "started": say("saw it started"),
    "stopped": say("saw it stopped"),
    "unlocked": say("saw it unlocked"),
    "remind": say("reminded of the decision"),
    "hold_removed": say("took off the lock that held it"),
    "original_started": say("started the original beside its copy"),
    "pin_changed": say("changed the zone that it is bound to"),
    "finding": say("found something wrong"),
    "finding_ended": say("saw that it has passed"),
    "outside_move": say("began to move it"),
    "outside_move_ended": say("moved it; that has ended"),
    "outside_move_ours": say("saw that the move is one of ours"),
}

# One order to Nova, by what it does: "saw Nova accept the start", "saw the start refused".
_ORDER_WORDS: dict[str, str] = {action.value: label for action, label in ACTION_LABELS.items()} | {
    "migrate": say("move"),
    "live": say("live move"),
    "revert": say("rejection"),
    "lock": say("lock until the decision"),
    "unlock": say("unlocking"),
}
ANSWERS: dict[str, Callable[[str], str]] = {
    "accepted": lambda order: say("saw Nova accept the {order}", order=order),
    "refused": lambda order: say("saw the {order} refused", order=order),
    "failed": lambda order: say("saw the {order} fail", order=order),
}

ROLE_WORDS: dict[str, str] = {
    "helpdesk": say("helpdesk"),
    "manager": say("manager"),
    "auditor": say("auditor"),
    "operator": say("operator"),
}

PROCESS_WORDS: dict[str, str] = {"worker": say("Worker"), "follower": say("Follower")}

# What static/js/desk.js writes by itself; {age} and the like are filled in there.
PAGE_WORDS: dict[str, str] = {
    "seconds": say("{n} s", n="{n}"),
    "minutes": say("{n} min", n="{n}"),
    "minutesSeconds": say("{n} min {m} s", n="{n}", m="{m}"),
    "hours": say("{n} h", n="{n}"),
    "hoursMinutes": say("{n} h {m} min", n="{n}", m="{m}"),
    "day": say("1 day"),
    "days": say("{n} days", n="{n}"),
    "daysHours": say("{n} d {m} h", n="{n}", m="{m}"),
    "ago": say("{age} ago", age="{age}"),
    "within": say("decision due in {age}", age="{age}"),
    "overdue": say("overdue for {age}", age="{age}"),
    "theme": say("Theme: {theme}", theme="{theme}"),
    "themeChange": say("Theme: {theme}. Change it.", theme="{theme}"),
    "themeSystem": say("as the system"),
    "themeLight": say("light"),
    "themeDark": say("dark"),
    "close": say("Close"),
}


JUST = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Look:
    """A tone and the words beside it."""

    tone: str
    word: str


# What a state means where a kind of move gives it another meaning than states.MEANINGS.
_MEANS: dict[tuple[str, str], str] = {
    (Kind.LIVE, State.RUNNING): say("It goes on running while Nova moves it."),
    (Kind.SHELVE, State.RUNNING): say("It is stored, and brought up elsewhere, step by step."),
    (Kind.COPY, State.RUNNING): say(
        "A copy of it is made, step by step; the original stays beside it at least until the decision."
    ),
    (Kind.COPY, State.WAITING): say(
        "The copy runs, the original stands stopped beside it; a manager keeps the copy or drops it."
    ),
    (Kind.COPY, State.CONFIRMING): say("The copy is kept; what was asked for the original is being done."),
    (Kind.COPY, State.REVERTING): say("The copy is being taken away again."),
    (Kind.COPY, State.DONE): say("The copy has taken its place."),
    (Kind.COPY, State.REVERTED): say("The copy is gone again; the original is as it was."),
    (Kind.EVACUATE, State.RUNNING): say("Nova is building it anew on another host."),
}


def meaning(migration: Migration) -> str:
    """What the state of this migration means, in one sentence."""
    if (migration.kind, migration.state) == (Kind.LIVE, State.RUNNING):
        if migration.nova_status in ("accepted", "queued"):
            return say("It waits in line in the cloud; nothing is moved yet.")
        if migration.before.get("status") == "PAUSED":
            return say("It stays paused while Nova moves it.")
        if migration.orders.filter(action=Action.FORCE, state=Order.State.DONE).exists():
            return say("Nova pauses it until the rest of its memory has followed.")
    if migration.state == State.QUEUED and not is_just_asked(migration):
        return say("It has been asked for, and waits to be sent to Nova.")
    if is_stopped(migration):
        return MEANINGS[State.ABORTED]
    return _MEANS.get((migration.kind, migration.state), migration.meaning)


def is_just_asked(migration: Migration) -> bool:
    """Whether it may well be sent in a moment."""
    return timezone.now() - migration.requested_at < JUST


def is_stopped(migration: Migration) -> bool:
    """Stopped on the way, as was asked, and bound to its zone again since."""
    return (
        migration.state == State.REVERTED
        and migration.waiting_since is None
        and migration.nova_status == "cancelled"
    )


def of_migration(state: str) -> Look:
    return Look(STATE_TONES[State(state)], LABELS[State(state)])


def of_move(move: Migration) -> Look:
    """As of its state; "sent back" is said only of what had arrived."""
    look = of_migration(move.state)
    if move.state == State.REVERTED and move.waiting_since is None:
        return of_migration(State.ABORTED) if is_stopped(move) else Look(look.tone, say("put back"))
    return look


def of_state(value: str) -> str:
    """The word for a state that the record holds as text; another word stays as it is."""
    try:
        return LABELS[State(value)]
    except ValueError:
        return value


_OUTSIDE: dict[str, "Look"] = {
    "completed": Look(OK, say("done")),
    "done": Look(OK, say("done")),
    "confirmed": Look(OK, say("done")),
    "reverted": Look(OFF, say("sent back")),
    "cancelled": Look(OFF, say("cancelled on the way")),
    "error": Look(BAD, say("failed")),
    "failed": Look(BAD, say("failed")),
    "finished": Look(WAIT, say("waits for a decision")),
    "confirming": Look(BUSY, say("being confirmed")),
    "reverting": Look(BUSY, say("going back")),
}


def of_outside(move: OutsideMove) -> Look:
    """How a move that others made stands, by the status of Nova's record."""
    return _OUTSIDE.get(move.status, Look(BUSY, say("moving")))


def of_status(status: str, task_state: str = "") -> Look:
    """An instance's state. While Nova does something to it, that is what counts."""
    if task_state:
        doing = TASK_WORDS.get(task_state, task_state.replace("_", " ").replace("-", " "))
        return Look(
            BUSY, join([status_words(status), doing], ", ") if status in ("ACTIVE", "SHUTOFF") else doing
        )
    return Look(_STATUS_TONES.get(status, WARN), status_words(status))


def of_instance(instance: Instance) -> Look:
    return of_status(instance.status, instance.task_state)


def of_host(host: Hypervisor | Service) -> Look:
    if host.forced_down:
        return Look(BAD, say("declared down"))
    if host.state != "up":
        return Look(BAD, say("down"))
    if host.status != "enabled":
        return Look(WARN, say("out of service"))
    return Look(OK, say("up"))


def of_power(power_state: object) -> str:
    return POWER_WORDS[power_state if isinstance(power_state, int) and power_state in POWER_WORDS else 0]


def of_action(action: str) -> str:
    """What somebody did, as words; "start_accepted" is Nova's answer to an order."""
    if action in ACTION_WORDS:
        return ACTION_WORDS[action]
    order, _, answer = action.rpartition("_")
    if order in _ORDER_WORDS and answer in ANSWERS:
        return ANSWERS[answer](_ORDER_WORDS[order])
    return action.replace("_", " ")


def of_person(name: str) -> str:
    """Whom an entry names: a person by name, or who else it was."""
    return OTHERS.get(name, name)
