"""What goes wrong with a move that is under way: it stalls, does not begin, or a host of it is down."""

from collections.abc import Iterator
from datetime import timedelta

from nmigrate import progress
from nmigrate.models import Migration, Order
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.sentences import join, say
from nmigrate.states import State
from nmigrate.watchdog.picture import Flight, Found, Picture, limit, span

NOT_BEGUN = ("accepted", "queued", "preparing")
"""Nova's statuses of a live move that has not begun to copy."""
SETTLED = timedelta(minutes=2)
"""An instance that changed so long after its record was brought elsewhere since, without one: shelved, say."""
CONTRADICTS = 20
"""Seconds that a picture may contradict itself before it is taken for the truth."""


def about(rule: str, move: Migration, what: str, next_step: str, who: str, host: str = "") -> Found:
    return Found(rule, what, next_step, who, move, move.instance_uuid, move.instance_name, host)


def stalled(picture: Picture) -> Iterator[Found]:
    """A live move whose memory does not get less: it changes as fast as it is copied, or nothing is copied."""
    seconds = limit("STALLED")
    for move in picture.moves:
        if progress.stalled_for(move) > seconds:
            yield about(
                "stalled",
                move,
                say(
                    "The live move of {name} makes no progress: what is left to copy has not shrunk for {span}.",
                    name=move.instance_name,
                    span=span(seconds),
                ),
                say(
                    "Stop the live move: it goes on running where it is. Try again when it is less busy, or let a "
                    "manager or an operator finish it at once, which pauses it."
                ),
                "helpdesk",
            )


def queued(picture: Picture) -> Iterator[Found]:
    """Nova took it and has not begun."""
    seconds = limit("QUEUED")
    for move in picture.moves:
        order = picture.order_of(move)
        if (
            order is None
            or order.state != Order.State.ACCEPTED
            or not picture.is_past(order.answered_at, seconds)
        ):
            continue
        if move.step == Action.LIVE and move.nova_status in NOT_BEGUN:
            yield about(
                "queued",
                move,
                say(
                    "Nova took the live move of {name} {span} ago and has not begun it.",
                    name=move.instance_name,
                    span=span(seconds),
                ),
                join(
                    [
                        _why_not_begun(move),
                        say(
                            "Wait, or stop this one: {name} goes on running as it is.",
                            name=move.instance_name,
                        ),
                    ]
                ),
                "helpdesk",
            )
        elif _nothing_happens(picture, move, seconds):
            yield about(
                "queued",
                move,
                say(
                    "Nova took the {order} of {name}, and nothing has come of it for {span}.",
                    order=ACTION_LABELS[Action(move.step)],
                    name=move.instance_name,
                    span=span(seconds),
                ),
                say(
                    "Show this page to an operator: a service of the cloud may not be working. "
                    "Do not ask for it again."
                ),
                "operator",
            )


def _why_not_begun(move: Migration) -> str:
    if move.nova_status == "preparing":
        if not move.dest_host:
            return say("Its new host is still being prepared for it.")
        return say("{host} is still being prepared for it.", host=move.dest_host)
    return say("Others that leave {host} come first.", host=move.source_host)


def _nothing_happens(picture: Picture, move: Migration, seconds: float) -> bool:
    instance = picture.instances.get(move.instance_uuid)
    at_rest = instance is not None and not instance.task_state
    return (
        at_rest
        and move.state in (State.RUNNING, State.CONFIRMING, State.REVERTING)
        and picture.is_past(picture.seen_at.get(move.pk, move.accepted_at), seconds)
    )


def source_down(picture: Picture) -> Iterator[Found]:
    """The host it came from is down while Nova holds it for a decision."""
    for flight in picture.flights:
        if flight.is_held and flight.source in picture.down:
            name, source = flight.name, flight.source
            yield _of_flight(
                "source_down",
                flight,
                source,
                say(
                    "{host}, where {name} came from, is down while Nova waits for the decision about {name}.",
                    host=source,
                    name=name,
                ),
                say(
                    "Do not decide yet: neither a confirmation nor a rejection can end before {host} is back. An "
                    "operator brings {host} back; {name} goes on as it is.",
                    host=source,
                    name=name,
                ),
            )


def host_down(picture: Picture) -> Iterator[Found]:
    """A host that takes part in the move is down."""
    for flight in picture.flights:
        for host in _needed(flight):
            if host in picture.down:
                yield _of_flight(
                    "host_down",
                    flight,
                    host,
                    _down_meanwhile(flight, host),
                    say(
                        "An operator looks at {host}. Do not start another move of {name}, and do not evacuate "
                        "it, before it is known whether the host still runs it.",
                        host=host,
                        name=flight.name,
                    ),
                )


def _down_meanwhile(flight: Flight, host: str) -> str:
    if flight.is_held:
        return say("{host} is down while {name} is on it.", host=host, name=flight.name)
    if host == flight.dest:
        return say("{host} is down while {name} is being moved to it.", host=host, name=flight.name)
    return say("{host} is down while {name} is being moved off it.", host=host, name=flight.name)


def _needed(flight: Flight) -> list[str]:
    needs_source = not flight.is_held and not flight.is_evacuation
    return [host for host in ((flight.source if needs_source else ""), flight.dest) if host]


def _of_flight(rule: str, flight: Flight, host: str, what: str, next_step: str) -> Found:
    return Found(rule, what, next_step, "operator", flight.migration, flight.uuid, flight.name, host)


def wrong_host(picture: Picture) -> Iterator[Found]:
    """Nova calls it finished, and it is not where it should be."""
    for move in picture.misplaced:
        yield from _misplaced(picture, move)
    for move in picture.moves:
        if move.nova_status in ("completed", "done") and picture.is_past(
            picture.seen_at.get(move.pk), CONTRADICTS
        ):
            yield from _misplaced(picture, move)
    for row in picture.last_outside.values():
        instance = picture.instances.get(row.instance_uuid)
        if (
            instance is not None
            and row.status == "completed"
            and row.instance_uuid not in picture.moving
            and instance.host == row.source_host != row.dest_host
            and picture.is_past(row.updated_at, CONTRADICTS)
            and row.updated_at is not None
            and not (instance.updated_at and instance.updated_at - row.updated_at > SETTLED)
            and picture.moved_at.get(row.instance_uuid, row.updated_at) <= row.updated_at
        ):
            yield _elsewhere(None, row.instance_uuid, row.instance_name, instance.host, row.dest_host)


def _misplaced(picture: Picture, move: Migration) -> Iterator[Found]:
    instance = picture.instances.get(move.instance_uuid)
    wanted = move.source_host if move.nova_status == "reverted" else move.dest_host
    if instance is not None and instance.host and wanted and instance.host != wanted:
        yield _elsewhere(move, move.instance_uuid, move.instance_name, instance.host, wanted)


def _elsewhere(move: Migration | None, uuid: str, name: str, host: str, wanted: str) -> Found:
    return Found(
        "wrong_host",
        say(
            "Nova says that the move of {name} is finished, but {name} is on {host} and not on {wanted}.",
            name=name,
            host=host,
            wanted=wanted,
        ),
        say(
            "An operator looks at once where it really runs. Until then: do not move it, stop it or reset its state; "
            "it may be running on the other host."
        ),
        "operator",
        move,
        uuid,
        name,
    )
