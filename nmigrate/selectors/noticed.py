"""What was noticed: the watchdog's findings, and the moves that others made."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from nmigrate.models import Cloud, Finding, Instance, Migration, OutsideMove
from nmigrate.models.noticed import GRAVEST_FIRST
from nmigrate.selectors.moves import MigrationFilter, instance_history, lookup_of
from nmigrate.states import Kind, Perm, State

STATUSES: dict[str, tuple[str, ...]] = {
    State.WAITING: ("finished",),
    State.CONFIRMING: ("confirming",),
    State.REVERTING: ("reverting",),
    State.DONE: ("completed", "done", "confirmed"),
    State.REVERTED: ("reverted",),
    State.ABORTED: ("cancelled",),
    State.FAILED: ("error", "failed"),
    "open": ("finished",),
    "person": ("finished",),
    "returned": ("reverted",),
    "back": ("cancelled",),
}
"""Nova's statuses of a record that mean the same as a state of ours, or a group of them; moving is what is under way
and none of these."""
FORGOTTEN = timedelta(hours=1)
PASSED_FOR = timedelta(hours=24)
"""For how long a page still tells of a finding that has passed."""
RECORD_TYPES: dict[str, tuple[str, ...]] = {
    Kind.COLD: ("migration", "resize"),
    Kind.LIVE: ("live-migration",),
    Kind.EVACUATE: ("evacuation",),
}
"""Nova's types of a record that are moves of each kind; of the other kinds Nova keeps none."""


def findings() -> QuerySet[Finding]:
    """The open ones, the gravest first, the newest of each kind first. One query with their migrations."""
    rank = Case(
        *(When(rule=rule, then=Value(place)) for place, rule in enumerate(GRAVEST_FIRST)),
        default=Value(len(GRAVEST_FIRST)),
        output_field=IntegerField(),
    )
    return Finding.objects.filter(ended_at=None).select_related("migration").order_by(rank, "-since", "-id")


def passed_findings(limit: int = 10) -> list[Finding]:
    """Those that have passed lately, the last first."""
    lately = timezone.now() - PASSED_FOR
    return list(
        Finding.objects.filter(ended_at__gt=lately).select_related("migration").order_by("-ended_at")[:limit]
    )


def finding_count(user: User) -> int:
    """How many things need a look, for who watches over the cloud: managers and operators. 0 for the others. They are
    what the health page lists under that name: hosts that somebody took out of service are not among them."""
    if not user.has_perm(Perm.FORCE):
        return 0
    unreachable = Cloud.objects.exclude(problem="").count()
    return Finding.objects.filter(ended_at=None).count() + unreachable


def findings_of(migration: Migration) -> list[Finding]:
    """The open ones of a move, and of its instance while that move is the one under way; never another move's."""
    about = Q(migration=migration)
    if migration.is_active:
        about |= Q(migration=None, cloud=migration.cloud, instance_uuid=migration.instance_uuid)
    return list(findings().filter(about))


def findings_of_instance(cloud: str, uuid: str) -> list[Finding]:
    return list(findings().filter(cloud=cloud, instance_uuid=uuid)) if uuid else []


def outside_in_flight(cloud: str, uuids: Iterable[str] | None = None) -> list[OutsideMove]:
    """Moves that others made and that are under way, of instances that are there; one of each instance.

    Nova forgets some records: one that has not changed for long, of an instance at rest, is under way no more.
    """
    instances = Instance.objects.filter(cloud=cloud)
    if uuids is not None:
        instances = instances.filter(uuid__in=list(uuids))
    busy = instances.filter(~Q(task_state="") | Q(status="VERIFY_RESIZE"))
    lately = timezone.now() - FORGOTTEN
    rows = OutsideMove.objects.filter(
        Q(instance_uuid__in=busy.values("uuid"))
        | Q(updated_at__gt=lately, instance_uuid__in=instances.values("uuid")),
        cloud=cloud,
        ended_at=None,
    )
    newest = {row.instance_uuid: row for row in rows.order_by("server_migration_id")}
    return list(newest.values())


def outside_moves(wanted: MigrationFilter) -> QuerySet[OutsideMove]:
    """The same filter as for the moves that were asked for here; `person` is Nova's user."""
    rows = OutsideMove.objects.order_by("-started_at", "-server_migration_id")
    if wanted.cloud:
        rows = rows.filter(cloud=wanted.cloud)
    if wanted.state == "active":
        rows = rows.filter(ended_at=None)
    elif wanted.state == State.RUNNING:
        held = (*STATUSES[State.WAITING], *STATUSES[State.CONFIRMING], *STATUSES[State.REVERTING])
        rows = rows.filter(ended_at=None).exclude(status__in=held)
    elif wanted.state:
        rows = rows.filter(status__in=STATUSES.get(wanted.state, ()))
    if wanted.kind:
        rows = rows.filter(type__in=RECORD_TYPES.get(wanted.kind, ()))
    if wanted.source:
        rows = rows.filter(source_host=wanted.source)
    if wanted.since:
        rows = rows.filter(started_at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(started_at__lt=wanted.until)
    if wanted.cause:  # Nova's record tells none
        rows = rows.none()
    if wanted.person:
        text = wanted.person.strip()
        how = lookup_of(text, (OutsideMove.objects.all(), "user_name"))
        rows = rows.filter(**{f"user_name__{how}": text})
    if wanted.instance:
        rows = rows.filter(
            Q(instance_name__icontains=wanted.instance) | Q(instance_uuid=wanted.instance.strip().lower())
        )
    return rows


@dataclass(frozen=True, slots=True)
class Past:
    """One move in an instance's history: asked for here, or made outside."""

    at: datetime | None
    migration: Migration | None = None
    outside: OutsideMove | None = None


def instance_past(cloud: str, uuid: str) -> list[Past]:
    """All that moved the instance, whoever made it, newest first."""
    if not uuid:
        return []
    ours = [Past(move.requested_at, migration=move) for move in instance_history(cloud, uuid)]
    rows = OutsideMove.objects.filter(cloud=cloud, instance_uuid=uuid).order_by("-server_migration_id")[:100]
    others = [Past(row.started_at, outside=row) for row in rows]
    return sorted(ours + others, key=lambda past: past.at.timestamp() if past.at else 0.0, reverse=True)
