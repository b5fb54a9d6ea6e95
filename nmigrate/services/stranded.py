"""How a move goes on that stopped half-way: the step again, back, or left as it is. A person says which."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from nmigrate import moves
from nmigrate.errors import Conflict
from nmigrate.facts import snapshot
from nmigrate.models import Instance, Migration
from nmigrate.moves import Action
from nmigrate.retrying import outlook
from nmigrate.sentences import join, say
from nmigrate.services.placing import order_step, release_hold
from nmigrate.services.transitions import transition
from nmigrate.states import State

_RETRY = {State.RUNNING: "retry_move", State.CONFIRMING: "retry_keep", State.REVERTING: "retry_return"}


def possible_ways(migration: Migration) -> tuple[str, ...]:
    """Which rows of the state table lead on from here. A copy that failed is not booted a second time beside it."""
    if migration.state != State.STRANDED:
        return ()
    ways = ["leave"]
    if moves.has_way_back(migration):
        ways.insert(0, "go_back")
    if not (migration.step == Action.BOOT and migration.copy_uuid):
        ways.insert(0, _RETRY[State(migration.stranded_in)])
    return tuple(ways)


def retry_migration(*, actor: User, migration: Migration, note: str = "", host: str = "") -> None:
    """Order the failed step once more; with `host`, to that one instead of the one that was asked for."""
    way = _RETRY.get(State(migration.stranded_in or State.RUNNING), "retry_move")
    step, note = migration.step, note.strip()
    changes: dict[str, Any] = {}
    if host and host != migration.asked_host and migration.state == State.STRANDED:
        note = join([_instead(migration, host), note])
        changes = {"asked_host": host, "dest_host": "", "dest_zone": ""}
    _go_on(migration, way, Action(step) if step else None, actor=actor, note=note, **changes)


def _instead(migration: Migration, host: str) -> str:
    """That another host was chosen. Conflict when the step cannot lead there."""
    instance = Instance.objects.filter(cloud=migration.cloud, uuid=migration.instance_uuid).first()
    found = outlook(migration, instance)
    if found is None or host not in found.able:
        why = found.against[host].why if found and host in found.against else ""
        raise Conflict(
            join(
                [
                    say("{host} cannot take {name} now.", host=host, name=migration.instance_name),
                    why,
                    say("Choose another host, or another way on."),
                ]
            )
        )
    if not migration.asked_host:
        return say("To {host}.", host=host)
    return say("To {host} instead of {before}.", host=host, before=migration.asked_host)


def go_back(*, actor: User, migration: Migration, note: str = "") -> None:
    """Put everything back as it was before the move."""
    _go_on(migration, "go_back", moves.first_step(migration, State.REVERTING), actor=actor, note=note.strip())


def _go_on(migration: Migration, way: str, step: Action | None, *, actor: User, note: str, **to: Any) -> None:
    if migration.state == State.STRANDED and way not in possible_ways(migration):
        raise Conflict(
            say("This cannot be done for the move of {name} any more.", name=migration.instance_name)
        )
    if step is None:
        raise Conflict(
            say("There is nothing left to do for the move of {name}.", name=migration.instance_name)
        )
    changes: dict[str, Any] = {
        **Migration.NO_FAILURE,
        "stranded_in": "",
        "request_id": "",
        **to,
    }
    if step in (Action.MIGRATE, Action.LIVE, Action.EVACUATE):
        # The next attempt leaves a record of its own in Nova.
        changes |= {"nova_status": "", "server_migration_id": None, "server_migration_uuid": ""}
    try:
        with transaction.atomic():
            transition(migration, way, actor=actor, note=note, **changes)
            order_step(migration, step, actor=actor)
    except IntegrityError as error:
        raise Conflict(
            say(
                "Another order for {name} is on its way. Try again in a moment.", name=migration.instance_name
            )
        ) from error


def leave_migration(*, actor: User, migration: Migration, note: str = "") -> None:
    """End it here; what exists now stays as it is, and the record says what that is."""
    uuid = migration.copy_uuid or migration.instance_uuid
    instance = Instance.objects.filter(cloud=migration.cloud, uuid=uuid).first()
    with transaction.atomic():
        transition(
            migration,
            "leave",
            actor=actor,
            note=note.strip(),
            ended_at=timezone.now(),
            after=snapshot(instance) if instance else {},
            next_step=say("It was left as it is. An operator puts it right in the cloud."),
            next_step_by="operator",
        )
        release_hold(migration)
