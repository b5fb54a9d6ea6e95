"""Rules about where it is and where it goes: hosts, zones, server groups."""

from collections.abc import Iterable

from nmigrate.preflight.subjects import Destination
from nmigrate.preflight.verdict import Case, Reason, amber, forbidden, ours
from nmigrate.preflight.words import ANOTHER_HOST, ANOTHER_KIND, BETTER_ANOTHER, REVIEW_GROUP, owner_of
from nmigrate.sentences import listed, say, say_n
from nmigrate.states import Kind

ANOTHER_OR_WAIT = say("Choose another host, or wait a minute.")


def source_state(case: Case) -> Iterable[Reason]:
    source, name = case.source, case.subject.name
    if source is None:
        return
    if case.kind is Kind.EVACUATE:
        if source.is_up:
            why = say(
                "{host}, where {name} is, is up: evacuation is for a host that is down.",
                host=source.host,
                name=name,
            )
            yield forbidden("source_state", why, ANOTHER_KIND)
    elif not source.is_up:
        # Nova shelves and snapshots what is on any host, and a host that does answer, though it was declared down,
        # does it (nova/compute/api.py: no check_is_up there).
        repair = say("An operator must bring it back or evacuate it.")
        if case.kind in (Kind.SHELVE, Kind.COPY):
            why = say(
                "{host}, where {name} is now, counts as down: this works only if it still answers.",
                host=source.host,
                name=name,
            )
            yield ours("source_state", why, repair)
            return
        why = say(
            "{host}, where {name} is now, is down; nothing can be moved off it this way.",
            host=source.host,
            name=name,
        )
        yield forbidden("source_state", why, repair)


def live_queue(case: Case) -> Iterable[Reason]:
    """max_concurrent_live_migrations is 1 by default, and no API tells it."""
    waiting = case.around.live_from.get(case.subject.host, 0)
    if case.kind is Kind.LIVE and waiting:
        why = say_n(
            "Another live move leaves {host} just now.",
            "{n} other live moves leave {host} just now.",
            waiting,
            host=case.subject.host,
        )
        yield amber("live_queue", why, say("It will wait in line; nothing is to be done."))


def same_host(case: Case) -> Iterable[Reason]:
    """Nova unshelves, and boots a copy, where the instance was as well."""
    if case.host is not None and case.host.host == case.subject.host:
        reason = ours if case.kind in (Kind.SHELVE, Kind.COPY) else forbidden
        why = say("{name} is on {host} already.", name=case.subject.name, host=case.host.host)
        yield reason("same_host", why, ANOTHER_HOST)


def host_down(case: Case) -> Iterable[Reason]:
    if case.host is not None and not case.host.is_up:
        yield forbidden("host_down", say("{host} is down.", host=case.host.host), ANOTHER_HOST)


