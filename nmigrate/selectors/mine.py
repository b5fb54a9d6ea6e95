"""What concerns one person: what waits for them, what went wrong, their moves, and what changed since they were here.

Each part is one query, limited; one more row than is shown says that there is more. Parts that are not for this
person are not asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from django.contrib.auth.models import User
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, RowNumber
from django.utils import timezone

from nmigrate.models import (
    Approval,
    AuditChain,
    AuditEvent,
    Cloud,
    Finding,
    Hypervisor,
    Instance,
    Migration,
    OutsideMove,
)
from nmigrate.selectors.moves import ACTIVE_STATES, pending_approvals, pending_count
from nmigrate.selectors.noticed import STATUSES, findings
from nmigrate.selectors.pulse import Pulse, silent
from nmigrate.selectors.trail import DECIDING
from nmigrate.selectors.zones import clouds
from nmigrate.states import Kind, Perm, State

LIMIT = 8
NAMED = 3
"""So many instances in error are named of each cloud."""
_READ = NAMED + 2 * LIMIT
"""Enough to name as many beside those that failed moves and findings tell of."""
FAILED_FOR = timedelta(days=14)
"""A failed move that nobody followed up is shown for so long."""
OUTSIDE_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Part:
    """The first rows of something, and whether there are more."""

    rows: list[Any] = field(default_factory=list)
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    """What the audit trail has since a moment: entries, decisions, and what was done past nmigrate."""

    entries: int
    decisions: int
    outside: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The instances of one cloud that are in error: how many, and the first of them by name; `told`: how many more of
    them the page tells of elsewhere."""

    cloud: str
    number: int
    named: list[Instance]
    told: int = 0

    @property
    def rest(self) -> int:
        return self.number - len(self.named)


@dataclass(frozen=True, slots=True)
class Mine:
    """A person's own page. `since` is when they were here last; None at their first visit."""

    version: str
    since: datetime | None
    clouds: list[Cloud]
    decisions: Part
    half_way: Part
    failed: Part
    hosts: Part
    findings: Part
    changed: Part
    under_way: Part
    outside: Part
    trail: Trail | None
    broken: list[Broken] = field(default_factory=list)
    silent: list[Pulse] = field(default_factory=list)
    """What of this application itself has stopped."""

    @property
    def waiting(self) -> int:
        """How many things are shown that wait for this person."""
        return len(self.decisions.rows) + len(self.half_way.rows)

    @property
    def is_in_trouble(self) -> bool:
        return bool(self.failed.rows or self.hosts.rows or self.findings.rows or self.broken)

    @property
    def unreachable(self) -> list[Cloud]:
        return [cloud for cloud in self.clouds if cloud.problem]


def mine_version(user: User, since: datetime | None = None) -> str:
    """Changes whenever this person's page would look different. At most twelve queries, each of a few rows."""
    broken = broken_instances(_READ) if user.has_perm(Perm.EVACUATE) else []
    return _version(user, since, silent(), broken)


def _version(user: User, since: datetime | None, stopped: list[Pulse], broken: list[Broken]) -> str:
    moves = Migration.objects.aggregate(last=Max("id"), versions=Sum("version"))
    findings = Finding.objects.aggregate(last=Max("id"), ended=Count("ended_at"))
    parts = [moves["last"], moves["versions"], findings["last"], findings["ended"], pending_count(user).due]
    # The inventory's version grows with everything; only its troubles concern a person here.
    parts += [Cloud.objects.exclude(problem="").count(), len(stopped)]
    if user.has_perm(Perm.REQUEST):
        parts.append(_half_done(user, everybodys=user.has_perm(Perm.EVACUATE)))
        # Whether what has moved stands stopped is its instance's state, not the move's.
        changed = _changed(user, _lately(since))
        stands = changed.values_list("pk", "is_left_stopped")  # type: ignore[misc]  # annotated
        parts.append(_print_of(stands[:LIMIT]))
    if user.has_perm(Perm.EVACUATE):
        hosts = _troubled_hosts().aggregate(n=Count("id"), ids=Sum("id"), off=Count("id", filter=_is_off()))
        parts += [hosts["n"], hosts["ids"], hosts["off"]]
        parts += [part for one in broken for part in (one.number, *(instance.pk for instance in one.named))]
    if user.has_perm(Perm.APPROVE):
        # What a request asks to set aside may be gone, and it may be refused by now.
        asking = Migration.objects.filter(state=State.ASKING).exclude(requested_by=user).order_by()
        locked = Instance.objects.filter(uuid__in=asking.values("instance_uuid"), locked=True).order_by("pk")
        parts.append(_print_of(locked.values_list("pk")[:100]))
        clouds_asked = Cloud.objects.filter(name__in=asking.values("cloud")).order_by("name")
        parts.append(_print_of(clouds_asked.values_list("name", "version")))
    if user.has_perm(Perm.AUDIT):
        parts.append(AuditChain.objects.values_list("last_id", flat=True).first())
    return ".".join(str(part or 0) for part in parts)


