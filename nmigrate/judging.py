"""What one step came to: from what the cloud says to done, failed or not yet. Nothing is changed here.

A step is done when its effect is seen, never because its order was accepted.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import timezone

from nmigrate import calls
from nmigrate.cloud import api
from nmigrate.diagnosis import explain_move
from nmigrate.models import Instance, Migration, Order
from nmigrate.moves import Action

SETTLED = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
"""States of a server that is at rest again."""
PATIENCE = timedelta(seconds=10)
"""How long a picture that does not fit together may last before it is taken for the truth."""
BROKEN = ("error", "failed")
"""Nova's statuses of a migration record that came to nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`is_done`, or failed with the words for it. `changes` are what was learned about the migration."""

    is_done: bool
    what: str = ""
    next_step: str = ""
    said: str = ""
    changes: dict[str, str] | None = None
    is_aborted: bool = False
    cause: str = ""
    who: str = ""


DONE = Outcome(True)


def judge(
    cloud: api.Cloud, move: Migration, order: Order | None, instance: Instance | None
) -> Outcome | None:
    """What became of the step that this move is at; None while it is under way.

    Moves (migrate, live, evacuate, confirm, revert) are judged from lists that were read anyway; the small steps
    cost a call or two of their own, once each.
    """
    action = Action(move.step)
    if instance is None:
        return _judge_gone(cloud, order, action)
    match action:
        case Action.MIGRATE:
            return _migrate(cloud, move, instance)
        case Action.LIVE:
            return _live(cloud, move, instance)
        case Action.EVACUATE:
            return _evacuate(cloud, move, instance)
        case Action.CONFIRM | Action.REVERT:
            return None  # following.py: what Nova's own record says
    if order is None:
        return None
    match action:
        case Action.SHELVE:
            is_done = instance.status in ("SHELVED", "SHELVED_OFFLOADED")
        case Action.OFFLOAD:
            is_done = instance.status == "SHELVED_OFFLOADED"
        case Action.UNSHELVE:
            zone = order.args["zone"]
            is_done = instance.status == "ACTIVE" and (instance.zone == zone if zone else bool(instance.host))
        case Action.STOP:
            is_done = instance.status == "SHUTOFF"
        case Action.START:
            is_done = instance.status == "ACTIVE"
        case Action.SNAPSHOT:
            return _snapshot(cloud, move, order, instance)
        case Action.BOOT:
            return _boot(cloud, move, order)
        case _:
            return _at_once(cloud, order)
    if instance.task_state:
        return None
    if is_done:
        return DONE
    return _given_up(cloud, move, order, instance)


def _judge_gone(cloud: api.Cloud, order: Order | None, action: Action) -> Outcome | None:
    """The instance is not in the inventory: for some steps that is what was wanted, or no matter."""
    if order is not None and action in (
        Action.DELETE, Action.UNLOCK, Action.READDRESS, Action.DELETE_IMAGE,
    ):  # fmt: skip
        return _at_once(cloud, order)
    return None


def _at_once(cloud: api.Cloud, order: Order) -> Outcome | None:
    """A step whose effect shows at once: one fresh look."""
    server: api.Server | None
    try:
        server = cloud.server(order.instance_uuid)
    except api.NotFound:
        server = None
    if calls.is_reached(order, cloud, server):
        return DONE
    if order.answered_at is not None and timezone.now() - order.answered_at > 6 * PATIENCE:
        return Outcome(False, "The cloud accepted it, and it has had no effect.", "Try the step again.")
    return None


# -- moves


def _migrate(cloud: api.Cloud, move: Migration, instance: Instance) -> Outcome | None:
    if move.nova_status == "finished" and instance.status == "VERIFY_RESIZE" and not instance.task_state:
        return Outcome(True, changes={"dest_host": instance.host, "dest_zone": instance.zone})
    return _broken(cloud, move, instance)


def _live(cloud: api.Cloud, move: Migration, instance: Instance) -> Outcome | None:
    is_at_rest = instance.status in SETTLED and not instance.task_state
    if move.nova_status == "completed" and is_at_rest:
        # ACTIVE there before its record says so, and the record may be read before the server: wait for both.
        if instance.host == move.dest_host and instance.host != move.source_host:
            return Outcome(True, changes={"dest_zone": instance.zone})
        return _on_the_wrong_host(move, instance)
    if move.nova_status == "cancelled" and is_at_rest:
        return Outcome(False, is_aborted=True)
    return _broken(cloud, move, instance)


def _evacuate(cloud: api.Cloud, move: Migration, instance: Instance) -> Outcome | None:
    is_at_rest = instance.status in SETTLED and not instance.task_state
    if move.nova_status in ("done", "completed") and is_at_rest:
        if instance.host != move.source_host:
            return Outcome(True, changes={"dest_host": instance.host, "dest_zone": instance.zone})
        return _on_the_wrong_host(move, instance)
    return _broken(cloud, move, instance)


