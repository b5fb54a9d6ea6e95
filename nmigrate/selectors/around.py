"""What goes on around an instance, for its verdict: its server groups, and the moves on its own and other hosts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from nmigrate.cloud.api import ServerGroup
from nmigrate.models import Instance, Migration, OutsideMove
from nmigrate.preflight import Around, Group
from nmigrate.selectors.moves import ACTIVE_STATES, by_instance
from nmigrate.sentences import say
from nmigrate.states import LABELS, Kind, State

UNDER_WAY = (State.QUEUED.value, State.SENDING.value, State.RUNNING.value)
"""States of a move that occupies its hosts, or will in a moment."""
LIVE_UNDER_WAY = ("accepted", "queued", "preparing", "running")
"""Nova's statuses of a live migration that counts against max_concurrent_live_migrations, or waits for its turn."""
EVACUATED_UNDER_WAY = ("accepted", "pre-migrating", "migrating", "running")

GroupRow = Mapping[str, Any]
"""A server group as Instance.server_groups holds it: uuid, name, policy, max_per_host."""


def around(
    instance: Instance, *, ignoring: Migration | None = None, groups: Iterable[GroupRow] | None = None
) -> Around:
    """Four queries at most, whatever the size of the cloud.

    `ignoring`: the move that is judged, so that it does not stand in its own way. `groups`: the instance's server
    groups where they were read freshly; otherwise those of the inventory.
    """
    found = instance.server_groups if groups is None else groups
    return around_server(instance.cloud_id, instance.uuid, found, ignoring=ignoring)


def around_server(
    cloud: str, uuid: str, groups: Iterable[GroupRow], *, ignoring: Migration | None = None
) -> Around:
    """The same of a server that the inventory may not have (any more)."""
    return around_each(cloud, {uuid: list(groups)}, ignoring=ignoring)[uuid]


def around_each(
    cloud: str, groups: Mapping[str, Collection[GroupRow]], *, ignoring: Migration | None = None
) -> dict[str, Around]:
    """The same of several servers, by their UUIDs, each with its server groups; no more queries than for one.

    A move that others make of one of these is not looked for: its own state and task tell that better.
    """
    mine = Q(instance_uuid__in=groups) | Q(copy_uuid__in=groups)
    moves = list(
        Migration.objects.filter(cloud=cloud, state__in=ACTIVE_STATES)
        .filter(mine | Q(kind__in=(Kind.LIVE.value, Kind.EVACUATE.value)))
        .exclude(pk=ignoring.pk if ignoring else 0)
        .only(
            "kind", "state", "instance_uuid", "instance_name", "copy_uuid", "source_host", "requested_by_name"
        )
    )
    outside = list(
        OutsideMove.objects.filter(cloud=cloud, ended_at__isnull=True).only(
            "type", "status", "instance_uuid", "source_host"
        )
    )
    moving = by_instance(moves)
    live_from = _live_from(cloud, moves, outside)
    evacuated = _evacuated(moves, outside)
    members = _members(cloud, {row["uuid"] for rows in groups.values() for row in rows})
    return {
        uuid: Around(
            groups=tuple(_group(row, members[row["uuid"]], uuid) for row in rows),
            live_from=dict(Counter(host for other, host in live_from.items() if other != uuid)),
            evacuated=evacuated,
            moving=moving_words(moving[uuid]) if uuid in moving else "",
        )
        for uuid, rows in groups.items()
    }


def moving_words(move: Migration) -> str:
    """Who asked for the move that is under way, and how far it is."""
    if move.state == State.ASKING:
        return say(
            "{person} has asked to move {name} already; it waits for approval.",
            person=move.requested_by_name,
            name=move.instance_name,
        )
    return say(
        "A move of {name} is open already: {person} asked for it ({state}).",
        name=move.instance_name,
        person=move.requested_by_name,
        state=LABELS[State(move.state)],
    )


def group_rows(uuid: str, groups: Iterable[ServerGroup]) -> list[dict[str, Any]]:
    """Those of a cloud's groups that a server is in, as Instance.server_groups holds them."""
    return [
        {
            "uuid": group.uuid,
            "name": group.name,
            "policy": group.policy,
            "max_per_host": group.max_per_host,
        }
        for group in groups
        if uuid in group.members
    ]


def _members(cloud: str, groups: Collection[str]) -> dict[str, dict[str, str]]:
    """Group -> its members' UUIDs with their hosts. A member that is on no host counts nowhere."""
    found: dict[str, dict[str, str]] = {group: {} for group in groups}
    if not groups:
        return found
    named = Q()
    for group in groups:
        named |= Q(groups_text__contains=group)
    # As text, because SQLite cannot look inside a list; the group is then found exactly, below.
    rows = (
        Instance.objects.annotate(groups_text=Cast("server_groups", TextField()))
        .filter(named, cloud=cloud)
        .exclude(host="")
        .values_list("uuid", "host", "server_groups")
    )
    for uuid, host, theirs in rows:
        for one in theirs:
            if one["uuid"] in found:
                found[one["uuid"]][uuid] = host
    return found


def _group(row: GroupRow, members: Mapping[str, str], uuid: str) -> Group:
    """One group of this server, with the number of its other members on each host."""
    hosts = Counter(host for member, host in members.items() if member != uuid)
    return Group(row["name"], row["policy"], dict(hosts), row.get("max_per_host") or 1)


def _live_from(cloud: str, moves: Iterable[Migration], outside: Iterable[OutsideMove]) -> dict[str, str]:
    """Instance -> the host that it leaves live: asked for here, seen in Nova's records, or seen to move."""
    from_hosts = dict(
        Instance.objects.filter(cloud=cloud)
        .filter(Q(task_state="migrating") | Q(status="MIGRATING"))
        .exclude(host="")
        .values_list("uuid", "host")
    )
    from_hosts |= {
        row.instance_uuid: row.source_host
        for row in outside
        if row.type == "live-migration" and row.status in LIVE_UNDER_WAY
    }
    return from_hosts | {
        move.instance_uuid: move.source_host
        for move in moves
        if move.kind == Kind.LIVE and move.state in UNDER_WAY
    }


def _evacuated(moves: Iterable[Migration], outside: Iterable[OutsideMove]) -> frozenset[str]:
    ours = {move.source_host for move in moves if move.kind == Kind.EVACUATE and move.state in UNDER_WAY}
    theirs = {
        row.source_host for row in outside if row.type == "evacuation" and row.status in EVACUATED_UNDER_WAY
    }
    return frozenset(ours | theirs)