def mine(user: User, since: datetime | None) -> Mine:
    """Everything of the page; the version first, so that what changes meanwhile is asked for again."""
    asks, operates = user.has_perm(Perm.REQUEST), user.has_perm(Perm.EVACUATE)
    stopped, broken = silent(), broken_instances(_READ) if operates else []
    version = _version(user, since, stopped, broken)
    audits = user.has_perm(Perm.AUDIT)
    failed = _part(_failed(user, everybodys=operates)) if asks else Part()
    found = _part(_findings(user))
    return Mine(
        version=version,
        since=since,
        clouds=clouds(),
        decisions=_part(pending_approvals(user).exclude(requested_by=user)),
        half_way=_part(_half_way(user, everybodys=operates)) if asks else Part(),
        failed=failed,
        hosts=_part(_troubled_hosts()) if operates else Part(),
        findings=found,
        changed=_part(_changed(user, _lately(since))) if asks else Part(),
        under_way=_part(_under_way(user)) if asks else Part(),
        outside=_part(_outside()) if audits else Part(),
        trail=_trail(since) if audits and since else None,
        broken=_beside(broken, [*failed.rows, *found.rows]),
        silent=stopped,
    )


def _lately(since: datetime | None) -> datetime:
    """From when on changes are shown."""
    return since or timezone.now() - timedelta(days=1)


def _print_of(rows: Iterable[Any]) -> str:
    """Something short that changes with any of these."""
    return f"{crc32(repr(list(rows)).encode()):x}"


def _part(rows: QuerySet[Any]) -> Part:
    found = list(rows[: LIMIT + 1])
    return Part(found[:LIMIT], has_more=len(found) > LIMIT)


def _half_way(user: User, *, everybodys: bool) -> QuerySet[Migration]:
    """Moves that stopped half-way and that this person may help on: their own; an operator, anybody's."""
    rows = Migration.objects.filter(state=State.STRANDED)
    return (rows if everybodys else rows.filter(requested_by=user)).order_by("id")


def _failed(user: User, *, everybodys: bool) -> QuerySet[Migration]:
    """Their own failed moves, and for an operator those of which the cause says that an operator must act; until
    the instance is moved again, here or past nmigrate. One that left it half-way or in error: until it runs, is as it
    was before the move, or is gone; what may be left of a copy, and a zone to which it is bound no more, stays told."""
    of_it = {"cloud": OuterRef("cloud"), "instance_uuid": OuterRef("instance_uuid")}
    outside = OutsideMove.objects.filter(**of_it, started_at__gt=OuterRef("ended_at")).exclude(
        status__in=STATUSES[State.FAILED]
    )
    here = Instance.objects.filter(cloud=OuterRef("cloud"), uuid=OuterRef("instance_uuid"))
    well = Q(status="ACTIVE") | (Q(status=OuterRef("status_before")) & ~Q(status="ERROR"))
    unbound = here.filter(Q(pinned_zone=None) | Q(pinned_zone=""))
    is_unfinished = ~Q(stranded_in="") & (Q(kind=Kind.COPY) | (Q(changes_pin=True) & Exists(unbound)))
    rows = _recently_failed(user, everybodys=everybodys)
    return rows.exclude(
        Exists(Migration.objects.filter(**of_it, pk__gt=OuterRef("pk")))
        | Exists(outside)
        | (_is_harmed() & ~is_unfinished & ~Exists(here.exclude(well)))
    ).order_by("-ended_at", "-id")


def _recently_failed(user: User, *, everybodys: bool) -> QuerySet[Migration]:
    whose = Q(requested_by=user)
    if everybodys:
        whose |= Q(next_step_by="operator")
    rows = Migration.objects.annotate(
        status_before=Coalesce(KT("before__status"), Value(""), output_field=TextField()),
        status_after=Coalesce(KT("after__status"), Value(""), output_field=TextField()),
    )
    return rows.filter(whose, state=State.FAILED, ended_at__gte=timezone.now() - FAILED_FOR)


def _is_harmed() -> Q:
    """It was left half-way, or the instance was in error after it."""
    return (~Q(stranded_in="") & ~Q(cause="deleted")) | Q(status_after="ERROR")


def _half_done(user: User, *, everybodys: bool) -> str:
    """Changes with the instances of the moves that are told by how those are now."""
    stopped = _half_way(user, everybodys=everybodys).order_by()
    left = _recently_failed(user, everybodys=everybodys).filter(_is_harmed())
    named = Q()
    for moves in (stopped, left):
        named |= Q(uuid__in=moves.values("instance_uuid")) | Q(uuid__in=moves.values("copy_uuid"))
    rows = Instance.objects.filter(named).order_by("pk")
    return _print_of(rows.values_list("pk", "status", "host", "pinned_zone")[:100])


