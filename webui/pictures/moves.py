"""The pictures of one migration: in what its time went, and what was left of its memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from django.utils import timezone

from nmigrate.measured import Memory, Point, memory
from nmigrate.models import Migration, Order
from nmigrate.moves import Action
from nmigrate.phases import Life, Phase, Span, Story, story
from nmigrate.progress import is_measurable
from nmigrate.sentences import join, say, say_n
from nmigrate.states import Kind, State
from webui.pictures.shapes import Line, apart, axis, horizon, is_true_to_scale, lines, percent, shares
from webui.step_words import POST_COPY
from webui.times import adding_up, clocked, human

PHASE_WORDS: dict[str, str] = {
    Phase.APPROVAL: say("waiting for approval"),
    Phase.QUEUED: say("waiting to be sent"),
    Phase.MOVING: say("being moved"),
    Phase.COPYING: say("copying"),
    Phase.BRINGING_UP: say("bringing it up again"),
    Phase.DECISION: say("waiting for a decision"),
    Phase.FINISHING: say("being confirmed"),
    Phase.RETURNING: say("going back"),
    Phase.STOPPED: say("stopped half-way"),
}
# Where a kind of move does something else meanwhile; as the timeline calls it.
_WORDS_OF: dict[tuple[str, str], str] = {
    (Kind.SHELVE, Phase.COPYING): say("storing its disk"),
    (Kind.COPY, Phase.COPYING): say("making a snapshot"),
    (Kind.EVACUATE, Phase.MOVING): say("being built anew"),
}
_AFTERWARDS: dict[str, str] = {
    Kind.SHELVE: say("leaving its host"),
    Kind.COPY: say("starting the copy"),
}
LIFE_WORDS: dict[str, str] = {
    Life.UP: say("running"),
    Life.DOWN: say("not running"),
    Life.UNKNOWN: say("not known"),
}
SHORTEST = timedelta(seconds=1)
LEAST = 6.0
"""Percent of the width that the shortest phase gets: room for its number."""
LEAST_LIFE = 2.0
"""The same for the instance below, which has no numbers: some six pixels on a phone."""
MOST = 60
"""It is drawn anew after so many seconds at the latest, since its figures do not grow by themselves."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch as it is drawn. `number` is written into it and before its line in the legend; `length` is how long
    it is told to be."""

    number: int
    what: str
    word: str
    x: str
    width: str
    middle: str
    start: datetime
    end: datetime
    is_open: bool
    length: timedelta


@dataclass(frozen=True, slots=True)
class Bar:
    """In what the time of a move went. `again` is after how many seconds it is drawn anew; 0: it is over."""

    phases: tuple[Segment, ...]
    lives: tuple[Segment, ...]
    told: str
    downtime: str
    is_true: bool
    again: int

    @property
    def kinds_of_life(self) -> list[tuple[str, str]]:
        """For the legend: each once, as it is drawn and in words."""
        return list(dict.fromkeys((segment.what, segment.word) for segment in self.lives))

    @property
    def start(self) -> datetime:
        return self.phases[0].start

    @property
    def end(self) -> datetime:
        return self.phases[-1].end


def bar(migration: Migration) -> Bar:
    """Two queries, and for a live move two more."""
    found = story(migration, timezone.now())
    spans = _seen(found.phases)
    lengths = [span.length.total_seconds() for span in spans]
    elapsed = found.end - found.start
    whole = horizon(elapsed) if found.is_open else elapsed
    ahead = (whole - elapsed).total_seconds()
    widths = shares(lengths, least=LEAST, ahead=ahead)
    place = axis([span.start for span in spans] + [found.end], widths)
    phases = _segments(spans, widths, phase_words(migration, [span.what for span in spans]))
    edges = [place(span.start) for span in found.lives] + [place(found.end)]
    seen = apart(edges, least=LEAST_LIFE)
    told = [LIFE_WORDS[span.what] for span in found.lives]
    lives = _segments(found.lives, [right - left for left, right in pairwise(seen)], told)
    return Bar(
        phases=tuple(phases),
        lives=tuple(lives),
        told=join([_told(segment) for segment in phases], ", "),
        downtime=downtime(migration, found, _down_in_all(lives)),
        is_true=is_true_to_scale(lengths, widths) and seen == edges,
        again=max(2, min(MOST, int(whole.total_seconds() / 100))) if found.is_open else 0,
    )


def phase_words(migration: Migration, phases: Sequence[str]) -> list[str]:
    """What each stretch is called. The move itself is told by the copying in its midst: what comes before and what
    after; where none was seen it has one name, and while it may still come, one that is true of either."""
    copying = [place for place, what in enumerate(phases) if what == Phase.COPYING]
    found = []
    for place, what in enumerate(phases):
        word = _WORDS_OF.get((migration.kind, what), PHASE_WORDS[what])
        is_last = place == len(phases) - 1
        if is_last and what == Phase.QUEUED and migration.state == State.SENDING:
            word = say("waiting and being sent")
        elif is_last and what == Phase.MOVING and not copying and migration.state == State.RUNNING:
            word = _WORDS_OF.get((migration.kind, what), say("under way"))
        elif what == Phase.MOVING and copying and place < copying[0]:
            word = say("preparing")
        elif what == Phase.MOVING and copying and place > copying[-1]:
            word = _after_the_copying(migration)
        found.append(word)
    return found


def _after_the_copying(migration: Migration) -> str:
    if migration.state == State.ABORTED or migration.nova_status == "cancelled":
        return say("stopping")
    return _AFTERWARDS.get(migration.kind, say("finishing"))


def _seen(spans: Sequence[Span]) -> list[Span]:
    """Without those under a second, which would be drawn far too wide: their time belongs to the next one, that of the
    last to the one before it. Two of a kind that come together so are one."""
    found: list[Span] = []
    start = spans[0].start
    for span in spans:
        if span.length < SHORTEST and not span.is_open:
            continue
        if found and found[-1].what == span.what:
            found[-1] = replace(found[-1], end=span.end, is_open=span.is_open)
        else:
            found.append(replace(span, start=start))
        start = span.end
    if not found:
        return [replace(spans[-1], start=start)]
    return [*found[:-1], replace(found[-1], end=spans[-1].end)]


def _segments(spans: Sequence[Span], widths: Sequence[float], words: Sequence[str]) -> list[Segment]:
    left, found = 0.0, []
    lengths = [clocked(span.start, span.end) for span in spans]
    if spans and not spans[-1].is_open:  # else the last one grows, and what is over stays as it is told
        lengths = adding_up(lengths)
    for number, (span, width, length, word) in enumerate(zip(spans, widths, lengths, words, strict=True), 1):
        found.append(
            Segment(
                number,
                span.what,
                word,
                percent(left),
                percent(width),
                percent(left + width / 2),
                span.start,
                span.end,
                span.is_open,
                length,
            )
        )
        left += width
    return found


def _told(segment: Segment) -> str:
    if segment.is_open:
        return say("{what} {age} so far", what=segment.word, age=human(segment.length))
    return say("{what} {age}", what=segment.word, age=human(segment.length))


def _down_in_all(lives: Iterable[Segment]) -> timedelta:
    """As its stretches are told, so that they make what the sentence below them says."""
    return sum((one.length for one in lives if one.what == Life.DOWN), timedelta(0))


def downtime(migration: Migration, found: Story, down: timedelta) -> str:
    """How long the instance did not run, in a sentence or two; empty while nothing was sent to Nova."""
    if not found.is_sent:
        return ""
    if not found.ran_before:
        return (
            say("It was not running before the move, so the move brings no downtime.")
            if found.is_open
            else say("It was not running before the move, so the move brought no downtime.")
        )
    told = [_down(migration, found, down)]
    if found.is_unsure:
        told.append(say("For a while nobody could tell whether it ran."))
    if found.is_down_at_end and not found.is_open:
        told.append(say("When the move ended, it was not running."))
    return join(told)


def _down(migration: Migration, found: Story, down: timedelta) -> str:
    age = human(down)
    if migration.kind == Kind.EVACUATE:
        return (
            say(
                "It has been down for {age} since the move was asked for, and before that with its host.",
                age=age,
            )
            if found.is_down_at_end
            else say(
                "It was down for {age} after the move was asked for, and before that with its host.", age=age
            )
        )
    if found.is_open and found.is_down_at_end:
        return say("It is down now, for about {age} so far.", age=age)
    if found.down:
        return say("It was down for about {age}.", age=age)
    if found.is_unsure:
        return say("It was not seen to be down.")
    if migration.kind == Kind.LIVE and _was_paused(migration):
        return say(
            "It was paused while the rest of its memory was copied, since the finish was forced; for how long "
            "cannot be seen from here."
        )
    if migration.kind == Kind.LIVE:
        return (
            say("It has run all the time so far; a live move pauses it too briefly to be seen from here.")
            if found.is_open
            else say("It ran all the time; a live move pauses it too briefly to be seen from here.")
        )
    return say("It has run all the time so far.") if found.is_open else say("It ran all the time.")


def _was_paused(migration: Migration) -> bool:
    """Whether its finish was forced: Nova pauses the guest, or with post-copy lets it run on over there
    (https://docs.openstack.org/nova/latest/admin/live-migration-usage.html)."""
    is_forced = migration.orders.filter(
        action=Action.FORCE, state__in=(Order.State.ACCEPTED, Order.State.DONE)
    ).exists()
    return is_forced and not migration.observations.filter(nova_status=POST_COPY).exists()


# -- what was left of the memory


@dataclass(frozen=True, slots=True)
class Remaining:
    """What was left of the memory of a live move, as lines, and in figures."""

    memory: Memory
    lines: tuple[Line, ...]
    first: Point
    last: Point
    is_over: bool
    ends_at: datetime
    rose: int

    @property
    def half(self) -> float:
        """Half of all of it, in bytes: the middle of the axis."""
        return self.memory.total / 2

    @property
    def has_stayed(self) -> bool:
        """Whether it has hardly changed, by less than a hundredth of the memory, since it was measured first."""
        left = [point.remaining for point in self.memory.points]
        return len(left) > 1 and max(left) - min(left) < self.memory.total / 100

    @property
    def told(self) -> str:
        """How often it rose again, and why."""
        if not self.rose:
            return ""
        return say_n(
            "Once more was left than before: the instance changed its memory faster than it was copied.",
            "{n} times more was left than before: the instance changed its memory faster than it was copied.",
            self.rose,
        )


def remaining(migration: Migration) -> Remaining | None:
    """No queries. None where nothing was measured; one measurement alone is no line, but a figure."""
    found = memory(migration)
    if found is None:
        return None
    first, last = found.points[0], found.points[-1]
    is_over = not is_measurable(migration)
    length = last.at - first.at
    whole = length if is_over else horizon(max(length, timedelta(seconds=20)))
    seconds = whole.total_seconds() or 1.0
    drawn = lines(
        (
            (point.at - first.at).total_seconds() / seconds,
            point.remaining / found.total,
            point.is_after_gap,
        )
        for point in found.points
    )
    return Remaining(found, drawn, first, last, is_over, first.at + whole, _rises(found))


def _rises(found: Memory) -> int:
    """How often more was left than before, by a hundredth of the memory at least."""
    pairs = pairwise(found.points)
    return sum(later.remaining - earlier.remaining > found.total / 100 for earlier, later in pairs)
