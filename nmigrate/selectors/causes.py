"""What failed before for the same cause, and how it went on."""

from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from nmigrate.models import Migration
from nmigrate.sentences import say
from nmigrate.states import KIND_LABELS, Kind, State

LIMIT = 5


def similar_cases(migration: Migration) -> QuerySet[Migration]:
    """Other moves with the same cause, newest first; `done_by`, `done_kind` and `done_host` are of the next move of
    that instance that got done."""
    if not migration.cause:
        return Migration.objects.none()
    later = (
        Migration.objects.filter(
            cloud=OuterRef("cloud"), instance_uuid=OuterRef("instance_uuid"), pk__gt=OuterRef("pk")
        )
        .filter(state=State.DONE)
        .order_by("id")
    )
    rows = Migration.objects.filter(cause=migration.cause).exclude(pk=migration.pk).order_by("-id")
    return rows.annotate(
        done_by=Subquery(later.values("pk")[:1]),
        done_kind=Subquery(later.values("kind")[:1]),
        done_host=Subquery(later.values("dest_host")[:1]),
    )[:LIMIT]


@dataclass(frozen=True, slots=True)
class PastCase:
    """One of them as a page tells it."""

    migration: Migration
    went_on: str
    done_by: int | None = None


def past_cases(migration: Migration) -> list[PastCase]:
    """The same with how each went on, in words. One query."""
    return [
        PastCase(case, _went_on(case), getattr(case, "done_by", None)) for case in similar_cases(migration)
    ]


def _went_on(case: Migration) -> str:
    """`case` with the annotations of similar_cases."""
    kind, host = getattr(case, "done_kind", None), getattr(case, "done_host", None)
    if case.state in (State.DONE, State.REVERTED):
        return say("it went on and came to its end")
    if kind and host:
        return say("moved later by {kind} to {host}", kind=KIND_LABELS[Kind(kind)], host=host)
    if kind:
        return say("moved later by {kind}", kind=KIND_LABELS[Kind(kind)])
    return say("not moved since")
