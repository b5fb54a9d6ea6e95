"""Orders: written with their queued task, and, for the steps of a move, one after the other."""

from secrets import token_hex
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from django_q.tasks import async_task

from nmigrate import audit, moves
from nmigrate.models import Hypervisor, Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.sentences import say
from nmigrate.states import Kind, State


def hosts_named(cloud: str, *names: str) -> dict[str, Hypervisor]:
    """Those of these hosts that the inventory has, by name."""
    return {row.host: row for row in Hypervisor.objects.filter(cloud=cloud, host__in=names)}


def place_order(
    action: Action,
    *,
    actor: User | None,
    about: Migration | Instance,
    host: str = "",
    args: dict[str, Any] | None = None,
    uuid: str = "",
) -> Order:
    """Write the order and enqueue its task, inside the caller's transaction (the queue is a table too).

    `actor` None: nmigrate itself. `uuid`: another server than the one the order is about, such as its copy.
    IntegrityError when the server has an order that no answer has come to yet.
    """
    if isinstance(about, Migration):
        cloud, own_uuid, name = about.cloud, about.instance_uuid, about.instance_name
    else:
        cloud, own_uuid, name = about.cloud_id, about.uuid, about.name
    now = timezone.now()
    order = Order.objects.create(
        cloud=cloud,
        instance_uuid=uuid or own_uuid,
        instance_name=name,
        migration=about if isinstance(about, Migration) else None,
        action=action,
        host=host,
        args=args or {},
        asked_by=actor,
        asked_by_name=actor.get_username() if actor else audit.SYSTEM,
        created_at=now,
        enqueued_at=now,
    )
    async_task("nmigrate.tasks.send_order", order.pk)
    return order


def order_step(migration: Migration, action: Action, *, actor: User | None) -> Order:
    """Order one step of a move, and note that the move is at it. Inside the caller's transaction."""
    Migration.objects.filter(pk=migration.pk).update(step=action, version=F("version") + 1)
    migration.refresh_from_db()
    return place_order(
        action,
        actor=actor,
        about=migration,
        host=migration.asked_host if action in _TO_HOST and migration.state != State.REVERTING else "",
        args=_arguments(migration, action),
        uuid=_server(migration, action),
    )


_TO_HOST = (Action.MIGRATE, Action.LIVE, Action.UNSHELVE, Action.EVACUATE, Action.BOOT)


def _server(migration: Migration, action: Action) -> str:
    """The server that a step is about, where that is not the instance itself."""
    is_copy = action == Action.READDRESS or (action == Action.DELETE and migration.state == State.REVERTING)
    return migration.copy_uuid if is_copy else ""


def _arguments(migration: Migration, action: Action) -> dict[str, Any]:
    pinned = migration.before.get("pinned_zone")
    match action:
        case Action.LIVE:
            return {"block": migration.block}
        case Action.PIN:
            back = migration.state == State.REVERTING
            return {"zone": pinned if back else migration.dest_zone}
        case Action.UNSHELVE if migration.state == State.REVERTING:
            # Not pinned before: its old host says the zone, and the pin of the failed attempt is cleared.
            return {"zone": pinned, "host": "" if pinned else migration.source_host}
        case Action.UNSHELVE:
            is_free = migration.before.get("pin_known") and not pinned
            zone = None if is_free and migration.asked_host else migration.asked_zone
            return {"zone": zone, "host": migration.asked_host}
        case Action.SNAPSHOT | Action.BOOT:
            return {"mark": f"nmigrate-{migration.pk}-{token_hex(4)}"}
        case Action.DELETE_IMAGE:
            return {"image": migration.image_id}
    return {}


def first_order(migration: Migration, *, actor: User) -> Order:
    """Order the first step of a move that is queued."""
    step = moves.first_step(migration, State.RUNNING)
    if step is None:
        raise ValueError(f"a {Kind(migration.kind)} has no steps")
    return order_step(migration, step, actor=actor)


def release_hold(move: Migration) -> None:
    """Order the lock off a move that ends without its last steps. Inside the caller's transaction."""
    if not move.is_held:
        return
    Order.objects.filter(migration=move, state=Order.State.QUEUED).update(
        state=Order.State.REFUSED, ended_at=timezone.now(), problem=say("The move is over.")
    )
    is_open = Order.objects.filter(cloud=move.cloud, instance_uuid=move.instance_uuid, state=Order.State.SENT)
    if not is_open.exists():
        place_order(Action.UNLOCK, actor=None, about=move)
