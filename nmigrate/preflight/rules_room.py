"""Rules about room, from placement: its scheduler refuses a host without."""

from collections.abc import Iterable

from nmigrate.preflight.subjects import Destination, Subject, local_disk_gb, spec, starts_from_volume
from nmigrate.preflight.verdict import Case, Reason, amber, forbidden
from nmigrate.states import Kind

HEADROOM = 0.1
"""Share of a host's disk that should stay free after a copy."""


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
            "memory", case, host.memory_mb_capacity, free, needed_memory_mb(case.subject), "MiB of memory"
        )


def vcpus(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None:
        free = host.vcpus_capacity - host.vcpus_used
        yield from _too_full("vcpus", case, host.vcpus_capacity, free, needed_vcpus(case.subject), "vCPU")


def disk(case: Case) -> Iterable[Reason]:
    host = case.host
    if host is not None:
        free = host.disk_gb_capacity - host.disk_gb_used
        yield from _too_full(
            "disk", case, host.disk_gb_capacity, free, needed_disk_gb(case.subject), "GiB of disk"
        )


def _too_full(rule: str, case: Case, capacity: int, free: int, needed: int, unit: str) -> Iterable[Reason]:
    if case.kind is Kind.SHELVE and case.host is not None and case.host.host == case.subject.host:
        free += needed  # which it gives back when it is shelved
    # No capacity at all: placement keeps it elsewhere (disks shared by hosts), and we do not know it.
    if case.host is not None and capacity > 0 and needed > free:
        yield forbidden(
            rule,
            f"{case.host.host} is too full: {max(free, 0)} {unit} free, {needed} needed. Choose another host.",
        )


def largest(case: Case) -> Iterable[Reason]:
    """Placement's max_unit: the most that one server may take of a host, however much of it is free."""
    host, subject = case.host, case.subject
    if host is None:
        return
    units = host.max_units
    for name, needed, unit in (
        ("MEMORY_MB", needed_memory_mb(subject), "MiB of memory"),
        ("VCPU", needed_vcpus(subject), "vCPU"),
        ("DISK_GB", needed_disk_gb(subject), "GiB of disk"),
    ):
        most = units.get(name, 0)
        if 0 < most < needed:
            yield forbidden(
                "largest",
                f"One instance may take at most {most} {unit} of {host.host}, and {subject.name} needs {needed}. "
                "Choose a larger host.",
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
            f"Only {left} GiB of disk would stay free on {host.host}, and Nova does not check that before it copies. "
            "Better choose another host.",
        )


def _disk_left(host: Destination, subject: Subject) -> int:
    return host.disk_gb_capacity - host.disk_gb_used - needed_disk_gb(subject)


RULES = (memory, vcpus, disk, largest, disk_headroom)
