"""Approvals: what waits for a manager, the page from which one is decided, and several decided together."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from nmigrate import selectors, services
from nmigrate.errors import CommentMissing, Conflict
from nmigrate.models import Instance, Migration
from nmigrate.scene import refusals_now
from nmigrate.sentences import say, told
from nmigrate.services.requests import goes_down
from nmigrate.states import Kind, Perm, State
from webui import comparison, deciding, noticed, outlook, plan, stored, toasts, unsent
from webui.access import SignedIn, needs
from webui.forms import DECIDABLE, NoteForm, TogetherForm

PER_PAGE = 50


@require_safe
@needs(Perm.APPROVE)
def approvals(request: SignedIn) -> HttpResponse:
    kept = unsent.taken(request)
    context = {"form": TogetherForm(initial=kept.dict()), "unsent": kept}
    return render(request, "approvals.html", _list(request, kept.getlist("pick")) | context)


@require_safe
@needs(Perm.APPROVE)
def badge(request: SignedIn) -> HttpResponse:
    """The number beside "Approvals"; 204 while the open page still shows it rightly."""
    pending = selectors.pending_count(request.user)
    if request.GET.get("v") == pending.version:
        return HttpResponse(status=204)
    return render(request, "_approvals_badge.html", {"pending": pending})


@require_safe
@needs(Perm.APPROVE)
def decide(request: SignedIn, pk: int) -> HttpResponse:
    migration = get_object_or_404(Migration, pk=pk)
    return render(request, "decide.html", _page(request, migration, NoteForm()) | unsent.note(request))


@require_POST
@needs(Perm.APPROVE)
def approve_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _decide(request, pk, services.approve_migration, seen=request.POST.getlist("aside"))


@require_POST
@needs(Perm.APPROVE)
def decline_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _decide(request, pk, services.decline_migration)


@require_POST
@needs(Perm.APPROVE)
def confirm_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _decide(request, pk, services.confirm_migration)


@require_POST
@needs(Perm.APPROVE)
def reject_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _decide(request, pk, services.reject_migration)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several decisions: what was done, or why it was not."""

    migration: Migration
    word: str
    problem: str


@require_POST
@needs(Perm.APPROVE)
def decide_together(request: SignedIn) -> HttpResponse:
    form = TogetherForm(request.POST)
    if not form.is_valid():
        return render(
            request,
            "approvals.html",
            _list(request, request.POST.getlist("pick")) | {"form": form},
            status=422,
        )
    is_yes = form.cleaned_data["answer"] == "yes"
    chosen = form.migrations()
    words = {migration.pk: _decided(migration, is_yes) for migration in chosen}
    results = services.decide_together(
        actor=request.user, migrations=chosen, is_yes=is_yes, comment=form.cleaned_data["comment"]
    )
    outcomes = [Outcome(one.migration, words[one.migration.pk], one.problem) for one in results]
    made = sum(not one.problem for one in outcomes)
    context = {"outcomes": outcomes, "made": made, "comment": form.cleaned_data["comment"]}
    return render(request, "decided_together.html", context, status=200 if made else 409)


def _decided(migration: Migration, is_yes: bool) -> str:
    """What is said of it once it is decided."""
    if migration.state == State.ASKING:
        return say("move approved") if is_yes else say("move not approved")
    if migration.kind == Kind.COPY:
        return say("copy kept") if is_yes else say("copy dropped")
    return say("confirmed") if is_yes else say("rejected")


