"""Migrations: the list, one of them with its live timeline, and what a person may do to it on its way."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from nmigrate import progress, retrying, selectors, services, stranding
from nmigrate.diagnosis import general_why
from nmigrate.errors import Conflict
from nmigrate.models import Approval, Cloud, Instance, Migration
from nmigrate.moves import Action, ran
from nmigrate.selectors.causes import past_cases
from nmigrate.sentences import join, say
from nmigrate.services.requests import has_stepped_in
from nmigrate.states import Kind, Perm, State
from webui import comparison, deciding, half_way, noticed, stored, timeline, toasts, unsent, words
from webui.access import SignedIn, needs
from webui.filters import set_filters
from webui.forms import MigrationFilterForm, NoteForm
from webui.pictures.figures import why
from webui.step_words import POST_COPY

PER_PAGE = 50
ASKABLE = (State.FAILED, State.REVERTED, State.CANCELLED, State.ABORTED, State.DECLINED)
"""After these it can be asked for anew."""
GOING_ON = timedelta(minutes=10)
"""So long after a decision the next one is offered beside it."""


@require_safe
@needs(Perm.VIEW)
def migrations(request: SignedIn) -> HttpResponse:
    form = MigrationFilterForm(request.GET)
    is_valid = form.is_valid()
    is_outside = is_valid and form.cleaned_data["made"] == "outside"
    rows: QuerySet[Any] = Migration.objects.none()
    if is_valid:
        rows = selectors.outside_moves(form.wanted()) if is_outside else selectors.migrations(form.wanted())
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    clouds = selectors.clouds()
    cause = form.cleaned_data["cause"] if is_valid and not is_outside else ""
    context = {
        "form": form,
        "page": page,
        "why": why(cause, page[0]) if cause and page.object_list else "",
        "clouds": clouds,
        "cloud_names": [cloud.name for cloud in clouds],
        "choices": [form[name] for name in ("made", "state", "kind")],
        "filters": set_filters(form, request.GET, _FILTER_WORDS) if is_valid and not page.object_list else [],
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "is_outside": is_outside,
        "is_moving": any(row.is_active for row in page),
    }
    return render(request, "migrations.html", context, status=200 if is_valid else 422)


_FILTER_WORDS: dict[str, Callable[[str], str]] = {"cause": lambda key: general_why(key) or key}


@require_safe
@needs(Perm.VIEW)
def migration(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(Migration, pk=pk)
    progress.note_looking(found)
    context = {"next_one": _next_decision(request.user, found)} | unsent.note(request)
    return render(request, "migration.html", _page(request, found) | context)


@require_safe
@needs(Perm.VIEW)
def status(request: SignedIn, pk: int) -> HttpResponse:
    """The part of the page that changes; 204 while the open page still shows the truth."""
    found = get_object_or_404(Migration, pk=pk)
    progress.note_looking(found)  # what makes the follower ask Nova how far a live move is
    if request.GET.get("v") == _version(found, selectors.keeps_from_being_sent(found)):
        return HttpResponse(status=204)
    response = render(request, "_migration_status.html", _page(request, found))
    response.headers["HX-Trigger"] = (
        "approvals-changed"  # the badge in the bar may have one more, or one less
    )
    return response


@require_POST
@needs(Perm.REQUEST)
def cancel_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _act(request, pk, services.cancel_migration)


@require_POST
@needs(Perm.OPERATE)
def abort_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _act(request, pk, services.abort_migration)


@require_POST
@needs(Perm.FORCE)
def force_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _act(request, pk, services.force_migration)


@require_POST
@needs(Perm.OPERATE)
def retry_migration(request: SignedIn, pk: int) -> HttpResponse:
    """To the host that was asked for, or to another one that was chosen."""
    return _act(request, pk, services.retry_migration, host=request.POST.get("host", ""))


@require_POST
@needs(Perm.OPERATE)
def go_back(request: SignedIn, pk: int) -> HttpResponse:
    return _act(request, pk, services.go_back)


@require_POST
@needs(Perm.OPERATE)
def leave_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _act(request, pk, services.leave_migration)


def _act(request: SignedIn, pk: int, service: Callable[..., None], **more: str) -> HttpResponse:
    """One action with a note; who comes too late sees the true state, and what they had typed."""
    found = get_object_or_404(Migration, pk=pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        context = _page(request, found) | {"conflict": form.errors["comment"][0], "form": form}
        return render(request, "migration.html", context, status=422)
    try:
        service(actor=request.user, migration=found, note=form.cleaned_data["comment"], **more)
    except Conflict as conflict:
        found.refresh_from_db()
        context = _page(request, found) | {"conflict": conflict.sentence, "form": form}
        return render(request, "migration.html", context, status=409)
    toasts.done(request, service, found.instance_name)
    return redirect("migration", pk=pk)


def _page(request: SignedIn, migration: Migration) -> dict[str, Any]:
    actions = services.permitted_actions(request.user, migration)
    uuids = {migration.instance_uuid, migration.copy_uuid} - {""}
    known = {row.uuid: row for row in Instance.objects.filter(cloud=migration.cloud, uuid__in=uuids)}
    instance = known.get(migration.instance_uuid)
    is_waiting = migration.state in (State.ASKING, State.WAITING)
    verdict = deciding.judged(migration, instance)
    asides = services.asides(migration, verdict)
    outlook = retrying.outlook(migration, instance)
    told = stranding.told_now(migration, known, outlook)
    silent = selectors.keeps_from_being_sent(migration)
    findings = noticed.rows(request.user, selectors.findings_of(migration), page_of=migration)
    is_decider_told = any(row.finding.rule in noticed.DECIDED_ON for row in findings)
    return {
        "migration": migration,
        "version": _version(migration, silent),
        "silent": silent,
        "hold": deciding.hold_words(migration, instance),
        "instance": instance,
        "sets_aside": asides.standing,
        "no_longer": asides.gone,
        "would_refuse": deciding.would_refuse(migration, verdict),
        "findings": findings,
        "copy": known.get(migration.copy_uuid),
        "asked_for": timeline.asked_for(migration),
        "steps": timeline.steps(migration),
        "took": timeline.took(migration),
        "verdicts": stored.verdicts(migration),
        "has_begun": migration.state not in (State.CANCELLED, State.DECLINED),
        "decision": _told_decision(migration),
        "rows": comparison.rows(migration, known.get(comparison.subject(migration))),
        "actions": actions,
        # Who may decide says no there, with a reason.
        "may_withdraw": "cancel" in actions and "approve" not in actions,
        "told": told,
        "outlook": outlook,
        "chosen_host": request.POST.get("host", ""),
        "similar": past_cases(migration) if migration.failure else (),
        "who_acts": _who_acts(request, told.by),
        "is_theirs": _is_theirs(request, told.by),
        "choices": half_way.choices(migration, actions, outlook),
        "is_decider_told": is_decider_told,
        "deciders": _deciders(request, migration) if is_waiting and not is_decider_told else "",
        "why_not": services.why_not_decide(request.user, migration) if is_waiting else "",
        "may_start": _may_start(request, migration, instance),
        "may_ask_again": migration.state in ASKABLE
        and request.user.has_perm(Perm.REQUEST)
        and instance is not None
        and instance.status in ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
        and not instance.task_state,
        "may_audit": request.user.has_perm(Perm.AUDIT),
        "outside": migration.approvals.filter(is_outside=True).last()
        if migration.is_decided_outside
        else None,
        **_live(migration),
    }


def _version(migration: Migration, silent: list[selectors.Pulse]) -> str:
    """What an open page compares: the cloud's own counts where the page tells of hosts and instance as they are now."""
    if migration.state in (State.STRANDED, State.ASKING):
        cloud = Cloud.objects.filter(pk=migration.cloud).values_list("version", flat=True).first()
        return f"{migration.version}.{cloud or 0}"
    parts = [migration.version, *(pulse.name for pulse in silent)]
    if migration.state == State.QUEUED and words.is_just_asked(migration):
        parts.append("new")
    if migration.state == State.WAITING and migration.is_held:
        here = Instance.objects.filter(cloud=migration.cloud, uuid=migration.instance_uuid, locked=True)
        parts.append("locked" if here.exists() else "open")
    return ".".join(map(str, parts))


