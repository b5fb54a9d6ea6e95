"""My work: the page on which a person begins. What waits, what went wrong, what changed since they were here."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from nmigrate import selectors, services
from nmigrate.scene import refusals_now
from nmigrate.states import Perm
from webui import deciding, half_way
from webui.access import SignedIn, needs
from webui.views.audit import chain_state


@require_safe
@needs(Perm.VIEW)
def home(_request: SignedIn) -> HttpResponse:
    """The first page is one's own: the search is on every page, so that nobody has a longer way by it."""
    return redirect("mine")


@require_safe
@needs(Perm.VIEW)
def mine(request: SignedIn) -> HttpResponse:
    return render(
        request, "mine.html", _page(request, services.note_visit(request.user, get_language() or ""))
    )


@require_safe
@needs(Perm.VIEW)
def mine_now(request: SignedIn) -> HttpResponse:
    """The part that changes; 204 while the open page still shows the truth."""
    since = services.note_visit(request.user)  # who looks at an open page is here
    if request.GET.get("v") == _version(selectors.mine_version(request.user, since), since):
        return HttpResponse(status=204)
    response = render(request, "_mine.html", _page(request, since))
    response.headers["HX-Trigger"] = "approvals-changed"
    return response


@require_safe
@needs(Perm.AUDIT)
def mine_chain(request: SignedIn) -> HttpResponse:
    """Whether the audit trail's chain is whole: asked for after the page is there, since it reads every entry."""
    return render(request, "_chain.html", {"chain": chain_state()})


def _version(version: str, since: datetime | None) -> str:
    return f"{version}.{int(since.timestamp()) if since else 0}"


def _page(request: SignedIn, since: datetime | None) -> dict[str, Any]:
    user = request.user
    found = selectors.mine(user, since)
    told = half_way.told([*found.half_way.rows, *found.failed.rows])
    waiting = found.decisions.rows
    decisions = deciding.rows(user, waiting, refusals=refusals_now(waiting))
    return {
        "mine": found,
        "half_way": told[: len(found.half_way.rows)],
        "failed": told[len(found.half_way.rows) :],
        "mine_asides": {row.migration.pk for row in decisions if row.sets_aside},
        "mine_refused": {row.migration.pk for row in decisions if row.refusal},
        "version": _version(found.version, since),
        "may_ask": user.has_perm(Perm.REQUEST),
        "may_decide": user.has_perm(Perm.APPROVE),
        "may_audit": user.has_perm(Perm.AUDIT),
        "may_operate": user.has_perm(Perm.EVACUATE),
        "is_auditor": user.has_perm(Perm.AUDIT) and not user.has_perm(Perm.REQUEST),
    }
