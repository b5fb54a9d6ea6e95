"""A short word after something was done: on the page that comes next, or beside the fragment that htmx swaps."""

import json
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from nmigrate.sentences import say, told

_DONE: dict[str, Callable[[str], str]] = {
    "approve_migration": lambda name: say("You approved it. {name} starts to move.", name=name),
    "decline_migration": lambda name: say("You did not approve it. {name} stays as it is.", name=name),
    "confirm_migration": lambda name: say("You confirmed the move of {name}.", name=name),
    "reject_migration": lambda name: say("You rejected the move of {name}.", name=name),
    "cancel_migration": lambda name: say("You withdrew the request. {name} stays as it is.", name=name),
    "abort_migration": lambda name: say("Nova is asked to stop the move of {name}.", name=name),
    "force_migration": lambda name: say("Nova is asked to finish the move of {name} now.", name=name),
    "retry_migration": lambda name: say("The step is tried again for {name}.", name=name),
    "go_back": lambda name: say("{name} goes back to how it was.", name=name),
    "leave_migration": lambda name: say("The move of {name} is left as it is.", name=name),
    "start_instance": lambda name: say("Nova is asked to start {name}.", name=name),
    "stop_instance": lambda name: say("Nova is asked to stop {name}.", name=name),
    "unlock_instance": lambda name: say("Nova is asked to unlock {name}.", name=name),
}


def done(request: HttpRequest, service: Callable[..., object], name: str) -> None:
    """Say on the next page what a service did to the instance of that name; nothing for a service without a word."""
    made = _DONE.get(service.__name__)
    if made is not None:
        messages.success(request, told(made(name)))


def beside(response: HttpResponse, sentence: str) -> HttpResponse:
    """The same for an answer to htmx that is no page: static/js/desk.js shows it."""
    before = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps(before | {"toast": told(sentence)})
    return response
