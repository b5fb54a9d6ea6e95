"""Start, stop and unlock of an instance: small orders of their own, beside any move."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from nmigrate import audit, preflight
from nmigrate.errors import Conflict
from nmigrate.models import Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.selectors import moving_words
from nmigrate.sentences import say
from nmigrate.services.placing import place_order
from nmigrate.services.requests import active_migration
from nmigrate.states import Perm

SIMPLE = (Action.START, Action.STOP, Action.UNLOCK)


def start_instance(*, actor: User, instance: Instance) -> Order:
    """Ask Nova to start a stopped instance. Conflict when it is not stopped, is locked, or is being worked on."""
    return _order(instance, Action.START, Perm.OPERATE, preflight.start_objections(instance), actor=actor)


def stop_instance(*, actor: User, instance: Instance, note: str = "") -> Order:
    """Ask Nova to shut down a running instance: not for who must ask before downtime.

    Conflict when it does not run, is locked, or is being worked on.
    """
    return _order(
        instance, Action.STOP, Perm.STOP, preflight.stop_objections(instance), actor=actor, note=note
    )


def unlock_instance(*, actor: User, instance: Instance, note: str = "") -> Order:
    """Ask Nova to take a lock off. A reason must be given: the lock was somebody's wish, and the trail keeps why."""
    if not note.strip() and actor.has_perm(Perm.UNLOCK):
        raise Conflict(say("Say why {name} is unlocked: somebody locked it on purpose.", name=instance.name))
    return _order(
        instance, Action.UNLOCK, Perm.UNLOCK, preflight.unlock_objections(instance), actor=actor, note=note
    )


def _order(
    instance: Instance,
    action: Action,
    permission: Perm,
    objections: list[str],
    *,
    actor: User,
    note: str = "",
) -> Order:
    if not actor.has_perm(permission):
        raise PermissionDenied(f"may not {action} instances")
    if objections:
        raise Conflict(objections[0])
    under_way: Migration | None = active_migration(instance.cloud_id, instance.uuid)
    if under_way:
        raise Conflict(moving_words(under_way))
    if Order.objects.filter(
        cloud=instance.cloud_id,
        instance_uuid=instance.uuid,
        action__in=SIMPLE,
        migration=None,
        state=Order.State.ACCEPTED,
    ).exists():
        raise Conflict(
            {
                Action.START: say("{name} is being started already.", name=instance.name),
                Action.STOP: say("{name} is being stopped already.", name=instance.name),
                Action.UNLOCK: say("{name} is being unlocked already.", name=instance.name),
            }[action]
        )
    try:
        with transaction.atomic():
            order = place_order(action, actor=actor, about=instance)
            audit.record(
                action.value,
                actor=actor,
                cloud=instance.cloud_id,
                instance_uuid=instance.uuid,
                instance_name=instance.name,
                from_host=instance.host,
                reason=note.strip() or (instance.locked_reason if action is Action.UNLOCK else ""),
            )
    except IntegrityError as error:
        raise Conflict(
            say("{name} is being worked on right now. Try again in a moment.", name=instance.name)
        ) from error
    return order
