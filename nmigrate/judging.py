"""What one step came to: from what the cloud says to done, failed or not yet. Nothing is changed here.

A step is done when its effect is seen, never because its order was accepted.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import timezone

from nmigrate import calls, preflight
from nmigrate.cloud import api
from nmigrate.diagnosis import HELPDESK, NO_VALID_HOST, OPERATOR, Cause, explain_move, own_cause
from nmigrate.models import Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.sentences import join, listed, say
from nmigrate.supposing import supposed

SETTLED = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
"""States of a server that is at rest again."""
PATIENCE = timedelta(seconds=10)
"""How long a picture that does not fit together may last before it is taken for the truth."""
BROKEN = ("error", "failed")
"""Nova's statuses of a migration record that came to nothing."""
HANGING = 3
"""So many times that patience for an instance whose task goes on although its record is closed."""
RUNNING = 1
"""Nova's power state of a guest that runs (nova/compute/power_state.py)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Done, cancelled on the way, or failed with its `cause`. `changes` are what was learned about the migration."""

    is_done: bool
    cause: Cause | None = None
    changes: dict[str, str] | None = None
    is_aborted: bool = False


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
        return Outcome(False, own_cause("no-effect"))
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
    if move.nova_status == "completed" and instance.host == move.source_host:
        # Seen in the field: the record is closed, and the instance hangs in its task where it was.
        return _on_the_wrong_host(move, instance, HANGING)
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


def _on_the_wrong_host(move: Migration, instance: Instance, times: int = 1) -> Outcome | None:
    if unchanged_for(move) <= times * PATIENCE:  # a picture between two reads is given time first
        return None
    return Outcome(False, wrong_host(move, instance, move.dest_host or say("another host")))


def wrong_host(move: Migration, instance: Instance, wanted: str) -> Cause:
    host = instance.host or say("no host")
    return own_cause("wrong-host", name=move.instance_name, host=host, dest=wanted)


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
    """The cause of a failure: the action's events and the server's fault; the records; at last the rules anew."""
    request_id = request_id or move.request_id
    try:
        action = cloud.action(instance.uuid, request_id) if request_id else None
    except api.NotFound:
        action = None
    fault = cloud.server(instance.uuid).fault if instance.status == "ERROR" else ""
    words = {
        "name": instance.name,
        "source": move.source_host,
        "dest": move.asked_host or move.dest_host,
    }
    cause = explain_move(action, fault, **words)
    if move.step == Action.LIVE:
        cause = _live_cause(move, instance, cause, words)
    elif move.step == Action.CONFIRM and instance.status == "ERROR":
        # Nova leaves its advice in the log only (nova/compute/manager.py confirm_resize)
        cause = own_cause("confirm-cleanup", *cause.proofs, **words)
    if cause.key == NO_VALID_HOST:
        cause = supposed(cloud, move, instance, cause)
    elif cause.key == "no-words" and instance.status == "ERROR":
        cause = own_cause("in-error", *cause.proofs, **words)
    elif cause.key.startswith("unknown:") and instance.status == "ERROR":
        find = say(
            "An operator must find out why, and bring it out of its error. Then it can be planned again."
        )
        cause = replace(cause, next_step=find)
    if instance.status == "ERROR" and cause.who == HELPDESK:
        # Nova moves nothing that is in error, so planning it again would be refused.
        first = say("An operator must bring it out of its error first.")
        cause = replace(cause, who=OPERATOR, next_step=join([first, cause.next_step]))
    return Outcome(False, cause)


def _live_cause(move: Migration, instance: Instance, cause: Cause, words: dict[str, str]) -> Cause:
    """What the records of a live move tell beside, or instead of, the cloud's words."""
    was_post_copy = move.observations.filter(nova_status__contains="post-copy").exists()
    if was_post_copy:
        return own_cause("post-copy-broke", *cause.proofs, **words)
    if instance.status == "ERROR" and instance.power_state == RUNNING:
        return own_cause("error-but-runs", *cause.proofs, **words)
    if cause.key == "no-words" and move.nova_status == "failed":
        beside = local_disks_beside(instance)
        if beside:
            return own_cause("copies-local-disk", *cause.proofs, beside=beside, **words)
        return own_cause("copy-broke-off", *cause.proofs, **words)
    return cause


def local_disks_beside(instance: Instance) -> str:
    """What lies on the host itself of an instance that starts from a volume; "" for any other."""
    if not preflight.starts_from_volume(instance):
        return ""
    parts = (
        (say("an ephemeral disk"), instance.ephemeral_gb),
        (say("a swap disk"), instance.swap_mb),
        (say("a config drive"), instance.config_drive),
    )
    return listed(name for name, is_there in parts if is_there)


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
        return Outcome(False, own_cause("no-effect"))
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
        cause = explained(cloud, move, instance, order.request_id).cause
        if cause is None or cause.key == "no-words":
            cause = own_cause("snapshot-failed", *(cause.proofs if cause else ()))
        return Outcome(False, cause, changes={"image_id": image.id} if image is not None else None)
    return _given_up(cloud, move, order, instance) if image is None else None


def _boot(cloud: api.Cloud, move: Migration, order: Order) -> Outcome | None:
    if not move.copy_uuid:
        made = calls.copy_of(order, cloud)
        if made is None:
            waited = order.answered_at is not None and timezone.now() - order.answered_at > PATIENCE
            return Outcome(False, own_cause("copy-gone")) if waited else None
        Migration.objects.filter(pk=move.pk).update(copy_uuid=made.uuid)
        move.copy_uuid = made.uuid
    copy = Instance.objects.filter(cloud=move.cloud, uuid=move.copy_uuid).first()
    if copy is None:
        return None
    if copy.status == "ERROR" and not copy.task_state:
        fault = cloud.server(copy.uuid).fault
        cause = explain_move(
            None, fault, name=copy.name, source=move.source_host, dest=copy.host or move.asked_host
        )
        if cause.key == NO_VALID_HOST:
            cause = supposed(cloud, move, copy, cause)
        return Outcome(False, cause)
    if copy.status == "ACTIVE" and not copy.task_state:
        return Outcome(True, changes={"dest_host": copy.host, "dest_zone": copy.zone})
    return None
