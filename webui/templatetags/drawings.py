"""Tags that place a picture in a page: one line in the page, the picture in a fragment of its own."""

from typing import Any

from django import template

from nmigrate.models import Hypervisor, Migration
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


register.filter("day_of_year", times.day_of_year)
register.filter("day_and_year", times.day_and_year)
