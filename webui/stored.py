"""The verdicts that are kept with a move, in words: when it was asked for, and again before it started."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nmigrate.models import Migration
from nmigrate.sentences import say
from webui.words import Look

LOOKS: dict[str, Look] = {
    "green": Look("ok", say("nothing against it")),
    "amber": Look("warn", say("possible, with a warning")),
    "ours": Look("lock", say("only a manager may allow it")),
    "forbidden": Look("bad", say("impossible")),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One reason. `note`: what became of it, or that it was not there before."""

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    title: str
    look: Look
    at: datetime
    host: str
    points: int
    parts: list[str]
    told: list[Told]


def verdicts(migration: Migration) -> list[Stored]:
    """Those that there are; a move of an older version has none."""
    asked, start = migration.verdict, migration.verdict_at_start
    before = {reason["rule"] for reason in asked.get("reasons", ())}
    found = []
    if asked:
        found.append(_stored(say("When it was asked for"), asked, migration, before))
    if start:
        found.append(_stored(say("Again, just before it started"), start, migration, before))
    return found


def _stored(title: str, verdict: dict[str, Any], migration: Migration, before: set[str]) -> Stored:
    score = verdict.get("score") or {}
    return Stored(
        title=title,
        look=LOOKS[verdict["level"]],
        at=datetime.fromisoformat(verdict["at"]),
        host=verdict["host"],
        points=score.get("points", 0),
        parts=[part["text"] for part in score.get("parts", ())],
        told=[Told(reason["text"], _note(reason, migration, before)) for reason in verdict["reasons"]],
    )


def _note(reason: dict[str, str], migration: Migration, before: set[str]) -> str:
    if reason["level"] == "ours" and reason["rule"] in migration.overrides:
        return say("Set aside by a manager")
    if migration.verdict and reason["rule"] not in before:
        return say("New since it was asked for")
    return ""
