"""What somebody had typed when their session ended: kept through the sign-in, and never sent for them.

Each form in which one writes carries for whom it was drawn, signed. When it arrives from nobody, or with the token of
an earlier session, the step is refused as ever; but what its fields held goes along, signed, in the form of the
sign-in page: nothing is stored for somebody unknown. Whoever then signs in finds the form's page filled in, and
presses the button again; if it is not the person for whom the form was drawn, it is dropped. In between it is in the
session, which is in the database like any reason, until that page is shown. The page is known by its url name:
no address that arrives with a form is followed.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import AnonymousUser, User
from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from webui.forms import REASON_LIMIT, EmptyForm, MoveForm, NoteForm, RetryForm, TogetherForm
from webui.steps import PAGES

AUTHOR, CARRIED = "typed_by", "carried"
"""The fields of a form: for whom it was drawn; and, of the sign-in form, what it carries."""
HELD = "unsent"
"""Where the session holds it."""
AGE = timedelta(days=7)
"""A form that was left open for longer is sent in vain, as all of them were before."""
LIMIT = 3 * REASON_LIMIT + 50 * 350
"""So many characters in all: what a person writes, and a page full of boxes."""

FORMS: dict[str, type[forms.Form]] = {
    # url name of the step: the form that it takes
    "request_migration": MoveForm,
    "empty_host": EmptyForm,
    "approve_migration": NoteForm,
    "decline_migration": NoteForm,
    "confirm_migration": NoteForm,
    "reject_migration": NoteForm,
    "decide_together": TogetherForm,
    "retry_migration": RetryForm,
    "go_back": NoteForm,
    "leave_migration": NoteForm,
    "stop_instance": NoteForm,
    "unlock_instance": NoteForm,
}


@dataclass(frozen=True, slots=True)
class Unsent:
    """What was typed, by whom (the user's key), and the page to which it belongs."""

    author: str
    page: str
    where: dict[str, Any]
    typed: dict[str, list[str]]
    step: str = ""
    """The url name of what was refused: a page may have several forms."""
    number: str = ""
    """Of a page that is one of several."""

    @property
    def url(self) -> str:
        address = reverse(self.page, kwargs=self.where)
        return f"{address}?page={self.number}" if self.number else address


def author(user: User | AnonymousUser) -> str:
    """What a form carries of the person for whom it is drawn."""
    return _signed(str(user.pk), AUTHOR)


def ask_to_sign_in(request: HttpRequest) -> HttpResponse | None:
    """The sign-in page that carries what this refused step held; None where there is nothing to keep."""
    found = _of(request)
    if found is None:
        return None
    context = {CARRIED: _signed(asdict(found), CARRIED), "next": found.url}
    return render(request, "login.html", context, status=403)


def bring_back(request: HttpRequest) -> HttpResponse | None:
    """To the page with what this request carries, for the person who typed it; None for anybody else."""
    found = _of(request)
    if found is None or found.author != str(request.user.pk):
        return None
    request.session[HELD] = asdict(found)
    return redirect(found.url)


def carried(request: HttpRequest) -> str:
    """What the sign-in form carries on, after a wrong password."""
    found = _of(request)
    return _signed(asdict(found), CARRIED) if found else ""


def taken(request: HttpRequest) -> QueryDict:
    """What the open page shall be filled with, once; mostly nothing. A poll of the same page leaves it alone."""
    found = QueryDict(mutable=True)
    held = request.session.get(HELD)
    at = request.resolver_match
    if held is None or at is None or request.headers.get("HX-Request") == "true":
        return found
    if (held["page"], held["where"]) == (at.url_name, at.kwargs):
        del request.session[HELD]
        for name, values in held["typed"].items():
            found.setlist(name, values)
    return found


def note(request: HttpRequest) -> dict[str, Any]:
    """The same as the context of a page with a note or a comment."""
    held = request.session.get(HELD) or {}
    found = taken(request)
    if not found:
        return {}
    about = {"noted_at": held.get("step", ""), "chosen_host": found.get("host", "")}
    return {"unsent": found, "form": NoteForm(initial=found.dict())} | about


def _of(request: HttpRequest) -> Unsent | None:
    """From one of our forms, or from the sign-in form that carries such a one."""
    at = request.resolver_match
    if at is None or request.method != "POST":
        return None
    if at.url_name == "login":
        found = _read(request.POST.get(CARRIED, ""), CARRIED)
        return Unsent(**found) if found else None
    if at.url_name not in FORMS:
        return None
    form = FORMS[at.url_name]
    person = _read(request.POST.get(AUTHOR, ""), AUTHOR)
    typed = {name: request.POST.getlist(name) for name in form.base_fields}
    typed = {name: values for name, values in typed.items() if any(values)}
    if person is None or not typed or _size(typed.values()) > LIMIT:
        return None
    number = request.GET.get("page", "")
    return Unsent(
        person,
        PAGES.get(at.url_name, at.url_name),
        at.kwargs,
        typed,
        at.url_name,
        number if number.isascii() and number.isdigit() and len(number) < 6 else "",
    )


def _size(fields: Iterable[list[str]]) -> int:
    return sum(len(value) for values in fields for value in values)


def _signed(value: Any, use: str) -> str:
    return signing.dumps(value, salt=f"webui.unsent.{use}", compress=True)


def _read(text: str, use: str) -> Any:
    """What was signed; None for what we did not sign for this use, or long ago."""
    try:
        return signing.loads(text, salt=f"webui.unsent.{use}", max_age=AGE)
    except signing.BadSignature:
        return None
