"""Tags for the smaller parts of pages: a person, a word of the trade with its meaning, a moment of the past."""

import re
import unicodedata
from collections import Counter
from datetime import date, datetime, timedelta

from django import forms, template
from django.conf import settings
from django.contrib.auth.models import User
from django.template import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from nmigrate.models import Approval, Migration
from nmigrate.sentences import join, listed, say, told
from nmigrate.states import Kind
from webui import unsent, words
from webui.glossary import TERMS
from webui.steps import page_of
from webui.times import day_and_year, day_of_year, time_tag

register = template.Library()

_DECIDED = {
    Approval.APPROVE: say("approved the move"),
    Approval.DECLINE: say("did not approve the move"),
    Approval.CONFIRM: say("confirmed it"),
    Approval.REJECT: say("rejected it"),
}
_DECIDED_ON_COPY = _DECIDED | {
    Approval.CONFIRM: say("kept the copy"),
    Approval.REJECT: say("dropped the copy"),
}


@register.simple_tag
def of_cloud(name: str) -> str:
    """In which cloud, where there are several; at the end of a line that tells of a move."""
    if len(settings.NMIGRATE_CLOUDS) < 2:
        return ""
    word = told(say("cloud {name}", name=name))
    return f"\N{NO-BREAK SPACE}· {word}"


@register.simple_tag
def person(name: str, role: str = "") -> SafeString:
    """Somebody by name; the shape beside it says that it is a person and not a host."""
    return format_html(
        '<span class="person"><svg class="shape" aria-hidden="true"><use href="#shape-person"/></svg>{}{}</span>',
        name,
        format_html(' <span class="soft small">{}</span>', role) if role else "",
    )


_PICKED = {"date": r"\d{4}-\d\d-\d\d", "datetime-local": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?"}
"""What a browser's own field for a day or a moment can show; of anything else it would show nothing."""


@register.simple_tag
def picked(field: forms.BoundField, kind: str) -> SafeString:
    """The field of a filter for a day or a moment; one for text where it holds what no such field can show."""
    value = str(field.value() or "")
    limits = SafeString(' autocomplete="off"')
    if not value or _can_be_picked(kind, value):
        end = "9998-12-31" if kind == "date" else "9998-12-31T23:59"
        limits = format_html(' type="{}" max="{}"', kind, end)
    return format_html(
        '<input id="f-{0}" name="{0}" value="{1}"{2}{3}>', field.name, value, limits, told_of(field)
    )


def _can_be_picked(kind: str, value: str) -> bool:
    try:
        return bool(re.fullmatch(_PICKED[kind], value) and datetime.fromisoformat(value))
    except ValueError:
        return False


@register.simple_tag
def told_of(field: forms.BoundField) -> SafeString:
    """The attributes of a filter's field that lead to what is wrong with it: `wrong` tells it."""
    invalid = SafeString(' aria-invalid="true"') if field.errors else ""
    return format_html(' aria-describedby="{}-error"{}', field.name, invalid)


@register.simple_tag
def wrong(field: forms.BoundField) -> SafeString:
    """What is wrong with a filter, above its field; always there, so that it can be changed while one types."""
    role = SafeString(' role="alert"') if field.errors else ""
    return format_html(
        '<span class="error" id="{}-error"{}>{}</span>', field.name, role, " ".join(map(str, field.errors))
    )


@register.simple_tag(takes_context=True)
def typed_by(context: Context) -> SafeString:
    """For whom a form is drawn: what they type there is then kept when their session ends; see webui/unsent.py."""
    author = unsent.author(context["request"].user)
    return format_html('<input type="hidden" name="{}" value="{}">', unsent.AUTHOR, author)


@register.simple_tag(takes_context=True)
def page_address(context: Context) -> str:
    """Of the page that is shown, for whoever comes back to it: also where it answers a step."""
    return page_of(context["request"])


@register.simple_tag
def roles_of(user: User) -> str:
    """The person's roles as words: "helpdesk and auditor"."""
    names = user.groups.order_by("name").values_list("name", flat=True)
    return listed([words.ROLE_WORDS.get(name, name) for name in names]) or say("nobody")


@register.simple_tag
def listed_or(names: list[str]) -> str:
    """ "a, b or c"."""
    if len(names) < 2:
        return join(names)
    return say("{first} or {last}", first=", ".join(names[:-1]), last=names[-1])


@register.simple_tag(takes_context=True)
def term(context: Context, key: str, word: str = "") -> SafeString:
    """A word of the glossary that explains itself: on hover, by a click or a tap, by keyboard. KeyError for a word
    that the glossary lacks. `word` is shown instead where the sentence needs another form."""
    found = TERMS[key]
    parts = {"term": found, "word": word or found.word, "id": _term_id(context, key)}
    return mark_safe(render_to_string("_term.html", parts).strip())  # noqa: S308 - a comma may follow at once


def _term_id(context: Context, key: str) -> str:
    """Unique in the page, and in the page into which htmx puts this fragment: by its target and a count."""
    request = context.get("request")
    if request is None:
        return f"term-{key}"
    counts: Counter[str] = request.__dict__.setdefault("_terms", Counter())
    counts[key] += 1
    htmx = getattr(request, "htmx", None)
    target = (htmx.target or "part") if htmx else ""
    number = f"-{counts[key]}" if counts[key] > 1 else ""
    return f"{target and f'{target}-'}term-{key}{number}"


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """ "today 17:02", "yesterday 17:02", "3 Nov 17:02": when something was, for who remembers days, not hours."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return time_tag(at, _day(local.date(), timezone.localdate(), f"{local:%H:%M}"), "moment")


def _day(day: date, today: date, clock: str) -> str:
    if day == today:
        return say("today {time}", time=clock)
    if day == today - timedelta(days=1):
        return say("yesterday {time}", time=clock)
    shown = day_of_year(day) if day.year == today.year else day_and_year(day)
    return say("{day}, {time}", day=shown, time=clock)


@register.filter
def composed(text: str) -> str:
    """With its accents in the letters: Django's "Tiếng Việt" has some beside them, and is found by nobody's typing."""
    return unicodedata.normalize("NFC", text)


@register.filter
def copied_words(uuid: str, copies: dict[str, Migration]) -> str:
    """Of which of two instances of one name this is, where nmigrate has copied one to the other."""
    move = copies.get(uuid)
    if move is None:
        return ""
    is_copy = move.copy_uuid == uuid
    if move.is_active:
        return say("the copy, not kept yet") if is_copy else say("the original; its copy is not kept yet")
    return say("the copy") if is_copy else say("the original; its copy has taken its place")


@register.filter
def decided_words(migration: Migration) -> str:
    """What somebody did who made the decision that was noted beside it, after their name: "confirmed it"."""
    words = _DECIDED_ON_COPY if migration.kind == Kind.COPY else _DECIDED
    return words.get(getattr(migration, "decision", ""), "")


@register.filter
def is_after(at: datetime | None, since: datetime | None) -> bool:
    """Whether it is new to who was here last at `since`."""
    return at is not None and since is not None and at >= since


@register.filter
def newest_change(migration: Migration) -> datetime | None:
    """When something last happened to a move that a person should hear of."""
    moments = (migration.ended_at, getattr(migration, "decided_at", None))
    return max((at for at in moments if at), default=None)
