"""When a step fails: the end of a move whose first step it was, a stop half-way for any later one.

What happened is said here, from what exists now; why, what to do and who can is the cause's.
"""

from typing import Any

from nmigrate import audit, moves
from nmigrate.diagnosis import HELPDESK, Cause
from nmigrate.models import Instance, Migration
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.preflight import status_words
from nmigrate.services import transition
from nmigrate.services.placing import release_hold
from nmigrate.states import Kind, State


def strand(move: Migration, cause: Cause, *, request_id: str = "") -> None:
    """Stop a move half-way, inside the caller's transaction: say what exists now and offer the ways on."""
    phase = move.state
    move.stranded_in = phase
    transition(
        move,
        "strand",
        actor=audit.SYSTEM,
        note=cause.why,
        request_id=request_id,
        **cause.fields()
        | {
            "stranded_in": phase,
            "failure": f"{_step_words(move)} {what_exists(move)}".strip(),
            "next_step": _ways_on(move, cause),
        },
    )


def _step_words(move: Migration) -> str:
    if not move.step:
        return f"The move of {move.instance_name} stopped half-way."
    return f"The move of {move.instance_name} stopped half-way, at the {ACTION_LABELS[Action(move.step)]}."


def what_exists(move: Migration) -> str:
    """What a half-done move has left, from the inventory and the record."""
    name = move.instance_name
    instance = Instance.objects.filter(cloud=move.cloud, uuid=move.instance_uuid).first()
    parts = []
    if instance is None:
        parts.append(f"{name} itself is no longer there.")
    elif instance.status == "SHELVED_OFFLOADED":
        parts.append(f"{name} is shelved: it is on no host, and its disk is kept.")
    else:
        parts.append(f"{name} is {status_words(instance.status)} on {instance.host} in zone {instance.zone}.")
    if move.changes_pin and move.step != Action.UNPIN:
        parts.append("It is bound to no zone now.")
    if move.kind == Kind.COPY:
        if move.image_id:
            parts.append("Its snapshot exists.")
        if move.copy_uuid:
            copy = Instance.objects.filter(cloud=move.cloud, uuid=move.copy_uuid).first()
            state = f", {status_words(copy.status)}" if copy else ""
            parts.append(f"Its copy exists ({move.copy_uuid}{state}).")
    return " ".join(parts)


def _ways_on(move: Migration, cause: Cause) -> str:
    """The buttons below, after what only somebody else can do first."""
    first = f"{cause.next_step} " if cause.who != HELPDESK else ""
    if not moves.has_way_back(move):
        return f"{first}Then try the step again." if first else _or_an_operator("Try the step again")
    if move.kind == Kind.SHELVE:
        back = f"start it again in {move.source_zone}"
    elif move.kind == Kind.COPY:
        drop = [
            word for word, there in (("the copy", move.copy_uuid), ("the snapshot", move.image_id)) if there
        ]
        again = f"start {move.instance_name} again" if moves.ran(move) else ""
        back = " and ".join(part for part in (f"delete {' and '.join(drop)}" if drop else "", again) if part)
    else:
        back = f"bind it to {move.before.get('pinned_zone')} again, as it was"
    if move.step == Action.BOOT and move.copy_uuid:
        return f"{first}Go back: nmigrate would {back}."  # the copy is not booted a second time beside it
    if not back:
        return f"{first}Try the step again, or leave it as it is."
    return f"{first}Try the step again, or go back: nmigrate would {back}."


def _or_an_operator(way: str) -> str:
    return f"{way}, or show this page to an operator."


def unharmed(move: Migration, instance: Instance) -> str:
    """Where an instance is after a failure that changed nothing else."""
    if instance.status == "ERROR":
        return f"It is in error on {instance.host}." if instance.host else "It is in error, on no host."
    if instance.host == move.source_host:
        state = {"ACTIVE": "runs", "SHUTOFF": "is stopped"}.get(instance.status, "is")
        return f"It is unharmed and {state} on {instance.host}, as before."
    return f"It is {status_words(instance.status)} on {instance.host} now."


_FAILED = {
    Action.CONFIRM: "The move of {name} could not be confirmed.",
    Action.REVERT: "{name} could not be sent back.",
    Action.EVACUATE: "{name} could not be evacuated{to}.",
    Action.SHELVE: "{name} could not be shelved.",
    Action.STOP: "{name} could not be stopped for the move.",
    Action.UNPIN: "{name} could not be released from its zone.",
    Action.LIVE: "{name} could not be moved live{to}.",
}


def what_happened(move: Migration, cause: Cause, instance: Instance | None) -> str:
    """What did not work, and how the instance is now."""
    to = move.asked_host or move.dest_host
    known = _FAILED.get(Action(move.step)) if move.step else None
    said = cause.what or (known or "{name} could not be moved{to}.").format(
        name=move.instance_name, to=f" to {to}" if to else ""
    )
    return f"{said} {unharmed(move, instance)}" if instance is not None else said


def fail_or_strand(move: Migration, cause: Cause, *, request_id: str, **changes: Any) -> None:
    """The end of a move whose first step failed; a stop half-way for any later one."""
    is_deciding = move.step in (Action.CONFIRM, Action.REVERT)
    is_late = move.state in (State.CONFIRMING, State.REVERTING) and not is_deciding
    if is_late or (move.state == State.RUNNING and not moves.is_first_step(move)):
        strand(move, cause, request_id=request_id)
        return
    instance = Instance.objects.filter(cloud=move.cloud, uuid=move.instance_uuid).first()
    transition(
        move,
        "fail",
        actor=audit.SYSTEM,
        note=cause.why,
        request_id=request_id,
        **cause.fields() | {"failure": what_happened(move, cause, instance)} | changes,
    )
    release_hold(move)
