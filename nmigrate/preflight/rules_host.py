"""Rules about where it is and where it goes: hosts, zones, server groups."""

from collections.abc import Iterable

from nmigrate.preflight.subjects import Group
from nmigrate.preflight.verdict import Case, Reason, amber, forbidden, ours
from nmigrate.states import Kind


def source_state(case: Case) -> Iterable[Reason]:
    source, name = case.source, case.subject.name
    if source is None:
        return
    if case.kind is Kind.EVACUATE:
        if source.is_up:
            where = f"{source.host}, where {name} is, is up"
            yield forbidden(
                "source_state", f"{where}: evacuation is for a host that is down. Move it live or cold."
            )
    elif not source.is_up:
        where = f"{source.host}, where {name} is now, is down; nothing can be moved off it this way."
        yield forbidden("source_state", f"{where} An operator must bring it back or evacuate it.")


def live_queue(case: Case) -> Iterable[Reason]:
    """max_concurrent_live_migrations is 1 by default, and no API tells it."""
    waiting = case.around.live_from.get(case.subject.host, 0)
    if case.kind is Kind.LIVE and waiting:
        others = "Another live move leaves" if waiting == 1 else f"{waiting} other live moves leave"
        yield amber(
            "live_queue",
            f"{others} {case.subject.host} just now. It will wait in line; nothing is to be done.",
        )


def same_host(case: Case) -> Iterable[Reason]:
    """Nova unshelves, and boots a copy, where the instance was as well."""
    if case.host is not None and case.host.host == case.subject.host:
        reason = ours if case.kind in (Kind.SHELVE, Kind.COPY) else forbidden
        yield reason("same_host", f"{case.subject.name} is on {case.host.host} already. Choose another host.")


def host_down(case: Case) -> Iterable[Reason]:
    if case.host is not None and not case.host.is_up:
        yield forbidden("host_down", f"{case.host.host} is down. Choose another host.")


def host_disabled(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None and not host.is_enabled:
        because = f" (“{host.disabled_reason}”)" if host.disabled_reason else ""
        yield forbidden("host_disabled", f"{host.host} is out of service{because}. Choose another host.")


def host_disabled_in_placement(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None and host.is_enabled and "COMPUTE_STATUS_DISABLED" in host.traits:
        yield forbidden(
            "host_disabled_in_placement",
            f"Nova's scheduler still takes {host.host} for out of service. Choose another host, or wait a minute.",
        )


def host_evacuated(case: Case) -> Iterable[Reason]:
    if case.host is not None and case.host.host in case.around.evacuated:
        yield ours(
            "host_evacuated",
            f"{case.host.host} is being evacuated just now. Choose another host, or ask an operator.",
        )


def zone_bound(case: Case) -> Iterable[Reason]:
    host, subject, zone = case.host, case.subject, case.zone
    if host is None:
        return
    if case.kind in (Kind.SHELVE, Kind.COPY):
        if zone and host.zone != zone:
            yield forbidden("zone_bound", f"{host.host} is not in zone {zone}. Choose a host of {zone}.")
    elif case.kind is Kind.EVACUATE:
        # Seen on the lab: bound to its zone it ends in error in another. Where Nova tells no pin, that is assumed.
        bound = subject.pinned_zone if subject.pin_known else subject.zone
        if bound and host.zone != bound:
            yield forbidden(
                "zone_bound",
                f"{subject.name} is bound to zone {bound}, and {host.host} is not in it. Choose a host there.",
            )
    elif subject.pinned_zone and host.zone and host.zone != subject.pinned_zone and not case.changes_pin:
        yield forbidden(
            "zone_bound",
            f"{subject.name} is bound to zone {subject.pinned_zone} and {host.host} is in zone {host.zone}. "
            f"Choose a host in {subject.pinned_zone}.",
        )


def zone_changed(case: Case) -> Iterable[Reason]:
    host, subject = case.host, case.subject
    if host is not None and case.changes_pin and subject.pinned_zone and host.zone != subject.pinned_zone:
        yield amber(
            "zone_changed",
            f"It is freed from zone {subject.pinned_zone} and bound to {host.zone} afterwards. "
            "Be sure that its owner wants that.",
        )


def group_together(case: Case) -> Iterable[Reason]:
    """Affinity: beside the other members, or, for a copy, beside the original too."""
    for group in case.around.groups:
        if group.policy not in ("affinity", "soft-affinity"):
            continue
        hosts = set(group.hosts)
        if case.kind is Kind.COPY:
            hosts.add(case.subject.host)
        if not hosts or (case.host is not None and case.host.host in hosts):
            continue
        if case.host is None and (hosts - {case.subject.host} or group.policy == "soft-affinity"):
            continue  # Nova itself may find one of them
        where = " and ".join(sorted(hosts)[:3])
        if group.policy == "affinity":
            yield forbidden("group_together", _together(case, group, where))
        else:
            yield amber(
                "group_together",
                f"Its server group {group.name} would like it beside its other members on {where}. "
                "It may go elsewhere all the same.",
            )


def _together(case: Case, group: Group, where: str) -> str:
    if case.kind is Kind.COPY:
        return (
            f"Its server group {group.name} keeps its members on one host, so that a copy cannot be elsewhere. "
            "Ask an operator to review the group."
        )
    return (
        f"Its server group {group.name} keeps its members on one host, and they are on {where}. "
        "Ask an operator to review the group."
    )


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
                f"Its server group {group.name} keeps its members apart, and one is on {host.host}. "
                "Choose another host.",
            )
        elif group.policy == "soft-anti-affinity":
            yield amber(
                "group_apart",
                f"Its server group {group.name} would like its members apart, and one is on {host.host}. "
                "Better choose another host.",
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
