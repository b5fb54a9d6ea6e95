"""Migrations: the list, and one of them with its live timeline."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from nmigrate import selectors, services
from nmigrate.errors import Conflict
from nmigrate.models import Instance, Migration
from nmigrate.states import Perm, State
from webui import comparison, timeline
from webui.access import SignedIn, needs
from webui.forms import MigrationFilterForm, NoteForm

PER_PAGE = 50


@require_safe
@needs(Perm.VIEW)
def migrations(request: SignedIn) -> HttpResponse:
    form = MigrationFilterForm(request.GET)
    is_valid = form.is_valid()
    rows = selectors.migrations(form.wanted()) if is_valid else Migration.objects.none()
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "clouds": selectors.clouds(),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "is_moving": any(row.is_active for row in page),
    }
    return render(request, "migrations.html", context, status=200 if is_valid else 422)


@require_safe
@needs(Perm.VIEW)
def migration(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(Migration, pk=pk)
    return render(request, "migration.html", _page(request, found))


@require_safe
@needs(Perm.VIEW)
def status(request: SignedIn, pk: int) -> HttpResponse:
    """The part of the page that changes; 204 while the open page still shows the truth."""
    found = get_object_or_404(Migration, pk=pk)
    if request.GET.get("v") == str(found.version):
        return HttpResponse(status=204)
    response = render(request, "_migration_status.html", _page(request, found))
    response.headers["HX-Trigger"] = (
        "approvals-changed"  # the badge in the bar may have one more, or one less
    )
    return response


@require_POST
@needs(Perm.REQUEST)
def cancel_migration(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(Migration, pk=pk)
    form = NoteForm(request.POST)
    note = form.cleaned_data["comment"] if form.is_valid() else ""
    try:
        services.cancel_migration(actor=request.user, migration=found, note=note)
    except Conflict as conflict:
        found.refresh_from_db()
        context = _page(request, found) | {"conflict": str(conflict)}
        return render(request, "migration.html", context, status=409)
    return redirect("migration", pk=pk)


def _page(request: SignedIn, migration: Migration) -> dict[str, Any]:
    actions = services.permitted_actions(request.user, migration)
    instance = Instance.objects.filter(cloud=migration.cloud, uuid=migration.instance_uuid).first()
    is_waiting = migration.state == State.WAITING
    return {
        "migration": migration,
        "instance": instance,
        "steps": timeline.steps(migration),
        "took": timeline.took(migration),
        "rows": comparison.rows(migration, instance),
        "actions": actions,
        "why_not": services.why_not_decide(request.user, migration) if is_waiting else "",
        "may_start": _may_start(request, migration, instance),
        "may_ask_again": migration.state in (State.FAILED, State.REVERTED, State.CANCELLED)
        and request.user.has_perm(Perm.REQUEST)
        and instance is not None,
        "may_audit": request.user.has_perm(Perm.AUDIT),
    }


def _may_start(request: SignedIn, migration: Migration, instance: Instance | None) -> bool:
    """It was stopped before, it is stopped now, and nothing stands in the way: one click starts it."""
    if instance is None or migration.state != State.DONE or not request.user.has_perm(Perm.OPERATE):
        return False
    was_stopped = migration.before.get("status") == "SHUTOFF"
    is_stopped = instance.status == "SHUTOFF" and not instance.task_state and not instance.locked
    return was_stopped and is_stopped and services.active_migration(migration.cloud, instance.uuid) is None