def host_disabled(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None and not host.is_enabled:
        why = (
            say("{host} is out of service (“{reason}”).", host=host.host, reason=host.disabled_reason)
            if host.disabled_reason
            else say("{host} is out of service.", host=host.host)
        )
        yield forbidden("host_disabled", why, ANOTHER_HOST)


def host_disabled_in_placement(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None and host.is_enabled and "COMPUTE_STATUS_DISABLED" in host.traits:
        yield forbidden(
            "host_disabled_in_placement",
            say("Nova's scheduler still takes {host} for out of service.", host=host.host),
            ANOTHER_OR_WAIT,
        )


def host_evacuated(case: Case) -> Iterable[Reason]:
    if case.host is not None and case.host.host in case.around.evacuated:
        yield ours(
            "host_evacuated",
            say("{host} is being evacuated just now.", host=case.host.host),
            say("Choose another host, or ask an operator."),
        )


def zone_bound(case: Case) -> Iterable[Reason]:
    host, subject, zone = case.host, case.subject, case.zone
    if host is None:
        return
    if case.kind in (Kind.SHELVE, Kind.COPY):
        if zone and host.zone != zone:
            yield forbidden(
                "zone_bound",
                say("{host} is not in zone {zone}.", host=host.host, zone=zone),
                say("Choose a host of {zone}.", zone=zone),
            )
    elif case.kind is Kind.EVACUATE:
        # Seen on the lab: bound to its zone it ends in error in another. Where Nova tells no pin, that is assumed.
        bound = subject.pinned_zone if subject.pin_known else subject.zone
        if bound and host.zone != bound:
            yield forbidden(
                "zone_bound",
                say(
                    "{name} is bound to zone {zone}, and {host} is not in it.",
                    name=subject.name,
                    zone=bound,
                    host=host.host,
                ),
                say("Choose a host there."),
            )
    elif subject.pinned_zone and host.zone and host.zone != subject.pinned_zone and not case.changes_pin:
        yield forbidden(
            "zone_bound",
            say(
                "{name} is bound to zone {zone} and {host} is in zone {other}.",
                name=subject.name,
                zone=subject.pinned_zone,
                host=host.host,
                other=host.zone,
            ),
            say("Choose a host in {zone}.", zone=subject.pinned_zone),
        )


def zone_changed(case: Case) -> Iterable[Reason]:
    host, subject = case.host, case.subject
    if host is not None and case.changes_pin and subject.pinned_zone and host.zone != subject.pinned_zone:
        yield amber(
            "zone_changed",
            say(
                "It is freed from zone {zone} and bound to {other} afterwards.",
                zone=subject.pinned_zone,
                other=host.zone,
            ),
            say("Be sure that {owner} wants that.", owner=owner_of(subject)),
        )
    elif case.kind in (Kind.SHELVE, Kind.COPY) and host is not None and _changes_bond(case, host):
        yield amber(
            "zone_changed",
            say(
                "It is bound to zone {zone} now, and to {other} afterwards.",
                zone=subject.pinned_zone or "",
                other=host.zone,
            ),
            say("Be sure that {owner} wants that.", owner=owner_of(subject)),
        )


def _changes_bond(case: Case, host: Destination) -> bool:
    return bool(case.subject.pinned_zone) and host.zone == case.zone != case.subject.pinned_zone


def group_together(case: Case) -> Iterable[Reason]:
    """Affinity: beside the other members, or, for a copy, beside the original too.

    Nova counts the instance itself among the members (nova/scheduler/utils.py `_get_group_details`), so that one
    that is alone cannot go anywhere; while it is shelved it is on no host and does not count.
    """
    for group in case.around.groups:
        if group.policy not in ("affinity", "soft-affinity"):
            continue
        hosts = set(group.hosts)
        counts_itself = group.policy == "affinity" and case.kind is not Kind.SHELVE
        if case.kind is Kind.COPY or counts_itself:
            hosts.add(case.subject.host)
        if not hosts or (case.host is not None and case.host.host in hosts):
            continue
        if case.host is None and (hosts - {case.subject.host} or group.policy == "soft-affinity"):
            continue  # Nova itself may find one of them
        where = listed(sorted(hosts)[:3])
        if group.policy == "soft-affinity":
            why = say(
                "Its server group {group} would like it beside its other members on {where}.",
                group=group.name,
                where=where,
            )
            yield amber("group_together", why, say("It may go elsewhere all the same."))
            continue
        if not group.hosts and case.kind is not Kind.COPY:
            why = say(
                "Its server group {group} keeps its members on one host, and Nova counts {name} itself among them.",
                group=group.name,
                name=case.subject.name,
            )
            yield forbidden(
                "group_together",
                why,
                say("Move it by shelving, or ask an operator to review the group."),
            )
            continue
        why = (
            say(
                "Its server group {group} keeps its members on one host, so that a copy cannot be elsewhere.",
                group=group.name,
            )
            if case.kind is Kind.COPY
            else say(
                "Its server group {group} keeps its members on one host, and they are on {where}.",
                group=group.name,
                where=where,
            )
        )
        yield forbidden("group_together", why, REVIEW_GROUP)


def group_apart(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is None:
        return
    # A copy becomes a member too, beside its original.
    itself = case.kind is Kind.COPY and host.host == case.subject.host
    for group in case.around.groups:
        if group.hosts.get(host.host, 0) + itself < group.max_per_host:
            continue
        if group.policy == "anti-affinity":
            yield forbidden(
                "group_apart",
                say(
                    "Its server group {group} keeps its members apart, and one is on {host}.",
                    group=group.name,
                    host=host.host,
                ),
                ANOTHER_HOST,
            )
        elif group.policy == "soft-anti-affinity":
            yield amber(
                "group_apart",
                say(
                    "Its server group {group} would like its members apart, and one is on {host}.",
                    group=group.name,
                    host=host.host,
                ),
                BETTER_ANOTHER,
            )


RULES = (
    source_state,
    live_queue,
    same_host,
    host_down,
    host_disabled,
    host_disabled_in_placement,
    host_evacuated,
    zone_bound,
    zone_changed,
    group_together,
    group_apart,
)
