"""What waits for a person for too long: a decision, an approval, a move stopped half-way, one made outside."""

from collections.abc import Iterator

from django.conf import settings

from nmigrate.models import Order
from nmigrate.moves import Action
from nmigrate.sentences import say
from nmigrate.states import State
from nmigrate.watchdog.picture import Found, Picture, limit, span
from nmigrate.watchdog.rules_moves import about


def overdue(picture: Picture) -> Iterator[Found]:
    """Nobody decided in time."""
    for move in picture.moves:
        if move.state == State.WAITING and picture.is_past(move.decide_by, 0):
            yield about(
                "overdue",
                move,
                say("Nobody has decided on the move of {name} in time.", name=move.instance_name),
                say("It should be decided soon: meanwhile it takes up room on two hosts."),
                "manager",
            )


def unapproved(picture: Picture) -> Iterator[Found]:
    """A request that nobody approves or declines."""
    seconds = settings.NMIGRATE_DECISION_SECONDS
    for move in picture.moves:
        if seconds and move.state == State.ASKING and picture.is_past(move.requested_at, seconds):
            yield about(
                "unapproved",
                move,
                say(
                    "The move of {name} has been asked for, and has waited {span} for its approval.",
                    name=move.instance_name,
                    span=span(seconds),
                ),
                say("Approve it, or do not; nothing is sent to Nova before."),
                "manager",
            )


def stranded(picture: Picture) -> Iterator[Found]:
    """A move that stopped half-way, and nobody says how it goes on."""
    seconds = limit("PERSON")
    for move in picture.moves:
        if move.state == State.STRANDED and picture.is_past(picture.stranded_at.get(move.pk), seconds):
            yield about(
                "stranded",
                move,
                say(
                    "The move of {name} stopped half-way more than {span} ago.",
                    name=move.instance_name,
                    span=span(seconds),
                ),
                say("Say on its page how it goes on: try the step again, go back, or leave it."),
                "helpdesk",
            )


def unheld(picture: Picture) -> Iterator[Found]:
    """It waits for its decision without the lock that keeps others from deciding past the managers."""
    seconds = limit("SILENT")
    for move in picture.moves:
        instance = picture.instances.get(move.instance_uuid)
        if move.state != State.WAITING or instance is None or instance.locked:
            continue
        locks = [o for o in picture.orders if o.migration_id == move.pk and o.action == Action.LOCK]
        last = locks[-1] if locks else None
        if last is not None and last.state in Order.OPEN:
            continue
        if picture.is_past(last.answered_at if last and last.answered_at else move.waiting_since, seconds):
            yield about(
                "unheld",
                move,
                say(
                    "{name} waits for a decision and is not locked: anybody in its project can decide past the "
                    "managers.",
                    name=move.instance_name,
                ),
                say("It should be decided soon."),
                "manager",
            )


def undecided_outside(picture: Picture) -> Iterator[Found]:
    """Nova holds an instance for a decision that nobody asked for here."""
    seconds = limit("PERSON")
    for instance in picture.instances.values():
        if instance.status != "VERIFY_RESIZE" or instance.task_state or instance.uuid in picture.moving:
            continue
        row = picture.last_outside.get(instance.uuid)
        if not picture.is_past(row.updated_at if row else instance.updated_at, seconds):
            continue
        person = row.user_name if row else ""
        yield Found(
            "undecided_outside",
            say(
                "{person} moved {name} outside nmigrate, and Nova has waited more than {span} for the decision.",
                person=person or say("Somebody"),
                name=instance.name,
                span=span(seconds),
            ),
            say(
                "Ask {person} to confirm or revert it in the cloud: meanwhile it takes up room on two hosts, and "
                "cannot be moved.",
                person=person or say("its owner"),
            ),
            "operator",
            None,
            instance.uuid,
            instance.name,
        )