def _is_down() -> Q:
    return ~Q(state="up") | Q(forced_down=True)


def _is_off() -> Q:
    return ~Q(status="enabled")


def _troubled_hosts() -> QuerySet[Hypervisor]:
    """Down first, then out of service."""
    rows = Hypervisor.objects.filter(_is_down() | _is_off()).defer("inventories", "traits", "aggregates")
    return rows.order_by(Case(When(_is_down(), then=0), default=1), "cloud_id", "host")


def broken_instances(named: int = NAMED) -> list[Broken]:
    """Each cloud that has instances in error, so many of them by name. One query, of a few rows for each."""
    ranked = Instance.objects.filter(status="ERROR").annotate(
        rank=Window(RowNumber(), partition_by="cloud_id", order_by=("name", "id")),
        number=Window(Count("id"), partition_by="cloud_id"),
    )
    found: dict[str, Broken] = {}
    rows = ranked.filter(rank__lte=named).only("cloud_id", "uuid", "name").order_by("cloud_id", "rank")
    for row in rows:
        found.setdefault(row.cloud_id, Broken(row.cloud_id, row.number, [])).named.append(row)
    return list(found.values())


def _beside(broken: Iterable[Broken], rows: Iterable[Migration | Finding]) -> list[Broken]:
    """Without those that these rows tell of."""
    told = {row.instance_uuid for row in rows}
    found = []
    for one in broken:
        others = [instance for instance in one.named if instance.uuid not in told]
        n_told = len(one.named) - len(others)
        if others:
            found.append(Broken(one.cloud, one.number - n_told, others[:NAMED], n_told))
    return found


def _findings(user: User) -> QuerySet[Finding]:
    """What the watchdog found and has not passed, for who can act on it; an operator sees all of it."""
    rows = findings()
    if user.has_perm(Perm.EVACUATE):
        return rows
    whose = Q(migration__requested_by=user)
    if user.has_perm(Perm.APPROVE):
        whose |= Q(who="manager")
    if user.has_perm(Perm.AUDIT):
        whose |= Q(who="auditor")
    return rows.filter(whose)


def _changed(user: User, since: datetime) -> QuerySet[Migration]:
    """Their moves that are over and were decided on by others or ended after `since`, the newest first."""
    decided = Approval.objects.filter(migration=OuterRef("pk"), decided_at__gte=since).exclude(
        decided_by=user
    )
    # Those under way stand in a list of their own.
    rows = Migration.objects.filter(Q(ended_at__gte=since) | Exists(decided), requested_by=user).exclude(
        state__in=ACTIVE_STATES
    )
    newest = Approval.objects.filter(migration=OuterRef("pk")).order_by("-id")
    return rows.annotate(
        is_left_stopped=_is_left_stopped(),
        decision=Subquery(newest.values("decision")[:1]),
        decided_by_name=Subquery(newest.values("decided_by_name")[:1]),
        decided_at=Subquery(newest.values("decided_at")[:1]),
        comment=Subquery(newest.values("comment")[:1]),
    ).order_by(F("ended_at").desc(nulls_first=True), "-id")


def _is_left_stopped() -> Q:
    """It is done, and its instance is stopped now: somebody may wait for its start. The original of a copy that was
    kept is meant to be."""
    here = Instance.objects.filter(
        cloud_id=OuterRef("cloud"),
        uuid=OuterRef("instance_uuid"),
        status="SHUTOFF",
        task_state="",
        locked=False,
    )
    return Q(Exists(here), state=State.DONE) & ~Q(kind=Kind.COPY)


def _under_way(user: User) -> QuerySet[Migration]:
    """Those that they asked for, and those that they have let begin or decided on."""
    theirs = Approval.objects.filter(migration=OuterRef("pk"), decided_by=user)
    rows = Migration.objects.filter(Q(requested_by=user) | Exists(theirs), state__in=ACTIVE_STATES)
    return rows.order_by("-id")


def _outside() -> QuerySet[AuditEvent]:
    """What was done past nmigrate lately."""
    return AuditEvent.objects.filter(is_outside=True, at__gte=timezone.now() - OUTSIDE_FOR).order_by("-id")


def _trail(since: datetime) -> Trail:
    found = AuditEvent.objects.filter(at__gte=since).aggregate(
        entries=Count("id"),
        decisions=Count("id", filter=Q(action__in=DECIDING)),
        outside=Count("id", filter=Q(is_outside=True)),
    )
    return Trail(**found)
