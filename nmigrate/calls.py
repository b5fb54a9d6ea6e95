"""What each order says to the cloud, when there is nothing left to say, and how to find one that got no answer."""

from typing import Any

from nmigrate.cloud import api
from nmigrate.models import Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.sentences import say

NOVA_ACTIONS: dict[Action, str] = {
    Action.MIGRATE: "migrate",
    Action.LIVE: "live-migration",
    Action.ABORT: "live_migration_cancel",
    Action.FORCE: "live_migration_force_complete",
    Action.CONFIRM: "confirmResize",
    Action.REVERT: "revertResize",
    Action.START: "start",
    Action.STOP: "stop",
    Action.LOCK: "lock",
    Action.UNLOCK: "unlock",
    Action.SHELVE: "shelve",
    Action.OFFLOAD: "shelveOffload",
    Action.UNSHELVE: "unshelve",
    Action.SNAPSHOT: "createImage",
    Action.DELETE: "delete",
    Action.EVACUATE: "evacuate",
}
"""Our action -> the word in Nova's os-instance-actions (nova/compute/instance_actions.py). The others leave none
there and are found by their effect. Nova answers for deleted servers, too."""

RECORD_TYPES: dict[Action, tuple[str, ...]] = {
    Action.MIGRATE: ("migration", "resize"),
    Action.LIVE: ("live-migration",),
    Action.EVACUATE: ("evacuation",),
}
"""Which of Nova's own migration records belong to a step."""

LOCK_REASON = 255
"""Characters that Nova keeps of a lock's reason (2.73)."""


def hold_reason(migration: Migration) -> str:
    text = f"nmigrate: migration {migration.pk} waits for a manager's decision ({migration.reason})"
    return text if len(text) <= LOCK_REASON else f"{text[: LOCK_REASON - 2]}…)"


def image_name(order: Order) -> str:
    """The snapshot's name: unique, so that it can be found when nobody heard the answer, and readable."""
    return f"{order.instance_name[:180]} ({order.args['mark']})"


def post(order: Order, cloud: api.Cloud) -> str:
    """Send it. Returns Nova's request id."""
    uuid, args = order.instance_uuid, order.args
    match Action(order.action):
        case Action.MIGRATE:
            return cloud.migrate(uuid, order.host)
        case Action.LIVE:
            return cloud.live_migrate(uuid, order.host, {"block": True, "shared": False}.get(args["block"]))
        case Action.ABORT:
            return cloud.abort_live(uuid, args["migration"])
        case Action.FORCE:
            return cloud.force_complete(uuid, args["migration"])
        case Action.CONFIRM:
            return cloud.confirm_resize(uuid)
        case Action.REVERT:
            return cloud.revert_resize(uuid)
        case Action.START:
            return cloud.start(uuid)
        case Action.STOP:
            return cloud.stop(uuid)
        case Action.LOCK:
            return cloud.lock(uuid, hold_reason(_move(order)))
        case Action.UNLOCK:
            before = _lock_before(order)
            return cloud.lock(uuid, before["reason"]) if before["locked"] else cloud.unlock(uuid)
        case Action.PIN:
            return cloud.pin_zone(uuid, args["zone"])
        case Action.UNPIN:
            return cloud.pin_zone(uuid, None)
        case Action.SHELVE:
            return cloud.shelve(uuid)
        case Action.OFFLOAD:
            return cloud.shelve_offload(uuid)
        case Action.UNSHELVE:
            return cloud.unshelve(uuid, args["zone"], args["host"])
        case Action.SNAPSHOT:
            return cloud.create_image(uuid, cloud.server(uuid).project_id, image_name(order))
        case Action.BOOT:
            return cloud.create_server(_copy_of(order, cloud))
        case Action.DELETE:
            return cloud.delete_server(uuid)
        case Action.DELETE_IMAGE:
            return cloud.delete_image(args["image"])
        case Action.READDRESS:
            answers = [cloud.set_addresses(*wrong) for wrong in _wrong_addresses(order, cloud)]
            return next(reversed(answers), "")
        case Action.EVACUATE:
            return cloud.evacuate(uuid, order.host)


def _move(order: Order) -> Migration:
    if order.migration is None:
        raise ValueError(f"order {order.pk} belongs to no migration")
    return order.migration


def _lock_before(order: Order) -> dict[str, Any]:
    before = order.migration.lock_before if order.migration else {}
    return {"locked": before.get("locked", False), "reason": before.get("reason", "")}


