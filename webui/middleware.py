"""What every answer carries, and the clock that a page is shown in."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from webui.steps import is_step, page_of

GetResponse = Callable[[HttpRequest], HttpResponse]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Django's admin draws two of its icons as data URLs
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
ZONE_COOKIE = "zone"


class ContentSecurityPolicy:
    """Nothing runs or is drawn but files that this server sent: no inline script, no inline style."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        # A page shows names, hosts and reasons: only whoever is signed in may see them again.
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class DesignedRefusal:
    """An address that only takes a POST, opened like a page: a page that says so, instead of nothing at all."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 405 or request.method != "GET":
            return response
        headers = {"Allow": response.headers["Allow"]}
        shown = render_to_string(
            "405.html", {"its_page": page_of(request) if is_step(request) else ""}, request=request
        )
        return HttpResponse(shown, status=405, headers=headers)


class LocalTimeZone:
    """Times are in the reader's zone, from the cookie of static/js/early.js; else in NMIGRATE_TIME_ZONE."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request.COOKIES.get(ZONE_COOKIE, ""))):
            return self.get_response(request)


def _zone(name: str) -> ZoneInfo:
    """The zone of that name; the cookie is anybody's text, so that a bad one means the display zone."""
    try:
        return ZoneInfo(name or settings.NMIGRATE_TIME_ZONE)
    except Exception:  # ZoneInfo raises five different exceptions for five kinds of bad name
        return ZoneInfo(settings.NMIGRATE_TIME_ZONE)
