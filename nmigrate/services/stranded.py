"""How a move goes on that stopped half-way: the step again, back, or left as it is. A person says which."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from nmigrate import moves
from nmigrate.errors import Conflict
from nmigrate.models import Migration
from nmigrate.moves import Action
from nmigrate.sentences import say
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


def retry_migration(*, actor: User, migration: Migration, note: str = "") -> None:
    """Order the failed step once more."""
    way = _RETRY.get(State(migration.stranded_in or State.RUNNING), "retry_move")
    step = migration.step
    _go_on(migration, way, Action(step) if step else None, actor=actor, note=note)


def go_back(*, actor: User, migration: Migration, note: str = "") -> None:
    """Put everything back as it was before the move."""
    _go_on(migration, "go_back", moves.first_step(migration, State.REVERTING), actor=actor, note=note)


def _go_on(migration: Migration, way: str, step: Action | None, *, actor: User, note: str) -> None:
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
    }
    if step in (Action.MIGRATE, Action.LIVE, Action.EVACUATE):
        # The next attempt leaves a record of its own in Nova.
        changes |= {"nova_status": "", "server_migration_id": None, "server_migration_uuid": ""}
    try:
        with transaction.atomic():
            transition(migration, way, actor=actor, note=note.strip(), **changes)
            order_step(migration, step, actor=actor)
    except IntegrityError as error:
        raise Conflict(
            say(
                "Another order for {name} is on its way. Try again in a moment.", name=migration.instance_name
            )
        ) from error


def leave_migration(*, actor: User, migration: Migration, note: str = "") -> None:
    """End it here; what exists now stays as it is, and the record says what that is."""
    with transaction.atomic():
        transition(
            migration,
            "leave",
            actor=actor,
            note=note.strip(),
            ended_at=timezone.now(),
            next_step=say("It was left as it is. An operator puts it right in the cloud."),
            next_step_by="operator",
        )
        release_hold(migration)
