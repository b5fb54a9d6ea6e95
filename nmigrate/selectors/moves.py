"""Migrations: the list, what moved an instance, and what waits for a manager."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from nmigrate.models import Approval, Cloud, Hypervisor, Instance, Migration, Order
from nmigrate.moves import KEEP_ORIGINAL
from nmigrate.states import ACTIVE, MOVING, Kind, Perm, State

ACTIVE_STATES = tuple(sorted(state.value for state in ACTIVE))
DECIDABLE = (State.ASKING.value, State.WAITING.value)
"""What a manager decides on: whether it starts, and whether it stands at its end."""
FOR_A_PERSON = tuple(sorted(state.value for state in ACTIVE - MOVING))
"""Nothing happens to these until somebody says so."""


def moves_of_instances(cloud_name: str, uuids: Iterable[str]) -> dict[str, Migration]:
    """The active move of each of these instances, as itself or as a copy."""
    wanted = list(uuids)
    moves = Migration.objects.filter(
        Q(instance_uuid__in=wanted) | Q(copy_uuid__in=wanted), cloud=cloud_name, state__in=ACTIVE_STATES
    )
    return by_instance(moves)


def by_instance(moves: Iterable[Migration]) -> dict[str, Migration]:
    """Each move under the UUID of its instance, and of the copy where it has one."""
    found = list(moves)
    return {move.copy_uuid: move for move in found if move.copy_uuid} | {
        move.instance_uuid: move for move in found
    }


def moves_that_hold_room(cloud: Cloud, host: str, limit: int = 20) -> list[Migration]:
    """Moves away from this host that wait for their decision: Nova keeps the room until then."""
    waiting = Migration.objects.filter(
        cloud=cloud.name, source_host=host, state=State.WAITING, kind=Kind.COLD
    )
    return list(waiting.order_by("id")[:limit])


def leaving_count(cloud: Cloud, host: str) -> int:
    """How many moves off this host are open: asked for, under way, or waiting for their decision."""
    return Migration.objects.filter(cloud=cloud.name, source_host=host, state__in=ACTIVE_STATES).count()


def unsent_moves(cloud_name: str) -> list[tuple[str, str]]:
    """UUID of the instance and the host that was asked for, of each move to a named host that Nova does not know of
    yet."""
    unsent = (State.ASKING.value, State.QUEUED.value, State.SENDING.value)
    moves = Migration.objects.filter(cloud=cloud_name, state__in=unsent).exclude(asked_host="")
    return list(moves.values_list("instance_uuid", "asked_host"))


def kept_copies(cloud_name: str, uuids: Iterable[str]) -> dict[str, Migration]:
    """The move that copied each of these instances and left the original, under the UUIDs of both while both exist."""
    wanted = list(uuids)
    moves = Migration.objects.filter(
        Q(instance_uuid__in=wanted) | Q(copy_uuid__in=wanted),
        cloud=cloud_name,
        kind=Kind.COPY,
        state=State.DONE,
        original_after=KEEP_ORIGINAL,
    ).order_by("id")
    names = {uuid for move in moves for uuid in (move.instance_uuid, move.copy_uuid)}
    there = set(Instance.objects.filter(cloud=cloud_name, uuid__in=names).values_list("uuid", flat=True))
    return by_instance(move for move in moves if {move.instance_uuid, move.copy_uuid} <= there)


def is_host_down(instance: Instance) -> bool:
    """Whether the host that it is on does not answer, or was declared down."""
    host = (
        Hypervisor.objects.filter(cloud=instance.cloud_id, host=instance.host)
        .only("state", "forced_down")
        .first()
    )
    return host is not None and not host.is_up


def instance_history(cloud_name: str, uuid: str) -> list[Migration]:
    """What moved the instance, or made it as a copy, newest first."""
    mine = Q(instance_uuid=uuid) | Q(copy_uuid=uuid)
    return list(Migration.objects.filter(mine, cloud=cloud_name).order_by("-id")[:100]) if uuid else []


def last_power_order(cloud_name: str, uuid: str) -> Order | None:
    """The newest order to start, stop or unlock this instance, beside any move: says whether one is on its way,
    or why the last one failed."""
    simple = (Order.Action.START, Order.Action.STOP, Order.Action.UNLOCK)
    return Order.objects.filter(
        cloud=cloud_name, instance_uuid=uuid, action__in=simple, migration=None
    ).last()


@dataclass(frozen=True, slots=True)
class MigrationFilter:
    """What the list of migrations was asked for; `state` is a state, one of STATE_GROUPS or empty. `since` and `until`
    are aware and of the request; `until` is not included."""

    cloud: str = ""
    state: str = ""
    kind: str = ""
    person: str = ""
    instance: str = ""
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None
    cause: str = ""


STOPPED = Q(state=State.REVERTED, waiting_since=None, nova_status="cancelled")
"""Stopped on the way, as was asked; bound to its zone again since."""
STATE_GROUPS: dict[str, Q] = {
    State.ABORTED.value: Q(state=State.ABORTED) | STOPPED,
    State.REVERTED.value: Q(state=State.REVERTED) & ~STOPPED,
    "active": Q(state__in=ACTIVE_STATES),
    "open": Q(state__in=DECIDABLE),
    "person": Q(state__in=FOR_A_PERSON),
    "returned": Q(state=State.REVERTED, waiting_since__isnull=False),
    "back": Q(state=State.ABORTED) | Q(state=State.REVERTED, waiting_since=None),
    "dropped": Q(state__in=(State.DECLINED, State.CANCELLED)),
}
"""Several states that are asked for as one: under way, decisions that are open, what waits for anybody, and outcomes of
the figures."""


def lookup_of(text: str, *names: tuple[QuerySet[Any], str]) -> str:
    """How a person is looked for: by just this name where somebody has it, else by a part of it."""
    whole = any(rows.filter(**{f"{field}__iexact": text}).exists() for rows, field in names)
    return "iexact" if whole else "icontains"


def migrations(wanted: MigrationFilter) -> QuerySet[Migration]:
    rows = Migration.objects.order_by("-id")
    if wanted.cloud:
        rows = rows.filter(cloud=wanted.cloud)
    if wanted.state:
        rows = rows.filter(STATE_GROUPS.get(wanted.state, Q(state=wanted.state)))
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.source:
        rows = rows.filter(source_host=wanted.source)
    if wanted.since:
        rows = rows.filter(requested_at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(requested_at__lt=wanted.until)
    if wanted.cause:
        rows = rows.filter(cause=wanted.cause)
    if wanted.person:
        text = wanted.person.strip()
        decided = Approval.objects.all()
        how = lookup_of(text, (Migration.objects.all(), "requested_by_name"), (decided, "decided_by_name"))
        theirs = decided.filter(migration=OuterRef("pk"), **{f"decided_by_name__{how}": text})
        rows = rows.filter(Q(**{f"requested_by_name__{how}": text}) | Exists(theirs))
    if wanted.instance:
        text = wanted.instance.strip()
        rows = rows.filter(
            Q(instance_name__icontains=text)
            | Q(instance_uuid=text.lower())
            | Q(ticket__icontains=text)
            | Q(pk=number_of(text))
            | Q(request_id=text.lower())
        )
    return rows


def number_of(text: str) -> int:
    """ "42" and "#42" as the number of a move; 0, which none has, for anything else."""
    number = text.removeprefix("#")
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def soon() -> datetime:
    """A decision that must be made before this is due."""
    return timezone.now() + timedelta(seconds=settings.NMIGRATE_REMIND_SECONDS)


def is_due(migration: Migration) -> bool:
    """Whether it must be decided soon, or should have been already."""
    return migration.decide_by is not None and migration.decide_by <= soon()


def pending_approvals(user: User) -> QuerySet[Migration]:
    """What waits for a manager: first what is due soon or overdue, then the longest wait; empty for who may not
    decide. A request for approval has no deadline; it counts from when it was made."""
    if not user.has_perm(Perm.APPROVE):
        return Migration.objects.none()
    since = Coalesce("waiting_since", "requested_at")
    order = Case(When(decide_by__lte=soon(), then=F("decide_by")))
    return Migration.objects.filter(state__in=DECIDABLE).order_by(order.asc(nulls_last=True), since, "id")


@dataclass(frozen=True, slots=True)
class Pending:
    """How many decisions one person can make now, how many of them are due soon or overdue, and how many overdue."""

    count: int
    due: int
    overdue: int

    @property
    def version(self) -> str:
        """What an open page compares."""
        return f"{self.count}.{self.due}.{self.overdue}"


def pending_count(user: User) -> Pending:
    """The requests they made themselves are not among them."""
    if not user.has_perm(Perm.APPROVE):
        return Pending(0, 0, 0)
    rows = Migration.objects.filter(state__in=DECIDABLE).exclude(requested_by=user)
    found = rows.aggregate(
        count=Count("id"),
        due=Count("id", filter=Q(decide_by__lte=soon())),
        overdue=Count("id", filter=Q(decide_by__lte=timezone.now())),
    )
    return Pending(**found)
