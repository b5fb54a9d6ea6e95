"""Migrations: the list, what moved an instance, and what waits for a manager."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from nmigrate.models import Migration, Order
from nmigrate.states import ACTIVE, Perm, State

ACTIVE_STATES = tuple(sorted(state.value for state in ACTIVE))


def moves_of_instances(cloud_name: str, uuids: Iterable[str]) -> dict[str, Migration]:
    """The active move of each of these instances."""
    moves = Migration.objects.filter(cloud=cloud_name, instance_uuid__in=list(uuids), state__in=ACTIVE_STATES)
    return {move.instance_uuid: move for move in moves}


def instance_history(cloud_name: str, uuid: str) -> list[Migration]:
    """What moved the instance, newest first."""
    return list(Migration.objects.filter(cloud=cloud_name, instance_uuid=uuid).order_by("-id")[:100])


def last_start(cloud_name: str, uuid: str) -> Order | None:
    """The newest order to start this instance: says whether one is on its way, or why the last one failed."""
    return Order.objects.filter(cloud=cloud_name, instance_uuid=uuid, action=Order.Action.START).last()


@dataclass(frozen=True, slots=True)
class MigrationFilter:
    """What the list of migrations was asked for; `state` is a state, "active" or empty."""

    cloud: str = ""
    state: str = ""
    person: str = ""
    instance: str = ""


def migrations(wanted: MigrationFilter) -> QuerySet[Migration]:
    rows = Migration.objects.order_by("-id")
    if wanted.cloud:
        rows = rows.filter(cloud=wanted.cloud)
    if wanted.state == "active":
        rows = rows.filter(state__in=ACTIVE_STATES)
    elif wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.person:
        rows = rows.filter(requested_by_name__icontains=wanted.person)
    if wanted.instance:
        rows = rows.filter(
            Q(instance_name__icontains=wanted.instance) | Q(instance_uuid=wanted.instance.strip().lower())
        )
    return rows


def pending_approvals(user: User) -> QuerySet[Migration]:
    """What waits for a decision, longest first; empty for who may not decide."""
    if not user.has_perm(Perm.APPROVE):
        return Migration.objects.none()
    return Migration.objects.filter(state=State.WAITING).order_by("waiting_since", "id")


def pending_count(user: User) -> int:
    """How many decisions this person can make now; the requests they made themselves are not among them."""
    if not user.has_perm(Perm.APPROVE):
        return 0
    return Migration.objects.filter(state=State.WAITING).exclude(requested_by=user).count()
