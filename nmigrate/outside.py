"""What was decided past this application: noticed, written down with who and when, and followed to its end."""

from itertools import takewhile

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from nmigrate import audit
from nmigrate.cloud import api
from nmigrate.diagnosis import own_cause
from nmigrate.facts import snapshot
from nmigrate.models import Approval, AuditEvent, Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.sentences import join, say
from nmigrate.services import transition
from nmigrate.services.decisions import carry_out
from nmigrate.states import State
from nmigrate.stranding import how_it_is

_KEPT, _BACK = ("confirming", "confirmed"), ("reverting", "reverted")


def is_decided_outside(move: Migration) -> bool:
    """Whether Nova's record tells of a decision that is not the one made here."""
    if move.state in (State.RUNNING, State.WAITING):
        return move.nova_status in (*_KEPT, *_BACK)
    if move.state == State.CONFIRMING:
        return move.nova_status in _BACK
    return move.state == State.REVERTING and move.nova_status in _KEPT


def note(cloud: api.Cloud, move: Migration) -> None:
    """Somebody confirmed or reverted the resize."""
    is_kept = move.nova_status in _KEPT
    asked = _action(cloud, move, "confirmResize" if is_kept else "revertResize")
    step = Action.CONFIRM if is_kept else Action.REVERT
    _write(cloud, move, is_kept=is_kept, asked=asked, step=step)


def _action(cloud: api.Cloud, move: Migration, nova_action: str, uuid: str = "") -> api.Action | None:
    """The newest action of this name, of somebody else, since our own order."""
    ours = set(move.orders.exclude(request_id="").values_list("request_id", flat=True))
    # Newest first; what is older than our own order was about an earlier move, and its author is not to blame.
    since = takewhile(
        lambda found: found.request_id != move.request_id, cloud.actions(uuid or move.instance_uuid)
    )
    return next((one for one in since if one.action == nova_action and one.request_id not in ours), None)


def deletion(cloud: api.Cloud, move: Migration) -> api.Action | None:
    """Who deleted the instance, where Nova still tells."""
    try:
        return _action(cloud, move, "delete")
    except api.NotFound:
        return None


def author(cloud: api.Cloud, asked: api.Action | None) -> str:
    """Who asked Nova for it, by name."""
    if asked is None:
        return audit.SOMEBODY
    if not asked.user_id:  # seen on the lab: auto-confirm leaves an action without a user
        return audit.NOVA_ITSELF
    return cloud.user_name(asked.user_id)


def _write(
    cloud: api.Cloud, move: Migration, *, is_kept: bool, asked: api.Action | None, step: Action | None
) -> None:
    """The record of it, and the follow-up: what the decision here would have led to goes on from there."""
    who = author(cloud, asked)
    note = (
        say("decided outside nmigrate: confirmed by {person}", person=who)
        if is_kept
        else say("decided outside nmigrate: rejected by {person}", person=who)
    )
    with transaction.atomic():
        if State(move.state) in (State.CONFIRMING, State.REVERTING):
            transition(
                move, "reopen", actor=audit.SYSTEM, note=say("It was decided otherwise outside nmigrate.")
            )
        arrived = {} if move.waiting_since else {"waiting_since": timezone.now()}
        transition(
            move,
            "observe_confirm" if is_kept else "observe_revert",
            actor=who,
            is_outside=True,
            note=note,
            request_id=asked.request_id if asked else "",
            is_decided_outside=True,
            step=step or "",
            **arrived,
        )
        Approval.objects.create(
            migration=move,
            decision=Approval.CONFIRM if is_kept else Approval.REJECT,
            comment=say("decided outside nmigrate"),
            requested_by_id=move.requested_by_id,
            decided_by_name=str(who),
            decided_at=asked.started_at if asked and asked.started_at else timezone.now(),
            is_outside=True,
        )
        Order.objects.filter(migration=move, action=Action.LOCK, state=Order.State.QUEUED).update(
            state=Order.State.REFUSED, ended_at=timezone.now(), problem=say("Decided before it was locked.")
        )
        if step is None:
            carry_out(move, actor=None)


