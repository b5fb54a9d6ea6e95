"""What the watchdog looks at: the record and the inventory of one cloud, in a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from nmigrate.models import (
    AuditEvent,
    Cloud,
    Hypervisor,
    Instance,
    Migration,
    Observation,
    Order,
    OutsideMove,
)
from nmigrate.sentences import say, say_n
from nmigrate.states import ACTIVE, Kind, State

BUSY_STATUSES = ("VERIFY_RESIZE", "ERROR")
"""An instance without a task that is worth a look all the same."""
SUCCESS = ("completed", "confirmed", "reverted", "done")
"""Nova's statuses of a migration record that came to its end as it should."""
FORGOTTEN = 600
"""Seconds after which a record without news counts only while its instance is busy."""
KEPT = timedelta(days=7)
"""For how long a failed move, or one made outside, is looked at after its end."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that goes wrong: `rule`, `instance_uuid` and `host` say whether it is the same as before.

    `what` and `next_step` are plain sentences that stay the same while it lasts; `who` is a role.
    """

    rule: str
    what: str
    next_step: str
    who: str
    migration: Migration | None = None
    instance_uuid: str = ""
    instance_name: str = ""
    host: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.rule, self.instance_uuid, self.host


@dataclass(frozen=True, slots=True)
class Flight:
    """A move under way, ours or not. `is_held`: Nova holds it for a decision, or carries the decision out."""

    uuid: str
    name: str
    source: str
    dest: str
    is_held: bool
    is_evacuation: bool
    migration: Migration | None


@dataclass(frozen=True)
class Picture:
    """All that the rules may ask, read at one moment."""

    now: datetime
    cloud: Cloud
    moves: list[Migration]
    """The active ones."""
    misplaced: list[Migration]
    """Failed ones that Nova calls finished, not followed by another move of the instance."""
    orders: list[Order]
    """The open ones, and those of the active moves, oldest first."""
    instances: dict[str, Instance]
    """Those of the moves, and every one that has a task or a state of BUSY_STATUSES."""
    outside: list[OutsideMove]
    """Under way, or ended lately; newest first."""
    moved_at: dict[str, datetime]
    """Instance that others moved -> when a move of ours of it last came to its end, and it was where that led."""
    down: frozenset[str]
    """Hosts whose compute service does not answer, or was declared down."""
    seen_at: dict[int, datetime]
    """Migration -> when Nova was last seen to report something new of it."""
    stranded_at: dict[int, datetime]

    def is_past(self, at: datetime | None, seconds: float) -> bool:
        """Whether `at` is longer ago than this."""
        return at is not None and self.now - at > timedelta(seconds=seconds)

    def order_of(self, move: Migration) -> Order | None:
        """The order of the step that the move is at."""
        mine = (o for o in reversed(self.orders) if o.migration_id == move.pk and o.action == move.step)
        return next(mine, None)

    @cached_property
    def moving(self) -> dict[str, Migration]:
        return {move.instance_uuid: move for move in self.moves}

    @cached_property
    def last_outside(self) -> dict[str, OutsideMove]:
        """The newest move of each instance that others made."""
        return {row.instance_uuid: row for row in reversed(self.outside)}

    @cached_property
    def flights(self) -> list[Flight]:
        ours = [
            Flight(
                move.instance_uuid,
                move.instance_name,
                move.source_host,
                move.dest_host or move.asked_host,
                is_held=move.state in (State.WAITING, State.CONFIRMING, State.REVERTING),
                is_evacuation=move.kind == Kind.EVACUATE,
                migration=move,
            )
            for move in self.moves
            if move.kind in (Kind.COLD, Kind.LIVE, Kind.EVACUATE)
            and move.state in (State.RUNNING, State.WAITING, State.CONFIRMING, State.REVERTING)
        ]
        others = [
            Flight(
                row.instance_uuid,
                row.instance_name,
                row.source_host,
                row.dest_host,
                is_held=row.status in ("finished", "confirming", "reverting"),
                is_evacuation=row.type == "evacuation",
                migration=None,
            )
            for row in self.last_outside.values()
            if row.ended_at is None and row.instance_uuid not in self.moving and self._is_busy(row)
        ]
        return [flight for flight in ours + others if flight.uuid in self.instances]

    def _is_busy(self, row: OutsideMove) -> bool:
        """Nova forgets some records: one that says nothing new of an instance at rest is under way no more."""
        instance = self.instances.get(row.instance_uuid)
        is_busy = instance is not None and (instance.task_state or instance.status == "VERIFY_RESIZE")
        return bool(is_busy) or not self.is_past(row.updated_at, FORGOTTEN)


