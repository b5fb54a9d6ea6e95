"""One hypervisor as the topology draws it: how full, what is wrong with it, which instances, what arrives."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db.models import Case, Count, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from nmigrate.models import Hypervisor, Instance, Migration
from nmigrate.selectors.flights import Flight, moves_in
from nmigrate.selectors.found import holds_every, words_of
from nmigrate.selectors.moves import by_instance
from nmigrate.states import State

MANY_HOSTS = 60  # above it a card shows only what moves or is broken: nobody reads 10,000 names
CHIPS_PER_HOST, CHIPS_WHEN_MANY, CHIPS_OPENED = 12, 4, 100
FILLING, NEARLY_FULL = 75, 90
"""Per cent from which a host is drawn in amber, and in red: the next move may not fit."""
SHOW_ALL, SHOW_TROUBLE, SHOW_MOVING, SHOW_LOCKED = "everything", "trouble", "moving", "locked"
SORT_TROUBLE, SORT_FULL, SORT_NAME = "trouble", "full", "name"
UP, DOWN, OFF = "up", "down", "off"
CARDS, MAP = "cards", "map"
VCPU, MEMORY, DISK = "vcpu", "memory", "disk"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the topology was asked for. Empty: everything, and the view that fits the size of the cloud."""

    show: str = SHOW_ALL
    zone: str = ""
    state: str = ""
    text: str = ""
    sort: str = SORT_TROUBLE
    view: str = ""
    opened: frozenset[int] = frozenset()

    @property
    def is_everything(self) -> bool:
        return self.show == SHOW_ALL and not (self.zone or self.state or self.text)


def instance_trouble() -> Q:
    """What makes an instance worth a look: Nova calls it broken, or its host does not answer."""
    return Q(status="ERROR") | Q(host_status__in=("DOWN", "UNKNOWN"))


@dataclass(frozen=True, slots=True)
class Chip:
    """An instance on a card, with the move that it is part of."""

    instance: Instance
    move: Migration | None
    is_noticed: bool = False
    """The watchdog has something to say about it."""


def percent(used: int, capacity: int) -> int:
    """Rounded; but 100 is said only of what is used up."""
    if not capacity:
        return 0
    return min(round(100 * used / capacity), 99) if used < capacity else 100 * used // capacity


@dataclass(slots=True)
class HostCard:
    """One hypervisor. `total` counts its instances, `listed` those that the filters leave; `chips` are shown at
    once, `rest` when it is opened."""

    hypervisor: Hypervisor
    chips: list[Chip] = field(default_factory=list)
    rest: list[Chip] = field(default_factory=list)
    arriving: list[Flight] = field(default_factory=list)
    leaving: int = 0
    total: int = 0
    listed: int = 0
    broken: int = 0
    is_opened: bool = False
    is_noticed: bool = False

    @property
    def more(self) -> int:
        return max(self.listed - len(self.chips), 0)

    @property
    def hidden(self) -> int:
        """How many the filters leave out."""
        return max(self.total - self.listed, 0)

    @property
    def beyond(self) -> int:
        """How many even the opened card leaves to the page of the host."""
        return max(self.more - len(self.rest), 0)

    @property
    def shares(self) -> dict[str, int]:
        """Per cent used of each thing that it gives."""
        host = self.hypervisor
        return {
            VCPU: percent(host.vcpus_used, host.vcpus_capacity),
            MEMORY: percent(host.memory_mb_used, host.memory_mb_capacity),
            DISK: percent(host.disk_gb_used, host.disk_gb_capacity),
        }

    @property
    def fill(self) -> int:
        """Per cent of what it has least of."""
        return max(self.shares.values())

    @property
    def is_full(self) -> bool:
        return self.fill >= NEARLY_FULL

    @property
    def is_in_trouble(self) -> bool:
        """Down, out of service, or so full that the next move will not fit."""
        return not self.hypervisor.is_up or not self.hypervisor.is_enabled or self.is_full

    @property
    def rank(self) -> int:
        """How badly somebody should look at it; 0 is worst."""
        host = self.hypervisor
        return next(
            (
                n
                for n, bad in enumerate((not host.is_up, self.broken, not host.is_enabled, self.is_full))
                if bad
            ),
            4,
        )


