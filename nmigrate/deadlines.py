"""The end of the wait: managers are reminded before it, and at it happens what NMIGRATE_DECISION_AT_END says."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone, translation
from django_q.tasks import async_task

from nmigrate import audit
from nmigrate.errors import Conflict
from nmigrate.models import Migration
from nmigrate.sentences import say, told
from nmigrate.services import transition
from nmigrate.services.decisions import carry_out
from nmigrate.states import Perm, State

log = logging.getLogger(__name__)

TRY_AGAIN_AFTER = timedelta(minutes=15)
NOTHING, REVERT = "nothing", "revert"


def settle(cloud: str) -> None:
    """Remind of what is due soon, and end what is overdue. No call to the cloud."""
    now = timezone.now()
    waiting = Migration.objects.filter(cloud=cloud, state=State.WAITING, decide_by__isnull=False)
    soon = now + timedelta(seconds=settings.NMIGRATE_REMIND_SECONDS)
    for move in waiting.filter(decide_by__lte=soon, reminded_at=None):
        _remind(move)
    if settings.NMIGRATE_DECISION_AT_END == REVERT:
        for move in waiting.filter(decide_by__lte=now):
            try:
                expire(move)
            except (Conflict, IntegrityError):
                log.info("migration %s: decided, or locked, at its last moment", move.pk)


def _remind(move: Migration) -> None:
    with transaction.atomic():
        now = timezone.now()
        if not Migration.objects.filter(pk=move.pk, state=State.WAITING, reminded_at=None).update(
            reminded_at=now, version=F("version") + 1
        ):
            return
        audit.record(
            "remind",
            actor=audit.SYSTEM,
            migration=move,
            state_before=move.state,
            state_after=move.state,
            reason=say("the decision is due by {time} UTC", time=f"{move.decide_by:%Y-%m-%d %H:%M}"),
        )
        if settings.NMIGRATE_MAIL:
            async_task("nmigrate.tasks.remind_managers", move.pk)


def mail_managers(move: Migration) -> None:
    """A mail to everybody with an address who can decide on it: one for each language that they read the pages in,
    addresses not shown to each other."""
    if move.state != State.WAITING or move.decide_by is None:
        return
    people = (
        get_user_model()
        .objects.filter(is_active=True)
        .exclude(email="")
        .exclude(pk=move.requested_by_id)
        .select_related("visit")
    )
    readers: dict[str, list[str]] = {}
    for person in people:
        if person.has_perm(Perm.APPROVE):
            readers.setdefault(_language_of(person), []).append(person.email)
    for language, addresses in readers.items():
        with translation.override(language):
            _mail(move, move.decide_by, addresses)


def _language_of(person: Any) -> str:
    """That of their last visit, where it is still offered."""
    visit = getattr(person, "visit", None)
    offered = dict(settings.LANGUAGES)
    return visit.language if visit is not None and visit.language in offered else settings.LANGUAGE_CODE


def _mail(move: Migration, decide_by: datetime, addresses: list[str]) -> None:
    """In the language that is active."""
    due = f"{decide_by:%Y-%m-%d %H:%M}"
    subject = say("Decide on the move of {name}", name=move.instance_name)
    lines: list[str] = [
        say(
            "{name} was moved from {source} to {destination} and waits for a decision.",
            name=move.instance_name,
            source=move.source_host,
            destination=move.dest_host,
        ),
        say("{person} asked for it: {reason}", person=move.requested_by_name, reason=move.reason),
        say("Decide by {time} UTC. If nobody does, it is sent back.", time=due)
        if settings.NMIGRATE_DECISION_AT_END == REVERT
        else say("Decide by {time} UTC. If nobody does, it goes on waiting.", time=due),
    ]
    if settings.NMIGRATE_PAGES_URL:
        lines.append(f"{settings.NMIGRATE_PAGES_URL}/migrations/{move.pk}/decide/")
    EmailMessage(
        subject=told(subject).replace("\n", " "),
        body="\n\n".join(told(line) for line in lines) + "\n",
        bcc=addresses,
    ).send()


def expire(move: Migration) -> None:
    """Nobody decided in time: it goes back, as if it had been rejected."""
    with transaction.atomic():
        sentence = say(
            "Nobody decided by {time} UTC, so nmigrate sends it back.",
            time=f"{move.decide_by:%Y-%m-%d %H:%M}",
        )
        # Should Nova refuse it, the wait is open again: then it is tried anew after a while, not at every tick.
        again = timezone.now() + TRY_AGAIN_AFTER
        transition(move, "expire", actor=audit.SYSTEM, note=sentence, remark=sentence, decide_by=again)
        carry_out(move, actor=None)
