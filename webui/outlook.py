"""What will happen, told before it is asked for: one list of plain sentences for each way."""

from nmigrate.models import Instance
from nmigrate.models.record import ORIGINAL_LABELS
from nmigrate.sentences import join, say
from nmigrate.states import Kind
from nmigrate.ways import Way


def steps(way: Way, instance: Instance, *, must_ask: bool, original_after: str = "") -> list[str]:
    """From the request to the end, in the order in which it happens. `original_after`: what was asked for it."""
    name, where = instance.name, way.host or way.zone or say("a host that Nova chooses")
    begin = [
        say("A manager allows it, or not.")
        if must_ask and way.needs_permission
        else say("A manager approves the start, because it takes down {name}, which runs.", name=name)
        if must_ask
        else say("nmigrate checks it once more and sends the order to Nova."),
    ]
    match way.kind:
        case Kind.COLD:
            return begin + _cold(way, instance, where)
        case Kind.LIVE:
            return begin + _live(way, instance, where)
        case Kind.SHELVE:
            return begin + _shelve(way, instance, where)
        case Kind.COPY:
            return begin + _copy(instance, where, original_after)
        case Kind.EVACUATE:
            return begin + _evacuate(instance, where)


def _unpinned(way: Way, instance: Instance) -> list[str]:
    if not way.changes_pin:
        return []
    return [
        say(
            "{name} is freed from its zone {zone}, so that Nova may leave it.",
            name=instance.name,
            zone=instance.pinned_zone or "",
        )
    ]


def _cold(way: Way, instance: Instance, where: str) -> list[str]:
    name, runs = instance.name, instance.status != "SHUTOFF"
    moved = (
        [
            say("{name} is shut down, and its disk is brought to {where}.", name=name, where=where),
            say("It is started there, and waits."),
        ]
        if runs
        else [say("Its disk is brought to {where}. It stays stopped.", where=where)]
    )
    stays = {
        (True, False): say("Confirmed, it stays there."),
        (True, True): say("Confirmed, it stays there, and is bound to its new zone."),
        (False, False): say("Confirmed, it stays there, stopped as before."),
        (False, True): say("Confirmed, it stays there, stopped as before and bound to its new zone."),
    }[runs, way.changes_pin]
    if not runs:
        stays = join([stays, _startable(instance)])
    rejected = (
        say(
            "Rejected, it goes back to {host}: it is shut down once more, and what was written since is lost.",
            host=instance.host,
        )
        if runs
        else say("Rejected, it goes back to {host}.", host=instance.host)
    )
    return [
        *_unpinned(way, instance),
        *moved,
        say("It stays locked, so that nobody bypasses the manager.")
        if instance.locked
        else say("It is locked, so that nobody bypasses the manager."),
        say("A manager, never whoever asked for it, confirms or rejects the move."),
        join([stays, rejected]),
    ]


def _live(way: Way, instance: Instance, where: str) -> list[str]:
    name = instance.name
    bound = [say("It is bound to its new zone.")] if way.changes_pin else []
    there = (
        [
            say("{name} stays paused while its memory is copied to {where}.", name=name, where=where),
            say("It is paused there, too. Nothing is decided at the end."),
        ]
        if instance.status == "PAUSED"
        else [
            say("{name} goes on running while its memory is copied to {where}.", name=name, where=where),
            say(
                "It pauses, usually for less than a second, and goes on there. Nothing is decided at the end."
            ),
        ]
    )
    return [
        *_unpinned(way, instance),
        *there,
        *bound,
        say(
            "You can stop the move until it is finished: {name} then stays on {host}, as it is.",
            name=name,
            host=instance.host,
        ),
    ]


def _shelve(way: Way, instance: Instance, where: str) -> list[str]:
    name, runs = instance.name, instance.status != "SHUTOFF"
    end = say("It runs again.") if runs else say("It is stopped again, as it was.")
    return [
        say("{name} is shut down, and its disk is stored.", name=name)
        if runs
        else say("The disk of {name} is stored.", name=name),
        say("It is taken off {host}; until it is up again it is on no host.", host=instance.host),
        join([say("It is brought up on {where}.", where=where), end]),
        say(
            "If that zone has no room for it, you can try again, or bring it up in {zone}.",
            zone=instance.zone,
        )
        if way.zone != instance.zone
        else say("If there is no room for it, you can try again, or bring it up where Nova finds some."),
    ]


def _copy(instance: Instance, where: str, original_after: str) -> list[str]:
    name, runs = instance.name, instance.status != "SHUTOFF"
    kept = dict(ORIGINAL_LABELS).get(original_after, say("deleted or left stopped, as chosen here"))
    stop = [say("{name} is stopped, so that nothing changes while it is copied.", name=name)] if runs else []
    return [
        *stop,
        say("A snapshot of its disk is made."),
        say(
            "A copy is started from it on {where}, with a new UUID and new addresses. It is bound to its zone.",
            where=where,
        ),
        say("A manager, never whoever asked for it, keeps the copy or drops it."),
        say("Kept, the original is {what}.", what=kept),
        say(
            "Dropped, the copy is deleted with what was written there, and {name} is started again.",
            name=name,
        )
        if runs
        else say("Dropped, the copy is deleted."),
    ]


def _startable(instance: Instance) -> str:
    """A locked one is started by nobody here."""
    return "" if instance.locked else say("One click starts it.")


def _evacuate(instance: Instance, where: str) -> list[str]:
    return [
        say(
            "{name} is built anew on {where}, with the same UUID and addresses.",
            name=instance.name,
            where=where,
        ),
        join([say("It is stopped then."), _startable(instance)]),
        say("When {host} comes back, Nova removes what was left of it there.", host=instance.host),
    ]