def judge_copy(cloud: api.Cloud, move: Migration, instance: Instance | None, copy: Instance | None) -> None:
    """While a copy waits: the original deleted is a decision for the copy, and the other way round."""
    if copy is None and is_gone(cloud, move.copy_uuid):
        _write(cloud, move, is_kept=False, asked=_action(cloud, move, "delete", move.copy_uuid), step=None)
    elif instance is not None and instance.status == "ACTIVE":
        _note_started(move, instance)
    elif instance is None and is_gone(cloud, move.instance_uuid):
        _write(cloud, move, is_kept=True, asked=_action(cloud, move, "delete"), step=None)


def _note_started(move: Migration, instance: Instance) -> None:
    """The original runs beside its copy: an administrator started it past the lock."""
    if AuditEvent.objects.filter(migration_id=move.pk, action="original_started").exists():
        return
    sentence = say("{name} itself was started outside nmigrate and runs beside its copy.", name=instance.name)
    with transaction.atomic():
        audit.record(
            "original_started",
            actor=audit.SOMEBODY,
            is_outside=True,
            migration=move,
            state_before=move.state,
            state_after=move.state,
            reason=sentence,
        )
        Migration.objects.filter(pk=move.pk).update(remark=sentence, version=F("version") + 1)


def is_gone(cloud: api.Cloud, uuid: str) -> bool:
    """Whether the cloud itself says so; a server that waits for its final deletion is gone, too."""
    try:
        return cloud.server(uuid).is_deleted
    except api.NotFound:
        return True


def note_abort(cloud: api.Cloud, move: Migration, order: Order | None, instance: Instance | None) -> None:
    """Nova says `cancelled`: by our own order, by somebody else, or by Nova's own limit of time."""
    is_ours = move.orders.filter(
        action=Action.ABORT,
        state__in=(
            Order.State.SENT,
            Order.State.ACCEPTED,
        ),  # sent: its answer was lost, and this is the answer
        args__migration=move.server_migration_id,
    ).exists()
    asked = None if is_ours else _action(cloud, move, "live_migration_cancel")
    with transaction.atomic():
        Order.objects.filter(
            migration=move, action__in=(Action.ABORT, Action.FORCE), state=Order.State.ACCEPTED
        ).update(state=Order.State.DONE, ended_at=timezone.now())
        if order is not None:
            Order.objects.filter(pk=order.pk, state=Order.State.ACCEPTED).update(
                state=Order.State.FAILED, ended_at=timezone.now(), problem=say("It was cancelled on the way.")
            )
        _end_aborted(cloud, move, instance, is_ours=is_ours, asked=asked)


def _end_aborted(
    cloud: api.Cloud, move: Migration, instance: Instance | None, *, is_ours: bool, asked: api.Action | None
) -> None:
    if is_ours:
        key, sentence = "stopped-as-asked", say("It was cancelled on the way, as asked.")
    elif asked is not None:
        key = "stopped-outside"
        sentence = say(
            "It was cancelled on the way outside nmigrate, by {person}.", person=author(cloud, asked)
        )
    else:
        key = "never-converges"
        sentence = say("The cloud gave up the live move, because it did not come to an end.")
    if move.changes_pin:  # its pin was cleared before: that is put back by itself
        transition(move, "undo", actor=audit.SYSTEM, note=sentence, remark=sentence)
        carry_out(move, actor=None)
        return
    outside = not is_ours and asked is not None
    cause = own_cause(key, name=move.instance_name, source=move.source_host, dest=move.dest_host)
    failure = join([sentence, how_it_is(move, instance) if instance else ""])
    transition(
        move,
        "end_abort",
        actor=author(cloud, asked) if outside else audit.SYSTEM,
        is_outside=outside,
        note=sentence,
        request_id=asked.request_id if asked else "",
        ended_at=timezone.now(),
        after=snapshot(instance) if instance else {},
        step="",
        **cause.fields() | {"failure": failure},
    )
