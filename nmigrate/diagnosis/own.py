"""Causes that no words of the cloud's tell: seen from its records, or known to nmigrate alone."""

import re
from string import Formatter
from typing import Any

from django.utils.translation import gettext_noop as _

from nmigrate.diagnosis.cause import HELPDESK, OPERATOR, Cause, Proof
from nmigrate.diagnosis.table import ANOTHER, NO_VALID_HOST, TABLE, Row
from nmigrate.sentences import Value, say

CHANGED = "changed-meanwhile"
"""Where no better name is known for what our own rules object to."""

OWN: tuple[Row, ...] = (
    Row(
        "no-words",
        "",
        _("The cloud gave it up without a word about why."),
        _(
            "Try it once more. If it fails again, an operator finds the reason in the cloud's logs, by the request id."
        ),
        HELPDESK,
    ),
    Row(
        "copy-broke-off",
        "",
        _(
            "The copy of its memory broke off half-way, and the cloud does not say why; mostly it is the network "
            "between the two hosts."
        ),
        _("Plan the live move again. If it breaks off again, move it cold and tell an operator."),
        HELPDESK,
    ),
    Row(
        "copies-local-disk",
        "",
        _(
            "Beside its volume it has a disk on {source} itself ({beside}), which had to be copied too, and the copy "
            "broke off."
        ),
        _("Move it cold: that stops it for a while."),
        HELPDESK,
    ),
    Row(
        "post-copy-broke",
        "",
        _(
            "It already ran on {dest} when the connection to {source} broke: a part of its memory was left behind "
            "there, so it has to be restarted."
        ),
        _("An operator must see on which host it is and restart it. Tell its owner that it restarts."),
        OPERATOR,
        _("{name} lost its memory during the live move."),
    ),
    Row(
        "never-converges",
        "",
        _("It changed its memory faster than that could be copied, until the cloud's time for it was over."),
        _(
            "Plan it again when {name} has less to do, or move it cold. A manager can also finish a live move at once "
            "with a short pause."
        ),
        HELPDESK,
    ),
    Row(
        "stopped-as-asked",
        "",
        _("It was stopped here, as was asked; the timeline says by whom."),
        _("Plan it again when it suits. Nothing needs to be put right."),
        HELPDESK,
    ),
    Row(
        "stopped-outside",
        "",
        _("Somebody stopped it in the cloud, not here."),
        _("Ask them why before you plan it again. Nothing needs to be put right."),
        HELPDESK,
    ),
    Row(
        "error-but-runs",
        "",
        _("The cloud lost track of it half-way. It may well run still, on one of the two hosts."),
        _(
            "An operator must see on which host it really runs before its state is put right. Do not start, stop or "
            "move it until then."
        ),
        OPERATOR,
        _("The cloud calls {name} broken, but it probably still runs."),
    ),
    Row(
        "in-error",
        "",
        _("The cloud gave up half-way and left it in error, without a word about why."),
        _("An operator must repair it. The reason stands in the cloud's logs, by the request id below."),
        OPERATOR,
    ),
    Row(
        "wrong-host",
        "",
        _(
            "The last step of the move failed inside the cloud: it says that the move is finished, but {name} is on "
            "{host} and not on {dest}."
        ),
        _("An operator must look at it at once. Nobody may move it, stop it or reset its state before that."),
        OPERATOR,
        _("The move of {name} ended in the wrong place."),
    ),
    Row(
        "reset-outside",
        "",
        _("Somebody reset its state outside nmigrate, so the cloud no longer holds it for a decision."),
        _("An operator must check {name} and free the room that is still kept for it on {source}."),
        OPERATOR,
        _("{name} was moved, and then its state was reset outside nmigrate."),
    ),
    Row(
        "deleted",
        "",
        _("Somebody deleted it in the cloud during the move."),
        _("Nothing is left to move. Ask its owner whether that was meant."),
        HELPDESK,
        _("{name} was deleted in the cloud before its move was over."),
    ),
    Row(
        "no-effect",
        "",
        _("The cloud accepted it, and then nothing came of it."),
        _("Try it once more. If nothing comes of it again, an operator must look at the cloud."),
        HELPDESK,
    ),
    Row(
        "snapshot-failed",
        "",
        _("The copy of its disk (the snapshot) could not be made or stored."),
        _("Try it once more. If it fails again, an operator must look at the image store."),
        HELPDESK,
    ),
    Row(
        "copy-gone",
        "",
        _("The cloud accepted the copy, and it is gone again."),
        _("Try it once more. If it is gone again, show this page to an operator."),
        HELPDESK,
    ),
    Row(
        "never-arrived",
        "",
        _(
            "nmigrate was interrupted while it sent the order. The cloud has no trace of it, so it never arrived."
        ),
        _("Plan it again."),
        HELPDESK,
    ),
    Row(
        "cloud-away",
        "",
        _("The cloud did not answer for a long while, so nothing was sent."),
        _("Plan it again when the cloud answers; the health page says when."),
        HELPDESK,
    ),
    Row(
        "not-set-up",
        "",
        _("nmigrate cannot work with this cloud as it is set up."),
        _("An operator must put nmigrate's settings or its account right. Then plan it again."),
        OPERATOR,
    ),
    Row(
        "host-down",
        "",
        _("{dest} does not answer."),
        ANOTHER,
        HELPDESK,
    ),
    Row(
        "host-out-of-service",
        "",
        _("{dest} was taken out of service."),
        ANOTHER,
        HELPDESK,
    ),
    Row(
        "too-full", "", _("{dest} is too full."), _("Plan it again with a host that has more room."), HELPDESK
    ),
    Row(
        "zone-bound",
        "",
        _("It is bound to its zone, and {dest} is in another one."),
        _("Plan it again with a host of its own zone, or as a move to the other zone."),
        HELPDESK,
    ),
    Row(
        "decided-otherwise",
        "",
        _("It no longer waits for this decision."),
        _("Look at what became of it."),
        HELPDESK,
    ),
    Row(
        CHANGED,
        "",
        _("Something has changed since it was asked for."),
        _("Nothing was moved. Plan it again when that is settled."),
        HELPDESK,
    ),
)
ROWS: dict[str, Row] = {row.key: row for row in (*TABLE, *OWN)}

