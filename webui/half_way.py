"""A move that stopped half-way: how it stands now, and the ways on as buttons with what each of them does."""

from collections.abc import Iterable
from dataclasses import dataclass

from nmigrate.models import Instance, Migration
from nmigrate.moves import ACTION_LABELS, Action, ran
from nmigrate.retrying import DEAD_ENDS, Outlook
from nmigrate.sentences import join, say
from nmigrate.states import TRANSITIONS, Kind, State
from nmigrate.stranding import Told, told_now

LEAVING = say(
    "It ends here. What exists now stays as it is; whatever must be put right in the cloud is an operator's work."
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: the address it sends to, its label, and what it does."""

    url: str
    label: str
    does: str


def told(moves: Iterable[Migration]) -> list[tuple[Migration, Told]]:
    """Each with what is said of it now. One query, whatever their number."""
    found = list(moves)
    uuids = {uuid for move in found for uuid in (move.instance_uuid, move.copy_uuid) if uuid}
    known: dict[str, dict[str, Instance]] = {move.cloud: {} for move in found}
    for one in Instance.objects.filter(cloud__in=known, uuid__in=uuids):
        known[one.cloud_id][one.uuid] = one
    return [(move, told_now(move, known[move.cloud])) for move in found]


def choices(migration: Migration, actions: Iterable[str], outlook: Outlook | None = None) -> list[Choice]:
    """What this person may choose, in the order of the state table; first what helps."""
    if migration.state != State.STRANDED:
        return []
    urls = {"go_back": ("go_back", _way_back(migration)), "leave": ("leave_migration", LEAVING)}
    retry = ("retry_migration", _again(migration))
    found = [
        Choice(url, TRANSITIONS[action].label, does)
        for action in actions
        for url, does in [urls.get(action, retry)]
    ]
    if migration.cause in DEAD_ENDS and not (outlook and outlook.able):  # what helps stands first
        found.sort(key=lambda choice: choice.url != "go_back")
    return found


def _again(migration: Migration) -> str:
    if not migration.step:
        return say("The step is tried again.")
    return say("The step is tried again: {step}.", step=ACTION_LABELS[Action(migration.step)])


def _way_back(migration: Migration) -> str:
    name = migration.instance_name
    if migration.kind == Kind.SHELVE:
        return say("{name} is brought up again in zone {zone}.", name=name, zone=migration.source_zone)
    if migration.kind == Kind.COPY:
        gone = {
            (True, True): say("The copy and the snapshot are deleted."),
            (True, False): say("The copy is deleted."),
            (False, True): say("The snapshot is deleted."),
        }.get((bool(migration.copy_uuid), bool(migration.image_id)), "")
        is_started = ran(migration)
        rest = (
            say("{name} is started again.", name=name)
            if is_started
            else say("{name} stays as it is.", name=name)
        )
        return join([gone, rest])
    zone = migration.before.get("pinned_zone") or say("its zone")
    return say("{name} is bound to {zone} again, as it was.", name=name, zone=zone)
