"""The audit trail, filtered."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from nmigrate.models import AuditEvent


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What part of the trail was asked for. `since` and `until` are aware; `until` is not included."""

    person: str = ""
    instance: str = ""
    host: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    migration: int | None = None
    is_outside: bool = False


def audit_trail(wanted: AuditFilter) -> QuerySet[AuditEvent]:
    """The entries that match, newest first."""
    rows = AuditEvent.objects.order_by("-id")
    if wanted.person:
        rows = rows.filter(actor__icontains=wanted.person)
    if wanted.instance:
        rows = rows.filter(
            Q(instance_name__icontains=wanted.instance) | Q(instance_uuid=wanted.instance.strip().lower())
        )
    if wanted.host:
        rows = rows.filter(Q(from_host__icontains=wanted.host) | Q(to_host__icontains=wanted.host))
    if wanted.action:
        rows = rows.filter(action=wanted.action)
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__lt=wanted.until)
    if wanted.is_outside:
        rows = rows.filter(is_outside=True)
    if wanted.migration is not None:
        rows = rows.filter(migration_id=wanted.migration)
    for word in wanted.text.split():
        rows = rows.annotate(number=Cast("id", TextField())).filter(_mentions(word))
    return rows


def _mentions(word: str) -> Q:
    fields = ("actor", "action", "cloud", "instance_uuid", "instance_name", "from_host", "to_host", "reason")
    anywhere = Q(number=word)
    for name in (*fields, "ticket", "request_id", "state_before", "state_after"):
        anywhere |= Q(**{f"{name}__icontains": word})
    return anywhere


def audit_actions() -> list[str]:
    return list(AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct())
