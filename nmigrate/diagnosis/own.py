"""Causes that no words of the cloud's tell: seen from its records, or known to nmigrate alone."""

import re
from typing import Any

from nmigrate.diagnosis.cause import HELPDESK, OPERATOR, Cause, Proof
from nmigrate.diagnosis.table import ANOTHER, TABLE, Row

CHANGED = "changed-meanwhile"
"""Where no better name is known for what our own rules object to."""

OWN: tuple[Row, ...] = (
    Row(
        "no-words",
        "",
        "The cloud gave it up without a word about why.",
        "Try it once more. If it fails again, an operator finds the reason in the cloud's logs, by the request id.",
        HELPDESK,
    ),
    Row(
        "copy-broke-off",
        "",
        "The copy of its memory broke off half-way, and the cloud does not say why; mostly it is the network "
        "between the two hosts.",
        "Plan the live move again. If it breaks off again, move it cold and tell an operator.",
        HELPDESK,
    ),
    Row(
        "copies-local-disk",
        "",
        "Beside its volume it has a disk on {source} itself ({beside}), which had to be copied too, and the copy "
        "broke off.",
        "Move it cold: that stops it for a while.",
        HELPDESK,
    ),
    Row(
        "post-copy-broke",
        "",
        "It already ran on {dest} when the connection to {source} broke: a part of its memory was left behind there, "
        "so it has to be restarted.",
        "An operator must see on which host it is and restart it. Tell its owner that it restarts.",
        OPERATOR,
        "{name} lost its memory during the live move.",
    ),
    Row(
        "never-converges",
        "",
        "It changed its memory faster than that could be copied, until the cloud's time for it was over.",
        "Plan it again when {name} has less to do, or move it cold. A manager can also finish a live move at once "
        "with a short pause.",
        HELPDESK,
    ),
    Row(
        "stopped-as-asked",
        "",
        "Somebody asked for that here.",
        "Plan it again when it suits. Nothing needs to be put right.",
        HELPDESK,
    ),
    Row(
        "stopped-outside",
        "",
        "Somebody stopped it in the cloud, not here.",
        "Ask them why before you plan it again. Nothing needs to be put right.",
        HELPDESK,
    ),
    Row(
        "error-but-runs",
        "",
        "The cloud lost track of it half-way. It may well run still, on one of the two hosts.",
        "An operator must see on which host it really runs before its state is put right. Do not start, stop or "
        "move it until then.",
        OPERATOR,
        "The cloud calls {name} broken, but it probably still runs.",
    ),
    Row(
        "in-error",
        "",
        "The cloud gave up half-way and left it in error, without a word about why.",
        "An operator must repair it. The reason stands in the cloud's logs, by the request id below.",
        OPERATOR,
    ),
    Row(
        "wrong-host",
        "",
        "The last step of the move failed inside the cloud: it says that the move is finished, but {name} is on "
        "{host} and not on {dest}.",
        "An operator must look at it at once. Nobody may move it, stop it or reset its state before.",
        OPERATOR,
        "The move of {name} ended in the wrong place.",
    ),
    Row(
        "reset-outside",
        "",
        "Somebody reset its state outside nmigrate, so the cloud no longer holds it for a decision.",
        "An operator must check {name} and free the room that is still kept on the other host.",
        OPERATOR,
        "{name} no longer waits for a decision.",
    ),
    Row(
        "deleted",
        "",
        "Somebody deleted it in the cloud during the move.",
        "Nothing is left to move. Ask its owner whether that was meant; the cloud's list of its actions says who it "
        "was.",
        HELPDESK,
        "{name} was deleted in the cloud while it was being moved.",
    ),
    Row(
        "no-effect",
        "",
        "The cloud accepted it, and then nothing came of it.",
        "Try it once more. If nothing comes of it again, an operator must look at the cloud.",
        HELPDESK,
    ),
    Row(
        "snapshot-failed",
        "",
        "The copy of its disk (the snapshot) could not be made or stored.",
        "Try it once more. If it fails again, an operator must look at the image store.",
        HELPDESK,
    ),
    Row(
        "copy-gone",
        "",
        "The cloud accepted the copy, and it is gone again.",
        "Try it once more. If it is gone again, show this page to an operator.",
        HELPDESK,
    ),
    Row(
        "never-arrived",
        "",
        "nmigrate was interrupted while it sent the order. The cloud has no trace of it, so it never arrived.",
        "Plan it again.",
        HELPDESK,
    ),
    Row(
        "cloud-away",
        "",
        "The cloud did not answer for a long while, so nothing was sent.",
        "Plan it again when the cloud answers; the health page says when.",
        HELPDESK,
    ),
    Row(
        "not-set-up",
        "",
        "nmigrate cannot work with this cloud as it is set up.",
        "An operator must put nmigrate's settings or its account right. Then plan it again.",
        OPERATOR,
    ),
    Row(
        "host-down",
        "",
        "{dest} does not answer.",
        ANOTHER,
        HELPDESK,
    ),
    Row(
        "host-out-of-service",
        "",
        "{dest} was taken out of service.",
        ANOTHER,
        HELPDESK,
    ),
    Row("too-full", "", "{dest} is too full.", "Plan it again with a host that has more room.", HELPDESK),
    Row(
        "zone-bound",
        "",
        "It is bound to its zone, and {dest} is in another one.",
        "Plan it again with a host of its own zone, or as a move to the other zone.",
        HELPDESK,
    ),
    Row(
        "decided-otherwise",
        "",
        "It no longer waits for this decision.",
        "Look at what became of it.",
        HELPDESK,
    ),
    Row(
        CHANGED,
        "",
        "Something has changed since it was asked for.",
        "Nothing was moved. Plan it again when that is settled.",
        HELPDESK,
    ),
)
ROWS: dict[str, Row] = {row.key: row for row in (*TABLE, *OWN)}

_OBJECTIONS: tuple[tuple[str, str], ...] = (
    (r"does not know it any more", "gone"),
    (r"is locked", "locked"),
    (r"where .* is now, is down|compute service of its host is down", "source-down"),
    (r"is up: evacuation is for", "still-in-use"),
    (r"\bis down\b", "host-down"),
    (r"out of service", "host-out-of-service"),
    (r"too full", "too-full"),
    (r"bound to zone|is not in zone", "zone-bound"),
    (r"server group", "server-group"),
    (r"hypervisor of .* is older", "older-hypervisor"),
    (r"processor of", "cpu"),
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


def fill(row: Row, **words: Any) -> Cause:
    known = {"name": "the instance", "source": "its host", "dest": "the other host"}
    known |= {name: str(word) for name, word in words.items() if word}

    def say(text: str) -> str:
        said = text.format_map(known)
        return said[:1].upper() + said[1:]

    return Cause(row.key, say(row.why), say(row.next_step), row.who, say(row.what))


def objection_key(sentence: str) -> str:
    """The row that a sentence of our own rules belongs to."""
    return next((key for pattern, key in _OBJECTIONS if re.search(pattern, sentence)), CHANGED)
