"""From what the cloud said about one failed move to its cause: its own steps first, the fault of the instance last."""

import hashlib
import re
from dataclasses import replace

from nmigrate.cloud import api
from nmigrate.diagnosis.cause import OPERATOR, Cause, Proof
from nmigrate.diagnosis.own import CHANGED, fill, objection_key, own_cause
from nmigrate.diagnosis.table import NO_VALID_HOST, match
from nmigrate.sentences import join, say, split

_CHANGING = (
    (r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", "<uuid>"),
    (r"req-\S+", "<request>"),
    (r"\b(?:on|from|to|host|of) [\w.-]*\d[\w.-]*", "<host>"),
    (r"\d+", "<n>"),
    (r"\s+", " "),
)
"""What differs between two cases of the same trouble."""
CHECK_OF_DESTINATION = "check_can_live_migrate_destination"
SHOWN = 160
"""Characters of unknown words that are shown in the sentence itself; all of them are folded below it."""


def mark(said: str) -> str:
    """A short, stable mark of words that no row knows: the same for another instance, host or number."""
    words = said.lower()
    for pattern, stand_in in _CHANGING:
        words = re.sub(pattern, stand_in, words)
    return "unknown:" + hashlib.sha256(words.strip().encode()).hexdigest()[:10]


def explain_move(
    action: api.Action | None, fault: str = "", *, name: str, source: str = "", dest: str = ""
) -> Cause:
    """The cause of a failed move. `action` with its events if the cloud still has it; `fault` if the server has one."""
    proofs = _proofs(action, fault)
    words = [proof for proof in proofs if proof.said]
    specific = [proof for proof in words if not _is_no_valid_host(proof.said)]
    if specific:
        cause = _from_words(specific, name=name, source=source, dest=dest)
    elif words:
        cause = _after_its_check(action, name=name, source=source, dest=dest) or own_cause(
            NO_VALID_HOST, name=name, source=source, dest=dest
        )
    else:
        cause = own_cause("no-words", name=name, source=source, dest=dest)
    return replace(cause, proofs=tuple(proofs))


def explain_refusal(
    sentence: str, proof: Proof | None, *, name: str, source: str = "", dest: str = "", key: str = ""
) -> Cause:
    """The cause of an order that was not carried out: by the cloud's words, else by our own `sentence`."""
    said = proof.said if proof is not None else ""
    row = match(said) if said and not key else None
    key = key or objection_key(sentence)
    if row is not None:
        cause = fill(row, name=name, source=source, dest=dest)
    elif said and key == CHANGED:
        cause = _unknown(say("It was refused."), said)
    else:
        known = own_cause(key, name=name, source=source, dest=dest)
        reason, advice = split_advice(sentence)
        who = OPERATOR if advice.startswith("An operator must") else known.who
        cause = replace(known, why=reason, next_step=advice or known.next_step, who=who)
    return cause.proved_by(proof) if proof is not None and (proof.said or proof.request_id) else cause


_ADVICE = re.compile(
    r"(?:Choose|Ask|Wait|Move|An operator must|Make|Read|Unshelve|Look|Try|Say|Better|Take|Nothing)\b"
)


def split_advice(text: str) -> tuple[str, str]:
    """A sentence of our rules in two: why, and what to do (its end, "" when it has none)."""
    return split(text, says_what_to_do)


def says_what_to_do(sentence: str) -> bool:
    return bool(_ADVICE.match(sentence))


def _is_no_valid_host(said: str) -> bool:
    row = match(said)
    return row is not None and row.key == NO_VALID_HOST


# -- what the cloud said


def _proofs(action: api.Action | None, fault: str) -> list[Proof]:
    """The innermost step first: it failed first and knows best; the conductor only repeats it."""
    found: list[Proof] = []
    if action is not None:
        failed = [event for event in action.events if event.result not in ("", "Success")]
        failed.sort(key=lambda event: not event.name.startswith("compute_"))
        found = [Proof(event.details, event.name, event.host, action.request_id) for event in failed]
        if not found:
            found = [Proof("", action.action, "", action.request_id)]
    if fault and not any(fault.strip() in proof.said for proof in found):
        found.append(Proof(fault, say("fault of the instance"), "", action.request_id if action else ""))
    return found


def _from_words(specific: list[Proof], *, name: str, source: str, dest: str) -> Cause:
    checks = {proof.host: proof for proof in specific if CHECK_OF_DESTINATION in proof.step and proof.host}
    if len(checks) > 1:
        return _several([_of_check(one, name=name, source=source) for one in checks.values()], checks)
    dest = next(iter(checks), "") or dest
    row = match("\n".join(proof.said for proof in specific))
    if row is not None:
        return fill(row, name=name, source=source, dest=dest)
    return _unknown(_where(specific[0]), "\n".join(proof.said for proof in specific))


def _of_check(proof: Proof, *, name: str, source: str) -> Cause:
    row = match(proof.said)
    if row is None:
        return _unknown(_where(proof), proof.said)
    return fill(row, name=name, source=source, dest=proof.host)


def _several(causes: list[Cause], hosts: dict[str, Proof]) -> Cause:
    """The cloud tried several hosts by itself, and each had its reason."""
    first = next((cause for cause in causes if not cause.key.startswith("unknown:")), causes[0])
    if len({cause.key for cause in causes}) == 1 and first is causes[0]:
        whole = say("This is so for each of {hosts}, which the cloud tried.", hosts=", ".join(hosts))
        return replace(first, why=join([first.why, whole]))
    tried = say("The cloud tried {number} hosts.", number=len(causes))
    return replace(first, why=join([tried, *dict.fromkeys(cause.why for cause in causes)]))


def _after_its_check(action: api.Action | None, *, name: str, source: str, dest: str) -> Cause | None:
    """A host passed its check and was dropped all the same: what is tried after it is the network.

    Read in nova/conductor/tasks/live_migrate.py `_call_livem_checks_on_host`: nothing but the binding of its ports
    comes after the check, and no event tells of that.
    """
    passed = [
        event.host
        for event in (action.events if action is not None else ())
        if CHECK_OF_DESTINATION in event.name and event.result == "Success"
    ]
    if not passed:
        return None
    dest = passed[-1] or dest
    cause = own_cause("port-binding", name=name, source=source, dest=dest)
    where = dest or say("the other host")
    return replace(cause, why=say("Most likely: its network could not be connected on {host}.", host=where))


def _unknown(where: str, said: str) -> Cause:
    """Words that are in no row: they are shown, after the sentence that says where they came from."""
    shown = " ".join(said.split())
    shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
    return Cause(
        mark(said),
        join([where, say("The cloud's words for it are new to nmigrate: “{words}”.", words=shown)]),
        say("An operator must look at it. It can be planned again with another host."),
        OPERATOR,
    )


_STEPS = (
    ("check_can_live_migrate_source", say("while the host that it is on was checked")),
    ("check_can_live_migrate", say("while the new host was checked")),
    ("pre_live_migration", say("while its new place was prepared")),
    ("rollback_live_migration", say("while it was put back")),
    ("live_migration", say("while it was copied")),
    ("prep_resize", say("while the move was prepared")),
    ("finish_resize", say("while it was started on the new host")),
    ("resize_instance", say("while its disk was copied")),
    ("confirm_resize", say("while its old host was tidied up")),
    ("revert_resize", say("while it went back")),
    ("unshelve", say("while it was started again")),
    ("shelve", say("while it was stored")),
    ("rebuild", say("while it was built anew")),
    ("snapshot", say("while a snapshot was made")),
    ("build", say("while it was started")),
    ("conductor", say("while a host was looked for")),
    ("schedule", say("while a host was looked for")),
)


def _where(proof: Proof) -> str:
    """Which step failed, and on which host, in a plain sentence."""
    when = next((words for name, words in _STEPS if name in proof.step), "")
    if proof.host and not proof.step.startswith("conductor"):
        if when:
            return say("It failed {when} on {host}.", when=when, host=proof.host)
        return say("It failed on {host}.", host=proof.host)
    return say("It failed {when}.", when=when) if when else say("It failed.")
