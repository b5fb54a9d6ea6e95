"""What speaks for and against a move before it is asked for, from the inventory or from fresh data.

`judge` lets every rule speak. Each is a small function in rules_*.py that looks at one Case and gives its reasons,
plain sentences that say what to do; the same rules judge a cached Instance and a fresh cloud.api.Server.
"""

from nmigrate.preflight import rules_host, rules_instance, rules_processor, rules_room
from nmigrate.preflight.scoring import Part, Score, score
from nmigrate.preflight.subjects import (
    Abilities,
    Around,
    Destination,
    Group,
    Subject,
    abilities,
    local_disk_gb,
    starts_from_volume,
)
from nmigrate.preflight.verdict import Case, Level, Reason, Verdict, verdict_of
from nmigrate.preflight.words import (
    MOVABLE,
    STATUS_WORDS,
    TASK_WORDS,
    ZONE_MICROVERSION,
    doing,
    status_words,
)
from nmigrate.states import Kind

__all__ = [
    "MOVABLE",
    "RULES",
    "STATUS_WORDS",
    "TASK_WORDS",
    "ZONE_MICROVERSION",
    "Abilities",
    "Around",
    "Case",
    "Destination",
    "Group",
    "Level",
    "Part",
    "Reason",
    "Score",
    "Subject",
    "Verdict",
    "abilities",
    "destination_objections",
    "judge",
    "local_disk_gb",
    "lock_objections",
    "objections",
    "score",
    "start_objections",
    "starts_from_volume",
    "status_words",
    "stop_objections",
    "unlock_objections",
    "verdict_of",
    "warnings",
]

HOST_RULES = (*rules_host.RULES, *rules_room.RULES, *rules_processor.RULES)
RULES = (*rules_instance.RULES, *HOST_RULES)
"""Every rule, in the order in which equally grave reasons are told."""


def judge(case: Case) -> Verdict:
    return verdict_of(reason for rule in RULES for reason in rule(case))


def objections(
    subject: Subject,
    *,
    kind: Kind = Kind.COLD,
    host: Destination | None = None,
    source: Destination | None = None,
    zone: str = "",
    changes_pin: bool = False,
    abilities: Abilities | None = None,
) -> list[str]:
    """Why this move cannot be asked for now; empty when nothing speaks against it. `host` None: Nova chooses."""
    case = Case(subject, kind, host, source, zone, changes_pin, abilities)
    return list(judge(case).objections)


def destination_objections(
    subject: Subject,
    host: Destination,
    *,
    kind: Kind = Kind.COLD,
    zone: str = "",
    changes_pin: bool = False,
) -> list[str]:
    """Only what speaks against this host, whatever the instance does."""
    case = Case(subject, kind, host, None, zone, changes_pin)
    found = verdict_of(reason for rule in HOST_RULES for reason in rule(case))
    return list(found.objections)


def _busy(subject: Subject) -> list[str]:
    if not subject.task_state:
        return []
    return [f"{subject.name} is busy ({doing(subject.task_state)}). Wait a moment and try again."]


def lock_objections(subject: Subject) -> list[str]:
    return [reason.text for reason in rules_instance.lock(Case(subject))]


def start_objections(subject: Subject) -> list[str]:
    """Why it cannot be started now; empty when nothing speaks against it."""
    if subject.status != "SHUTOFF":
        return [f"{subject.name} is {status_words(subject.status)}, so it cannot be started."]
    return _busy(subject) + lock_objections(subject)


def stop_objections(subject: Subject) -> list[str]:
    """Why it cannot be shut down now; empty when nothing speaks against it."""
    if subject.status != "ACTIVE":
        return [f"{subject.name} is {status_words(subject.status)}, so it cannot be stopped."]
    return _busy(subject) + lock_objections(subject)


def unlock_objections(subject: Subject) -> list[str]:
    return [] if subject.locked else [f"{subject.name} is not locked."]


def warnings(subject: Subject, *, kind: Kind = Kind.COLD) -> list[str]:
    """What a person should know before asking, though it does not stop the move."""
    if kind is Kind.COLD and subject.status == "ACTIVE":
        how_long = "usually for a minute or two, and started again on its new host"
        return [f"{subject.name} is running: it is shut down for the move, {how_long}."]
    return []
