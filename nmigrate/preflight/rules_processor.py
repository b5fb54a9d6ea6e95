"""Rules about what the hosts are: their traits, processors and hypervisors."""

from collections.abc import Iterable

from nmigrate.preflight.verdict import Case, Reason, amber, forbidden
from nmigrate.states import Kind

PROCESSOR = "HW_CPU_"
NAMED = 4
"""So many missing features are named; the rest is counted."""


def traits(case: Case) -> Iterable[Reason]:
    """What flavor and image require or forbid, as the scheduler asks placement."""
    host = case.host
    if host is None:
        return
    for specs in (case.subject.extra_specs, case.subject.image_properties):
        for name, wish in specs.items():
            if not name.startswith("trait:"):
                continue
            trait, has = name.removeprefix("trait:"), name.removeprefix("trait:") in host.traits
            if wish == "required" and not has:
                yield forbidden("traits", f"It needs {trait}, which {host.host} lacks. Choose another host.")
            elif wish == "forbidden" and has:
                yield forbidden(
                    "traits",
                    f"It must not be where {trait} is, and {host.host} has that. Choose another host.",
                )


def missing_features(source: Iterable[str], destination: Iterable[str]) -> list[str]:
    """Features of the source's processor that the destination's has not; empty where either tells none."""
    has, needs = ({name for name in side if name.startswith(PROCESSOR)} for side in (destination, source))
    return sorted(needs - has) if has else []


def processor(case: Case) -> Iterable[Reason]:
    if case.kind is not Kind.LIVE or case.host is None or case.source is None:
        return
    missing = missing_features(case.source.traits, case.host.traits)
    if missing:
        shown = ", ".join(name.removeprefix(PROCESSOR) for name in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        yield amber(
            "processor",
            f"The processor of {case.host.host} lacks {shown}{more}, which {case.source.host} has; "
            "a guest that uses it cannot go there live. Choose a like host, or move it cold.",
        )


def hypervisor_version(case: Case) -> Iterable[Reason]:
    host, source = case.host, case.source
    if case.kind is not Kind.LIVE or host is None or source is None:
        return
    if 0 < host.version < source.version:
        yield forbidden(
            "hypervisor_version",
            f"The hypervisor of {host.host} is older than that of {source.host}. Choose a newer host, or move it cold.",
        )


def hypervisor_type(case: Case) -> Iterable[Reason]:
    host, source = case.host, case.source
    if case.kind is not Kind.LIVE or host is None or source is None:
        return
    if host.type and source.type and host.type != source.type:
        yield forbidden(
            "hypervisor_type",
            f"{host.host} has another kind of hypervisor ({host.type}) than {source.host} ({source.type}). "
            "Choose another host.",
        )


RULES = (traits, processor, hypervisor_version, hypervisor_type)
