"""Help inside the application: the guide of each role, the words in plain words, the tour, and the parts of pages."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from nmigrate import selectors
from nmigrate.states import Perm
from webui import components, glossary, guides, touring
from webui.access import SignedIn, needs


@require_safe
@needs(Perm.VIEW)
def guide(request: SignedIn) -> HttpResponse:
    """All four, since each person should know what the others do; their own first and open."""
    own = set(request.user.groups.values_list("name", flat=True))
    context = {"guides": guides.of_roles(own), "own": own, "reachable": _reachable(request)}
    return render(request, "guide.html", context)


def _reachable(request: SignedIn) -> set[str]:
    """The pages that this person may open: a link to another one would only be refused."""
    needed = {"approvals": Perm.APPROVE, "audit_trail": Perm.AUDIT}
    pages = {hint.url for guide in guides.GUIDES for hint in guide.hints if hint.url}
    return {name for name in pages if request.user.has_perm(needed.get(name, Perm.VIEW))}


@require_safe
@needs(Perm.VIEW)
def words(request: SignedIn) -> HttpResponse:
    groups = [(title, [(key, glossary.TERMS[key]) for key in keys]) for title, keys in glossary.GROUPS]
    return render(request, "guide_words.html", {"groups": groups})


@require_safe
@needs(Perm.VIEW)
def tour(request: SignedIn) -> HttpResponse:
    return render(request, "tour.html", _tour(request))


@require_safe
@needs(Perm.VIEW)
def tour_now(request: SignedIn) -> HttpResponse:
    """The steps as the record sees them; 204 while none was done since."""
    context = _tour(request)
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "_tour.html", context)


def _tour(request: SignedIn) -> dict[str, Any]:
    found = selectors.tour(touring.INSTANCE, touring.PEOPLE)
    steps = touring.steps(found, request.user)
    return {"tour": found, "steps": steps, "version": "-".join(step.tone for step in steps)}


@require_safe
@needs(Perm.VIEW)
def parts(request: SignedIn) -> HttpResponse:
    """Every part of the pages in every state, for who changes one and wants to see what else it touches."""
    now = timezone.now()
    context = components.everything(now) | {
        "now": now,
        "earlier": now - timedelta(minutes=6),
        "yesterday": now - timedelta(days=1),
    }
    return render(request, "components.html", context)
