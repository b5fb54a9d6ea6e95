"""Why the cloud found no host, when it does not say: judged anew by the rules that were asked before the move.

What is found is not the cloud's word, so that the sentence begins with "Most likely".
"""

from dataclasses import replace

from nmigrate import any_host, preflight, selectors
from nmigrate.cloud import api
from nmigrate.diagnosis import HELPDESK, OPERATOR, Cause, own_cause
from nmigrate.models import Cloud, Hypervisor, Instance, Migration
from nmigrate.preflight import Around, Case, Destination, Level, Reason
from nmigrate.preflight.rules_host import ANOTHER_OR_WAIT
from nmigrate.preflight.rules_processor import NEWER_HOST, SIMILAR_HOST
from nmigrate.preflight.rules_room import LARGER_HOST
from nmigrate.preflight.words import ANOTHER_HOST, ANOTHER_KIND
from nmigrate.sentences import join, say
from nmigrate.states import Kind

KEYS = {
    "zone_bound": "zone-bound",
    "memory": "too-full",
    "vcpus": "too-full",
    "disk": "too-full",
    "group_together": "server-group",
    "group_apart": "server-group",
    "host_down": "host-down",
    "host_disabled": "host-out-of-service",
    "host_disabled_in_placement": "host-out-of-service",
    "hypervisor_version": "older-hypervisor",
    "hypervisor_type": "older-hypervisor",
    "source_state": "source-down",
    "same_host": "same-or-unknown-host",
    "processor": "cpu",
}
"""Rule of the verdict -> row of the failure table."""
_HOST_RULES = frozenset(rule.__name__ for rule in preflight.HOST_RULES)
_WEIGHTY_AMBER = frozenset({"processor"})
"""Only warnings before a move, and the likely reason after a refusal."""
AGAIN: dict[str, str] = {
    ANOTHER_HOST: say("Plan it again with another host."),
    ANOTHER_OR_WAIT: say("Plan it again with another host, or wait a minute."),
    LARGER_HOST: say("Plan it again with a larger host."),
    SIMILAR_HOST: say("Plan it again with a similar host, or move it cold."),
    ANOTHER_KIND: say("Plan it again as another kind of move."),
    NEWER_HOST: say("Plan it again with a newer host, or move it cold."),
}
"""What to do before a move -> the same after it has failed, when a host is chosen by planning it again."""


def supposed(cloud: api.Cloud, move: Migration, instance: Instance, cause: Cause) -> Cause:
    """`cause` with the probable reason, from fresh hosts; itself with a hint where nothing is found."""
    hosts = _hosts(cloud)
    source = next((host for host in hosts if host.host == move.source_host), None)
    case = Case(
        instance,
        kind=Kind(move.kind),
        source=source,
        zone=move.asked_zone,
        changes_pin=move.changes_pin,
        abilities=preflight.abilities(Cloud.objects.get(pk=move.cloud)),
        around=Around(groups=selectors.around(instance).groups),
    )
    wanted = [
        host
        for host in hosts
        if (host.host == move.asked_host if move.asked_host else host.host != instance.host)
        and (move.asked_host or move.kind not in (Kind.SHELVE, Kind.COPY) or host.zone == move.asked_zone)
    ]
    found = {host.host: _against(replace(case, host=host)) for host in wanted}
    if move.asked_host and found.get(move.asked_host):
        return _of_one(cause, found[move.asked_host][0])
    if not move.asked_host and found and all(found.values()):
        elsewhere = any_host.other_zone(case, hosts)
        return _of_all(cause, instance, {host: _first(reasons) for host, reasons in found.items()}, elsewhere)
    return _nothing_found(cause, move, instance, wanted)


def _hosts(cloud: api.Cloud) -> list[Destination]:
    """As they are now: what was known before the move did not speak against it."""
    try:
        return list(cloud.hypervisors())
    except api.CloudError:
        return list(Hypervisor.objects.filter(cloud=cloud.name))


def _against(case: Case) -> list[Reason]:
    """What speaks against this host, Nova's own refusals first."""
    return [
        reason
        for reason in preflight.judge(case).reasons
        if reason.rule in _HOST_RULES
        and reason.rule != "source_state"
        and (reason.level is Level.FORBIDDEN or reason.rule in _WEIGHTY_AMBER)
    ]


def _first(reasons: list[Reason]) -> Reason:
    """That a host is in another zone comes before all else: it would not be taken in any case."""
    return next((reason for reason in reasons if reason.rule == "zone_bound"), reasons[0])


def _of_one(cause: Cause, reason: Reason) -> Cause:
    advice = reason.advice
    key = KEYS.get(reason.rule, reason.rule.replace("_", "-"))
    known = own_cause(key) if reason.rule in KEYS else cause
    if reason.rule == "zone_bound":
        advice = ""  # the row knows the ways to another zone, too
    return replace(
        cause,
        key=key,
        why=say("Most likely: {why}", why=reason.why),
        next_step=AGAIN.get(advice, advice) or known.next_step,
        who=known.who,
    )


def _of_all(cause: Cause, instance: Instance, reasons: dict[str, Reason], elsewhere: str) -> Cause:
    """No host was named, and something speaks against every one: those of other zones are told of together.

    `elsewhere`: a zone to which it could be moved all the same.
    """
    bound = own_cause("zone-bound")
    here = {host: reason for host, reason in reasons.items() if reason.rule != "zone_bound"}
    told = any_host.each(here)
    if len(here) < len(reasons):
        zone = instance.pinned_zone or instance.zone
        told.insert(0, any_host.bound_and_none(zone, is_alone=not here))
    keys = {KEYS.get(reason.rule, reason.rule.replace("_", "-")) for reason in (here or reasons).values()}
    next_step, who = bound.next_step, bound.who
    if elsewhere:
        next_step, who = _move_elsewhere(elsewhere), HELPDESK
    elif here:
        next_step = say("An operator must make room on a host or bring one back. Then plan it again.")
        who = OPERATOR
    return replace(
        cause,
        key=keys.pop() if len(keys) == 1 else cause.key,
        why=join([say("Most likely: no host can take it now."), *told]),
        next_step=next_step,
        who=who,
    )


def _move_elsewhere(zone: str) -> str:
    return join(
        [
            say("Plan it again as a move to zone {zone}, where a host can take it.", zone=zone),
            say("To keep it in its own zone, an operator must make room on a host or bring one back."),
        ]
    )


def _nothing_found(cause: Cause, move: Migration, instance: Instance, hosts: list[Destination]) -> Cause:
    """The cloud refused what no rule of ours speaks against: say so, and what cannot be seen from here."""
    zones = {host.zone for host in hosts if host.host == move.asked_host}
    if zones and not instance.pin_known and instance.zone not in zones:
        bound = own_cause("zone-bound", name=instance.name, dest=move.asked_host)
        why = say(
            "Most likely: it is bound to zone {zone}, and {host} is in {other}. This cloud does not tell whether it "
            "is bound.",
            zone=instance.zone,
            host=move.asked_host,
            other=zones.pop(),
        )
        return replace(bound, why=why, proofs=cause.proofs)
    why = say(
        "The cloud refused, though nmigrate sees nothing against {host}. Mostly that is a rule of the cloud that it "
        "does not show, or room that was taken in that moment.",
        host=move.asked_host or say("some host"),
    )
    return replace(cause, why=why)
