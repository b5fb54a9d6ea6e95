"""What failed before for the same cause, and how it went on."""

from django.db.models import OuterRef, QuerySet, Subquery

from nmigrate.models import Migration
from nmigrate.states import State

LIMIT = 5


def similar_cases(migration: Migration) -> QuerySet[Migration]:
    """Other moves with the same cause, newest first; `done_by` is the next move of that instance that got done."""
    if not migration.cause:
        return Migration.objects.none()
    later = Migration.objects.filter(
        cloud=OuterRef("cloud"), instance_uuid=OuterRef("instance_uuid"), pk__gt=OuterRef("pk")
    ).filter(state=State.DONE)
    rows = Migration.objects.filter(cause=migration.cause).exclude(pk=migration.pk).order_by("-id")
    return rows.annotate(done_by=Subquery(later.order_by("id").values("pk")[:1]))[:LIMIT]
