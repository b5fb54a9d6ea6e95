"""Moves that others made: every record of a move in Nova that belongs to no order of ours.

Nova's changed records are remembered until it is certain whose they are. While an order of ours has been sent whose
record is not known yet, a record that could be its own is nobody else's. Only then is it written down, with an entry
in the audit trail when it is first seen and one when it has ended.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from nmigrate import audit, calls
from nmigrate.cloud import api
from nmigrate.models import Cloud, Instance, Migration, Order, OutsideMove
from nmigrate.moves import Action
from nmigrate.sentences import say
from nmigrate.states import ACTIVE, KIND_LABELS, Kind

log = logging.getLogger(__name__)

ENDED = frozenset({"completed", "confirmed", "reverted", "cancelled", "error", "failed", "done"})
LOOK_BACK = timedelta(hours=1)
"""How far a new process reads back: what an earlier one had not decided yet is among it."""
BEFORE_US = timedelta(minutes=2)
"""What had ended so long before a cloud was read for the first time is its history, not an event for the trail."""
MOST = 500
"""So much of that history is kept, the newest of it."""
UNMATCHED = timedelta(minutes=2)
"""A record of our account so soon after an order of ours that came to nothing is that order's."""
_NOVA_WORDS = {
    "migration": ("migrate",),
    "resize": ("resize", "migrate"),
    "live-migration": ("live-migration",),
    "evacuation": ("evacuate",),
}
"""Type of the record -> the action that began it (nova/compute/instance_actions.py)."""


@dataclass(slots=True)
class _Memory:
    """What one process knows of one cloud: records to be decided on, and those that are as they were noted."""

    undecided: dict[int, api.ServerMigration] = field(default_factory=dict)
    noted: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    history_before: datetime | None = None
    """What had ended before this is no event: the cloud was not read by us then."""


_memories: dict[str, _Memory] = {}


def forget() -> None:
    """As a new process: nothing is remembered."""
    _memories.clear()


def remember(cloud: api.Cloud, changed: list[api.ServerMigration]) -> None:
    """Keep what has changed until it is decided on. The first time, with what changed a while before."""
    memory = _memories.get(cloud.name)
    rows = list(changed)
    if memory is None:
        memory = _Memory()
        if _is_first_reading(cloud.name):
            rows = _without_most_of_history(rows)
            memory.history_before = timezone.now() - BEFORE_US
        else:
            cursor = Cloud.objects.values_list("migrations_cursor", flat=True).get(pk=cloud.name)
            rows += cloud.server_migrations(changes_since=cursor - LOOK_BACK) if cursor else []
        _memories[cloud.name] = memory
    ids = {row.id for row in rows}
    memory.noted = {number: face for number, face in memory.noted.items() if number in ids}
    for row in rows:
        if memory.noted.get(row.id) != _face(row):
            memory.undecided[row.id] = row


def _is_first_reading(cloud: str) -> bool:
    return not (
        OutsideMove.objects.filter(cloud=cloud).exists()
        or Migration.objects.filter(cloud=cloud, server_migration_id__isnull=False).exists()
    )


def _without_most_of_history(rows: list[api.ServerMigration]) -> list[api.ServerMigration]:
    newest = sorted(rows, key=lambda row: row.id)[-MOST:]
    return newest + [row for row in rows if row.status not in ENDED and row not in newest]


def _face(row: api.ServerMigration) -> tuple[str, str, str]:
    return row.status, row.source_host, row.dest_host


