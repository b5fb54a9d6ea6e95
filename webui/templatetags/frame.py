"""Tags of the frame round every page: where one can go, what waits, the search, who one is, and the theme."""

from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.html import json_script
from django.utils.safestring import SafeString

from nmigrate import selectors
from nmigrate.models import Cloud
from nmigrate.sentences import say, told
from nmigrate.states import Perm
from webui import words

register = template.Library()

PAGES = (
    # (word, url name, where in the address it is current, permission)
    (say("My work"), "mine", "/mine/", Perm.VIEW),
    (say("Topology"), "clouds", "/clouds/", Perm.VIEW),
    (say("Migrations"), "migrations", "/migrations/", Perm.VIEW),
    (say("Approvals"), "approvals", "/approvals/", Perm.APPROVE),
    (say("Audit trail"), "audit_trail", "/audit/", Perm.AUDIT),
    (say("Figures"), "figures", "/figures/", Perm.AUDIT),
    (say("Health"), "health", "/health/", Perm.VIEW),
)

_BADGES = {"approvals": "_approvals_badge.html", "health": "_findings_badge.html"}
"""What stands beside the word: how many wait for the person who looks."""


@register.inclusion_tag("_bar.html", takes_context=True)
def bar(context: Context) -> dict[str, Any]:
    """The top of every page: where one can go, what waits, the search, who one is."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.is_authenticated:
        return {"user": None, "pages": [], "clouds": []}
    at = _section(request.path)
    pages = [
        {
            "word": word,
            "url": reverse(name),
            "is_current": at.startswith(prefix),
            "badge": _BADGES.get(name, ""),
        }
        for word, name, prefix, permission in PAGES
        if user.has_perm(permission)
    ]
    may_view = user.has_perm(Perm.VIEW)
    clouds = selectors.clouds() if may_view else []
    current = context.get("cloud")
    if not isinstance(current, Cloud):
        # A migration names its cloud; any other page searches in the first.
        name = getattr(context.get("migration"), "cloud", "")
        current = next((one for one in clouds if one.name == name), next(iter(clouds), None))
    return {
        "user": user,
        "may_view": may_view,
        "pages": pages,
        "pending": selectors.pending_count(user),
        "findings": selectors.finding_count(user),
        "may_watch": user.has_perm(Perm.FORCE),
        "clouds": clouds,
        "cloud": current,
        "query": context.get("query", ""),
        "is_find_page": context.get("is_find_page", False),
        "csrf_token": context.get("csrf_token"),
        "request": request,
    }


def _section(path: str) -> str:
    """The part of the application that an address belongs to; deciding is part of the approvals."""
    if path.startswith("/migrations/") and path.endswith(
        ("/decide/", "/approve/", "/decline/", "/confirm/", "/reject/")
    ):
        return "/approvals/"
    return path


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """The theme chosen with the switch; empty follows the system. From a cookie, so that no page flashes."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in ("light", "dark") else ""


@register.simple_tag
def page_words() -> SafeString:
    """What static/js/desk.js writes into the page, in the reader's language."""
    return json_script({name: told(word) for name, word in words.PAGE_WORDS.items()}, "page-words")