def _decide(request: SignedIn, pk: int, service: Callable[..., None], **more: Any) -> HttpResponse:
    migration = get_object_or_404(Migration, pk=pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return render(request, "decide.html", _page(request, migration, form), status=422)
    try:
        service(actor=request.user, migration=migration, comment=form.cleaned_data["comment"], **more)
    except CommentMissing as missing:
        form.add_error("comment", told(missing.sentence))
        return render(request, "decide.html", _page(request, migration, form), status=422)
    except Conflict as conflict:
        migration.refresh_from_db()
        context = _page(request, migration, form) | {"conflict": conflict.sentence}
        return render(request, "decide.html", context, status=409)
    toasts.done(request, service, migration.instance_name)
    return redirect("migration", pk=pk)


def _list(request: SignedIn, picked: Collection[str] = ()) -> dict[str, Any]:
    rows = selectors.pending_approvals(request.user)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    moves = list(page)
    waiting = deciding.rows(request.user, moves, picked, refusals_now(moves))
    can_decide = sum(row.may_pick for row in waiting)
    return {"page": page, "waiting": waiting, "can_decide": can_decide}


def _page(request: SignedIn, migration: Migration, form: NoteForm) -> dict[str, Any]:
    found = Instance.objects.filter(cloud=migration.cloud, uuid=comparison.subject(migration)).first()
    rows = comparison.rows(migration, found)
    others = (
        selectors.pending_approvals(request.user).exclude(pk=migration.pk).exclude(requested_by=request.user)
    )
    runs = deciding.runs(migration, found)
    meaning = _meaning(request, migration, found)
    card = meaning.get("card")
    asides = services.asides(migration, card.way.verdict if card else None)
    return {
        **meaning,
        **_meanwhile(request, migration),
        **deciding.at_its_end(migration, found),
        "migration": migration,
        "instance": found,
        "findings": [
            row
            for row in noticed.rows(request.user, selectors.findings_of(migration))
            if row.finding.rule not in noticed.DECIDED_ON  # this is the page where that is ended
        ],
        "form": form,
        "rows": rows,
        "changed": [told(row.name).lower() for row in rows if row.is_bad],
        "actions": services.permitted_actions(request.user, migration),
        "why_not": services.why_not_decide(request.user, migration),
        "is_asking": migration.state == State.ASKING,
        "is_waiting": migration.state == State.WAITING,
        "is_open": migration.state in (State.ASKING, State.WAITING),
        "is_copy": migration.kind == Kind.COPY,
        "was_running": runs,
        "decision": migration.approvals.last(),
        "verdicts": stored.verdicts(migration),
        "sets_aside": asides.standing,
        "no_longer": asides.gone,
        "goes_down": goes_down(Kind(migration.kind), runs=runs),
        "stays_stopped": migration.kind == Kind.COLD and not runs,
        "lock": deciding.lock_words(migration, found),
        "hold": deciding.hold_words(migration, _held(migration, found)),
        "source_trouble": deciding.source_trouble(migration),
        "others": others[:8],
        "others_count": others.count(),
    }


def _held(migration: Migration, subject: Instance | None) -> Instance | None:
    """The instance with our lock: of a copy, the original."""
    if subject is not None and subject.uuid == migration.instance_uuid:
        return subject
    return Instance.objects.filter(cloud=migration.cloud, uuid=migration.instance_uuid).first()


def _meanwhile(request: SignedIn, migration: Migration) -> dict[str, Any]:
    """What the open page asked when it was drawn, and who has answered since; its poll says which state it shows."""
    seen = request.GET.get("seen", "")
    if seen not in DECIDABLE:
        seen = migration.state
    action = "approve" if seen == State.ASKING else "confirm"
    is_late = seen != migration.state and not services.why_not_decide(request.user, migration)
    return {
        "seen": seen,
        "asked_to_start": seen == State.ASKING,
        "is_late": is_late,
        "decided": services.decided_meanwhile(migration, action, request.user) if is_late else None,
    }


def _meaning(request: SignedIn, migration: Migration, instance: Instance | None) -> dict[str, Any]:
    """What the start would mean, from the inventory as it is now."""
    if migration.state != State.ASKING or instance is None:
        return {}
    card, live = plan.card_of(request.user, instance, migration)
    if card is None:
        return {"card": None}
    is_harsh = goes_down(card.way.kind, runs=instance.status != "SHUTOFF")
    steps = outlook.steps(card.way, instance, must_ask=False, original_after=migration.original_after)
    rules = {reason["rule"] for reason in migration.sets_aside}
    return {
        "card": card,
        "steps": steps,
        # Who decides chooses no host: what to do about it is for who asked.
        "would_refuse": card.way.verdict.why_not(rules),
        "live": live if is_harsh else None,
    }
