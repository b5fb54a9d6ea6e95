"""A verdict: how far a move can be asked for, and every reason: what speaks against it, and what to do."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from nmigrate.preflight.subjects import Abilities, Around, Destination, Subject
from nmigrate.sentences import join
from nmigrate.states import Kind


class Level(IntEnum):
    """How grave a reason is; a verdict is as grave as its gravest reason."""

    GREEN = 0
    AMBER = 1
    """It can be asked for; this should be known before."""
    OURS = 2
    """Nova would do it for our account, and it should not be done: only an approval sets this aside."""
    FORBIDDEN = 3
    """Nova refuses it."""

    @property
    def word(self) -> str:
        return {0: "green", 1: "amber", 2: "ours", 3: "forbidden"}[self.value]


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule says. `rule` is the name of its function, kept in the record; `advice`: what to do about it."""

    rule: str
    level: Level
    why: str
    advice: str = ""

    @property
    def text(self) -> str:
        """All of it. The advice stays a piece of its own, so that it can be told from the rest."""
        return join([self.why, self.advice])


@dataclass(frozen=True, slots=True)
class Verdict:
    """All the reasons, the gravest first; none: green."""

    reasons: tuple[Reason, ...] = ()

    @property
    def level(self) -> Level:
        return self.reasons[0].level if self.reasons else Level.GREEN

    def texts(self, *levels: Level) -> tuple[str, ...]:
        return tuple(reason.text for reason in self.reasons if reason.level in levels)

    @property
    def objections(self) -> tuple[str, ...]:
        return self.texts(Level.FORBIDDEN, Level.OURS)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.texts(Level.AMBER)

    @property
    def overridable(self) -> tuple[str, ...]:
        """The names of our own rules that speak against it."""
        return tuple(dict.fromkeys(one.rule for one in self.reasons if one.level is Level.OURS))

    def stopper(self, set_aside: Collection[str] = ()) -> Reason | None:
        """The gravest objection; of our own rules, those that are set aside stop nothing."""
        for reason in self.reasons:
            if reason.level is Level.FORBIDDEN or (
                reason.level is Level.OURS and reason.rule not in set_aside
            ):
                return reason
        return None

    def stop(self, set_aside: Collection[str] = ()) -> str:
        """The same as text, "" when nothing stops it."""
        reason = self.stopper(set_aside)
        return reason.text if reason else ""

    def why_not(self, set_aside: Collection[str] = ()) -> str:
        """Why, without what could be done: for who chooses nothing any more; "" when nothing stops it."""
        reason = self.stopper(set_aside)
        return reason.why if reason else ""

    def also(self, reasons: Iterable[Reason]) -> "Verdict":
        return verdict_of((*self.reasons, *reasons))

    def as_json(self) -> dict[str, Any]:
        return {
            "level": self.level.word,
            "reasons": [
                {"rule": one.rule, "level": one.level.word, "text": one.text} for one in self.reasons
            ],
        }


@dataclass(frozen=True, slots=True)
class Case:
    """One move to be judged. `host` None: Nova chooses it."""

    subject: Subject
    kind: Kind = Kind.COLD
    host: Destination | None = None
    source: Destination | None = None
    zone: str = ""
    changes_pin: bool = False
    abilities: Abilities | None = None
    around: Around = field(default_factory=Around)


def verdict_of(reasons: Iterable[Reason]) -> Verdict:
    """Each reason once, the gravest first, otherwise in the order of the rules."""
    once = dict.fromkeys(reasons)
    return Verdict(tuple(sorted(once, key=lambda reason: -reason.level)))


def forbidden(rule: str, why: str, advice: str = "") -> Reason:
    return Reason(rule, Level.FORBIDDEN, why, advice)


def ours(rule: str, why: str, advice: str = "") -> Reason:
    return Reason(rule, Level.OURS, why, advice)


def amber(rule: str, why: str, advice: str = "") -> Reason:
    return Reason(rule, Level.AMBER, why, advice)
