"""What managers decide: whether a move with downtime starts, and whether it stands at its end."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from nmigrate import audit
from nmigrate.errors import CommentMissing, Conflict
from nmigrate.models import Approval, Instance, Migration, Order
from nmigrate.moves import Action, first_step
from nmigrate.preflight import Level, Verdict
from nmigrate.scene import refusals_now, verdict_now
from nmigrate.sentences import join, say
from nmigrate.services.placing import first_order, order_step
from nmigrate.services.transitions import transition
from nmigrate.states import TRANSITIONS, Perm, State

NEEDS_REASON = ("decline", "reject")
"""What says no to a person, who has to learn why."""


@dataclass(frozen=True, slots=True)
class Asides:
    """What a move asks a manager to set aside, judged anew: what still speaks against it, and what no longer does."""

    standing: tuple[dict[str, str], ...] = ()
    gone: tuple[dict[str, str], ...] = ()


def asides(migration: Migration, verdict: Verdict | None = None) -> Asides:
    """Of a move that waits for its approval; by the inventory, and as it was asked for where that has no instance.

    `verdict`: of this move as things are now, where that was taken already.
    """
    asked = migration.sets_aside if migration.state == State.ASKING else []
    if not asked:
        return Asides()
    if verdict is None:
        instance = Instance.objects.filter(cloud=migration.cloud, uuid=migration.instance_uuid).first()
        if instance is None:
            return Asides(tuple(asked))
        verdict = verdict_now(migration, instance)
    rules = {reason["rule"] for reason in asked}
    against = [one for one in verdict.reasons if one.level >= Level.OURS and one.rule in rules]
    return Asides(
        tuple({"rule": one.rule, "text": one.text} for one in against if one.level is Level.OURS),
        tuple(one for one in asked if one["rule"] not in {reason.rule for reason in against}),
    )


def approve_migration(
    *, actor: User, migration: Migration, comment: str = "", seen: Collection[str] | None = None
) -> None:
    """A manager lets a move start: one with downtime, or one that rules of our own speak against.

    Those rules are set aside by this decision, so that it answers for them, and must say why. What Nova forbids is
    not among them, nor what no longer stands in the way. `seen`: the rules that the manager was told of; Conflict
    when another speaks against it by now.
    """
    _check_may(migration, "approve", actor)
    standing = asides(migration).standing
    rules = list(dict.fromkeys(reason["rule"] for reason in standing))
    if seen is not None and set(rules) - set(seen):
        raise Conflict(
            say("Meanwhile something speaks against it that was not told before. Look at it, then decide.")
        )
    if rules and not comment.strip():
        raise CommentMissing(say("Say why: you answer for what is set aside, and the audit trail keeps it."))
    with transaction.atomic():
        _note_decision(migration, "approve", Approval.APPROVE, actor=actor, comment=comment)
        if rules:
            Migration.objects.filter(pk=migration.pk).update(overrides=rules)
            audit.record(
                "override",
                actor=actor,
                migration=migration,
                state_before=State.ASKING,
                state_after=migration.state,
                reason=join(
                    [
                        *(reason["text"] for reason in standing),
                        say("Set aside because: {words}", words=comment.strip()),
                    ]
                ),
            )
            migration.refresh_from_db()
        first_order(migration, actor=actor)


def decline_migration(*, actor: User, migration: Migration, comment: str = "") -> None:
    """A manager does not let it start, and says why to who asked."""
    with transaction.atomic():
        _note_decision(migration, "decline", Approval.DECLINE, actor=actor, comment=comment)


def confirm_migration(*, actor: User, migration: Migration, comment: str = "") -> None:
    """A manager keeps the instance where it was moved to."""
    _decide(migration, "confirm", Approval.CONFIRM, actor=actor, comment=comment)


def reject_migration(*, actor: User, migration: Migration, comment: str = "") -> None:
    """A manager sends the instance back to where it came from, and says why to who asked."""
    _decide(migration, "reject", Approval.REJECT, actor=actor, comment=comment)


def _decide(migration: Migration, action: str, decision: str, *, actor: User, comment: str) -> None:
    try:
        with transaction.atomic():
            _note_decision(migration, action, decision, actor=actor, comment=comment)
            carry_out(migration, actor=actor)
    except IntegrityError as error:
        raise Conflict(
            say(
                "{name} is just being locked for the decision. Try again in a few seconds.",
                name=migration.instance_name,
            )
        ) from error


def carry_out(migration: Migration, *, actor: User | None) -> None:
    """Order the first step of a decision that was just made; a lock that nobody has sent yet is not needed.

    While a lock is on its way no other order can be: then the follower orders the step as soon as it has arrived.
    """
    orders = Order.objects.filter(cloud=migration.cloud, instance_uuid=migration.instance_uuid)
    orders.filter(migration=migration, action=Action.LOCK, state=Order.State.QUEUED).update(
        state=Order.State.REFUSED, ended_at=timezone.now(), problem=say("Decided before it was locked.")
    )
    step = first_step(migration, State(migration.state))
    if step is not None and not orders.filter(state__in=Order.OPEN).exists():
        order_step(migration, step, actor=actor)
    else:
        Migration.objects.filter(pk=migration.pk).update(step="")


def _check_may(migration: Migration, action: str, actor: User) -> None:
    if not actor.has_perm(TRANSITIONS[action].permission):
        raise PermissionDenied(f"may not {action}")
    if migration.requested_by_id == actor.pk:
        raise PermissionDenied(why_not_decide(actor, migration))


def _note_decision(migration: Migration, action: str, decision: str, *, actor: User, comment: str) -> None:
    _check_may(migration, action, actor)
    is_late = migration.state not in TRANSITIONS[action].sources  # another answer than this one
    if action in NEEDS_REASON and not is_late and not comment.strip():
        raise CommentMissing(
            say(
                "Say why not: {person} reads it, and the audit trail keeps it.",
                person=migration.requested_by_name,
            )
        )
    ends: dict[str, Any] = {"ended_at": timezone.now()} if action == "decline" else {}
    transition(migration, action, actor=actor, note=comment.strip(), **ends)
    Approval.objects.create(
        migration=migration,
        decision=decision,
        comment=comment.strip(),
        requested_by_id=migration.requested_by_id,
        decided_by=actor,
        decided_by_name=actor.get_username(),
        decided_at=timezone.now(),
    )


def why_not_decide(actor: User, migration: Migration) -> str:
    """Why this person may not decide on this migration; empty when they may."""
    if not actor.has_perm(Perm.APPROVE):
        return say("Only a manager can decide.")
    if migration.requested_by_id == actor.pk:
        return say("You asked for this move yourself; another manager has to decide.")
    return ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one of several decisions made together. `problem` is empty when it was made."""

    migration: Migration
    problem: str = ""