def _on_the_wrong_host(move: Migration, instance: Instance) -> Outcome | None:
    if unchanged_for(move) <= PATIENCE:  # a picture between two reads is given time first
        return None
    return Outcome(
        False,
        f"Nova says that it is finished, but {instance.name} is on {instance.host} "
        f"and not on {move.dest_host or 'another host'}.",
        "An operator must look at it at once; do not move it or reset its state before.",
    )


def _broken(cloud: api.Cloud, move: Migration, instance: Instance) -> Outcome | None:
    if is_over(move, instance) or (move.server_migration_id is None and _gave_up(cloud, move)):
        return explained(cloud, move, instance)
    return None


def is_over(move: Migration, instance: Instance) -> bool:
    """Whether Nova has given it up."""
    if instance.task_state:
        return False
    return move.nova_status in BROKEN or (instance.status == "ERROR" and move.kind != "evacuate")


def _gave_up(cloud: api.Cloud, move: Migration) -> bool:
    """Nova has no record of the move: whether the action itself says that it failed."""
    if move.accepted_at is None or not move.request_id or timezone.now() - move.accepted_at < PATIENCE:
        return False
    return _has_failed(cloud, move.instance_uuid, move.request_id)


def _has_failed(cloud: api.Cloud, uuid: str, request_id: str) -> bool:
    """What the action itself says; Nova forgets actions when an operator purges its database."""
    try:
        return cloud.action(uuid, request_id).message == "Error"
    except api.NotFound:
        return False


def explained(cloud: api.Cloud, move: Migration, instance: Instance, request_id: str = "") -> Outcome:
    """The cause of a failure, from the action's events and the server's fault."""
    request_id = request_id or move.request_id
    try:
        action = cloud.action(instance.uuid, request_id) if request_id else None
    except api.NotFound:
        action = None
    fault = cloud.server(instance.uuid).fault if instance.status == "ERROR" else ""
    cause = explain_move(instance.name, action, fault, move.asked_host)
    return Outcome(False, cause.what, cause.next_step, cause.said, cause=cause.key, who=cause.who)


def unchanged_for(move: Migration) -> timedelta:
    """How long Nova has said the same, by our own clock."""
    last = move.observations.order_by("-id").first()
    return timezone.now() - last.at if last else timedelta(0)


# -- the other steps


def _given_up(cloud: api.Cloud, move: Migration, order: Order, instance: Instance) -> Outcome | None:
    """At rest, and not where the step leads: Nova's action says whether it failed; at last, time does."""
    if order.answered_at is None or timezone.now() - order.answered_at < PATIENCE:
        return None
    if instance.status == "ERROR":
        return explained(cloud, move, instance, order.request_id)
    if order.request_id and _has_failed(cloud, order.instance_uuid, order.request_id):
        return explained(cloud, move, instance, order.request_id)
    if timezone.now() - order.answered_at > 30 * PATIENCE:
        return Outcome(
            False,
            "Nova accepted it, and nothing has come of it for minutes.",
            "Show this page to an operator.",
        )
    return None


def _snapshot(cloud: api.Cloud, move: Migration, order: Order, instance: Instance) -> Outcome | None:
    if instance.task_state:
        return None
    image = next(iter(cloud.images_named(calls.image_name(order))), None)
    if image is not None and image.status == "active":
        return Outcome(True, changes={"image_id": image.id})
    is_dead = image is not None and image.status in ("killed", "deleted", "pending_delete")
    waited = order.answered_at is not None and timezone.now() - order.answered_at > PATIENCE
    if is_dead or (waited and image is None):
        outcome = explained(cloud, move, instance, order.request_id)
        changes = {"image_id": image.id} if image is not None else None
        return replace(outcome, what="The snapshot of its disk failed.", changes=changes)
    return _given_up(cloud, move, order, instance) if image is None else None


def _boot(cloud: api.Cloud, move: Migration, order: Order) -> Outcome | None:
    if not move.copy_uuid:
        made = calls.copy_of(order, cloud)
        if made is None:
            waited = order.answered_at is not None and timezone.now() - order.answered_at > PATIENCE
            return (
                Outcome(False, "Nova accepted the copy, and it is gone.", "Try the step again.")
                if waited
                else None
            )
        Migration.objects.filter(pk=move.pk).update(copy_uuid=made.uuid)
        move.copy_uuid = made.uuid
    copy = Instance.objects.filter(cloud=move.cloud, uuid=move.copy_uuid).first()
    if copy is None:
        return None
    if copy.status == "ERROR" and not copy.task_state:
        fault = cloud.server(copy.uuid).fault
        cause = explain_move(copy.name, None, fault, move.asked_host)
        what = f"The copy could not be started. {cause.what}"
        return Outcome(False, what, cause.next_step, cause.said, cause=cause.key, who=cause.who)
    if copy.status == "ACTIVE" and not copy.task_state:
        return Outcome(True, changes={"dest_host": copy.host, "dest_zone": copy.zone})
    return None
