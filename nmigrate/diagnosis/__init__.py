"""From what the cloud said about a failed move to plain words: why, what to do next, and who can do it."""

from nmigrate.diagnosis.cause import HELPDESK, OPERATOR, Cause, Proof
from nmigrate.diagnosis.explain import explain_move, explain_refusal, mark, split_advice
from nmigrate.diagnosis.own import OWN, ROWS, general_why, own_cause
from nmigrate.diagnosis.table import NO_VALID_HOST, TABLE, Row, match

__all__ = [
    "HELPDESK",
    "NO_VALID_HOST",
    "OPERATOR",
    "OWN",
    "ROWS",
    "TABLE",
    "Cause",
    "Proof",
    "Row",
    "explain_move",
    "explain_refusal",
    "general_why",
    "mark",
    "match",
    "own_cause",
    "split_advice",
]
