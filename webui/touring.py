"""The tour of the demo: three people move one instance in three minutes, each step with the page where it is done."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse

from nmigrate.models import Migration
from nmigrate.selectors import Tour
from nmigrate.sentences import say
from nmigrate.states import State
from webui.timeline import DONE, LATER, NOW

INSTANCE = "vm2"
PEOPLE = ("helpdesk", "manager", "auditor")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who does it, what, on which page, and whether the record says that it is done."""

    person: str
    title: str
    text: str
    url: str
    link: str
    tone: str
    is_yours: bool


def steps(found: Tour, user: User) -> list[Step]:
    """The first step that is not done is the one to do now; the others come later."""
    if found.instance is None:
        return []
    page = reverse("instance", args=[found.instance.cloud_id, found.instance.uuid])
    move = found.migration
    of_move = reverse("migration", args=[move.pk]) if move else ""
    trail = f"{reverse('audit_trail')}?instance={found.name}"
    plain = (
        (
            "helpdesk",
            say("Ask to move {name}", name=found.name),
            say(
                "Somebody rang: the disk under {name} makes noises. Find it (type its name into “Find…” "
                "at the top), press “Move it”, give a reason, and ask. The best way is chosen "
                "already.",
                name=found.name,
            ),
            page,
            say("Open {name}", name=found.name),
            move is not None,
        ),
        (
            "helpdesk",
            say("Watch it move"),
            say(
                "The page of the move follows by itself. In a few seconds the instance is on its new host, "
                "and waits there: both hosts keep room for it, and nobody can touch it until a manager has "
                "decided."
            ),
            of_move,
            say("Open the move"),
            _has_arrived(move),
        ),
        (
            "manager",
            say("Decide"),
            say(
                "In a private window, as manager: “My work” shows what waits. The page of the decision "
                "says who asked and why, and compares before and now. Confirm it, with a comment or "
                "without."
            ),
            reverse("decide_migration", args=[move.pk]) if move else "",
            say("Open the decision"),
            _is_over(move),
        ),
        (
            "helpdesk",
            say("Start it again"),
            say(
                "Back as helpdesk: “My work” says that your move was confirmed, by whom and what they "
                "said. {name} is still stopped, as it was; one click starts it.",
                name=found.name,
            ),
            of_move or page,
            say("Open the move"),
            found.is_started,
        ),
        (
            "auditor",
            say("See who did what"),
            say(
                "As auditor: ask the trail for {name}. Every click of this tour stands there, with its "
                "time and who made it, and the chain says that nobody has changed an entry since.",
                name=found.name,
            ),
            trail,
            say("Open the audit trail"),
            found.is_started and user.get_username() == "auditor",
        ),
    )
    shown: list[Step] = []
    for person, title, text, url, link, is_done in plain:
        is_next = all(step.tone == DONE for step in shown)
        tone = DONE if is_done else NOW if is_next else LATER
        shown.append(Step(person, title, text, url, link, tone, is_yours=user.get_username() == person))
    return shown


def _has_arrived(move: Migration | None) -> bool:
    return move is not None and (move.has_arrived or not move.is_active)


def _is_over(move: Migration | None) -> bool:
    return move is not None and (not move.is_active or move.state in (State.CONFIRMING, State.REVERTING))
