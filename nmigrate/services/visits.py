"""When a person was here last: written seldom, read whenever their work is shown."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from nmigrate.models import Visit

PAUSE = timedelta(minutes=30)
"""Who has not looked for so long begins a new visit."""
EVERY = timedelta(minutes=5)
"""A visit that goes on is noted so often at most: no write for each poll of an open page."""


def note_visit(user: User, language: str = "") -> datetime | None:
    """Note that `user` looks now, and in which language. Returns when they were here before this visit; None: this is
    their first."""
    now = timezone.now()
    visit = Visit.objects.filter(user=user).first()
    if visit is None:
        Visit.objects.get_or_create(user=user, defaults={"seen_at": now, "language": language})
        return None
    if language and visit.language != language:
        Visit.objects.filter(pk=visit.pk).update(language=language)
    silent = now - visit.seen_at
    # Of two requests at once one begins the new visit: the other's condition no longer holds.
    row = Visit.objects.filter(pk=visit.pk, seen_at=visit.seen_at)
    if silent >= PAUSE:
        row.update(before=visit.seen_at, seen_at=now)
        return visit.seen_at
    if silent >= EVERY:
        row.update(seen_at=now)
    return visit.before
