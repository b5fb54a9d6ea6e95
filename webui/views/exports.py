"""The audit trail taken away as a file, as the page has it filtered: CSV for a spreadsheet, JSON for a program."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from nmigrate import selectors
from nmigrate.models import AuditEvent, Migration
from nmigrate.sentences import told
from nmigrate.states import Perm, State
from webui import words
from webui.access import SignedIn, needs
from webui.forms import AuditFilterForm
from webui.views.audit import audit_trail, with_moves

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

Row = tuple[Any, ...]
Rows = Callable[[QuerySet[AuditEvent, Any], tzinfo, str], Iterator[Row]]
"""The selection's lines, oldest first, in the reader's zone and language. Both are handed in: when the lines are made,
the middleware has taken the reader's off again."""


@require_safe
@needs(Perm.AUDIT)
def export_audit(request: SignedIn, ending: str) -> HttpResponseBase:
    return _as_file(request, "audit", ending, selectors.audit_trail, COLUMNS, _entries)


@require_safe
@needs(Perm.AUDIT)
def export_moves(request: SignedIn, ending: str) -> HttpResponseBase:
    """The same selection as it is told on the page: one line for each move."""
    return _as_file(request, "moves", ending, selectors.audit_stories, MOVE_COLUMNS, _moves)


def _as_file(
    request: SignedIn,
    name: str,
    ending: str,
    wanted: Callable[[selectors.AuditFilter], QuerySet[AuditEvent, Any]],
    columns: tuple[str, ...],
    rows: Rows,
) -> HttpResponseBase:
    form = AuditFilterForm(request.GET)
    if not form.is_valid():
        return audit_trail(request)
    content_type, write = _WRITERS[ending]
    found = rows(wanted(form.wanted()), timezone.get_current_timezone(), translation.get_language())
    file = f"nmigrate-{name}-{timezone.now():%Y%m%d-%H%M%S}Z.{ending}"
    return StreamingHttpResponse(
        write(columns, found),
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


# ------------------------------------------------------------------------------------------------ what is in them
def _entries(events: QuerySet[AuditEvent, Any], zone: tzinfo, language: str) -> Iterator[Row]:
    for event in events.order_by("id").iterator(chunk_size=500):
        yield (
            event.id,
            _utc(event.at),
            _local(event.at, zone),
            event.actor,
            event.is_outside,
            event.action,
            event.cloud,
            event.instance_name,
            event.instance_uuid,
            event.migration_id,
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


def _in_words(event: AuditEvent, language: str) -> tuple[str, str, str]:
    with translation.override(language):
        return (
            told(words.of_action(event.action)),
            told(words.of_state(event.state_before)),
            told(words.of_state(event.state_after)),
        )


def _moves(stories: QuerySet[AuditEvent, int], zone: tzinfo, language: str) -> Iterator[Row]:
    keys = list(stories)[::-1]
    for start in range(0, len(keys), 200):
        for story, move in with_moves(keys[start : start + 200]):
            with translation.override(language):
                row = _move(story, move, zone)
            yield row


def _move(story: selectors.Story, move: Migration | None, zone: tzinfo) -> Row:
    first, last, where = story.first, story.last, story.where
    acts = [
        f"{_local(act.at, zone)} {told(words.of_person(act.actor))} {told(words.of_action(act.action))}"
        + (f": {told(act.reason)}" if act.reason else "")
        for act in story.acts
    ]
    return (
        _utc(first.at),
        _local(first.at, zone),
        first.actor,
        story.is_outside,
        first.cloud,
        first.instance_name,
        first.instance_uuid,
        first.migration_id,
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
        len(story.events),
        told(story.why_failed) if story.state == State.FAILED else "",
        acts,
        told(move.kind_label) if move else "",
        told(words.of_state(story.state)),
    )


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _local(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).isoformat(timespec="milliseconds")


# ------------------------------------------------------------------------------------------------ how they are written
class _Line:
    """What csv.writer writes to: it hands each line straight back, so that nothing is gathered in memory."""

    def write(self, line: str) -> str:
        return line


def _csv(columns: tuple[str, ...], rows: Iterable[Row]) -> Iterator[str]:
    """Line by line; the mark in front tells spreadsheets that it is UTF-8."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return harmless("; ".join(value))
    return harmless(str(value))


def harmless(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula gets an apostrophe in front, also behind blanks or in
    the full-width forms that some accept; so does one that begins with a tab or a line break."""
    begins = cell.lstrip(" \u00a0\u3000")[:1]
    return f"'{cell}" if begins and begins in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20" else cell


def _json(columns: tuple[str, ...], rows: Iterable[Row]) -> Iterator[str]:
    """One array, an object on each line. A file that broke off has no end, and no program takes it for the whole."""
    before = "[\n"
    for row in rows:
        yield before + json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


_WRITERS: dict[str, tuple[str, Callable[[tuple[str, ...], Iterable[Row]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "json": ("application/json", _json),
}
