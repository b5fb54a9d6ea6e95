"""A finding as a page shows it: how grave, who can act, and links to what is safe to do. Never a button that changes
something by itself: each link leads to the page that explains first."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse

from nmigrate import selectors
from nmigrate.models import Finding, Instance, Migration
from nmigrate.selectors.people import NAMED
from nmigrate.sentences import join, say
from nmigrate.services.requests import is_live_under_way
from nmigrate.states import Perm, State
from webui import words

_GRAVE = frozenset({"wrong_host", "broken_outside", "source_down", "host_down", "unread"})
_PERMISSIONS = {"helpdesk": Perm.OPERATE, "manager": Perm.APPROVE, "operator": Perm.EVACUATE}
"""What somebody holds who can take the role's next step; only an operator holds the last."""

_MUST = {
    "helpdesk": say("The helpdesk can do this."),
    "manager": say("A manager must do this."),
    "operator": say("An operator must do this."),
}
YOU = say("You can do this.")
_ASKED = frozenset({"manager", "operator"})
"""Roles whose people are named."""
DECIDED_ON = frozenset({"overdue", "unapproved", "unheld"})
"""What a decision ends. While a host is down, or nobody knows where it runs, none is offered here."""

OF_PROCESSES = frozenset({"unanswered", "unread"})
"""What the health page tells more of: whether workers and follower run, and what the cloud last said."""


@dataclass(frozen=True, slots=True)
class Link:
    id: str
    url: str
    word: str


@dataclass(frozen=True, slots=True)
class Row:
    """`tone` is bad or warn."""

    finding: Finding
    tone: str
    is_yours: bool
    """Whether who looks can take the next step, and a link leads on to it."""
    must: str
    """Who must take it, with their names, where that is somebody else; it stands before the advice."""
    links: tuple[Link, ...]

    @property
    def urgency(self) -> str:
        return say("urgent") if self.tone == words.BAD else say("needs a look")


def rows(
    user: User,
    findings: Iterable[Finding],
    *,
    page_of: Migration | Instance | None = None,
    is_health: bool = False,
) -> list[Row]:
    """One query for each role whose names are told, if the findings came with their migrations. `page_of`: the page is
    that one's own; `is_health`: it is the health page."""
    known: dict[str, dict[int, str]] = {}
    found = []
    for one in findings:
        links = tuple(_links(user, one, page_of, is_health=is_health))
        is_theirs = who_acts(user, one) == YOU
        must = "" if is_theirs else join([who_acts(user, one), _whom_to_ask(one, known)])
        # On a move's own page what can be done stands below; its instance's page is only to look at.
        leads_on = [link for link in links if link.id != "instance" or not isinstance(page_of, Migration)]
        found.append(Row(one, tone(one), is_theirs and bool(leads_on), must, links))
    return found


def _whom_to_ask(finding: Finding, known: dict[str, dict[int, str]]) -> str:
    """By name; the helpdesk are too many, and known. Nobody decides on a move of their own. `known`: who was read."""
    role, move = finding.who, finding.migration
    if role not in _ASKED:
        return ""
    if role not in known:
        known[role] = selectors.names_by_id(_PERMISSIONS[role])
    asked_by = move.requested_by_id if role == "manager" and move is not None else None
    names = [name for pk, name in known[role].items() if pk != asked_by]
    return say("Ask {names}.", names=", ".join(names[:NAMED])) if names else ""


def is_of_processes(finding: Finding) -> bool:
    return finding.rule in OF_PROCESSES


def tone(finding: Finding) -> str:
    """Bad for what is urgent, else warn."""
    return words.BAD if finding.rule in _GRAVE else words.WARN


def who_acts(user: User, finding: Finding) -> str:
    """Who can take the next step, said to the person who looks."""
    if not finding.who:
        return ""
    move = finding.migration
    if not user.has_perm(_PERMISSIONS[finding.who]):
        return _MUST[finding.who]
    if finding.who == "manager" and move is not None and move.requested_by_id == user.pk:
        return say("Another manager must do this: you asked for it.")
    return YOU


def _links(
    user: User, finding: Finding, page_of: Migration | Instance | None, *, is_health: bool
) -> Iterable[Link]:
    move = finding.migration
    if is_of_processes(finding) and not is_health:
        yield Link("health", reverse("health"), say("What is broken?"))
    if move is not None and finding.rule in DECIDED_ON and _may_decide(user, move):
        yield Link("decide", reverse("decide_migration", args=[move.pk]), say("Look at it and decide"))
    if move is not None and not isinstance(page_of, Migration):
        yield Link("move", reverse("migration", args=[move.pk]), _word(user, finding, move))
    if finding.instance_uuid and not (
        isinstance(page_of, Instance) and page_of.uuid == finding.instance_uuid
    ):
        url = reverse("instance", args=[finding.cloud, finding.instance_uuid])
        yield Link("instance", url, say("See the instance"))
    if finding.host:
        url = reverse("host", args=[finding.cloud, finding.host])
        yield Link("host", url, say("See {name}", name=finding.host))
    if not finding.instance_uuid and not finding.host:
        url = reverse("topology", args=[finding.cloud])
        yield Link("cloud", url, say("See {name}", name=finding.cloud))


def _may_decide(user: User, move: Migration) -> bool:
    is_open = move.state in (State.ASKING, State.WAITING)
    return is_open and user.has_perm(Perm.APPROVE) and move.requested_by_id != user.pk


def _word(user: User, finding: Finding, move: Migration) -> str:
    """What can be done on the migration's page, where it explains itself and asks."""
    if (
        finding.rule in ("stalled", "queued")
        and user.has_perm(Perm.OPERATE)
        and is_live_under_way(move, "abort")
    ):
        return say("Stop the live move…")
    if finding.rule == "stranded" and user.has_perm(Perm.OPERATE):
        return say("Choose what happens next…")
    return say("See the migration")