def _next_decision(user: User, migration: Migration) -> Migration | None:
    """Who has just decided on this one goes on from here to the next that waits for them."""
    lately = timezone.now() - GOING_ON
    if (
        not user.has_perm(Perm.APPROVE)
        or not migration.approvals.filter(decided_by=user, decided_at__gte=lately).exists()
    ):
        return None
    others = selectors.pending_approvals(user).exclude(pk=migration.pk).exclude(requested_by=user)
    return others.first()


def _told_decision(migration: Migration) -> Approval | None:
    """Who decided against it, and why: the first thing that whoever asked for it wants to know."""
    if migration.is_decided_outside or migration.state not in (
        State.DECLINED, State.REVERTING, State.REVERTED,
    ):  # fmt: skip
        return None
    # Who let it begin did not send it back: that may have been its deadline.
    return migration.approvals.filter(decision__in=(Approval.DECLINE, Approval.REJECT)).order_by("pk").last()


def _who_acts(request: SignedIn, role: str) -> str:
    """Who can do the next step, said to the person who looks."""
    if not role:
        return ""
    if _is_theirs(request, role):
        return say("You can.")
    who, names = _CALLED[role], _names(_HOLDS[role])
    called = say("{who}: {names}.", who=who, names=names) if names else say("{who}.", who=who)
    return join([called, say("Show or send them this page.")])


