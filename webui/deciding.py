"""What a manager is told before a decision: of each move in the list, and at the end of one what came before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from nmigrate import phases, services
from nmigrate.models import Approval, AuditEvent, Hypervisor, Instance, Migration, Order
from nmigrate.moves import DELETE_ORIGINAL, Action, ran
from nmigrate.preflight import Verdict
from nmigrate.scene import verdict_now
from nmigrate.sentences import join, say
from nmigrate.states import Kind, State
from webui import comparison


@dataclass(frozen=True, slots=True)
class Row:
    """One move in the list of what waits. `why_not`: why this person may not decide on it."""

    migration: Migration
    why_not: str
    meaning: str
    """Whether its instance runs, and what the decision means for it at worst."""
    is_picked: bool = False
    is_unlocked: bool = False
    """Whether no lock is on its instance now."""
    refusal: str = ""
    """Why it would be stopped just before its start, if it were approved now: such a one is decided singly, too."""

    @property
    def sets_aside(self) -> list[dict[str, str]]:
        """What an approval would set aside: such a one is given singly. Of many at once only a lock is looked for
        anew; the page of one judges all of it."""
        asked = self.migration.sets_aside if self.migration.state == State.ASKING else []
        return [reason for reason in asked if not (self.is_unlocked and reason["rule"] == "lock")]

    @property
    def may_pick(self) -> bool:
        """Whether it can be decided together with others."""
        return not (self.why_not or self.sets_aside or self.refusal)


def rows(
    user: User,
    moves: Sequence[Migration],
    picked: Collection[str] = (),
    refusals: Mapping[int, str] = MappingProxyType({}),
) -> list[Row]:
    """One query, whatever their number. `picked`: what was chosen already, as the boxes name it; `refusals`: what
    would be refused now and why, by the moves' keys."""
    uuids = [comparison.subject(move) for move in moves]
    found = {
        (one.cloud_id, one.uuid): one
        for one in Instance.objects.filter(uuid__in=uuids).only(
            "cloud_id", "uuid", "status", "power_state", "locked"
        )
    }
    subjects = (found.get((move.cloud, comparison.subject(move))) for move in moves)
    return [
        Row(
            move,
            services.why_not_decide(user, move),
            in_short(move, one),
            f"{move.pk}.{move.state}" in picked,
            one is not None and not one.locked,
            refusals.get(move.pk, ""),
        )
        for move, one in zip(moves, subjects, strict=True)
    ]


def runs(move: Migration, instance: Instance | None) -> bool:
    """Whether the move interrupts something: before it starts, whether its instance runs now; later, whether it ran."""
    if move.state == State.ASKING and instance is not None:
        return instance.status != "SHUTOFF"
    return ran(move)


def in_short(move: Migration, instance: Instance | None) -> str:
    if move.state == State.ASKING:
        return _before(move) if runs(move, instance) else say("is stopped")
    host = move.dest_host
    if move.kind == Kind.COPY:
        return (
            say(
                "the copy runs. If it is kept, its original is deleted; if it is dropped, what was written on the "
                "copy is lost"
            )
            if move.original_after == DELETE_ORIGINAL
            else say("the copy runs. If it is dropped, what was written on it since is lost")
        )
    if not ran(move):
        return say("is stopped")
    if instance is not None and instance.power_state in phases.OFF:
        return say("is off now: sent back, what was written on {host} since is lost", host=host)
    return say(
        "runs: sent back, it is down once more, and what was written on {host} since is lost", host=host
    )


def _before(move: Migration) -> str:
    return {
        Kind.COLD: say("runs: down for a minute or two"),
        Kind.SHELVE: say("runs: down for some minutes, longer with a large disk"),
        Kind.COPY: say("runs: down for some minutes"),
        Kind.LIVE: say("runs, and goes on running"),
        Kind.EVACUATE: say("its host is down: stopped afterwards, until somebody starts it"),
    }[Kind(move.kind)]


def judged(move: Migration, instance: Instance | None) -> Verdict | None:
    """What speaks against a move that waits for its approval, as things are now; None once it does not wait."""
    return verdict_now(move, instance) if move.state == State.ASKING and instance is not None else None


def would_refuse(move: Migration, verdict: Verdict | None) -> str:
    """Why it would be stopped just before its start, without what could be done: no host is chosen any more; "" where
    nothing would."""
    return verdict.why_not({reason["rule"] for reason in move.sets_aside}) if verdict is not None else ""


def lock_words(move: Migration, instance: Instance | None) -> str:
    """That somebody has locked it, in their own words; a lock of ours is none of theirs.

    Nova keeps whether it was its owner or an administrator, and tells neither that nor a name.
    """
    if move.state == State.ASKING:
        is_locked = instance is not None and instance.locked
        words = instance.locked_reason if instance is not None else ""
    elif move.lock_before:
        is_locked, words = bool(move.lock_before.get("locked")), move.lock_before.get("reason", "")
    else:
        is_locked, words = bool(move.before.get("locked")), move.before.get("locked_reason", "")
    if not is_locked:
        return ""
    if words:
        return say(
            "Locked by its owner or an administrator; Nova does not say which. Their reason: “{words}”",
            words=words,
        )
    return say(
        "Locked by its owner or an administrator; Nova does not say which. They gave no reason: ask its owner."
    )


def hold_words(move: Migration, instance: Instance | None) -> str:
    """That it is locked until the decision, or why it is not; "" where neither is known. `instance`: the one with our
    lock. At most two queries."""
    if move.state != State.WAITING or not move.is_held or instance is None:
        return ""
    if instance.locked:
        return say(
            "{name} is locked meanwhile, so that nobody bypasses the managers.", name=move.instance_name
        )
    if not AuditEvent.objects.filter(migration_id=move.pk, action="hold_removed").exists():
        return ""  # the inventory may not know the lock yet
    last = move.orders.filter(action=Action.LOCK).last()
    if last is not None and last.state in (*Order.OPEN, Order.State.ACCEPTED):
        return say("Its lock was taken off outside nmigrate and is being put back.")
    return say("It is not locked: its lock was taken off outside nmigrate.")


def source_trouble(move: Migration) -> str:
    """What speaks against sending it back, of the host where it came from; "" where nothing does."""
    if move.state != State.WAITING:
        return ""
    host = Hypervisor.objects.filter(cloud=move.cloud, host=move.source_host).first()
    if host is None:
        return ""
    if not host.is_up:
        return say("{host} is down: Nova could not bring it back now.", host=host.host)
    if host.is_enabled:
        return ""
    if host.disabled_reason:
        return say("{host} is out of service: “{reason}”.", host=host.host, reason=host.disabled_reason)
    return say("{host} is out of service.", host=host.host)


def at_its_end(move: Migration, instance: Instance | None) -> dict[str, Any]:
    """At the second decision: the first one, for how long it was down, and whether anything runs there now."""
    if move.state != State.WAITING:
        return {}
    aside = [reason["text"] for reason in move.sets_aside if reason["rule"] in move.overrides]
    story = phases.story(move, timezone.now())
    power = instance.power_state if instance is not None else 0
    return {
        "first": move.approvals.filter(decision=Approval.APPROVE).last(),
        "set_aside": join(aside),
        "down": story.down if story.down >= timedelta(seconds=1) and not story.is_unsure else None,
        "is_down_still": story.is_down_at_end,
        "is_untried": power in phases.OFF and not ran(move),
        "runs_now": power == 1,
    }