def note(cloud: api.Cloud) -> None:
    """Decide on what is remembered: ours, somebody else's, or not to be said yet."""
    memory = _memories.get(cloud.name)
    if memory is None or not memory.undecided:
        return
    rows = list(memory.undecided.values())
    ids, uuids = [row.id for row in rows], {row.instance_uuid for row in rows}
    ours = set(
        Migration.objects.filter(cloud=cloud.name, server_migration_id__in=ids).values_list(
            "server_migration_id", flat=True
        )
    )
    known = {
        row.server_migration_id: row
        for row in OutsideMove.objects.filter(cloud=cloud.name, server_migration_id__in=ids)
    }
    unmatched = _unmatched_orders(cloud.name, uuids)
    names = dict(Instance.objects.filter(cloud=cloud.name, uuid__in=uuids).values_list("uuid", "name"))
    for row in sorted(rows, key=lambda one: one.id):
        mine = unmatched.get(row.instance_uuid, [])
        if row.id not in ours and row.id not in known and any(_may_own(order, row) for order in mine):
            continue  # not to be said yet
        try:
            _decide(cloud, row, known.get(row.id), mine, names, is_ours=row.id in ours)
        except (api.Unreachable, DatabaseError):
            raise
        except Exception:
            log.exception("%s: record %s cannot be noted", cloud.name, row.id)  # it must not stop the others
        memory.noted[row.id] = _face(row)
        del memory.undecided[row.id]


def _decide(
    cloud: api.Cloud,
    row: api.ServerMigration,
    known: OutsideMove | None,
    unmatched: list[Order],
    names: dict[str, str],
    *,
    is_ours: bool,
) -> None:
    if is_ours:
        if known is not None:
            _take_back(known)
    elif known is not None:
        _update(known, row)
    elif not any(_owned(order, row, cloud) for order in unmatched):
        _write(cloud, row, names.get(row.instance_uuid, ""))


def _unmatched_orders(cloud: str, uuids: Iterable[str]) -> dict[str, list[Order]]:
    """Orders that make a record, of migrations whose record is not known."""
    found: dict[str, list[Order]] = {}
    orders = Order.objects.select_related("migration").filter(
        cloud=cloud,
        instance_uuid__in=list(uuids),
        action__in=list(calls.RECORD_TYPES),
        claimed_at__isnull=False,
        migration__server_migration_id=None,
    )
    for order in orders:
        found.setdefault(order.instance_uuid, []).append(order)
    return found


def _could_be(order: Order, row: api.ServerMigration) -> bool:
    """By its type, and by what Nova had before the call."""
    newest_before = max(order.known.get("migrations") or [0])
    return row.type in calls.RECORD_TYPES[Action(order.action)] and row.id > newest_before


def _may_own(order: Order, row: api.ServerMigration) -> bool:
    """Whether the record may yet turn out to be this order's."""
    move = order.migration
    return (
        move is not None
        and move.state in ACTIVE
        and order.state in (Order.State.SENT, Order.State.ACCEPTED)
        and _could_be(order, row)
    )


def _owned(order: Order, row: api.ServerMigration, cloud: api.Cloud) -> bool:
    """Whether it is the record of an order of ours that ended before it was found."""
    if not _could_be(order, row) or order.claimed_at is None or row.created_at is None:
        return False
    late = row.created_at - order.claimed_at
    return -UNMATCHED / 4 < late < UNMATCHED and row.user_id in ("", cloud.own_user_id())


def _write(cloud: api.Cloud, row: api.ServerMigration, name: str) -> None:
    """A new one: who made it, and Nova's request id of it (one call)."""
    before = _memories[cloud.name].history_before
    is_history = row.status in ENDED and bool(before and row.updated_at and row.updated_at < before)
    who = cloud.user_name(row.user_id) if row.user_id else ""
    request_id = "" if is_history else _request_id(cloud, row)
    try:
        with transaction.atomic():
            made = OutsideMove.objects.create(
                cloud=cloud.name,
                server_migration_id=row.id,
                server_migration_uuid=row.uuid,
                instance_uuid=row.instance_uuid,
                instance_name=name or row.instance_uuid,
                user_id=row.user_id,
                user_name=who,
                request_id=request_id,
                started_at=row.created_at,
                **_seen(row),
            )
            if not is_history:
                _tell(
                    "outside_move",
                    made,
                    say("{kind} outside nmigrate", kind=_kind(made)),
                )
                if made.ended_at:
                    _tell("outside_move_ended", made, _ended(made))
            _touch(cloud.name)
    except IntegrityError:
        log.info("%s: record %s was noted by another follower", cloud.name, row.id)


