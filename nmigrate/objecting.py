"""What fresh data says against sending an order, at the last moment before it is sent."""

from dataclasses import replace

from django.db.models import F
from django.utils import timezone

from nmigrate import inventory, preflight, selectors
from nmigrate.cloud import api
from nmigrate.models import Cloud, Hypervisor, Instance, Migration, Order
from nmigrate.moves import Action
from nmigrate.preflight import status_words
from nmigrate.scene import Scene, by_name, stored
from nmigrate.sentences import join, say
from nmigrate.services import hosts_named
from nmigrate.services.requests import CAN_ABORT, CAN_FORCE, needs_approval_of
from nmigrate.states import Kind, State


def objection(order: Order, server: api.Server | None, cloud: api.Cloud) -> str:
    """One sentence against it; empty when nothing speaks against it."""
    move = order.migration
    if move is None or server is None:
        return _against_power(order, server) if server is not None else ""
    if move.state == State.QUEUED or order.action in (Action.MIGRATE, Action.LIVE):
        return _against_move(order, move, server, cloud)
    match Action(order.action):
        case Action.CONFIRM | Action.REVERT:
            return _against_decision(move, server, cloud)
        case Action.LOCK:
            is_late = move.state != State.WAITING
            return say("It was decided before it could be locked.") if is_late else ""
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


def _against_move(order: Order, move: Migration, server: api.Server, cloud: api.Cloud) -> str:
    """The rules that were asked before, on fresh data; and what was approved must still be what happens.

    Before the first step the hosts are read anew, too, and the verdict is kept in the record: an amber that is new
    stops nothing, but it can be seen there.
    """
    kind = Kind(move.kind)
    is_start = move.state == State.QUEUED
    scene = _fresh_scene(order, move, server, cloud, is_start=is_start)
    case = scene.case(kind, move.asked_host, move.asked_zone, changes_pin=move.changes_pin)
    verdict = scene.verdict(kind, move.asked_host, move.asked_zone, changes_pin=move.changes_pin)
    if is_start:
        Migration.objects.filter(pk=move.pk).update(
            verdict_at_start=stored(case, verdict, timezone.now()), version=F("version") + 1
        )
    if stop := verdict.stop(move.overrides):
        return stop
    if not is_start:
        return ""
    ran, runs = move.before.get("status") != "SHUTOFF", server.status != "SHUTOFF"
    if ran != runs and (kind is Kind.COPY or needs_approval_of(kind, runs=runs)):
        changed = (
            say("{name} was started since the move was asked for.", name=server.name)
            if runs
            else say("{name} was stopped since the move was asked for.", name=server.name)
        )
        return join([changed, say("Ask again.")])
    return ""


def _fresh_scene(
    order: Order, move: Migration, server: api.Server, cloud: api.Cloud, *, is_start: bool
) -> Scene:
    """`is_start`: two calls for the hosts, one for its shared folders, and one for the server groups where it is in
    any.

    Where no host is named, every host may be taken: that they are up and in service is read anew with that one call
    for all, but what room they have and what they are is known from the inventory alone. Asking placement for each
    would cost a call per host.
    """
    hosts = (
        hosts_named(order.cloud, move.asked_host, server.host)
        if move.asked_host
        else by_name(Hypervisor.objects.filter(cloud=order.cloud).defer("aggregates"))
    )
    known = Instance.objects.filter(cloud=order.cloud, uuid=server.uuid).first()
    groups = known.server_groups if known else []
    server = replace(server, project_name=known.project_name if known else "")
    if is_start:
        _read_anew(hosts, move.asked_host, cloud)
        groups = selectors.group_rows(server.uuid, cloud.server_groups()) if groups else groups
        server = replace(server, shares=inventory.known_shares(cloud, server.uuid))
    around = selectors.around_server(order.cloud, server.uuid, groups, ignoring=move)
    return Scene(server, hosts, preflight.abilities(Cloud.objects.get(pk=order.cloud)), around)


def _read_anew(hosts: dict[str, Hypervisor], dest: str, cloud: api.Cloud) -> None:
    """The services of these hosts, and the room on the destination, as they are now. Nothing is saved."""
    for service in cloud.services():
        host = hosts.get(service.host)
        if host is not None and service.binary == "nova-compute":
            host.state, host.status, host.zone = service.state, service.status, service.zone
            host.forced_down, host.disabled_reason = service.forced_down, service.disabled_reason
    room = cloud.room(hosts[dest].uuid) if dest in hosts else None
    if room is not None:
        host = hosts[dest]
        host.vcpus_capacity, host.vcpus_used = room.vcpus.capacity, room.vcpus.used
        host.memory_mb_capacity, host.memory_mb_used = room.memory_mb.capacity, room.memory_mb.used
        host.disk_gb_capacity, host.disk_gb_used = room.disk_gb.capacity, room.disk_gb.used
        host.traits = list(room.traits)


def _against_decision(move: Migration, server: api.Server, cloud: api.Cloud) -> str:
    if server.status != "VERIFY_RESIZE" or server.task_state:
        return say(
            "{name} is {state}: it no longer waits for this decision.",
            name=server.name,
            state=status_words(server.status),
        )
    # A later resize by somebody else also waits in VERIFY_RESIZE; this decision is not about that one.
    newest = max(cloud.server_migrations_of(server.uuid), key=lambda row: row.id, default=None)
    if newest is None or newest.id != move.server_migration_id:
        return say(
            "{name} now waits for a decision on another move, made outside nmigrate.", name=server.name
        )
    return ""


def _against_stepping_in(order: Order, cloud: api.Cloud) -> str:
    statuses = CAN_ABORT if order.action == Action.ABORT else CAN_FORCE
    under_way = [row for row in cloud.live_progress(order.instance_uuid) if row.id == order.args["migration"]]
    if not any(row.status in statuses for row in under_way):
        return say("It has gone too far for that, or is over.")
    return ""


def _against_deletion(order: Order, move: Migration, cloud: api.Cloud) -> str:
    """The original goes only when its copy is there and well; the copy only when it is not the original."""
    if order.instance_uuid != move.instance_uuid:
        return ""
    if not move.copy_uuid or move.copy_uuid == move.instance_uuid:
        return say("There is no copy of it, so the original is not deleted.")
    try:
        copy = cloud.server(move.copy_uuid)
    except api.NotFound:
        return say("Its copy is gone, so the original is not deleted.")
    if copy.status == "ERROR":
        return say("Its copy is in error, so the original is not deleted.")
    return ""