def decide_together(
    *, actor: User, migrations: Iterable[Migration], is_yes: bool, comment: str = ""
) -> list[Result]:
    """Approve or confirm (`is_yes`), or do not approve or reject, each by itself: one that fails stops no other.

    A start that sets aside a rule of our own is approved alone, by who has read what that rule says; and so is one
    that would be refused now.
    """
    results = []
    chosen = list(migrations)
    # As they are now, not as the page showed them.
    asking = Migration.objects.filter(pk__in=[one.pk for one in chosen], state=State.ASKING)
    refusals = refusals_now(asking) if is_yes else {}
    for migration in chosen:
        is_start = migration.state == State.ASKING
        if is_start and is_yes and (standing := asides(migration).standing):
            problem = say("Open it to approve it: {rule}", rule=standing[0]["text"])
            results.append(Result(migration, problem))
            continue
        if is_start and migration.pk in refusals:
            problem = say("It would be refused now. {why}", why=refusals[migration.pk])
            results.append(Result(migration, problem))
            continue
        decide: Callable[..., None]
        if is_yes:
            decide = partial(approve_migration, seen=()) if is_start else confirm_migration
        else:
            decide = decline_migration if is_start else reject_migration
        try:
            decide(actor=actor, migration=migration, comment=comment)
        except (Conflict, PermissionDenied) as error:
            migration.refresh_from_db()
            results.append(Result(migration, error.args[0]))
        else:
            results.append(Result(migration))
    return results
