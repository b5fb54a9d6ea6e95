"""Who may see a page. Checked on the server for every request, fragments too."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from nmigrate.states import Perm
from webui import unsent

P = ParamSpec("P")


class SignedIn(HttpRequest):
    """The request of somebody whom `needs` has let in."""

    user: User


def needs(
    permission: Perm,
) -> Callable[
    [Callable[Concatenate[SignedIn, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Sign-in first, then 403 unless the person's role holds `permission`."""

    def decorate(
        view: Callable[Concatenate[SignedIn, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _sign_in(request)
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)  # type: ignore[arg-type]  # request.user was just checked

        return checked

    return decorate


def _sign_in(request: HttpRequest) -> HttpResponse:
    """To the login page and back. A poll of a page whose session has ended takes the whole page there,
    instead of drawing the login form where the fragment was."""
    if request.headers.get("HX-Request") != "true":
        where = redirect_to_login(_back(request))
        if request.method in ("GET", "HEAD"):
            return where
        # A step whose session has ended was not done: the page says so, and carries what was typed.
        return unsent.ask_to_sign_in(request) or redirect(f"{where.url}&unsent=1")
    page = urlsplit(request.headers.get("HX-Current-URL", "/"))
    target = redirect_to_login(page.path + (f"?{page.query}" if page.query else "")).url
    target += "" if request.method in ("GET", "HEAD") else "&unsent=1"
    return HttpResponse(status=204, headers={"HX-Redirect": target})


def _back(request: HttpRequest) -> str:
    """Where a person goes on after signing in: this page; for a step, the page on which its button was."""
    if request.method == "GET":
        return request.get_full_path()
    page = urlsplit(request.headers.get("Referer", ""))
    is_ours = page.netloc == request.get_host() and page.path.startswith("/")
    return page.path + (f"?{page.query}" if page.query else "") if is_ours else "/"
