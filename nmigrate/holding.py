"""The hold: an instance whose move waits for a decision is locked, so that nobody decides past the manager.

A lock keeps members of the project from confirming, reverting, stopping and deleting (nova/compute/api.py). It does
not stop an administrator, Nova's own resize_confirm_window, or a change of the pinned zone: those are watched.
"""

import itertools
import time
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from nmigrate import audit
from nmigrate.cloud import api
from nmigrate.models import AuditEvent, Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.sentences import say
from nmigrate.services.placing import place_order

SETTLE = timedelta(seconds=10)
"""How long after the lock the inventory may still show none."""
LOOK_EVERY = 5.0
"""Seconds between two fresh looks at a waiting move of a cloud, one move at a time."""
_last_look: dict[str, float] = {}
_turns = itertools.count()
TRIES = 3
"""How often a lock that somebody took off is put back."""


def place_hold(move: Migration) -> None:
    """Order the lock, inside the caller's transaction. The move waits for its decision with or without it."""
    place_order(Action.LOCK, actor=None, about=move)


def watch(cloud: api.Cloud, waiting: list[Migration]) -> None:
    """Look freshly at one of the waiting moves now and then, whatever their number: Nova's list of changes does not
    tell a changed pin (seen on the lab)."""
    if not waiting or time.monotonic() - _last_look.get(cloud.name, -LOOK_EVERY) < LOOK_EVERY:
        return
    _last_look[cloud.name] = time.monotonic()
    move = waiting[next(_turns) % len(waiting)]
    try:
        server = cloud.server(move.instance_uuid)
    except api.NotFound:
        return  # following.py tells what that means
    _watch_pin(move, server)


def hold(cloud: api.Cloud, move: Migration, instance: Instance | None) -> None:
    """Watch the lock while the move waits."""
    locks = list(move.orders.filter(action=Action.LOCK).order_by("id"))
    last = locks[-1] if locks else None
    if last is None or last.state in Order.OPEN or instance is None:
        return
    if last.state == Order.State.ACCEPTED and instance.locked:
        Order.objects.filter(pk=last.pk, state=Order.State.ACCEPTED).update(
            state=Order.State.DONE, ended_at=timezone.now()
        )
    elif move.is_held and not instance.locked and _has_settled(last) and len(locks) < TRIES:
        _lock_again(cloud, move, instance)


def _has_settled(order: Order) -> bool:
    return order.answered_at is not None and timezone.now() - order.answered_at > SETTLE


def _lock_again(cloud: api.Cloud, move: Migration, instance: Instance) -> None:
    if cloud.server(instance.uuid).locked:
        return  # the inventory is behind
    asked = _asked(cloud, move, "unlock")
    who = (cloud.user_name(asked.user_id) if asked else "") or audit.SOMEBODY
    try:
        with transaction.atomic():
            audit.record(
                "hold_removed",
                actor=who,
                is_outside=True,
                migration=move,
                state_before=move.state,
                state_after=move.state,
                reason=say("nmigrate locks it again at once"),
                request_id=asked.request_id if asked else "",
            )
            place_hold(move)
            _remark(
                move,
                say(
                    "{person} took off the lock that held it for the decision; nmigrate put it back.",
                    person=who,
                ),
            )
    except IntegrityError:
        pass  # another order is on its way: the next tick looks again


def _watch_pin(move: Migration, instance: api.Server) -> None:
    """Nova lets a member change the pinned zone of a locked server (seen on the lab)."""
    if not instance.pin_known or move.changes_pin:
        return
    before = move.before.get("pinned_zone")
    if instance.pinned_zone == before or not move.before.get("pin_known"):
        return
    zones = {"old": before or say("none"), "new": instance.pinned_zone or say("none")}
    reason = say("its pinned zone was changed from {old} to {new} while it waits", **zones)
    if AuditEvent.objects.filter(migration_id=move.pk, action="pin_changed", reason=reason).exists():
        return
    with transaction.atomic():
        audit.record(
            "pin_changed",
            actor=audit.SOMEBODY,
            is_outside=True,
            migration=move,
            state_before=move.state,
            state_after=move.state,
            reason=reason,
        )
        _remark(
            move,
            say("While it waited, its pinned zone was changed from {old} to {new}.", **zones),
        )


def _asked(cloud: api.Cloud, move: Migration, nova_action: str) -> api.Action | None:
    """The newest such action that is not ours."""
    ours = set(move.orders.exclude(request_id="").values_list("request_id", flat=True))
    return next(
        (
            one
            for one in cloud.actions(move.instance_uuid)
            if one.action == nova_action and one.request_id not in ours
        ),
        None,
    )


def _remark(move: Migration, text: str) -> None:
    Migration.objects.filter(pk=move.pk).update(remark=text, version=F("version") + 1)
    move.refresh_from_db()
