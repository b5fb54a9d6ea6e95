"""The audit trail, filtered: entry by entry, or told move by move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce

from nmigrate.audit import SYSTEM
from nmigrate.models import AuditEvent
from nmigrate.selectors.moves import lookup_of, number_of
from nmigrate.states import State


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
    cloud: str = ""


DECISIONS = "decisions"
"""What may be asked for instead of one action: every word of a manager, and of others past them."""
DECIDING = ("approve", "decline", "override", "confirm", "reject", "observe_confirm", "observe_revert")


def audit_trail(wanted: AuditFilter) -> QuerySet[AuditEvent]:
    """The entries that match, newest first."""
    rows = AuditEvent.objects.order_by("-id")
    if wanted.person:
        text = wanted.person.strip()
        how = lookup_of(text, (AuditEvent.objects.all(), "actor"))
        rows = rows.filter(**{f"actor__{how}": text})
    if wanted.instance:
        rows = rows.filter(
            Q(instance_name__icontains=wanted.instance) | Q(instance_uuid=wanted.instance.strip().lower())
        )
    if wanted.host:
        rows = rows.filter(Q(from_host__icontains=wanted.host) | Q(to_host__icontains=wanted.host))
    if wanted.action == DECISIONS:
        rows = rows.filter(action__in=DECIDING)
    elif wanted.action:
        rows = rows.filter(action=wanted.action)
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__lt=wanted.until)
    if wanted.cloud:
        rows = rows.filter(cloud=wanted.cloud)
    if wanted.is_outside:
        rows = rows.filter(is_outside=True)
    if wanted.migration is not None:
        rows = rows.filter(migration_id=wanted.migration)
    for word in wanted.text.split():
        if word.startswith("#") and (number := number_of(word)):
            rows = rows.filter(Q(migration_id=number) | Q(id=number))
            continue
        rows = rows.annotate(number=Cast("id", TextField())).filter(_mentions(word))
    return rows


@dataclass(frozen=True, slots=True)
class Story:
    """All entries of one move, or one entry that belongs to none; the oldest first."""

    events: tuple[AuditEvent, ...]

    @property
    def first(self) -> AuditEvent:
        return self.events[0]

    @property
    def last(self) -> AuditEvent:
        return self.events[-1]

    @property
    def acts(self) -> tuple[AuditEvent, ...]:
        """What people did, here or past this application; of a story without any, all of it."""
        return tuple(event for event in self.events if event.actor != SYSTEM) or self.events

    @property
    def began_unasked(self) -> bool:
        """Whether its start needed nobody's word."""
        return self.first.action == "request" and self.first.state_after == State.QUEUED

    @property
    def is_outside(self) -> bool:
        return any(event.is_outside for event in self.events)

    @property
    def state(self) -> str:
        """What it came to so far; "" of what is no move."""
        return next((event.state_after for event in reversed(self.events) if event.state_after), "")

    @property
    def where(self) -> AuditEvent:
        """The newest entry that names where to."""
        return next((event for event in reversed(self.events) if event.to_host), self.last)

    @property
    def why_failed(self) -> str:
        """The reason of the entry that ended it, if nobody gave one."""
        return self.last.reason if self.last.actor == SYSTEM else ""


_STORY = Coalesce("migration_id", -F("id"))
"""Of what an entry tells: the id of the move, or minus its own."""


def audit_stories(wanted: AuditFilter) -> QuerySet[AuditEvent, int]:
    """Which stories have an entry that matches, by the newest of all their entries: the id of the move, or minus that
    of the entry.

    Of a move that others made and that is over, its end alone tells all.
    """
    ended = AuditEvent.objects.filter(
        action="outside_move_ended",
        instance_uuid=OuterRef("instance_uuid"),
        request_id=OuterRef("request_id"),
        pk__gt=OuterRef("pk"),
    )
    matching = audit_trail(wanted).exclude(Q(Exists(ended), action="outside_move")).order_by()
    matching = matching.annotate(story=_STORY)
    every = matching
    if wanted != AuditFilter():  # then others of its entries may be newer
        every = (
            AuditEvent.objects.order_by().annotate(story=_STORY).filter(story__in=matching.values("story"))
        )
    return (
        every.values("story").annotate(newest=Max("id")).order_by("-newest").values_list("story", flat=True)
    )


def told_stories(stories: Sequence[int]) -> list[Story]:
    """These stories whole, with the entries that did not match. One query."""
    of: dict[int, list[AuditEvent]] = {story: [] for story in stories}
    whole = AuditEvent.objects.filter(
        Q(migration_id__in=[one for one in stories if one > 0])
        | Q(id__in=[-one for one in stories if one < 0])
    )
    for event in whole.order_by("id"):
        of[event.migration_id or -event.id].append(event)
    return [Story(tuple(events)) for events in of.values() if events]


def _mentions(word: str) -> Q:
    fields = ("actor", "action", "cloud", "instance_uuid", "instance_name", "from_host", "to_host", "reason")
    anywhere = Q(number=word)
    for name in (*fields, "ticket", "request_id", "state_before", "state_after"):
        anywhere |= Q(**{f"{name}__icontains": word})
    return anywhere


def audit_actions() -> list[str]:
    return list(AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct())
