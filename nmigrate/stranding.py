"""When a step fails: the end of a move whose first step it was, a stop half-way for any later one.

What happened is said here, from what exists now; why, what to do and who can is the cause's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nmigrate import audit, moves
from nmigrate.diagnosis import HELPDESK, OPERATOR, Cause
from nmigrate.models import Instance, Migration
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.preflight import status_words
from nmigrate.retrying import DEAD_ENDS, DOUBTFUL, OF_HOSTS, Outlook
from nmigrate.sentences import join, listed, say
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
            "failure": join([_step_words(move), what_exists(move, cause.key)]),
            "next_step": _ways_on(move, cause),
        },
    )


def _step_words(move: Migration) -> str:
    if not move.step:
        return say("The move of {name} stopped half-way.", name=move.instance_name)
    return say(
        "The move of {name} stopped half-way, at the {step}.",
        name=move.instance_name,
        step=ACTION_LABELS[Action(move.step)],
    )


def what_exists(move: Migration, cause: str = "") -> str:
    """What a half-done move has left, from the inventory and the record."""
    uuids = {move.instance_uuid, move.copy_uuid} - {""}
    return _exists(
        move, {one.uuid: one for one in Instance.objects.filter(cloud=move.cloud, uuid__in=uuids)}, cause
    )


def _exists(move: Migration, known: Mapping[str, Instance], cause: str) -> str:
    name = move.instance_name
    instance = known.get(move.instance_uuid)
    parts = []
    if instance is None:
        parts.append(say("{name} itself is no longer there.", name=name))
    elif instance.status == "SHELVED_OFFLOADED":
        parts.append(say("{name} is shelved: it is on no host, and its disk is kept.", name=name))
    else:
        parts.append(
            say(
                "{name} is {state} on {host} in zone {zone}.",
                name=name,
                state=status_words(instance.status),
                host=instance.host,
                zone=instance.zone,
            )
        )
    if _is_unbound(move, instance):
        parts.append(say("It is bound to no zone now."))
    if move.kind == Kind.COPY:
        copy = known.get(move.copy_uuid)
        if move.image_id and cause != "image":
            parts.append(say("Its snapshot was left.") if is_left(move) else say("Its snapshot exists."))
        if move.copy_uuid and (copy or not is_left(move)):
            words = join([move.copy_uuid, status_words(copy.status) if copy else ""], ", ")
            parts.append(say("Its copy exists ({known}).", known=words))
    return join(parts)


def _is_unbound(move: Migration, instance: Instance | None) -> bool:
    """Its pin was cleared for the move. Long after it, the inventory knows better whether it still is."""
    is_bound_since = is_left(move) and instance is not None and bool(instance.pinned_zone)
    return move.changes_pin and move.step != Action.UNPIN and instance is not None and not is_bound_since


def is_left(move: Migration) -> bool:
    """Whether it stopped half-way and was left as it was."""
    return move.state == State.FAILED and bool(move.stranded_in) and move.cause != GONE


GONE = "deleted"
"""The cause of a move whose instance somebody deleted."""


@dataclass(frozen=True, slots=True)
class Told:
    """A failure as it is told now: what happened and what exists, what is true of the hosts, what to do, and who can.

    `is_now`: what is told comes from the inventory, so that the cause is what it was then.
    """

    what: str
    next_step: str
    by: str
    hosts: str = ""
    is_now: bool = False


def told_now(move: Migration, known: Mapping[str, Instance], outlook: Outlook | None = None) -> Told:
    """A failure as the record keeps it; but of a move that stopped half-way, what exists is told as it is by now, since
    others may have put it right, or the hosts may be back. `known`: its instance, and its copy, by UUID."""
    stored = Told(move.failure, move.next_step, move.next_step_by)
    if move.state != State.STRANDED and not is_left(move):
        return _mended(move, known, stored)
    stored = replace(stored, what=join([_step_words(move), _exists(move, known, move.cause)]), is_now=True)
    if is_left(move):
        next_step, by = _after_leaving(move, known)
        return replace(stored, next_step=next_step, by=by)
    if outlook is None or (outlook.is_open and move.cause not in OF_HOSTS):
        return stored
    stored = replace(stored, hosts=outlook.now)
    if not outlook.able:
        return stored
    back = _way_back(move) if moves.has_way_back(move) else ""
    if outlook.is_open:
        again = (
            say("Try the step again, or go back: nmigrate would {back}.", back=back)
            if back
            else say("Try the step again, or leave it as it is.")
        )
    else:
        again = (
            say("Choose another host and try the step again, or go back: nmigrate would {back}.", back=back)
            if back
            else say("Choose another host and try the step again, or leave it as it is.")
        )
    return replace(stored, next_step=again, by=HELPDESK)


def _mended(move: Migration, known: Mapping[str, Instance], stored: Told) -> Told:
    """The same, unless the instance was in error after it and has been put right since."""
    instance = known.get(move.instance_uuid)
    if move.state != State.FAILED or move.after.get("status") != "ERROR":
        return stored
    if instance is None or not is_well(move, instance):
        return stored
    mended = say(
        "{name} is {state} on {host} by now. Nothing needs to be put right any more.",
        name=instance.name,
        state=status_words(instance.status),
        host=instance.host,
    )
    return replace(stored, next_step=mended, by="")


def is_well(move: Migration, instance: Instance) -> bool:
    """Whether it runs, or is as it was before the move."""
    is_as_before = instance.status == move.before.get("status") and instance.status != "ERROR"
    return instance.status == "ACTIVE" or is_as_before


def _after_leaving(move: Migration, known: Mapping[str, Instance]) -> tuple[str, str]:
    """What is left to do, and who can."""
    instance = known.get(move.instance_uuid)
    if move.kind == Kind.COPY and move.stranded_in == State.CONFIRMING:  # the copy is what is kept
        return move.next_step, move.next_step_by
    if instance is None or is_well(move, instance):
        first, by = "", ""
    elif instance.status == "SHUTOFF":
        first, by = (
            (say("Start it, and tell its owner: it ran before the move."), HELPDESK)
            if moves.ran(move)
            else (say("Tell its owner: it is stopped now, and was not before the move."), HELPDESK)
        )
    elif instance.status.startswith("SHELVED"):
        first, by = say("An operator must bring it up again in the cloud: it is shelved."), OPERATOR
    elif instance.status == "ERROR":
        first, by = say("An operator must repair it in the cloud."), OPERATOR
    else:
        first = say("If it stays like that, an operator must look at it.")
        by = OPERATOR
    rest = []
    if instance is not None and _is_unbound(move, instance):
        rest.append(say("If it should stay in its zone, an operator binds it to that again."))
    if move.image_id or known.get(move.copy_uuid):
        rest.append(say("What is left of the copy, an operator deletes in the cloud if nobody needs it."))
    if not first and not rest:
        return say("Nothing needs to be put right any more."), ""
    return join([first, *rest]), by or OPERATOR


def _ways_on(move: Migration, cause: Cause) -> str:
    """The buttons below, after what only somebody else can do first."""
    first = cause.next_step if cause.who != HELPDESK else ""
    if not moves.has_way_back(move):
        again = (
            say("Then try the step again.")
            if first
            else say("Try the step again, or show this page to an operator.")
        )
        return join([first, again])
    back = _way_back(move)
    if move.step == Action.BOOT and move.copy_uuid:  # the copy is not booted a second time beside it
        return join([first, say("Go back: nmigrate would {back}.", back=back)])
    if not back:
        return join([first, say("Try the step again, or leave it as it is.")])
    if cause.key in DEAD_ENDS:
        return join(
            [
                first,
                say("Go back, and plan it again with another host: nmigrate would {back}.", back=back),
                say("Trying the step again helps only once that is put right."),
            ]
        )
    if first:
        return join(
            [
                first,
                say("After that, try the step again. Or go back at once: nmigrate would {back}.", back=back),
            ]
        )
    return join([first, say("Try the step again, or go back: nmigrate would {back}.", back=back)])


def _way_back(move: Migration) -> str:
    """What nmigrate would do, as the end of a sentence; "" when there is nothing to put back."""
    if move.kind == Kind.SHELVE:
        if moves.ran(move):
            return say("start it again in zone {zone}", zone=move.source_zone)
        return say("bring it up again in zone {zone}, and stop it, as it was", zone=move.source_zone)
    if move.kind == Kind.COPY:
        drop = {
            (True, True): say("delete the copy and the snapshot"),
            (True, False): say("delete the copy"),
            (False, True): say("delete the snapshot"),
        }.get((bool(move.copy_uuid), bool(move.image_id)), "")
        again = say("start {name} again", name=move.instance_name) if moves.ran(move) else ""
        return listed(part for part in (drop, again) if part)
    zone = move.before.get("pinned_zone") or say("its zone")
    return say("bind it to {zone} again, as it was", zone=zone)


def how_it_is(move: Migration, instance: Instance, cause: str = "") -> str:
    """Where an instance is after a failure; unharmed only when nothing speaks against it."""
    host = instance.host
    if instance.status == "ERROR":
        return say("It is in error on {host}.", host=host) if host else say("It is in error, on no host.")
    if cause in DOUBTFUL or instance.task_state:
        state = status_words(instance.status)
        return say("The cloud shows it on {host}: {state}.", host=host, state=state)
    if host != move.source_host:
        return say("It is {state} on {host} now.", state=status_words(instance.status), host=host)
    if instance.status == "ACTIVE":
        return say("It is unharmed and runs on {host}, as before.", host=host)
    if instance.status == "SHUTOFF":
        return say("It is unharmed and is stopped on {host}, as before.", host=host)
    return say("It is unharmed and is on {host}, as before.", host=host)


def _not_done(move: Migration) -> str:
    """Which step did not work."""
    name, host = move.instance_name, move.asked_host or move.dest_host
    match Action(move.step) if move.step else None:
        case Action.CONFIRM:
            return say("The move of {name} could not be confirmed.", name=name)
        case Action.REVERT:
            return say("{name} could not be sent back.", name=name)
        case Action.SHELVE:
            return say("{name} could not be shelved.", name=name)
        case Action.STOP:
            return say("{name} could not be stopped for the move.", name=name)
        case Action.UNPIN:
            return say("{name} could not be released from its zone.", name=name)
        case Action.EVACUATE if host:
            return say("{name} could not be evacuated to {host}.", name=name, host=host)
        case Action.EVACUATE:
            return say("{name} could not be evacuated.", name=name)
        case Action.LIVE if host:
            return say("{name} could not be moved live to {host}.", name=name, host=host)
        case Action.LIVE:
            return say("{name} could not be moved live.", name=name)
    if host:
        return say("{name} could not be moved to {host}.", name=name, host=host)
    return say("{name} could not be moved.", name=name)


def what_happened(move: Migration, cause: Cause, instance: Instance | None) -> str:
    """What did not work, and how the instance is now."""
    return join(
        [cause.what or _not_done(move), how_it_is(move, instance, cause.key) if instance is not None else ""]
    )


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
