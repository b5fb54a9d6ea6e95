"""What will happen, told before it is asked for: one list of plain sentences for each way."""

from nmigrate.models import Instance
from nmigrate.models.record import ORIGINAL_LABELS
from nmigrate.states import Kind
from nmigrate.ways import Way


def steps(way: Way, instance: Instance, *, must_ask: bool, original_after: str = "") -> list[str]:
    """From the request to the end, in the order in which it happens. `original_after`: what was asked for it."""
    name, where = instance.name, way.host or ("a host that Nova chooses" if not way.zone else way.zone)
    begin = [
        f"A manager allows it, or not: {way.objections[0]}"
        if must_ask and way.needs_permission
        else f"A manager approves the start, because it takes down {name}, which runs."
        if must_ask
        else "nmigrate checks it once more and sends the order to Nova.",
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
    return [f"{instance.name} is freed from its zone {instance.pinned_zone}, so that Nova may leave it."]


def _cold(way: Way, instance: Instance, where: str) -> list[str]:
    name, runs = instance.name, instance.status != "SHUTOFF"
    moved = (
        [f"{name} is shut down, and its disk is brought to {where}.", "It is started there, and waits."]
        if runs
        else [f"Its disk is brought to {where}. It stays stopped."]
    )
    stays = "Confirmed, it stays there" + ("" if runs else ", stopped as before; one click starts it")
    if way.changes_pin:
        stays += ", and is bound to its new zone"
    return [
        *_unpinned(way, instance),
        *moved,
        "It is locked, so that nobody decides past the manager.",
        "A manager, never whoever asked for it, confirms or rejects the move.",
        f"{stays}. Rejected, it goes back to {instance.host}.",
    ]


def _live(way: Way, instance: Instance, where: str) -> list[str]:
    name = instance.name
    bound = ["It is bound to its new zone."] if way.changes_pin else []
    return [
        *_unpinned(way, instance),
        f"{name} goes on running while its memory is copied to {where}.",
        "It pauses for well under a second and goes on there. Nothing needs to be decided.",
        *bound,
        f"Until then it can be stopped at any time; {name} then stays on {instance.host}.",
    ]


def _shelve(way: Way, instance: Instance, where: str) -> list[str]:
    name, runs = instance.name, instance.status != "SHUTOFF"
    end = "It runs again." if runs else "It is stopped again, as it was."
    return [
        f"{name} is shut down, and its disk is stored." if runs else f"The disk of {name} is stored.",
        f"It is taken off {instance.host}; until it is up again it is on no host.",
        f"It is brought up on {where}. {end}",
        f"If that zone has no room for it, you can try again, or bring it up in {instance.zone}."
        if way.zone != instance.zone
        else "If there is no room for it, you can try again, or bring it up where Nova finds some.",
    ]


def _copy(instance: Instance, where: str, original_after: str) -> list[str]:
    name, runs = instance.name, instance.status != "SHUTOFF"
    kept = dict(ORIGINAL_LABELS).get(original_after, "deleted or left stopped, as chosen here")
    stop = [f"{name} is stopped, so that nothing changes while it is copied."] if runs else []
    return [
        *stop,
        "A snapshot of its disk is made.",
        f"A copy is started from it on {where}, with a new UUID and new addresses.",
        "A manager, never whoever asked for it, keeps the copy or drops it.",
        f"Kept, the original is {kept}.",
        "Dropped, the copy is deleted" + (f", and {name} is started again." if runs else "."),
    ]


def _evacuate(instance: Instance, where: str) -> list[str]:
    return [
        f"{instance.name} is built anew on {where}, with the same UUID and addresses.",
        "It is stopped then; one click starts it.",
        f"When {instance.host} comes back, Nova removes what was left of it there.",
    ]