@dataclass(slots=True)
class Dealt:
    """Every card, those that the filters leave, and the instances that are on none of these hosts."""

    all: list[HostCard] = field(default_factory=list)
    kept: list[HostCard] = field(default_factory=list)
    homeless: list[Chip] = field(default_factory=list)
    homeless_listed: int = 0
    instances: int = 0


def deal(
    instances: QuerySet[Instance],
    hypervisors: list[Hypervisor],
    flying: list[Flight],
    wanted: Wanted,
    *,
    is_dense: bool,
    noticed: frozenset[str] = frozenset(),
) -> Dealt:
    """The cards of these hypervisors, with their instances. `noticed`: hosts and UUIDs that need a look.

    Two queries. A host with several hypervisors (bare metal) has its instances on the first of them.
    """
    words = words_of(wanted.text)
    found: dict[str, HostCard] = {}
    dealt = Dealt()
    for hypervisor in hypervisors:
        card = HostCard(
            hypervisor,
            is_opened=hypervisor.pk in wanted.opened,
            is_noticed=hypervisor.host in noticed,
        )
        dealt.all.append(card)
        found.setdefault(hypervisor.host, card)
    named = {host for host, card in found.items() if words and is_named(card.hypervisor, words)}
    moving: dict[str, Migration | None] = {
        one.instance_uuid: None for one in flying if one.outside is not None
    }
    moving |= by_instance(moves_in(flying))
    stuck = noticed.union(uuid for uuid, move in moving.items() if move and move.state == State.STRANDED)
    listed = _listed(wanted, words, named, moving, [card for card in dealt.all if card.is_in_trouble], stuck)

    for host, total, left, broken in _counts(instances, listed):
        dealt.instances += total
        if host in found:
            found[host].total, found[host].listed, found[host].broken = total, left, broken
        else:
            dealt.homeless_listed += left
    for flight in flying:
        if flight.is_going and flight.to in found and _is_shown(flight, wanted, words, named, noticed):
            found[flight.to].arriving.append(flight)
        if flight.is_going and flight.source in found:
            found[flight.source].leaving += 1

    for instance in _rows(instances, listed, moving, wanted, found, is_dense=is_dense):
        chip = Chip(instance, moving.get(instance.uuid), instance.uuid in noticed)
        owner = found.get(instance.host)
        if owner is None:
            dealt.homeless.append(chip)
        elif _is_shown_at_once(instance, is_dense=is_dense, wanted=wanted):
            owner.chips.append(chip)
        else:
            owner.rest.append(chip)
    dealt.kept = [card for card in dealt.all if _is_kept(card, wanted, words, named)]
    return dealt


def is_named(hypervisor: Hypervisor, words: list[str]) -> bool:
    own = f"{hypervisor.host}\n{hypervisor.name}\n{hypervisor.zone}".casefold()
    return all(word in own for word in words)


def _is_shown(
    flight: Flight, wanted: Wanted, words: list[str], named: set[str], noticed: Collection[str]
) -> bool:
    """Whether a host shows that it is coming: like its instance itself."""
    if wanted.show == SHOW_LOCKED:  # a lock is told of an instance where it is
        return False
    if wanted.show == SHOW_TROUBLE and flight.instance_uuid not in noticed:
        return False
    return not words or _is_about(flight, words, named)


def _is_about(flight: Flight, words: list[str], named: set[str]) -> bool:
    return flight.to in named or all(word in flight.name.casefold() for word in words)


def _listed(
    wanted: Wanted,
    words: list[str],
    named: set[str],
    moving: Iterable[str],
    troubled: list[HostCard],
    stuck: Iterable[str],
) -> Q:
    """Which instances the filters leave; those of a host that itself is meant, all. `stuck`: whose move stopped
    half-way, or of which the watchdog has something to say."""
    listed = Q()
    if words:
        listed &= holds_every(words) | Q(host__in=named)
    if wanted.show == SHOW_MOVING:
        listed &= Q(uuid__in=list(moving))
    if wanted.show == SHOW_LOCKED:
        listed &= Q(locked=True)
    if wanted.show == SHOW_TROUBLE:
        listed &= (
            instance_trouble()
            | Q(uuid__in=list(stuck))
            | Q(host__in=[card.hypervisor.host for card in troubled])
        )
    return listed


