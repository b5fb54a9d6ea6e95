"""The topology as the address bar says it: what is wanted, and what one may choose from."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest

from nmigrate import selectors
from nmigrate.models.inventory import without_accents
from nmigrate.selectors import Topology, Wanted
from nmigrate.sentences import say, told

VIEW_COOKIE = "view"
OPENED_LIMIT = 100

SHOWS = (
    (selectors.SHOW_ALL, say("everything")),
    (selectors.SHOW_TROUBLE, say("only trouble")),
    (selectors.SHOW_MOVING, say("only moving")),
    (selectors.SHOW_LOCKED, say("only locked")),
)
VIEWS = ((selectors.CARDS, say("Cards")), (selectors.MAP, say("Map")))
SORTS = (
    (selectors.SORT_TROUBLE, say("troubled first")),
    (selectors.SORT_FULL, say("fullest first")),
    (selectors.SORT_NAME, say("by name")),
)
STATES = (
    ("", say("any state")),
    (selectors.UP, say("up")),
    (selectors.DOWN, say("down")),
    (selectors.OFF, say("out of service")),
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form above the picture offers."""

    shows: Iterable[tuple[str, str]] = SHOWS
    views: Iterable[tuple[str, str]] = VIEWS
    sorts: Iterable[tuple[str, str]] = SORTS
    states: Iterable[tuple[str, str]] = STATES


def wanted_of(request: HttpRequest) -> Wanted:
    """From the address; what cannot be read there means no filter. The view may come from the cookie."""
    asked = request.GET
    view = _one_of(asked.get("view"), VIEWS) or _one_of(request.COOKIES.get(VIEW_COOKIE), VIEWS)
    opened = [
        int(pk)
        for pk in asked.getlist("open")[:OPENED_LIMIT]
        if pk.isascii() and pk.isdigit() and len(pk) < 19
    ]
    return Wanted(
        show=_one_of(asked.get("show"), SHOWS) or selectors.SHOW_ALL,
        zone=_text(asked.get("zone")),
        state=_one_of(asked.get("state"), STATES),
        text=_text(asked.get("q")),
        sort=_one_of(asked.get("sort"), SORTS) or selectors.SORT_TROUBLE,
        view=view,
        opened=frozenset(opened),
    )


def query_of_state(text: str) -> str:
    """The query that shows what is in the state of this name, in English or in the reader's language; else ""."""
    named = (
        (f"show={selectors.SHOW_LOCKED}", say("locked")),
        (f"show={selectors.SHOW_MOVING}", say("moving")),
        *((f"state={key}", word) for key, word in STATES if key),
    )
    typed = without_accents(text.casefold())
    return next(
        (
            query
            for query, word in named
            if typed in (str(word).casefold(), without_accents(told(word).casefold()))
        ),
        "",
    )


def query_of(wanted: Wanted) -> str:
    """The same as a query, without what goes without saying, and without which hosts lie open."""
    given = {
        "view": wanted.view,
        "show": wanted.show if wanted.show != selectors.SHOW_ALL else "",
        "zone": wanted.zone,
        "state": wanted.state,
        "q": wanted.text,
        "sort": wanted.sort if wanted.sort != selectors.SORT_TROUBLE else "",
    }
    return urlencode({name: value for name, value in given.items() if value})


def view_to_keep(request: HttpRequest, picture: Topology) -> str:
    """The view that the reader chose with this address, when they would not have got it anyway; else empty."""
    asked = _one_of(request.GET.get("view"), VIEWS)
    kept = _one_of(request.COOKIES.get(VIEW_COOKIE), VIEWS)
    return asked if asked != (kept or selectors.fitting_view(picture.hypervisors)) else ""


def _one_of(value: str | None, choices: Iterable[tuple[str, str]]) -> str:
    return value if value and value in {key for key, _ in choices} else ""


def _text(value: str | None) -> str:
    """PostgreSQL refuses even to look for a NUL."""
    return (value or "").replace("\0", "")[:200].strip()