def _deciders(request: SignedIn, migration: Migration) -> str:
    """Who can decide, for somebody who cannot."""
    if request.user.has_perm(Perm.APPROVE) and migration.requested_by_id != request.user.pk:
        return ""
    names = selectors.who_may(Perm.APPROVE, other_than=migration.requested_by_id)
    if not names:
        return say("Nobody here may decide on it yet. An administrator gives somebody that role.")
    return say("Who can decide: {names}.", names=", ".join(names))


def _is_theirs(request: SignedIn, role: str) -> bool:
    """Whether the person who looks can do the next step. Only an operator may evacuate."""
    if not role:
        return False
    return request.user.has_perm(Perm.EVACUATE if role == "operator" else Perm.REQUEST)


_CALLED = {
    "operator": say("An operator of the cloud"),
    "helpdesk": say("The helpdesk"),
    "manager": say("A manager"),
}
_HOLDS = {"operator": Perm.EVACUATE, "helpdesk": None, "manager": Perm.APPROVE}
"""What they hold whose names help; the helpdesk are too many, and known."""


def _names(permission: Perm | None) -> str:
    """Who that is, by name; "" where nobody is."""
    return ", ".join(selectors.who_may(permission)) if permission else ""


def _live(migration: Migration) -> dict[str, Any]:
    """How far a live move is, and whether somebody has stepped in."""
    if not progress.is_measurable(migration):
        return {"is_live": False}
    return {
        "is_live": True,
        "progress": progress.progress(migration),
        "is_post_copy": migration.nova_status == POST_COPY,
        "is_stopping": has_stepped_in(migration, Action.ABORT),
        "is_finishing": has_stepped_in(migration, Action.FORCE),
    }


def _may_start(request: SignedIn, migration: Migration, instance: Instance | None) -> bool:
    """It is over, it is stopped, and nothing stands in the way: one click starts it."""
    if instance is None or not request.user.has_perm(Perm.OPERATE):
        return False
    # The original whose copy is kept stays stopped; what was stopped before a move that was taken back, too.
    is_done = migration.state == State.DONE and migration.kind != Kind.COPY
    is_back = ran(migration) and (migration.state == State.REVERTED or stranding.is_left(migration))
    is_stopped = instance.status == "SHUTOFF" and not instance.task_state and not instance.locked
    is_free = (is_done or is_back) and is_stopped
    return is_free and services.active_migration(migration.cloud, instance.uuid) is None
