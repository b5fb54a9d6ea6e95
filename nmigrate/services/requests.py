"""Asking for a move, withdrawing it, and stepping in while it is live."""

from collections.abc import Collection

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from nmigrate import advisor, audit, moves
from nmigrate.any_host import ANOTHER_ZONE
from nmigrate.errors import Conflict
from nmigrate.facts import snapshot
from nmigrate.models import Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.preflight import Level
from nmigrate.scene import scene_of, stored
from nmigrate.selectors import moving_words
from nmigrate.sentences import join, say
from nmigrate.services.decisions import why_not_decide
from nmigrate.services.placing import first_order, place_order
from nmigrate.services.stranded import possible_ways
from nmigrate.services.transitions import transition
from nmigrate.states import ACTIVE, TRANSITIONS, Kind, Perm, State, actions_from


def goes_down(kind: Kind, *, runs: bool) -> bool:
    """Whether the move takes down an instance that runs."""
    return runs and kind in (Kind.COLD, Kind.SHELVE, Kind.COPY)


def needs_approval_of(kind: Kind, *, runs: bool) -> bool:
    """Whether a manager must approve the start: the move takes down an instance that runs."""
    return bool(settings.NMIGRATE_APPROVE_DOWNTIME and goes_down(kind, runs=runs))


def request_migration(
    *,
    actor: User,
    instance: Instance,
    kind: Kind = Kind.COLD,
    host: str = "",
    zone: str = "",
    changes_pin: bool = False,
    block: str = "",
    original_after: str = "",
    same_addresses: bool = False,
    sets_aside: Collection[str] = (),
    reason: str,
    ticket: str = "",
) -> Migration:
    """Ask for a move: the record, its audit entry, the order and the queued task commit together or not at all.

    `zone`: the zone to go to. A host of it is named: Nova takes no migration by zone, and a zone that no aggregate
    defines (its default one) would bind nothing when unshelving or booting.
    `sets_aside`: the rules of our own that whoever asks knows to speak against it, and asks a manager to set aside:
    then it waits for one before it starts, whatever its kind.
    Conflict with the reason when something speaks against it, or when the instance is being moved already.
    """
    permission = Perm.EVACUATE if kind is Kind.EVACUATE else Perm.REQUEST
    if not actor.has_perm(permission):
        raise PermissionDenied(f"may not ask for a {kind}")
    reason = reason.strip()
    if not reason:
        raise Conflict(say("Say why it is moved: the manager and the audit trail need a reason."))
    under_way = active_migration(instance.cloud_id, instance.uuid)
    if under_way:
        raise Conflict(moving_words(under_way))
    scene = scene_of(instance)
    if zone and zone != instance.zone and not host and kind is not Kind.EVACUATE:
        host = advisor.best_host(scene, zone)
        if not host:
            raise Conflict(join([advisor.no_host_words(scene, zone), ANOTHER_ZONE]))
    if host and host not in scene.hosts:
        raise Conflict(
            say(
                "There is no host {host} in {cloud}. Choose one from the list.",
                host=host,
                cloud=instance.cloud_id,
            )
        )
    if kind in (Kind.SHELVE, Kind.COPY):
        zone = zone or (scene.hosts[host].zone if host else "")
    if original_after == moves.DELETE_ORIGINAL or kind is not Kind.COPY:
        same_addresses = same_addresses and kind is Kind.COPY
    elif same_addresses:
        raise Conflict(
            say("The same addresses are free only once the original is deleted. Choose that, or let them go.")
        )
    case = scene.case(kind, host, zone, changes_pin=changes_pin)
    verdict = scene.verdict(kind, host, zone, changes_pin=changes_pin)
    if stop := verdict.stop(sets_aside):
        raise Conflict(stop)
    must_ask = verdict.level is Level.OURS or needs_approval_of(kind, runs=instance.status != "SHUTOFF")
    now = timezone.now()
    try:
        with transaction.atomic():
            migration = Migration.objects.create(
                cloud=instance.cloud_id,
                instance_uuid=instance.uuid,
                instance_name=instance.name,
                project_name=instance.project_name,
                kind=kind.value,
                state=State.ASKING.value if must_ask else State.QUEUED.value,
                reason=reason,
                ticket=ticket.strip(),
                requested_by=actor,
                requested_by_name=actor.get_username(),
                requested_at=now,
                source_host=instance.host,
                source_zone=instance.zone,
                asked_host=host,
                asked_zone=zone,
                changes_pin=changes_pin,
                block=block if kind is Kind.LIVE else "",
                original_after=(original_after or moves.KEEP_ORIGINAL) if kind is Kind.COPY else "",
                same_addresses=same_addresses,
                before=snapshot(instance),
                verdict=stored(case, verdict, now),
            )
            audit.record(
                "request",
                actor=actor,
                migration=migration,
                state_after=migration.state,
                reason=migration.reason,
            )
            if not must_ask:
                first_order(migration, actor=actor)
    except IntegrityError as error:
        # Two people at once, or a double click: the database let one through.
        winner = active_migration(instance.cloud_id, instance.uuid)
        if winner is None:
            raise Conflict(
                say("{name} is being worked on right now. Try again in a moment.", name=instance.name)
            ) from error
        raise Conflict(moving_words(winner)) from error
    return migration


