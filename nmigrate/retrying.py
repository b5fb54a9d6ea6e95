"""Where the step of a move that stopped half-way can lead now: to the host that was asked for, or to another one of the
zone. From the inventory; what is sent is judged by Nova, as ever."""

from dataclasses import dataclass, replace
from zlib import crc32

from nmigrate import any_host, preflight
from nmigrate.diagnosis import NO_VALID_HOST
from nmigrate.models import Instance, Migration
from nmigrate.moves import Action
from nmigrate.preflight import MOVABLE, Level, Reason
from nmigrate.scene import Scene, scene_of
from nmigrate.sentences import join, listed, say, say_n
from nmigrate.states import Kind, State

DEAD_ENDS = ("host-out-of-service", "host-down", "too-full", "unshelve-target", "server-group", "zone-bound")
"""Causes that the same step meets again."""
DOUBTFUL = ("wrong-host", "interrupted")
"""Causes after which an operator must see first where an instance really is."""
OF_HOSTS = frozenset({*DEAD_ENDS, NO_VALID_HOST, "older-hypervisor", "cpu"})
"""Causes that may have passed when a host can take it."""
_LEADS = frozenset({Action.MIGRATE, Action.LIVE, Action.UNSHELVE, Action.BOOT})
"""Steps that name a host, and may come after others: an evacuation is its own first step."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of the hosts of the zone: those that can take it now, the best first, and what speaks against the others.

    `asked`: the host that the step named, "" where the scheduler chose.
    """

    zone: str
    asked: str
    able: tuple[str, ...]
    against: dict[str, Reason]

    @property
    def is_open(self) -> bool:
        """Whether the step can be tried again as it is."""
        return self.asked in self.able if self.asked else bool(self.able)

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(name for name in self.able if name != self.asked)

    @property
    def key(self) -> str:
        """The same as long as the same hosts can be chosen: what was chosen among them is kept."""
        return f"{crc32(' '.join((self.asked, *sorted(self.able))).encode()):x}"

    @property
    def now(self) -> str:
        """What is true of the hosts now."""
        if self.is_open:
            able = (self.asked,) if self.asked else self.able
            return say("{hosts} can take it now.", hosts=_named(able))
        if not self.able:
            return join([any_host.none_of_zone(self.zone), *any_host.each(self.against)])
        against = self.against.get(self.asked)
        return join(
            [
                against.why if against else "",
                say_n(
                    "Another host of zone {zone} can take it: {hosts}.",
                    "Other hosts of zone {zone} can take it: {hosts}.",
                    len(self.others),
                    zone=self.zone,
                    hosts=_named(self.others),
                ),
            ]
        )


def _named(hosts: tuple[str, ...]) -> str:
    more = len(hosts) - any_host.NAMED
    return listed([*hosts[: any_host.NAMED], *([say_n("one more", "{n} more", more)] if more > 0 else [])])


def outlook(move: Migration, instance: Instance | None) -> Outlook | None:
    """None where the step names no host, or where it cannot be sent to another one safely: an operator must see first
    where the instance is, or it is not as the step needs it."""
    if move.state != State.STRANDED or move.stranded_in != State.RUNNING or move.step not in _LEADS:
        return None
    if instance is None or move.cause in DOUBTFUL or move.copy_uuid or not _is_ready(move, instance):
        return None
    scene = scene_of(instance, ignoring=move)
    known = scene.hosts.get(move.asked_host)
    zone = move.asked_zone or (known.zone if known else "")
    if not zone:
        return None
    able, against = _judged(scene, move, zone)
    return Outlook(zone, move.asked_host, able, against)


def _is_ready(move: Migration, instance: Instance) -> bool:
    if instance.task_state:
        return False
    if move.step == Action.UNSHELVE:
        return instance.status == "SHELVED_OFFLOADED"
    if move.step in (Action.MIGRATE, Action.LIVE):
        return instance.host == move.source_host and instance.status in MOVABLE[Kind(move.kind)]
    return True


def _judged(scene: Scene, move: Migration, zone: str) -> tuple[tuple[str, ...], dict[str, Reason]]:
    """By the rules about hosts alone: a shelved instance fails those about itself."""
    ranked: dict[str, tuple[int, int, str]] = {}
    against: dict[str, Reason] = {}
    for name, host in scene.hosts.items():
        if host.zone != zone or name == scene.subject.host:
            continue
        case = replace(
            scene.case(Kind(move.kind), name, zone, changes_pin=move.changes_pin),
            source=scene.hosts.get(move.source_host),
        )
        verdict = preflight.judge_host(case)
        reasons = [
            one
            for one in verdict.reasons
            if one.level >= Level.OURS and not (one.rule == "source_state" and move.step == Action.UNSHELVE)
        ]
        if reasons:
            against[name] = reasons[0]
        else:
            ranked[name] = preflight.rank(verdict, preflight.score(case), name)
    return tuple(sorted(ranked, key=ranked.__getitem__)), against
