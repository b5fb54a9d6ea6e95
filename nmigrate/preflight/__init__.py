"""What speaks for and against a move before it is asked for, from the inventory or from fresh data.

`judge` lets every rule speak. Each is a small function in rules_*.py that looks at one Case and gives its reasons,
plain sentences that say what to do; the same rules judge a cached Instance and a fresh cloud.api.Server.
"""

from collections.abc import Iterable
from dataclasses import replace

from nmigrate.preflight import rules_host, rules_instance, rules_processor, rules_room
from nmigrate.preflight.scoring import Part, Score, rank, score
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
    A_MOMENT,
    MOVABLE,
    MOVE_COLD,
    NOTHING_RUNS,
    STATUS_WORDS,
    TASK_WORDS,
    ZONE_MICROVERSION,
    doing,
    owner_of,
    status_words,
)
from nmigrate.sentences import join, say

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
    "judge",
    "judge_each",
    "judge_host",
    "local_disk_gb",
    "lock_objections",
    "of_host",
    "owner_of",
    "rank",
    "score",
    "start_objections",
    "starts_from_volume",
    "status_words",
    "stop_objections",
    "unlock_objections",
    "verdict_of",
    "without_cold",
]

HOST_RULES = (*rules_host.RULES, *rules_room.RULES, *rules_processor.RULES)
RULES = (*rules_instance.RULES, *HOST_RULES)
"""Every rule, in the order in which equally grave reasons are told."""
_HOST_RULE_NAMES = frozenset(rule.__name__ for rule in HOST_RULES)
_WHEREVER = (*rules_instance.RULES, rules_host.source_state, rules_host.live_queue)
"""Those that say the same of every host."""
_OF_ONE_HOST = tuple(
    rule for rule in HOST_RULES if rule not in _WHEREVER and rule is not rules_host.zone_changed
)


def judge(case: Case) -> Verdict:
    return verdict_of(reason for rule in RULES for reason in rule(case))


def judge_host(case: Case) -> Verdict:
    """Only what speaks for and against its host, whatever the instance does."""
    return verdict_of(reason for rule in HOST_RULES for reason in rule(case))


def of_host(verdict: Verdict) -> Verdict:
    """The same, of a verdict for which the host was looked at."""
    return Verdict(tuple(reason for reason in verdict.reasons if reason.rule in _HOST_RULE_NAMES))


def judge_each(case: Case, hosts: Iterable[Destination]) -> list[Verdict]:
    """The same move to each of these hosts. The rules that look at no host are asked once for all, the one about its
    zone once for each zone; and where the move is forbidden wherever it leads, no host is looked at: each has that one
    verdict."""
    anywhere = judge(replace(case, host=None))
    if anywhere.level is Level.FORBIDDEN:
        return [anywhere for _ in hosts]
    alone = [reason for rule in _WHEREVER for reason in rule(replace(case, host=None))]
    of_zone: dict[str, list[Reason]] = {}
    found = []
    for host in hosts:
        # Not `replace`, which takes several times as long.
        one = Case(
            case.subject,
            case.kind,
            host,
            case.source,
            case.zone,
            case.changes_pin,
            case.abilities,
            case.around,
        )
        if host.zone not in of_zone:
            of_zone[host.zone] = list(rules_host.zone_changed(one))
        there = (reason for rule in _OF_ONE_HOST for reason in rule(one))
        found.append(verdict_of([*alone, *of_zone[host.zone], *there]))
    return found


def without_cold(verdict: Verdict) -> Verdict:
    """The same, where a cold move cannot be asked for: then nobody is told to move it cold."""
    return Verdict(
        tuple(
            replace(reason, advice="") if reason.advice in (MOVE_COLD, NOTHING_RUNS) else reason
            for reason in verdict.reasons
        )
    )


def _busy(subject: Subject) -> list[str]:
    if not subject.task_state:
        return []
    busy = say("{name} is busy ({what}).", name=subject.name, what=doing(subject.task_state))
    return [join([busy, A_MOMENT])]


def lock_objections(subject: Subject) -> list[str]:
    """Against what no manager allows: only unlocking helps."""
    first = say("Ask {owner}, or an operator, to unlock it first.", owner=owner_of(subject))
    return [join([reason.why, first]) for reason in rules_instance.lock(Case(subject))]


def start_objections(subject: Subject) -> list[str]:
    """Why it cannot be started now; empty when nothing speaks against it."""
    if subject.status != "SHUTOFF":
        state = status_words(subject.status)
        return [say("{name} is {state}, so it cannot be started.", name=subject.name, state=state)]
    return _busy(subject) + lock_objections(subject)


def stop_objections(subject: Subject) -> list[str]:
    """Why it cannot be shut down now; empty when nothing speaks against it."""
    if subject.status != "ACTIVE":
        state = status_words(subject.status)
        return [say("{name} is {state}, so it cannot be stopped.", name=subject.name, state=state)]
    return _busy(subject) + lock_objections(subject)


def unlock_objections(subject: Subject) -> list[str]:
    return [] if subject.locked else [say("{name} is not locked.", name=subject.name)]
