"""What goes wrong in the cloud or between it and us: tasks without an end, broken instances, silence."""

from collections.abc import Iterator

from nmigrate.models import Order
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.preflight import TASK_WORDS
from nmigrate.sentences import say
from nmigrate.watchdog.picture import Found, Picture, limit, span

BROKEN = ("error", "failed")


def unread(picture: Picture) -> Iterator[Found]:
    """The cloud cannot be read: what the pages show grows old."""
    seconds = limit("SILENT")
    cloud = picture.cloud
    if picture.is_past(cloud.synced_at, seconds):
        yield Found(
            "unread",
            say(
                "{cloud} could not be read for {span}: what these pages show of it grows old.",
                cloud=cloud.name,
                span=span(seconds),
            ),
            say("An operator looks into it: {why}", why=cloud.problem)
            if cloud.problem
            else say("An operator looks into it: the follower has stopped, or is very slow."),
            "operator",
        )


def unanswered(picture: Picture) -> Iterator[Found]:
    """An order that no worker takes, or to which Nova gives no answer."""
    seconds = limit("SILENT")
    for order in picture.orders:
        if order.state not in Order.OPEN:
            continue
        is_sent = order.state == Order.State.SENT
        if not picture.is_past(order.claimed_at if is_sent else order.created_at, seconds):
            continue
        about = {
            "order": ACTION_LABELS[Action(order.action)],
            "name": order.instance_name,
            "span": span(seconds),
        }
        if is_sent:
            what = say("Nova has not answered to the {order} of {name} for {span}.", **about)
            next_step = say(
                "nmigrate looks whether it arrived, and never sends it twice. An operator looks at Nova."
            )
        else:
            what = say("The {order} of {name} has not been sent for {span}.", **about)
            next_step = (
                say("An operator looks into it: {why}", why=order.problem)
                if order.problem
                else say("An operator looks whether the workers run; the order is kept meanwhile.")
            )
        yield Found(
            "unanswered",
            what,
            next_step,
            "operator",
            next((move for move in picture.moves if move.pk == order.migration_id), None),
            order.instance_uuid,
            order.instance_name,
        )


def endless_task(picture: Picture) -> Iterator[Found]:
    """Nova has been doing the same to an instance for long, without a sign of life (its own time of change)."""
    seconds = limit("TASK")
    for instance in picture.instances.values():
        if not instance.task_state or not picture.is_past(
            instance.updated_at or instance.created_at, seconds
        ):
            continue
        doing = TASK_WORDS.get(instance.task_state, f"“{instance.task_state.replace('_', ' ')}”")
        yield Found(
            "endless_task",
            say(
                "{name} has shown no progress for {span}: {doing}.",
                name=instance.name,
                span=span(seconds),
                doing=doing,
            ),
            say(
                "A large disk may take that long. If nothing is being copied, look at the services of {host}; do not "
                "reset its state first.",
                host=instance.host or say("the cloud"),
            ),
            "operator",
            picture.moving.get(instance.uuid),
            instance.uuid,
            instance.name,
        )


def broken_outside(picture: Picture) -> Iterator[Found]:
    """A move that others made has left the instance in error."""
    for row in picture.last_outside.values():
        instance = picture.instances.get(row.instance_uuid)
        if (
            instance is None
            or instance.status != "ERROR"
            or instance.task_state
            or row.instance_uuid in picture.moving
            or (row.ended_at is not None and row.status not in BROKEN)
        ):
            continue
        who = {
            "name": instance.name,
            "person": row.user_name or say("somebody"),
            "source": row.source_host,
        }
        yield Found(
            "broken_outside",
            say(
                "{name} is in error after {person} moved it outside nmigrate, from {source} to {dest}.",
                dest=row.dest_host,
                **who,
            )
            if row.dest_host
            else say("{name} is in error after {person} moved it outside nmigrate, from {source}.", **who),
            say(
                "An operator looks on which host its disk is, and repairs it. It is on {host} by Nova's word.",
                host=instance.host,
            ),
            "operator",
            None,
            instance.uuid,
            instance.name,
        )
