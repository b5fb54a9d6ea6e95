"""When a step fails after earlier ones changed something: what exists now, in words, and what can be done."""

from typing import Any

from nmigrate import audit, moves
from nmigrate.models import Instance, Migration
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.preflight import status_words
from nmigrate.services import transition
from nmigrate.services.placing import release_hold
from nmigrate.states import Kind, State


def strand(move: Migration, sentence: str, *, said: str = "", request_id: str = "", cause: str = "") -> None:
    """Stop a move half-way, inside the caller's transaction: say what exists now and offer the ways on."""
    phase = move.state
    move.stranded_in = phase
    transition(
        move,
        "strand",
        actor=audit.SYSTEM,
        note=sentence,
        request_id=request_id,
        stranded_in=phase,
        failure=f"{_step_words(move)} {sentence} {what_exists(move)}".strip(),
        next_step=_ways_on(move),
        nova_said=said,
        cause=cause,
        next_step_by="helpdesk",  # the ways on are buttons of theirs
    )


def _step_words(move: Migration) -> str:
    if not move.step:
        return ""
    return f"It stopped half-way, at the {ACTION_LABELS[Action(move.step)]}."


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


def _ways_on(move: Migration) -> str:
    if not moves.has_way_back(move):
        return "Try the step again, or show this page to an operator."
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
    if not back:
        return "Try the step again, or leave it as it is."
    return f"Try the step again, or go back: nmigrate would {back}."


def unharmed(move: Migration, instance: Instance) -> str:
    """Where an instance is after a failure that changed nothing else."""
    if instance.status == "ERROR":
        return f"{instance.name} is in error on {instance.host}. An operator must repair it."
    if instance.host == move.source_host:
        return f"{instance.name} is unharmed on {instance.host}, as it was before."
    return f"{instance.name} is on {instance.host} now."


def fail_or_strand(
    move: Migration,
    sentence: str,
    *,
    next_step: str,
    said: str,
    request_id: str,
    cause: str = "",
    who: str = "",
    **changes: Any,
) -> None:
    """The end of a move whose first step failed; a stop half-way for any later one."""
    is_deciding = move.step in (Action.CONFIRM, Action.REVERT)
    is_late = move.state in (State.CONFIRMING, State.REVERTING) and not is_deciding
    if is_late or (move.state == State.RUNNING and not moves.is_first_step(move)):
        strand(move, sentence, said=said, request_id=request_id, cause=cause)
    else:
        instance = Instance.objects.filter(cloud=move.cloud, uuid=move.instance_uuid).first()
        where = unharmed(move, instance) if instance is not None else ""
        transition(
            move,
            "fail",
            actor=audit.SYSTEM,
            note=sentence,
            request_id=request_id,
            failure=f"{sentence} {where}".strip(),
            next_step=next_step,
            nova_said=said,
            cause=cause,
            next_step_by=who,
            **changes,
        )
        release_hold(move)
