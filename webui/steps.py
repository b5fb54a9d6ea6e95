"""The addresses that only take a POST, and the pages on which their buttons are."""

from django.http import HttpRequest
from django.urls import reverse

PAGES = {
    # url name of the step: url name of its page, which has the same arguments
    "start_instance": "instance",
    "stop_instance": "instance",
    "unlock_instance": "instance",
    "cancel_migration": "migration",
    "abort_migration": "migration",
    "force_migration": "migration",
    "retry_migration": "migration",
    "go_back": "migration",
    "leave_migration": "migration",
    "approve_migration": "decide_migration",
    "decline_migration": "decide_migration",
    "confirm_migration": "decide_migration",
    "reject_migration": "decide_migration",
    "decide_together": "approvals",
}


def is_step(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name in PAGES


def page_of(request: HttpRequest) -> str:
    """Where the page is that a person sees, which may be the answer to a step: an address that can be opened."""
    at = request.resolver_match
    page = PAGES.get(at.url_name or "") if at else None
    return reverse(page, kwargs=at.kwargs) if at and page else request.get_full_path()
