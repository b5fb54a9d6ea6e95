"""The audit trail: filter, read, link to one entry, and take the selection away as CSV."""

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.core.cache import cache
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from nmigrate import audit, selectors
from nmigrate.models import Approval, AuditEvent, Migration
from nmigrate.sentences import say, told
from nmigrate.states import Perm, State
from webui import words
from webui.access import SignedIn, needs
from webui.filters import set_filters
from webui.forms import AuditFilterForm

PER_PAGE = 50

COLUMNS = (
    "id", "time_utc", "time_local", "who", "outside", "action", "cloud", "instance_name", "instance_uuid",
    "migration", "state_before", "state_after", "from_host", "to_host", "reason", "ticket", "request_id", "hash",
    "what", "state_before_in_words", "state_after_in_words",
)  # fmt: skip
"""Of every entry. Codes, which stay the same; at the end the words of the page, in the reader's language."""

MOVE_COLUMNS = (
    "time_utc", "time_local", "who", "outside", "cloud", "instance_name", "instance_uuid", "migration",
    "state_after", "from_host", "to_host", "reason", "ticket", "request_id",
    "kind", "project", "from_zone", "to_zone", "last_time_utc", "last_time_local", "entries", "why_failed",
    "who_did_what", "kind_in_words", "state_after_in_words",
)  # fmt: skip
"""Of every move: what an entry has, too, is called and written as there, and in its order. When, who, why and the
ticket are those of its first entry, the hosts and the state those that it came to."""


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
        "stories": [] if is_by_entry or not is_valid else _with_moves(page.object_list),
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


def _with_moves(stories: Iterable[int]) -> list[tuple[selectors.Story, Migration | None]]:
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


@require_safe
@needs(Perm.AUDIT)
def export_audit(request: SignedIn) -> HttpResponseBase:
    return _as_file(request, "audit", selectors.audit_trail, _csv)


@require_safe
@needs(Perm.AUDIT)
def export_moves(request: SignedIn) -> HttpResponseBase:
    """The same selection as it is told on the page: one line for each move."""
    return _as_file(request, "moves", selectors.audit_stories, _csv_of_moves)


def _as_file(
    request: SignedIn,
    name: str,
    wanted: Callable[[selectors.AuditFilter], QuerySet[AuditEvent, Any]],
    lines: Callable[[QuerySet[AuditEvent, Any], tzinfo, str], Iterator[str]],
) -> HttpResponseBase:
    """What the form selects, as `lines` write it, in the reader's zone and language."""
    form = AuditFilterForm(request.GET)
    if not form.is_valid():
        return audit_trail(request)
    return StreamingHttpResponse(
        lines(wanted(form.wanted()), timezone.get_current_timezone(), translation.get_language()),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="nmigrate-{name}-{timezone.now():%Y%m%d-%H%M%S}Z.csv"'
        },
    )


def _csv_of_moves(stories: QuerySet[AuditEvent, int], zone: tzinfo, language: str) -> Iterator[str]:
    """Oldest first, as the entries are; `zone` and `language` as there."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(MOVE_COLUMNS)
    keys = list(stories)[::-1]
    for start in range(0, len(keys), 200):
        for story, move in _with_moves(keys[start : start + 200]):
            with translation.override(language):
                line = _move_line(story, move, zone)
            yield writer.writerow([harmless(value) for value in line])


def _move_line(story: selectors.Story, move: Migration | None, zone: tzinfo) -> list[str]:
    first, last, where = story.first, story.last, story.where
    acts = [
        f"{_local(act.at, zone)} {told(words.of_person(act.actor))} {told(words.of_action(act.action))}"
        + (f": {told(act.reason)}" if act.reason else "")
        for act in story.acts
    ]
    return [
        _utc(first.at),
        _local(first.at, zone),
        first.actor,
        _yes_or_no(story.is_outside),
        first.cloud,
        first.instance_name,
        first.instance_uuid,
        str(first.migration_id or ""),
        story.state,
        where.from_host,
        where.to_host,
        str(first.reason),
        first.ticket,
        move.request_id if move else first.request_id,
        move.kind if move else "",
        move.project_name if move else "",
        move.source_zone if move else "",
        move.dest_zone if move else "",
        _utc(last.at),
        _local(last.at, zone),
        str(len(story.events)),
        told(story.why_failed) if story.state == State.FAILED else "",
        "; ".join(acts),
        told(move.kind_label) if move else "",
        told(words.of_state(story.state)),
    ]


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _local(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="milliseconds")


class _Line:
    """What csv.writer writes to: it hands each line straight back, so that nothing is gathered in memory."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: QuerySet[AuditEvent], zone: tzinfo, language: str) -> Iterator[str]:
    """The export, oldest first, line by line; the mark in front tells spreadsheets that it is UTF-8.

    `zone` and `language` are handed in: when the lines are made, the middleware has taken the reader's off again.
    """
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(COLUMNS)
    for event in rows.order_by("id").iterator(chunk_size=500):
        values = (
            event.id,
            _utc(event.at),
            _local(event.at, zone),
            event.actor,
            _yes_or_no(event.is_outside),
            event.action,
            event.cloud,
            event.instance_name,
            event.instance_uuid,
            event.migration_id or "",
            event.state_before,
            event.state_after,
            event.from_host,
            event.to_host,
            event.reason,
            event.ticket,
            event.request_id,
            event.hash,
            *_in_words(event, language),
        )
        yield writer.writerow([harmless(str(value)) for value in values])


def _in_words(event: AuditEvent, language: str) -> tuple[str, str, str]:
    with translation.override(language):
        return (
            told(words.of_action(event.action)),
            told(words.of_state(event.state_before)),
            told(words.of_state(event.state_after)),
        )


def harmless(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula gets an apostrophe in front, also behind blanks or in
    the full-width forms that some accept; so does one that begins with a tab or a line break."""
    begins = cell.lstrip(" \u00a0\u3000")[:1]
    return f"'{cell}" if begins and begins in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" else cell
