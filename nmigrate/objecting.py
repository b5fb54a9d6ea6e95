"""What fresh data says against sending an order, at the last moment before it is sent."""

from nmigrate import preflight
from nmigrate.cloud import api
from nmigrate.models import Cloud, Migration, Order
from nmigrate.moves import Action
from nmigrate.preflight import status_words
from nmigrate.services import hosts_named
from nmigrate.services.requests import CAN_ABORT, CAN_FORCE, needs_approval_of
from nmigrate.states import Kind, State


def objection(order: Order, server: api.Server | None, cloud: api.Cloud) -> str:
    """One sentence against it; empty when nothing speaks against it."""
    move = order.migration
    if move is None or server is None:
        return _against_power(order, server) if server is not None else ""
    if move.state == State.QUEUED or order.action in (Action.MIGRATE, Action.LIVE):
        return _against_move(order, move, server)
    match Action(order.action):
        case Action.CONFIRM | Action.REVERT:
            return _against_decision(move, server, cloud)
        case Action.LOCK:
            is_late = move.state != State.WAITING
            return "It was decided before it could be locked." if is_late else ""
        case Action.ABORT | Action.FORCE:
            return _against_stepping_in(order, cloud)
        case Action.DELETE:
            return _against_deletion(order, move, cloud)
    return ""


def _against_power(order: Order, server: api.Server) -> str:
    rules = {
        Action.START: preflight.start_objections,
        Action.STOP: preflight.stop_objections,
        Action.UNLOCK: preflight.unlock_objections,
    }
    return next(iter(rules[Action(order.action)](server)), "")


def _against_move(order: Order, move: Migration, server: api.Server) -> str:
    """The rules that were asked before, on fresh data; and what was approved must still be what happens."""
    kind = Kind(move.kind)
    hosts = hosts_named(order.cloud, move.asked_host, server.host)
    known = Cloud.objects.get(pk=order.cloud)
    found = preflight.objections(
        server,
        kind=kind,
        host=hosts.get(move.asked_host),
        source=hosts.get(server.host),
        zone=move.asked_zone,
        changes_pin=move.changes_pin,
        abilities=preflight.abilities(known),
    )
    if found:
        return found[0]
    if move.state != State.QUEUED:
        return ""
    ran, runs = move.before.get("status") != "SHUTOFF", server.status != "SHUTOFF"
    if ran != runs and (kind is Kind.COPY or needs_approval_of(kind, runs=runs)):
        return (
            f"{server.name} was {'started' if runs else 'stopped'} since the move was asked for. Ask again."
        )
    return ""


def _against_decision(move: Migration, server: api.Server, cloud: api.Cloud) -> str:
    if server.status != "VERIFY_RESIZE" or server.task_state:
        return f"{server.name} is {status_words(server.status)}: it no longer waits for this decision."
    # A later resize by somebody else also waits in VERIFY_RESIZE; this decision is not about that one.
    newest = max(cloud.server_migrations_of(server.uuid), key=lambda row: row.id, default=None)
    if newest is None or newest.id != move.server_migration_id:
        return f"{server.name} now waits for a decision on another move, made outside nmigrate."
    return ""


def _against_stepping_in(order: Order, cloud: api.Cloud) -> str:
    statuses = CAN_ABORT if order.action == Action.ABORT else CAN_FORCE
    under_way = [row for row in cloud.live_progress(order.instance_uuid) if row.id == order.args["migration"]]
    if not any(row.status in statuses for row in under_way):
        return "It has gone too far for that, or is over."
    return ""


def _against_deletion(order: Order, move: Migration, cloud: api.Cloud) -> str:
    """The original goes only when its copy is there and well; the copy only when it is not the original."""
    if order.instance_uuid != move.instance_uuid:
        return ""
    if not move.copy_uuid or move.copy_uuid == move.instance_uuid:
        return "There is no copy of it, so the original is not deleted."
    try:
        copy = cloud.server(move.copy_uuid)
    except api.NotFound:
        return "Its copy is gone, so the original is not deleted."
    if copy.status == "ERROR":
        return "Its copy is in error, so the original is not deleted."
    return ""
