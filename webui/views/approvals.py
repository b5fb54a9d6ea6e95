"""Approvals: what waits, and the one page from which it is decided."""

from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from nmigrate import selectors, services
from nmigrate.errors import Conflict
from nmigrate.models import Instance, Migration
from nmigrate.states import Perm, State
from webui import comparison
from webui.access import SignedIn, needs
from webui.forms import NoteForm

PER_PAGE = 50


@require_safe
@needs(Perm.APPROVE)
def approvals(request: SignedIn) -> HttpResponse:
    rows = selectors.pending_approvals(request.user)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    waiting = [(migration, services.why_not_decide(request.user, migration)) for migration in page]
    return render(request, "approvals.html", {"page": page, "waiting": waiting})


@require_safe
@needs(Perm.APPROVE)
def badge(request: SignedIn) -> HttpResponse:
    """The number beside "Approvals"; 204 while the open page still shows it rightly."""
    waiting = selectors.pending_count(request.user)
    if request.GET.get("v") == str(waiting):
        return HttpResponse(status=204)
    return render(request, "_approvals_badge.html", {"waiting": waiting})


@require_safe
@needs(Perm.APPROVE)
def decide(request: SignedIn, pk: int) -> HttpResponse:
    migration = get_object_or_404(Migration, pk=pk)
    return render(request, "decide.html", _page(request, migration, NoteForm()))


@require_POST
@needs(Perm.APPROVE)
def confirm_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _decide(request, pk, services.confirm_migration)


@require_POST
@needs(Perm.APPROVE)
def reject_migration(request: SignedIn, pk: int) -> HttpResponse:
    return _decide(request, pk, services.reject_migration)


def _decide(request: SignedIn, pk: int, service: Callable[..., None]) -> HttpResponse:
    migration = get_object_or_404(Migration, pk=pk)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return render(request, "decide.html", _page(request, migration, form), status=422)
    try:
        service(actor=request.user, migration=migration, comment=form.cleaned_data["comment"])
    except Conflict as conflict:
        migration.refresh_from_db()
        context = _page(request, migration, form) | {"conflict": str(conflict)}
        return render(request, "decide.html", context, status=409)
    return redirect("migration", pk=pk)


def _page(request: SignedIn, migration: Migration, form: NoteForm) -> dict[str, Any]:
    instance = Instance.objects.filter(cloud=migration.cloud, uuid=migration.instance_uuid).first()
    rows = comparison.rows(migration, instance)
    others = selectors.pending_approvals(request.user).exclude(pk=migration.pk)
    return {
        "migration": migration,
        "instance": instance,
        "form": form,
        "rows": rows,
        "changed": [row.name.lower() for row in rows if row.is_bad],
        "actions": services.permitted_actions(request.user, migration),
        "why_not": services.why_not_decide(request.user, migration),
        "is_waiting": migration.state == State.WAITING,
        "was_running": migration.before.get("status") == "ACTIVE",
        "decision": migration.approvals.last(),
        "others": others[:8],
        "others_count": others.count(),
    }