def _copy_of(order: Order, cloud: api.Cloud) -> api.NewServer:
    """The copy, from the original as it is now. Refused when it cannot be made alike."""
    move = _move(order)
    original = cloud.server(move.instance_uuid)
    ports = cloud.ports(move.instance_uuid)
    groups = {port.security_groups for port in ports}
    if len(groups) > 1:
        raise api.Refused(
            say(
                "The network cards of {name} have different security groups, which a copy booted by Nova "
                "cannot have. Choose another way.",
                name=original.name,
            )
        )
    # The inventory knows its server groups; Nova's answer about one server does not.
    known = Instance.objects.filter(cloud=move.cloud, uuid=move.instance_uuid).first()
    group: dict[str, str] = next(iter(known.server_groups), {}) if known else {}
    return api.NewServer(
        name=original.name,
        project_id=original.project_id,
        image_id=move.image_id,
        flavor=original.flavor,
        zone=move.asked_zone,
        host=order.host,
        networks=tuple(port.network_id for port in ports),
        security_groups=next(iter(groups), ()),
        key_name=original.key_name,
        key_owner=original.user_id,
        server_group=group.get("uuid", ""),
        metadata=original.metadata,
        tags=(*original.tags, order.args["mark"]),
        description=original.description,
        config_drive=original.config_drive,
    )


def _wrong_addresses(order: Order, cloud: api.Cloud) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """The copy's network cards that do not have the original's addresses yet, each with those.

    `before["ports"]` was read while the original still existed. Cards are paired within their network: Nova says
    nothing of their order across networks.
    """
    wanted: dict[str, list[Any]] = {}
    for port in _move(order).before.get("ports", []):
        wanted.setdefault(port["network"], []).append(port["addresses"])
    wrong = []
    for card in cloud.ports(order.instance_uuid):
        pairs = tuple(
            (subnet, address) for subnet, address in next(iter(wanted.get(card.network_id, [])), [])
        )
        wanted[card.network_id] = wanted.get(card.network_id, [])[1:]
        if pairs and set(pairs) != set(card.addresses):
            wrong.append((card.id, pairs))
    return wrong


def is_reached(order: Order, cloud: api.Cloud, server: api.Server | None) -> bool:
    """Whether the cloud is as this order wants it: nothing need be sent, or what was sent has taken effect.

    `server` None: it does not exist any more. Only for orders whose effect shows in the cloud at once.
    """
    if server is None:
        return order.action in (Action.DELETE, Action.UNLOCK)
    match Action(order.action):
        case Action.PIN:
            return server.pinned_zone == order.args["zone"]
        case Action.UNPIN:
            return server.pinned_zone is None
        case Action.UNLOCK if order.migration is not None:
            # Somebody else's lock is theirs to take off.
            return server.locked_reason != hold_reason(order.migration)
        case Action.UNLOCK:
            return not server.locked
        case Action.LOCK:
            return server.locked and server.locked_reason == hold_reason(_move(order))
        case Action.OFFLOAD:
            return server.status == "SHELVED_OFFLOADED"
        case Action.DELETE:
            return server.is_deleted
        case Action.DELETE_IMAGE:
            try:
                return cloud.image(order.args["image"]).status in ("deleted", "pending_delete")
            except api.NotFound:
                return True
        case Action.READDRESS:
            return not _wrong_addresses(order, cloud)
        case Action.BOOT:
            is_again = _move(order).orders.filter(action=Action.BOOT).count() > 1
            return is_again and copy_of(order, cloud) is not None
        case Action.START:
            return order.migration is not None and server.status == "ACTIVE" and not server.task_state
        case Action.STOP:
            return order.migration is not None and server.status == "SHUTOFF" and not server.task_state
    return False


def copy_of(order: Order, cloud: api.Cloud) -> api.Server | None:
    """The server that a BOOT order made, if it is there; or an earlier one of the same move, that was given up."""
    boots = Order.objects.filter(migration=order.migration, action=Action.BOOT, pk__lte=order.pk).order_by(
        "-id"
    )
    for boot in boots:
        for server in cloud.servers_tagged(boot.args["mark"]):
            return server
    return None


def find_arrived(order: Order, cloud: api.Cloud) -> str | None:
    """The request id under which Nova has this order ("" where it has none); None when there is no trace of it.

    Ours: not there before, our account, our action.
    """
    action = Action(order.action)
    if action is Action.BOOT:
        return "" if copy_of(order, cloud) is not None else None
    if action not in NOVA_ACTIONS:
        try:
            server = cloud.server(order.instance_uuid)
        except api.NotFound:
            return "" if is_reached(order, cloud, None) else None
        return "" if is_reached(order, cloud, server) else None
    words = {NOVA_ACTIONS[action]}
    if action is Action.UNLOCK and _lock_before(order)["locked"]:
        words = {NOVA_ACTIONS[Action.LOCK]}
    before = set(order.known.get("actions", ()))
    mine = cloud.own_user_id()
    for found in cloud.actions(order.instance_uuid):
        if found.request_id in before:
            break  # newest first: all that follow are older still
        if found.action in words and (not mine or found.user_id == mine):
            return found.request_id
    return None
