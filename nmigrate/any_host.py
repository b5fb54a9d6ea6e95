"""A move for which no host is named: Nova's scheduler chooses, so that it is judged by every host that may be taken.

It is forbidden when each of them is, by a rule that Nova itself keeps (Level.FORBIDDEN): where Nova asks only the
destination, as for the version of a hypervisor, it goes on to the next host and at last has none. Our own rules
(Level.OURS) and warnings stop no scheduler, and so forbid nothing here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nmigrate import preflight
from nmigrate.preflight import Case, Destination, Level, Reason, Verdict
from nmigrate.preflight.words import IF_IT_FAILS_ANOTHER, MOVE_COLD, REVIEW_GROUP
from nmigrate.sentences import join, say, say_n
from nmigrate.states import Kind

NAMED = 3
"""So many hosts are told of one by one."""
NO_HOST = "no_host"
"""No host that may be taken can take it."""
NO_HOST_HERE = "no_host_here"
"""The same, and one of another zone could: the instance may be moved there."""
PERHAPS_BOUND = "perhaps_bound"
"""No host of its zone can take it, and the cloud does not tell whether it is bound to that."""
NO_HOST_RULES = frozenset({NO_HOST, NO_HOST_HERE, PERHAPS_BOUND})
"""The names of what is said here, beside those of the rules."""
MAY_LEAVE = "may_leave_zone"
"""It is bound to no zone, and a host of another one may be chosen."""
ANOTHER_ZONE = say("Choose another zone.")
MAKE_ROOM = say("An operator must make room, or bring a host back.")

OF_ALL: dict[str, str] = {
    "host_down": say("All of them are down."),
    "host_disabled": say("All of them are out of service."),
    "memory": say("None of them has enough memory free."),
    "vcpus": say("None of them has enough vCPU free."),
    "disk": say("None of them has enough disk free."),
    "group_apart": say("Its server group keeps its members apart, and each of them has one already."),
    "hypervisor_version": say("The hypervisors of all of them are older than that of its host."),
}
"""Rule -> what it says of several hosts at once."""
_GROUPS = frozenset({"group_together", "group_apart"})
STAYING = (Kind.LIVE, Kind.COLD, Kind.EVACUATE)
"""What names no zone."""
_LEAVING = (Kind.LIVE, Kind.COLD, Kind.SHELVE, Kind.COPY)
"""What leads to another zone."""


def judge_any(case: Case, hosts: Iterable[Destination]) -> Verdict:
    """The verdict of a case without a host. `hosts`: all of its cloud, as they are known; no one more is asked for.

    Where nothing is known of any host, nothing is said of them.
    """
    verdict = preflight.judge(case)
    every = list(hosts)
    if verdict.level is Level.FORBIDDEN or not every:
        return verdict
    zone = bound_zone(case)
    against = _against_all(case, every, zone)
    if against is not None:
        return verdict.also([_no_host(case, every, zone, against)])
    is_hidden = case.kind in STAYING and not case.subject.pin_known
    if is_hidden and not zone and _against_all(case, every, case.subject.zone) is not None:
        return verdict.also([_perhaps_bound(case)])
    if case.kind in STAYING and case.subject.pin_known and case.subject.zone and not zone:
        others = [host for host in every if host.zone not in (case.subject.zone, "")]
        if others and _against_all(case, others, "") is None:
            can_stay = _against_all(case, every, case.subject.zone) is None
            return verdict.also([_may_leave(case, can_stay=can_stay)])
    return verdict


def bound_zone(case: Case) -> str:
    """The zone that the scheduler may not leave; "" when it may take a host of any."""
    subject = case.subject
    if case.kind in (Kind.SHELVE, Kind.COPY):
        return case.zone
    if case.kind is Kind.EVACUATE:
        # Where Nova tells no pin, it may be free all the same: only a named host is kept to its zone then.
        return (subject.pinned_zone or "") if subject.pin_known else ""
    if case.changes_pin or not subject.pinned_zone:
        # Nova takes no migration by zone: to another one, nmigrate itself names a host of it.
        return case.zone if case.zone != subject.zone else ""
    return subject.pinned_zone


def _against_all(case: Case, hosts: Iterable[Destination], zone: str) -> dict[str, Reason] | None:
    """Host -> the first that forbids it; empty when there is no other host; None as soon as one can take it."""
    found: dict[str, Reason] = {}
    is_assumed = case.kind is Kind.EVACUATE and not case.subject.pin_known
    for host in hosts:
        is_here = host.host == case.subject.host
        if (zone and host.zone not in (zone, "")) or (is_here and case.kind not in (Kind.SHELVE, Kind.COPY)):
            continue
        verdict = preflight.judge_host(replace(case, host=host))
        reason = next(
            (
                one
                for one in verdict.reasons
                if one.level is Level.FORBIDDEN and not (is_assumed and one.rule == "zone_bound")
            ),
            None,
        )
        if reason is None:
            return None
        found[host.host] = reason
    return found


def _no_host(case: Case, hosts: list[Destination], zone: str, against: Mapping[str, Reason]) -> Reason:
    elsewhere = other_zone(case, hosts)
    why = join([_intro(case, zone, is_alone=not against), *each(against)])
    rule = NO_HOST_HERE if elsewhere else NO_HOST
    return Reason(rule, Level.FORBIDDEN, why, _advice(case, hosts, against, elsewhere))


def _intro(case: Case, zone: str, *, is_alone: bool) -> str:
    is_bound = case.kind not in (Kind.SHELVE, Kind.COPY) and zone == case.subject.pinned_zone
    if zone:
        return bound_and_none(zone, is_alone=is_alone) if is_bound else none_of_zone(zone)
    return say("There is no other host.") if is_alone else say("No host can take it now.")


def bound_and_none(zone: str, *, is_alone: bool) -> str:
    if is_alone:
        return say("It is bound to zone {zone}, and there is no other host in it.", zone=zone)
    return say("It is bound to zone {zone}, and of its hosts none can take it.", zone=zone)


def none_of_zone(zone: str) -> str:
    return say("No host of zone {zone} can take it.", zone=zone)


def each(against: Mapping[str, Reason]) -> list[str]:
    """What speaks against these hosts: one thing once, otherwise that of the first few, and how many more there are."""
    whys = list(dict.fromkeys(reason.why for reason in against.values()))
    rules = {reason.rule for reason in against.values()}
    if len(whys) > 1 and len(rules) == 1 and (together := OF_ALL.get(next(iter(rules)))):
        return [together]
    rest = sum(reason.why not in whys[:NAMED] for reason in against.values())
    more = say_n("The other one is no better.", "The other {n} are no better.", rest)
    return [*whys[:NAMED], *([more] if rest else [])]


def _advice(case: Case, hosts: list[Destination], against: Mapping[str, Reason], elsewhere: str) -> str:
    if case.kind is Kind.LIVE:
        cold = replace(case, kind=Kind.COLD)
        is_askable = preflight.judge(cold).level < Level.FORBIDDEN
        if is_askable and _against_all(cold, hosts, bound_zone(cold)) is None:
            return MOVE_COLD
    if elsewhere:
        return ANOTHER_ZONE
    return REVIEW_GROUP if only_groups(against) else MAKE_ROOM


def only_groups(against: Mapping[str, Reason]) -> bool:
    """Whether room would not help: of every host its server group is what speaks against it."""
    return bool(against) and all(reason.rule in _GROUPS for reason in against.values())


def other_zone(case: Case, hosts: Iterable[Destination]) -> str:
    """A zone to which it could be moved, by any way, though none of those hosts can take it that may be taken now.

    An instance without a host, or whose host is down, is not moved; one that is bound to no zone may be put into any
    already.
    """
    here = bound_zone(case)
    if not here or case.kind is Kind.EVACUATE or not case.subject.host:
        return ""
    by_zone: dict[str, list[Destination]] = {}
    for host in hosts:
        if host.zone and host.zone != here:
            by_zone.setdefault(host.zone, []).append(host)
    return next((zone for zone, there in sorted(by_zone.items()) if _leads_to(case, zone, there)), "")


def _leads_to(case: Case, zone: str, there: list[Destination]) -> bool:
    """Whether one of these hosts would be chosen (advisor.best_host), and a way leads to it."""
    is_freed = bool(case.subject.pinned_zone) and zone != case.subject.zone
    ways = [
        replace(
            case, kind=kind, host=None, zone=zone, changes_pin=is_freed and kind in (Kind.LIVE, Kind.COLD)
        )
        for kind in _LEAVING
    ]
    askable = [way for way in ways if preflight.judge(way).level < Level.FORBIDDEN]
    return bool(askable) and any(
        _fits(preflight.judge_host(replace(case, kind=Kind.SHELVE, host=host, zone=zone, changes_pin=False)))
        and any(_fits(preflight.judge_host(replace(way, host=host))) for way in askable)
        for host in there
    )


def _fits(verdict: Verdict) -> bool:
    return verdict.level < Level.OURS


def _may_leave(case: Case, *, can_stay: bool) -> Reason:
    zone = case.subject.zone
    why = say("It is bound to no zone, so Nova may choose a host outside zone {zone}.", zone=zone)
    advice = say("To keep it in zone {zone}, choose a host there.", zone=zone) if can_stay else ""
    return Reason(MAY_LEAVE, Level.AMBER, why, advice)


def _perhaps_bound(case: Case) -> Reason:
    why = say(
        "No other host of zone {zone} can take it, and this cloud does not tell whether it is bound to that zone.",
        zone=case.subject.zone,
    )
    return Reason(PERHAPS_BOUND, Level.AMBER, why, IF_IT_FAILS_ANOTHER)
