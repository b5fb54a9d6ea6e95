"""The audit trail: filter, read, link to one entry."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from nmigrate import audit, selectors
from nmigrate.models import Approval, AuditEvent, Migration
from nmigrate.sentences import say, told
from nmigrate.states import Perm
from webui import words
from webui.access import SignedIn, needs
from webui.filters import set_filters
from webui.forms import AuditFilterForm

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class ChainState:
    """The last check of the audit trail's chain."""

    is_whole: bool
    sentence: str
    checked_at: datetime
    last_id: int
    last_hash: str
    """Noted elsewhere, these two show later that nothing before was changed, and that the end was not cut off."""


def chain_state() -> ChainState:
    """Checks the chain at most once a minute in each process: it reads every entry."""

    def check() -> ChainState:
        is_whole, sentence = audit.verify()
        end = AuditEvent.objects.order_by("-id").first()
        return ChainState(
            is_whole, sentence, timezone.now(), end.pk if end else 0, end.hash if end else audit.GENESIS
        )

    state = cache.get("audit-chain")
    if not isinstance(state, ChainState):
        state = check()
        cache.set("audit-chain", state, 60)
    return state


@require_safe
@needs(Perm.AUDIT)
def audit_trail(request: SignedIn) -> HttpResponse:
    form = AuditFilterForm(request.GET)
    is_valid = form.is_valid()
    is_by_entry = is_valid and form.cleaned_data["view"] == "entries"
    wanted: Callable[[selectors.AuditFilter], QuerySet[AuditEvent, Any]] = (
        selectors.audit_trail if is_by_entry else selectors.audit_stories
    )
    rows = wanted(form.wanted()) if is_valid else AuditEvent.objects.none()
    page: Page[Any] = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    selection = request.GET.copy()
    selection.pop("page", None)
    filters = {name: value for name, value in selection.items() if name != "view" and value}
    context = {
        "form": form,
        "page": page,
        "is_by_entry": is_by_entry,
        "stories": [] if is_by_entry or not is_valid else with_moves(page.object_list),
        "actions": sorted(selectors.audit_actions(), key=lambda one: told(words.of_action(one)).casefold()),
        "trail_clouds": [cloud.name for cloud in selectors.clouds()],
        "chain": (chain := chain_state()),
        "newer": max(page.paginator.count - chain.last_id, 0) if is_by_entry and not filters else 0,
        "selection": selection.urlencode(),
        "is_filtered": bool(filters),
        "filters": set_filters(form, request.GET, _FILTER_WORDS) if is_valid and not page.object_list else [],
        "spans": [
            (say("Today"), f"{timezone.localdate()}T00:00"),
            (say("The last 7 days"), f"{timezone.localdate() - timedelta(days=6)}T00:00"),
        ],
    }
    return render(request, "audit.html", context, status=200 if is_valid else 422)


_FILTER_WORDS: dict[str, Callable[[str], str]] = {
    "action": lambda name: say("every decision") if name == selectors.DECISIONS else words.of_action(name),
    "since": lambda at: at.replace("T", " "),
    "until": lambda at: at.replace("T", " "),
}


def with_moves(stories: Iterable[int]) -> list[tuple[selectors.Story, Migration | None]]:
    """Each story with the record of its move, which alone knows of what kind it is."""
    told = selectors.told_stories(list(stories))
    moves = Migration.objects.in_bulk(
        [story.last.migration_id for story in told if story.last.migration_id is not None]
    )
    return [(story, moves.get(story.last.migration_id or 0)) for story in told]


@require_safe
@needs(Perm.AUDIT)
def audit_event(request: SignedIn, pk: int) -> HttpResponse:
    event = get_object_or_404(AuditEvent, pk=pk)
    beside = AuditEvent.objects.filter(pk__in=(pk - 1, pk + 1)).values_list("pk", flat=True)
    return render(
        request,
        "audit_event.html",
        {
            "event": event,
            "is_first": event.previous_hash == audit.GENESIS,
            "beside": set(beside),
            "before": pk - 1,
            "after": pk + 1,
            "decision": _made_outside(event),
        },
    )


def _made_outside(event: AuditEvent) -> Approval | None:
    """The decision that this entry tells of, with the time that Nova has of it."""
    decision = {"observe_confirm": Approval.CONFIRM, "observe_revert": Approval.REJECT}.get(event.action)
    if decision is None or event.migration_id is None:
        return None
    return Approval.objects.filter(migration_id=event.migration_id, decision=decision, is_outside=True).last()
