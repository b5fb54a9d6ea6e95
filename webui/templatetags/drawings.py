"""Tags that place a picture in a page: one line in the page, the picture in a fragment of its own."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from nmigrate.models import Hypervisor, Migration
from nmigrate.sentences import grouped
from webui import times
from webui.pictures import hosts, moves

register = template.Library()


@register.inclusion_tag("_move_pictures.html")
def move_pictures(migration: Migration) -> dict[str, Any]:
    """In what the time of a move went, and what was left of its memory. Two queries."""
    return {"migration": migration, "bar": moves.bar(migration), "left": moves.remaining(migration)}


@register.inclusion_tag("_host_picture.html")
def host_history(host: Hypervisor) -> dict[str, Any]:
    """How full a host was over the last days. One query."""
    return {"host": host, "history": hosts.history(host)}


@register.filter
def share(part: float, whole: float) -> str:
    """How much of the whole, as a whole percentage; a part that is not nothing is never told as nothing,
    nor one that is not the whole as the whole."""
    if not whole:
        return "–"
    found = round(100 * part / whole)
    found = min(found, 99) if part < whole else found
    return f"{max(found, 1) if part > 0 else 0}%"


@register.simple_tag(takes_context=True)
def moves_link(
    context: Context, number: int, since: date | None = None, until: date | None = None, **chosen: str
) -> str | SafeString:
    """A number of the figures as a link to the list of just these moves, for who may see that."""
    shown = grouped(number)
    if not number or not context["may_list"]:
        return shown
    period = context["period"]
    asked = {"since": since or period.first, "until": until or period.today, "cloud": period.cloud, **chosen}
    query = urlencode({name: str(value) for name, value in asked.items() if value})
    return format_html('<a href="{}?{}">{}</a>', reverse("migrations"), query, shown)


register.filter("day_of_year", times.day_of_year)
register.filter("day_and_year", times.day_and_year)
