"""The watchdog: finds what goes wrong quietly, from the record and the inventory alone, without a call to the cloud.

One small function for each rule, and one list of them. A finding is written down when it is first true, with an entry
in the audit trail, and ended when it no longer is.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from nmigrate import audit
from nmigrate.models import Cloud, Finding, Migration
from nmigrate.sentences import say
from nmigrate.watchdog import rules_cloud, rules_moves, rules_people
from nmigrate.watchdog.picture import Found, Picture, limit, take

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks at one cloud."""
NOTE_EVERY = timedelta(seconds=30)
"""How often it is written down that a finding lasts."""
_last_look: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Rule:
    """`from_cloud`: judged from what was read of the cloud, so not at all while that is old."""

    key: str
    find: Callable[[Picture], Iterator[Found]]
    from_cloud: bool = True


RULES: tuple[Rule, ...] = (
    Rule("wrong_host", rules_moves.wrong_host),
    Rule("broken_outside", rules_cloud.broken_outside),
    Rule("source_down", rules_moves.source_down),
    Rule("host_down", rules_moves.host_down),
    Rule("unread", rules_cloud.unread, from_cloud=False),
    Rule("stalled", rules_moves.stalled),
    Rule("unanswered", rules_cloud.unanswered, from_cloud=False),
    Rule("queued", rules_moves.queued),
    Rule("endless_task", rules_cloud.endless_task),
    Rule("unheld", rules_people.unheld),
    Rule("overdue", rules_people.overdue, from_cloud=False),
    Rule("stranded", rules_people.stranded, from_cloud=False),
    Rule("unapproved", rules_people.unapproved, from_cloud=False),
    Rule("undecided_outside", rules_people.undecided_outside),
)
"""The gravest first."""
SAYS_MORE = frozenset({"wrong_host", "host_down", "stalled", "queued"})
"""Beside one of these, a task that does not end is no finding of its own."""


def look(cloud: str) -> None:
    """Judge one cloud, at most every EVERY seconds. A defect in here is logged and stops nobody."""
    if time.monotonic() - _last_look.get(cloud, -EVERY) < EVERY:
        return
    _last_look[cloud] = time.monotonic()
    try:
        judge(cloud)
    except Exception:
        log.exception("%s cannot be watched", cloud)


def forget() -> None:
    """As a new process: the next look is at once."""
    _last_look.clear()


def judge(cloud: str) -> None:
    """One look, now: findings that are new, those that last, those that have passed."""
    picture = take(cloud)
    found, judged = _apply(picture)
    open_now = {
        (row.rule, row.instance_uuid, row.host): row
        for row in Finding.objects.filter(cloud=cloud, ended_at=None)
    }
    for key, row in list(open_now.items()):
        is_of_another = key in found and row.migration_id != _move_id(found[key])
        if (key not in found and row.rule in judged) or is_of_another:
            _end(open_now.pop(key))
    for key, one in found.items():
        if key not in open_now:
            _open(cloud, one)
    _note_lasting(open_now, found)


def _move_id(one: Found) -> int | None:
    """What was found of one move passes with it: the same of the instance's next move is another finding."""
    return one.migration.pk if one.migration else None


def _apply(picture: Picture) -> tuple[dict[tuple[str, str, str], Found], set[str]]:
    """What all rules find, and which of them could be judged: the findings of the others stay as they are."""
    is_old = picture.is_past(picture.cloud.synced_at, limit("SILENT"))
    found: dict[tuple[str, str, str], Found] = {}
    judged = set()
    for rule in RULES:
        if rule.from_cloud and (is_old or picture.cloud.synced_at is None):
            continue
        try:
            for one in rule.find(picture):
                found.setdefault(one.key, one)
        except Exception:
            log.exception("the watchdog's rule %s", rule.key)
        else:
            judged.add(rule.key)
    explained = {one.instance_uuid for one in found.values() if one.rule in SAYS_MORE}
    return {
        key: one
        for key, one in found.items()
        if one.rule != "endless_task" or one.instance_uuid not in explained
    }, judged


def _open(cloud: str, one: Found) -> None:
    """Once, whoever else looks at the same time: the database has room for one open finding of a kind."""
    now = timezone.now()
    try:
        with transaction.atomic():
            row = Finding.objects.create(
                cloud=cloud,
                rule=one.rule,
                migration=one.migration,
                instance_uuid=one.instance_uuid,
                instance_name=one.instance_name,
                host=one.host,
                what=one.what,
                next_step=one.next_step,
                who=one.who,
                since=now,
                seen_at=now,
            )
            _tell("finding", row, one.what)
    except IntegrityError:
        log.info("%s: %s was found by another follower", cloud, one.rule)


def _note_lasting(
    open_now: dict[tuple[str, str, str], Finding], found: dict[tuple[str, str, str], Found]
) -> None:
    now = timezone.now()
    changed = []
    for key, row in open_now.items():
        one = found.get(key)
        if one is None:
            continue
        words = (one.what, one.next_step, one.who)
        if (row.what, row.next_step, row.who) != words or now - row.seen_at > NOTE_EVERY:
            row.what, row.next_step, row.who = words
            row.seen_at = now
            changed.append(row)
    if changed:
        Finding.objects.bulk_update(changed, ["what", "next_step", "who", "seen_at"], batch_size=200)


def _end(row: Finding) -> None:
    now = timezone.now()
    with transaction.atomic():
        if Finding.objects.filter(pk=row.pk, ended_at=None).update(ended_at=now):
            _tell("finding_ended", row, say("It has passed: {what}", what=row.what))


def _tell(action: str, row: Finding, reason: str) -> None:
    """The audit entry, inside the caller's transaction; open pages of what it is about are drawn anew."""
    move = row.migration
    about: dict[str, Any] = {
        "cloud": row.cloud,
        "instance_uuid": row.instance_uuid,
        "instance_name": row.instance_name,
    }
    if move is not None:
        about |= {"state_before": move.state, "state_after": move.state}
        Migration.objects.filter(pk=move.pk).update(version=F("version") + 1)
    elif row.host:
        about |= {"from_host": row.host}
    audit.record(action, actor=audit.SYSTEM, migration=move, reason=reason, **about)
    Cloud.objects.filter(pk=row.cloud).update(version=F("version") + 1)
