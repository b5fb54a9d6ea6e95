"""Pages for what may not be done: told in the reader's language, where whoever refused it said why."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's own would make plain English of the sentence that the exception carries."""
    why = exception.args[0] if exception.args else ""
    return render(request, "403.html", {"exception": why}, status=403)