def _seen(row: api.ServerMigration) -> dict[str, Any]:
    has_ended = row.status in ENDED
    return {
        "type": row.type,
        "status": row.status,
        "source_host": row.source_host,
        "dest_host": row.dest_host,
        "updated_at": row.updated_at,
        "ended_at": (row.updated_at or timezone.now()) if has_ended else None,
    }


def _update(known: OutsideMove, row: api.ServerMigration) -> None:
    """Nova tells something new of it. Of two followers one writes the entry of its end."""
    seen = _seen(row)
    if all(getattr(known, key) == value for key, value in seen.items()):
        return
    with transaction.atomic():
        rows = OutsideMove.objects.filter(pk=known.pk)
        if seen["ended_at"] and rows.filter(ended_at=None).update(**seen):
            known.refresh_from_db()
            _tell("outside_move_ended", known, _ended(known))
        else:
            rows.update(**seen)
        _touch(known.cloud)


_KINDS = {
    "migration": KIND_LABELS[Kind.COLD],
    "live-migration": KIND_LABELS[Kind.LIVE],
    "evacuation": KIND_LABELS[Kind.EVACUATE],
    "resize": say("change of its flavor"),
}
_ENDS = {
    "completed": say("done"),
    "done": say("done"),
    "confirmed": say("confirmed"),
    "reverted": say("sent back"),
    "cancelled": say("cancelled on the way"),
    "error": say("failed"),
    "failed": say("failed"),
}
"""Nova's type and status of a record, in words; what is not here is told as Nova has it."""


def _kind(move: OutsideMove) -> str:
    return _KINDS.get(move.type, move.type)


def _ended(move: OutsideMove) -> str:
    how = _ENDS.get(move.status, move.status)
    return say("{kind} outside nmigrate: {how}", kind=_kind(move), how=how)


def _take_back(known: OutsideMove) -> None:
    """It has turned out to be the record of an order of ours."""
    with transaction.atomic():
        move = Migration.objects.get(cloud=known.cloud, server_migration_id=known.server_migration_id)
        deleted, _ = OutsideMove.objects.filter(pk=known.pk).delete()
        if deleted:
            audit.record(
                "outside_move_ours",
                actor=audit.SYSTEM,
                migration=move,
                state_before=move.state,
                state_after=move.state,
                reason=say(
                    "what was taken for a move outside nmigrate is migration {number}", number=str(move.pk)
                ),
            )
            _touch(known.cloud)


def _request_id(cloud: api.Cloud, row: api.ServerMigration) -> str:
    """The action that began it: the newest of that name before the record. Empty where Nova does not tell."""
    try:
        found = cloud.actions(row.instance_uuid)
    except api.Unreachable:
        raise
    except api.CloudError:
        return ""
    words = _NOVA_WORDS.get(row.type, ())
    latest = (row.created_at or timezone.now()) + timedelta(seconds=2)
    for action in found:
        is_before = action.started_at is None or action.started_at <= latest
        if action.action in words and is_before and action.user_id == row.user_id:
            return action.request_id
    return ""


def _tell(action: str, move: OutsideMove, reason: str) -> None:
    audit.record(
        action,
        actor=move.user_name or audit.SOMEBODY,
        is_outside=True,
        cloud=move.cloud,
        instance_uuid=move.instance_uuid,
        instance_name=move.instance_name,
        from_host=move.source_host,
        to_host=move.dest_host,
        request_id=move.request_id,
        reason=reason,
    )


def _touch(cloud: str) -> None:
    """Open pages draw it anew."""
    Cloud.objects.filter(pk=cloud).update(version=F("version") + 1)