_OBJECTIONS: tuple[tuple[str, str], ...] = (
    (r"does not know it any more", "gone"),
    (r"is locked", "locked"),
    (r"where .* is now, is down|compute service of its host is down", "source-down"),
    (r"is up: evacuation is for", "still-in-use"),
    (r"\b(?:is|are) down\b", "host-down"),
    (r"out of service", "host-out-of-service"),
    (r"too full|has enough \S+ free", "too-full"),
    (r"server group", "server-group"),
    (r"hypervisors? of .* (?:is|are) older", "older-hypervisor"),
    (r"processor of", "cpu"),
    (r"none can take it|[Nn]o host (?:of zone \S+ )?can take it|is no other host", NO_VALID_HOST),
    (r"bound to zone|is not in zone", "zone-bound"),
    (r"is on \S+ already", "same-or-unknown-host"),
    (r"is busy|only an? .* can be moved|was (?:started|stopped) since", "wrong-state"),
    (r"no role in project|may not create instances|lacks a right", "no-right"),
    (r"clouds\.yaml", "not-set-up"),
    (r"no longer waits for this|waits for a decision on another", "decided-otherwise"),
)
"""What our own rules object to, by their sentences."""


def own_cause(key: str, *proofs: Proof, **words: Any) -> Cause:
    """A cause by its name; `words` fill its sentences."""
    return fill(ROWS[key], **words).proved_by(*proofs)


_STAND_INS = {
    "name": (say("the instance"), say("The instance")),
    "source": (say("its host"), say("Its host")),
    "dest": (say("the other host"), say("The other host")),
    "host": (say("a wrong host"),) * 2,  # no sentence begins with these two
    "beside": (say("such as one for swap"),) * 2,
}
"""What stands for a name that is not known: within a sentence, and where it begins one."""


def general_why(key: str) -> str:
    """Why, of every move that failed for this cause: no instance and no host is named. "" for what no row tells."""
    return fill(ROWS[key]).why if key in ROWS else ""


def fill(row: Row, **words: Any) -> Cause:
    known = {name: word for name, word in words.items() if word}
    return Cause(row.key, _said(row.why, known), _said(row.next_step, known), row.who, _said(row.what, known))


def _said(message: str, known: dict[str, Value]) -> str:
    """A sentence of the table, with what is known filled in."""
    if not message:
        return ""
    names = [name for _text, name, _spec, _conversion in Formatter().parse(message) if name]
    begins = message.startswith("{")
    stand_ins = {name: _STAND_INS[name][begins and name == names[0]] for name in names if name not in known}
    return say(message, **{name: known.get(name) or stand_ins[name] for name in names})


def objection_key(sentence: str) -> str:
    """The row that a sentence of our own rules belongs to."""
    return next((key for pattern, key in _OBJECTIONS if re.search(pattern, sentence)), CHANGED)