def active_migration(cloud: str, uuid: str) -> Migration | None:
    """The move that this instance is part of: itself, or as the copy of another."""
    return Migration.objects.filter(
        Q(instance_uuid=uuid) | Q(copy_uuid=uuid), cloud=cloud, state__in=[s.value for s in ACTIVE]
    ).first()


def cancel_migration(*, actor: User, migration: Migration, note: str = "") -> None:
    """Withdraw a request that no worker has taken yet."""
    with transaction.atomic():
        had_order = migration.state == State.QUEUED
        transition(migration, "cancel", actor=actor, note=note, ended_at=timezone.now())
        withdrawn = Order.objects.filter(migration=migration, state=Order.State.QUEUED).update(
            state=Order.State.REFUSED, ended_at=timezone.now(), problem=say("Withdrawn before it was sent.")
        )
        if had_order and withdrawn != 1:
            raise Conflict(
                say("The move of {name} is being sent to Nova already.", name=migration.instance_name)
            )


# -- stepping in while it is live

CAN_ABORT = ("accepted", "queued", "preparing", "running")
CAN_FORCE = ("running",)
"""Nova's statuses of a live migration in which it takes an abort (2.65) and a force-complete (2.22)."""


def is_live_under_way(migration: Migration, action: str) -> bool:
    """Whether Nova takes this now, as far as was last seen; a post-copy move takes neither."""
    statuses = CAN_ABORT if action == "abort" else CAN_FORCE
    return (
        migration.step == Action.LIVE
        and migration.state == State.RUNNING
        and migration.server_migration_id is not None
        and migration.nova_status in statuses
    )


def abort_migration(*, actor: User, migration: Migration, note: str = "") -> None:
    """Stop a live move: the instance goes on running where it is."""
    _step_in(migration, "abort", Action.ABORT, actor=actor, note=note)


def force_migration(*, actor: User, migration: Migration, note: str = "") -> None:
    """Let a live move that does not end finish now: the guest is paused until its memory has followed."""
    _step_in(migration, "force", Action.FORCE, actor=actor, note=note)


def _step_in(migration: Migration, word: str, action: Action, *, actor: User, note: str) -> None:
    if not actor.has_perm(TRANSITIONS[word].permission):
        raise PermissionDenied(f"may not {word}")
    if not is_live_under_way(migration, word):
        raise Conflict(
            say(
                "Nova does not take this any more: the live move of {name} has gone too far, or is over.",
                name=migration.instance_name,
            )
        )
    if has_stepped_in(migration, action):
        raise Conflict(say("This was asked of the move of {name} already.", name=migration.instance_name))
    try:
        with transaction.atomic():
            transition(migration, word, actor=actor, note=note.strip(), remark="")
            place_order(
                action, actor=actor, about=migration, args={"migration": migration.server_migration_id}
            )
    except IntegrityError as error:
        raise Conflict(
            say(
                "Another order for {name} is on its way. Try again in a moment.", name=migration.instance_name
            )
        ) from error


def has_stepped_in(migration: Migration, action: Action) -> bool:
    """Whether this was asked for, and has not been refused, since the live move was sent."""
    return migration.orders.filter(
        action=action,
        state__in=(Order.State.QUEUED, Order.State.SENT, Order.State.ACCEPTED),
        args__migration=migration.server_migration_id,
    ).exists()


def permitted_actions(actor: User, migration: Migration) -> tuple[str, ...]:
    """What this person may do with this migration now: state table, permission, four eyes and Nova together."""
    possible = []
    for action in actions_from(State(migration.state)):
        permission = TRANSITIONS[action].permission
        if not actor.has_perm(permission):
            continue
        if permission is Perm.APPROVE and why_not_decide(actor, migration):
            continue
        if action in ("abort", "force") and (
            not is_live_under_way(migration, action)
            or has_stepped_in(migration, Action(action))
            or has_stepped_in(migration, Action.ABORT)
        ):
            continue
        if migration.state == State.STRANDED and action not in possible_ways(migration):
            continue
        possible.append(action)
    return tuple(possible)
