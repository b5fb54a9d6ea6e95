"""Rules about room, from placement: its scheduler refuses a host without."""

from collections.abc import Iterable

from nmigrate.preflight.subjects import Destination, Subject, local_disk_gb, spec, starts_from_volume
from nmigrate.preflight.verdict import Case, Reason, amber, forbidden
from nmigrate.preflight.words import ANOTHER_HOST, BETTER_ANOTHER
from nmigrate.sentences import say
from nmigrate.states import Kind

HEADROOM = 0.1
"""Share of a host's disk that should stay free after a copy."""
MEMORY, VCPU, DISK = say("MiB of memory"), say("vCPU"), say("GiB of disk")
"""What is counted, as it stands behind a number."""
LARGER_HOST = say("Choose a larger host.")


def needed_memory_mb(subject: Subject) -> int:
    return int(subject.extra_specs.get("resources:MEMORY_MB", subject.memory_mb))


def needed_vcpus(subject: Subject) -> int:
    """None of them for dedicated processors: those are counted as PCPU."""
    if spec(subject, "cpu_policy") in ("dedicated", "mixed"):
        return 0
    return int(subject.extra_specs.get("resources:VCPU", subject.vcpus))


def needed_disk_gb(subject: Subject) -> int:
    return int(subject.extra_specs.get("resources:DISK_GB", local_disk_gb(subject)))


def memory(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None:
        free = host.memory_mb_capacity - host.memory_mb_used
        yield from _too_full(
            "memory", case, host.memory_mb_capacity, free, needed_memory_mb(case.subject), MEMORY
        )


def vcpus(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None:
        free = host.vcpus_capacity - host.vcpus_used
        yield from _too_full("vcpus", case, host.vcpus_capacity, free, needed_vcpus(case.subject), VCPU)


def disk(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None:
        free = host.disk_gb_capacity - host.disk_gb_used
        yield from _too_full("disk", case, host.disk_gb_capacity, free, needed_disk_gb(case.subject), DISK)


def _too_full(rule: str, case: Case, capacity: int, free: int, needed: int, unit: str) -> Iterable[Reason]:
    if case.kind is Kind.SHELVE and case.host is not None and case.host.host == case.subject.host:
        free += needed  # which it gives back when it is shelved
    # No capacity at all: placement keeps it elsewhere (disks shared by hosts), and we do not know it.
    if case.host is not None and capacity > 0 and needed > free:
        why = say(
            "{host} is too full: {free} {unit} free, {needed} needed.",
            host=case.host.host,
            free=max(free, 0),
            unit=unit,
            needed=needed,
        )
        yield forbidden(rule, why, ANOTHER_HOST)


def largest(case: Case) -> Iterable[Reason]:
    """Placement's max_unit: the most that one server may take of a host, however much of it is free."""
    host, subject = case.host, case.subject
    if host is None:
        return
    units = host.max_units
    for name, needed, unit in (
        ("MEMORY_MB", needed_memory_mb(subject), MEMORY),
        ("VCPU", needed_vcpus(subject), VCPU),
        ("DISK_GB", needed_disk_gb(subject), DISK),
    ):
        most = units.get(name, 0)
        if 0 < most < needed:
            yield forbidden(
                "largest",
                say(
                    "One instance may take at most {most} {unit} of {host}, and {name} needs {needed}.",
                    most=most,
                    unit=unit,
                    host=host.host,
                    name=subject.name,
                    needed=needed,
                ),
                LARGER_HOST,
            )


def disk_headroom(case: Case) -> Iterable[Reason]:
    """Since 2.25 Nova no longer looks whether a copied disk really fits."""
    host, subject = case.host, case.subject
    if case.kind is not Kind.LIVE or host is None or starts_from_volume(subject):
        return
    left = _disk_left(host, subject)
    if host.disk_gb_capacity > 0 and 0 <= left < host.disk_gb_capacity * HEADROOM:
        yield amber(
            "disk_headroom",
            say(
                "Only {left} GiB of disk would stay free on {host}, and Nova does not check that before it copies.",
                left=left,
                host=host.host,
            ),
            BETTER_ANOTHER,
        )


def _disk_left(host: Destination, subject: Subject) -> int:
    return host.disk_gb_capacity - host.disk_gb_used - needed_disk_gb(subject)


RULES = (memory, vcpus, disk, largest, disk_headroom)
