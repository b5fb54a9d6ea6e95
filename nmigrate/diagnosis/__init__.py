"""From what Nova said about a failed move to plain words: what happened, what to do next, and who can do it."""

from nmigrate.diagnosis.explain import Cause, cause_of, explain_move, mark
from nmigrate.diagnosis.table import TABLE, Row, match

__all__ = ["TABLE", "Cause", "Row", "cause_of", "explain_move", "mark", "match"]
