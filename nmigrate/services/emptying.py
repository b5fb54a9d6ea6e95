"""Asking for the moves of several instances off one host, with one reason."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from nmigrate.errors import Conflict
from nmigrate.models import Hypervisor, Instance, Migration
from nmigrate.sentences import say
from nmigrate.services.requests import request_migration
from nmigrate.states import Kind, Perm


@dataclass(frozen=True, slots=True)
class Pick:
    """One instance, by which kind of move, and to which host."""

    uuid: str
    kind: Kind
    host: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one of them: its move, or why there is none. `instance` None: it is no longer known."""

    pick: Pick
    instance: Instance | None = None
    migration: Migration | None = None
    problem: str = ""


def empty_host(
    *, actor: User, host: Hypervisor, picks: Iterable[Pick], reason: str, ticket: str = ""
) -> list[Asked]:
    """Ask for each by itself, in this order: one that fails stops no other, and if the process dies on the way,
    those before it are asked for, and the others are not.

    No rule of ours is set aside. What has left the host meanwhile, or is being moved already, is not asked for again.
    """
    wanted = list(picks)
    if not actor.has_perm(Perm.REQUEST):
        raise PermissionDenied("may not ask for a move")
    if any(pick.kind is Kind.EVACUATE for pick in wanted) and not actor.has_perm(Perm.EVACUATE):
        raise PermissionDenied("may not evacuate")
    found = {
        one.uuid: one
        for one in Instance.objects.filter(
            cloud=host.cloud_id, uuid__in=[pick.uuid for pick in wanted]
        ).select_related("cloud")
    }
    return [
        _ask(actor, host.host, pick, found.get(pick.uuid), reason=reason, ticket=ticket) for pick in wanted
    ]


def _ask(actor: User, host: str, pick: Pick, instance: Instance | None, *, reason: str, ticket: str) -> Asked:
    if instance is None:
        return Asked(pick, problem=say("It is no longer there."))
    if instance.host != host:
        return Asked(pick, instance, problem=say("{name} has left {host}.", name=instance.name, host=host))
    try:
        migration = request_migration(
            actor=actor, instance=instance, kind=pick.kind, host=pick.host, reason=reason, ticket=ticket
        )
    except Conflict as conflict:
        return Asked(pick, instance, problem=conflict.sentence)
    return Asked(pick, instance, migration)
