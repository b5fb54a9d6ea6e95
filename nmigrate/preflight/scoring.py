"""How well a destination suits, in points out of 100, each part explained: why one host is recommended."""

from dataclasses import dataclass

from nmigrate.preflight.rules_processor import missing_features
from nmigrate.preflight.rules_room import needed_disk_gb, needed_memory_mb
from nmigrate.preflight.subjects import Destination
from nmigrate.preflight.verdict import Case, Verdict
from nmigrate.sentences import say, say_n


@dataclass(frozen=True, slots=True)
class Part:
    """What one thing adds, in words."""

    name: str
    points: int
    of: int
    text: str


@dataclass(frozen=True, slots=True)
class Score:
    """The whole of it."""

    parts: tuple[Part, ...] = ()

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)


def score(case: Case) -> Score:
    """Of a case with a host; without one there is nothing to compare."""
    if case.host is None:
        return Score()
    parts = (_memory, _processor, _zone, _version, _neighbours, _disk)
    return Score(tuple(part(case, case.host) for part in parts))


def rank(verdict: Verdict, found: Score, host: str) -> tuple[int, int, str]:
    """What puts the best of several hosts first: one without a warning, then the one with the most points."""
    return verdict.level, -found.points, host


def _share(left: int, capacity: int, of: int) -> int:
    return round(of * min(max(left / capacity, 0), 1)) if capacity > 0 else 0


def _memory(case: Case, host: Destination) -> Part:
    left = host.memory_mb_capacity - host.memory_mb_used - needed_memory_mb(case.subject)
    text = say("{n} GiB of memory would stay free", n=max(left, 0) // 1024)
    return Part("memory", _share(left, host.memory_mb_capacity, 35), 35, text)


def _disk(case: Case, host: Destination) -> Part:
    left = host.disk_gb_capacity - host.disk_gb_used - needed_disk_gb(case.subject)
    text = say("{n} GiB of disk would stay free", n=max(left, 0))
    return Part("disk", _share(left, host.disk_gb_capacity, 10), 10, text)


def _processor(case: Case, host: Destination) -> Part:
    source = case.source
    if source is None:
        return Part("processor", 0, 20, say("its processor cannot be compared"))
    missing = missing_features(source.traits, host.traits)
    if not missing:
        return Part("processor", 20, 20, say("its processor has all that the present one has"))
    text = say_n(
        "its processor lacks {n} feature of the present one",
        "its processor lacks {n} features of the present one",
        len(missing),
    )
    return Part("processor", 0, 20, text)


def _zone(case: Case, host: Destination) -> Part:
    if host.zone == case.subject.zone:
        return Part("zone", 15, 15, say("in the same zone"))
    text = say("in another zone, {zone}", zone=host.zone) if host.zone else say("in another zone, none")
    return Part("zone", 0, 15, text)


def _version(case: Case, host: Destination) -> Part:
    source = case.source
    if source is None or not host.version or not source.version:
        return Part("hypervisor", 5, 10, say("its hypervisor cannot be compared"))
    if host.version < source.version:
        return Part("hypervisor", 0, 10, say("its hypervisor is older"))
    return Part("hypervisor", 10, 10, say("its hypervisor is not older"))


def _neighbours(case: Case, host: Destination) -> Part:
    beside = {group.policy: group.name for group in case.around.groups if group.hosts.get(host.host)}
    for policy, name in beside.items():
        if "anti" in policy:
            text = say("a member of {group}, which likes to be apart, is there", group=name)
            return Part("neighbours", 0, 10, text)
    return Part("neighbours", 10, 10, say("nothing is there that it must be kept apart from"))
