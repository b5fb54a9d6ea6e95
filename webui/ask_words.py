"""The words on the button of a plan: what happens with it, where to, and who must allow it first."""

from nmigrate.sentences import say
from nmigrate.states import Kind
from nmigrate.ways import Way


def of(way: Way, *, must_ask: bool) -> str:
    """Without an approval it begins at once."""
    where = way.host or way.zone
    if not must_ask:
        return {
            (Kind.COLD, False): say("Move it"),
            (Kind.COLD, True): say("Move it to {where}", where=where),
            (Kind.LIVE, False): say("Move it live"),
            (Kind.LIVE, True): say("Move it live to {where}", where=where),
            (Kind.SHELVE, False): say("Shelve it"),
            (Kind.SHELVE, True): say("Shelve it and bring it up on {where}", where=where),
            (Kind.COPY, False): say("Copy it"),
            (Kind.COPY, True): say("Copy it to {where}", where=where),
            (Kind.EVACUATE, False): say("Evacuate it"),
            (Kind.EVACUATE, True): say("Evacuate it to {where}", where=where),
        }[way.kind, bool(where)]
    asked = {
        (Kind.COLD, False): say("Ask to move it"),
        (Kind.COLD, True): say("Ask to move it to {where}", where=where),
        (Kind.LIVE, False): say("Ask to move it live"),
        (Kind.LIVE, True): say("Ask to move it live to {where}", where=where),
        (Kind.SHELVE, False): say("Ask to shelve it"),
        (Kind.SHELVE, True): say("Ask to shelve it and bring it up on {where}", where=where),
        (Kind.COPY, False): say("Ask to copy it"),
        (Kind.COPY, True): say("Ask to copy it to {where}", where=where),
        (Kind.EVACUATE, False): say("Ask to evacuate it"),
        (Kind.EVACUATE, True): say("Ask to evacuate it to {where}", where=where),
    }[way.kind, bool(where)]
    if way.needs_permission:
        return say("{asked} (needs a manager's permission)", asked=asked)
    return say("{asked} (needs approval)", asked=asked)
