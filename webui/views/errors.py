"""Pages for what may not be done: told in the reader's language, where whoever refused it said why."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import csrf

from webui import unsent


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's own would make plain English of the sentence that the exception carries."""
    why = exception.args[0] if exception.args else ""
    return render(request, "403.html", {"exception": why}, status=403)


def page_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form of before the last sign-in, or of another site: refused. That our page was drawn for this very person, the
    form itself proves, signed: then what they typed is brought back."""
    if request.user.is_authenticated:
        return unsent.bring_back(request) or csrf.csrf_failure(request, reason)
    return unsent.ask_to_sign_in(request) or csrf.csrf_failure(request, reason)
