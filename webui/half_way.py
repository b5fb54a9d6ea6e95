"""A move that stopped half-way: the ways on, as buttons with what each of them does."""

from collections.abc import Iterable
from dataclasses import dataclass

from nmigrate.models import Migration
from nmigrate.moves import Action, ran
from nmigrate.states import TRANSITIONS, Kind, State
from webui import words

LEAVING = "It ends here. What exists now stays as it is, and an operator puts it right in the cloud."


@dataclass(frozen=True, slots=True)
class Choice:
    """One button: the address it sends to, its label, and what it does."""

    url: str
    label: str
    does: str


def choices(migration: Migration, actions: Iterable[str]) -> list[Choice]:
    """What this person may choose, in the order of the state table."""
    if migration.state != State.STRANDED:
        return []
    urls = {"go_back": ("go_back", _way_back(migration)), "leave": ("leave_migration", LEAVING)}
    retry = ("retry_migration", _again(migration))
    return [
        Choice(url, TRANSITIONS[action].label, does)
        for action in actions
        for url, does in [urls.get(action, retry)]
    ]


def _again(migration: Migration) -> str:
    if not migration.step:
        return "Nova is asked once more."
    is_copy = migration.kind == Kind.COPY and migration.stranded_in == State.REVERTING
    return f"Nova is asked once more: {_small(words.of_step(Action(migration.step), is_copy=is_copy).later)}."


def _way_back(migration: Migration) -> str:
    name = migration.instance_name
    if migration.kind == Kind.SHELVE:
        return f"{name} is brought up again in {migration.source_zone}."
    if migration.kind == Kind.COPY:
        made = [
            word for word, there in (("copy", migration.copy_uuid), ("snapshot", migration.image_id)) if there
        ]
        gone = f"The {' and the '.join(made)} {'are' if len(made) > 1 else 'is'} deleted. " if made else ""
        return gone + (f"{name} is started again." if ran(migration) else f"{name} stays as it is.")
    return f"{name} is bound to {migration.before.get('pinned_zone') or 'its zone'} again, as it was."


def _small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