def take(cloud: str) -> Picture:
    """Eleven queries, whatever the number of moves."""
    now = timezone.now()
    lately = now - KEPT
    moves = list(Migration.objects.filter(cloud=cloud, state__in=[s.value for s in ACTIVE]).order_by("id"))
    failed = Migration.objects.filter(
        cloud=cloud, state=State.FAILED, nova_status__in=SUCCESS, ended_at__gt=lately
    )
    outside = list(
        OutsideMove.objects.filter(Q(ended_at=None) | Q(ended_at__gt=lately), cloud=cloud).order_by(
            "-server_migration_id"
        )[:1000]
    )
    misplaced = _newest(cloud, list(failed), outside)
    uuids = {move.instance_uuid for move in moves + misplaced} | {row.instance_uuid for row in outside}
    instances = Instance.objects.filter(
        Q(uuid__in=uuids) | ~Q(task_state="") | Q(status__in=BUSY_STATUSES), cloud=cloud
    ).only("cloud_id", "uuid", "name", "host", "status", "task_state", "locked", "created_at", "updated_at")
    ids = [move.pk for move in moves]
    return Picture(
        now=now,
        cloud=Cloud.objects.get(pk=cloud),
        moves=moves,
        misplaced=misplaced,
        orders=list(
            Order.objects.filter(Q(state__in=Order.OPEN) | Q(migration__in=ids), cloud=cloud).order_by("id")
        ),
        instances={row.uuid: row for row in instances},
        outside=outside,
        moved_at=dict(
            Migration.objects.filter(
                cloud=cloud,
                instance_uuid__in={row.instance_uuid for row in outside},
                state__in=(State.DONE, State.REVERTED),
            )
            .order_by()
            .values_list("instance_uuid")
            .annotate(Max("ended_at"))
        ),
        down=frozenset(
            Hypervisor.objects.filter(~Q(state="up") | Q(forced_down=True), cloud=cloud).values_list(
                "host", flat=True
            )
        ),
        seen_at=_latest(Observation.objects.filter(migration__in=ids).values_list("migration")),
        stranded_at=_latest(
            AuditEvent.objects.filter(
                action="strand", migration_id__in=[m.pk for m in moves if m.state == State.STRANDED]
            )
            .order_by()
            .values_list("migration_id")
        ),
    )


def _latest(rows: object) -> dict[int, datetime]:
    return dict(rows.order_by().annotate(Max("at")))  # type: ignore[attr-defined]  # a grouped queryset


def _newest(cloud: str, failed: list[Migration], outside: list[OutsideMove]) -> list[Migration]:
    """Those that nothing has moved since: a later move has another place in mind."""
    uuids = [move.instance_uuid for move in failed]
    newest = dict(
        Migration.objects.filter(cloud=cloud, instance_uuid__in=uuids)
        .order_by()
        .values_list("instance_uuid")
        .annotate(Max("id"))
    )
    records = {row.instance_uuid: row.server_migration_id for row in reversed(outside)}
    return [
        move
        for move in failed
        if newest.get(move.instance_uuid) == move.pk
        and records.get(move.instance_uuid, 0) <= (move.server_migration_id or 0)
    ]


def span(seconds: float) -> str:
    """A threshold in words: 90 -> "90 seconds", 300 -> "5 minutes"."""
    if seconds >= 7200 or seconds == 3600:
        return say_n("{n} hour", "{n} hours", round(seconds / 3600))
    if seconds >= 120 or seconds == 60:
        return say_n("{n} minute", "{n} minutes", round(seconds / 60))
    return say("{number} seconds", number=int(seconds) if seconds == int(seconds) else seconds)


def limit(name: str) -> float:
    """One of the thresholds, in seconds."""
    value: float = getattr(settings, f"NMIGRATE_WATCH_{name}_SECONDS")
    return value