def _counts(instances: QuerySet[Instance], listed: Q) -> Iterable[tuple[str, int, int, int]]:
    """Host, how many instances, how many of them the filters leave, how many are in error."""
    return (
        instances.order_by()
        .values_list("host")
        .annotate(
            all=Count("id"),
            left=Count("id", filter=listed or None),
            broken=Count("id", filter=Q(status="ERROR")),
        )
    )


def _rows(
    instances: QuerySet[Instance],
    listed: Q,
    moving: Iterable[str],
    wanted: Wanted,
    found: dict[str, HostCard],
    *,
    is_dense: bool,
) -> QuerySet[Instance]:
    """Of every host its first instances: those that move, then the broken, then by name; of an opened one more.

    In a large cloud the ordinary ones are left out until their host is opened; a map shows none at all.
    """
    moves, trouble = Q(uuid__in=list(moving)), instance_trouble()
    opened = Q(host__in=[host for host, card in found.items() if card.is_opened])
    instances = instances.filter(listed)
    if wanted.view == MAP:
        instances = instances.exclude(host__in=[host for host, card in found.items() if not card.is_opened])
    elif is_dense and wanted.is_everything:
        instances = instances.filter(moves | trouble | opened | ~Q(host__in=list(found)))
    rank = Case(When(moves, then=Value(0)), When(trouble, then=Value(1)), default=Value(2))
    place = Window(RowNumber(), partition_by=F("host"), order_by=(rank, F("name"), F("id")))
    limit = _limit(is_dense)
    return (
        instances.annotate(rank=rank, place=place)
        .filter(Q(place__lte=limit) | (opened & Q(place__lte=limit + CHIPS_OPENED)))
        .order_by("host", "place")
        .only("cloud_id", "uuid", "name", "host", "zone", "status", "task_state", "locked", "host_status")
    )


def _is_shown_at_once(instance: Instance, *, is_dense: bool, wanted: Wanted) -> bool:
    """In a large cloud an ordinary instance is shown only when it was asked for."""
    place, rank = instance.place, instance.rank  # type: ignore[attr-defined]  # annotated
    return bool(place <= _limit(is_dense) and (rank < 2 or not is_dense or not wanted.is_everything))


def _limit(is_dense: bool) -> int:
    return CHIPS_WHEN_MANY if is_dense else CHIPS_PER_HOST


def _is_kept(card: HostCard, wanted: Wanted, words: list[str], named: set[str]) -> bool:
    host = card.hypervisor
    states = {
        UP: host.is_up and host.is_enabled,
        DOWN: not host.is_up,
        OFF: not host.is_enabled,
    }
    if (wanted.zone and host.zone != wanted.zone) or not states.get(wanted.state, True):
        return False
    if words and not (host.host in named or card.listed or card.arriving):
        return False
    if wanted.show == SHOW_MOVING:
        return bool(card.listed or card.arriving)
    if wanted.show == SHOW_LOCKED:
        return card.listed > 0
    return wanted.show != SHOW_TROUBLE or card.is_in_trouble or card.listed > 0


def in_order(found: list[HostCard], sort: str) -> list[HostCard]:
    """Troubled ones first, or the fullest, or by name; a host whose figures change a little keeps its place."""
    if sort == SORT_FULL:
        return sorted(found, key=lambda card: (-card.fill, natural(card.hypervisor.host)))
    if sort == SORT_NAME:
        return sorted(found, key=lambda card: natural(card.hypervisor.host))
    return sorted(found, key=lambda card: (card.rank, natural(card.hypervisor.host)))


def natural(name: str) -> list[tuple[int, str]]:
    """So that compute2 comes before compute10."""
    return [
        (int(part), "") if part.isascii() and part.isdigit() else (-1, part)
        for part in re.split(r"(\d+)", name)
    ]
