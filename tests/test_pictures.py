"""The geometry of the pictures, and the measurements that they are drawn from."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from nmigrate.measured import KEPT, WHOLE, memory, samples_with
from nmigrate.models import Migration
from nmigrate.phases import Phase, Span
from webui.pictures.moves import _seen, phase_words, remaining
from webui.pictures.shapes import (
    apart,
    axis,
    horizon,
    is_true_to_scale,
    lines,
    percent,
    round_top,
    shares,
)
from webui.times import adding_up, clocked, human

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_a_length_has_a_point_in_every_language() -> None:
    assert (percent(12.5), percent(100.0), percent(1 / 3)) == ("12.5%", "100%", "0.33%")


def test_shares_are_proportional_and_fill_the_bar() -> None:
    assert shares([10, 30], least=5) == [25, 75]


def test_what_is_short_gets_the_least_and_the_others_share_the_rest() -> None:
    found = shares([1, 10_000, 2, 10_000], least=5)

    assert found == [5, 45, 5, 45]
    assert not is_true_to_scale([1, 10_000, 2, 10_000], found)
    assert is_true_to_scale([10, 30], shares([10, 30], least=5))


@pytest.mark.parametrize("count", [1, 3, 40])
def test_shares_never_overflow(count: int) -> None:
    for lengths in ([0.0] * count, [1.0] * count, [0.001] * (count - 1) + [1e6]):
        found = shares(lengths, least=5)
        assert sum(found) == pytest.approx(100)
        assert min(found) > 0


def test_while_the_last_piece_grows_the_others_stay_where_they_are() -> None:
    whole = 600.0
    early = shares([60, 120, 100], least=5, ahead=whole - 280)
    late = shares([60, 120, 400], least=5, ahead=whole - 580)

    assert early[:2] == pytest.approx(late[:2])
    assert late[2] == pytest.approx(4 * early[2])


def test_the_axis_of_what_goes_on_has_room_ahead_and_grows_in_steps() -> None:
    assert horizon(timedelta(seconds=1)) == timedelta(seconds=30)
    assert horizon(timedelta(seconds=31)) == horizon(timedelta(seconds=50)) == timedelta(minutes=1)
    assert horizon(timedelta(days=40)) == timedelta(days=60)
    for seconds in range(1, 10**6, 9973):
        assert horizon(timedelta(seconds=seconds)) > timedelta(seconds=seconds)


def test_a_moment_is_placed_within_its_stretch() -> None:
    place = axis([START, START + timedelta(seconds=10), START + timedelta(seconds=1010)], [50, 50])

    assert place(START) == 0
    assert place(START + timedelta(seconds=5)) == 25
    assert place(START + timedelta(seconds=510)) == 75
    assert place(START + timedelta(days=9)) == 100


def test_edges_are_moved_apart_where_a_stretch_would_be_a_sliver() -> None:
    assert apart([0, 0.3, 50, 99.9, 100], least=2) == [0, 2, 50, 98, 100]
    assert apart([0, 0, 0, 3], least=2) == [0, 1, 2, 3]
    assert apart([0, 40, 100], least=2) == [0, 40, 100]
    assert apart([0], least=2) == [0]


def test_two_of_a_kind_are_one_where_what_lay_between_them_is_too_short_to_be_drawn() -> None:
    """Copying, half a second of something else, copying."""
    marks = [
        (Phase.QUEUED, 0.4),
        (Phase.COPYING, 5),
        (Phase.MOVING, 0.5),
        (Phase.COPYING, 4),
        (Phase.MOVING, 2),
    ]
    spans, at = [], START
    for what, length in marks:
        spans.append(Span(what, at, at + timedelta(seconds=length)))
        at = spans[-1].end

    assert [(str(one.what), one.length.total_seconds()) for one in _seen(spans)] == [
        ("copying", 9.9),
        ("moving", 2),
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [0.9, 0.9, 0.9],
        [5, 40, 59 * 60 + 50],
        [760, 2855, 59],
        [659, 659, 659],
        [86399, 86399, 3599, 10],
        [1, 4 * 86400 + 86399, 86399],
        [],
    ],
)
def test_the_parts_of_a_time_as_they_are_told_make_what_is_told_of_all(parts: list[float]) -> None:
    edges = [START]
    for seconds in parts:
        edges.append(edges[-1] + timedelta(seconds=seconds))

    told = adding_up(clocked(*pair) for pair in pairwise(edges))

    assert human(sum(told, timedelta(0))) == human(clocked(edges[0], edges[-1]))
    assert [human(one) for one in told] == [human(one) for one in adding_up(told)]


@pytest.mark.parametrize(
    ("most", "top"),
    [
        (0, 1),
        (1, 1),
        (3, 4),
        (5, 6),
        (9, 10),
        (11, 20),
        (24, 30),
        (45, 50),
        (75, 80),
        (210, 300),
        (801, 1000),
    ],
)
def test_an_axis_of_counts_ends_at_a_round_number(most: int, top: int) -> None:
    assert round_top(most) == top


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    found = lines([(0, 0, False), (0.25, 1, False), (0.75, 0.5, True), (1, 0.5, False)])

    assert [(line.points, line.is_guess) for line in found] == [
        ("0.0,100.0 250.0,0.0", False),
        ("250.0,0.0 750.0,50.0", True),
        ("750.0,50.0 1000.0,50.0", False),
    ]


# -- what is kept of the measurements


def measured(count: int, every: float = 5.0) -> list[list[float]]:
    samples: list[list[float]] = []
    for number in range(count):
        samples = samples_with(samples, [START.timestamp() + every * number, float(1000 - number)])
    return samples


def test_measurements_are_thinned_but_begin_and_end_stay() -> None:
    samples = measured(1000)

    assert len(samples) <= KEPT
    assert samples[0] == [START.timestamp(), 1000.0]
    assert [left for _, left in samples[-WHOLE:]] == [float(WHOLE - number) for number in range(WHOLE)]
    pauses = [later[0] - earlier[0] for earlier, later in pairwise(samples[: -WHOLE - 1])]
    assert max(pauses) <= 2 * min(pauses)


def move(samples: list[list[float]], total: int = 1000) -> Migration:
    return Migration(kind="live", state="done", progress={"total": total, "samples": samples})


def test_what_was_measured_is_still_there_when_the_move_is_over() -> None:
    found = remaining(move(measured(300)))

    assert found is not None
    assert found.is_over
    assert (found.first.remaining, found.last.remaining) == (1000, 701)
    assert not found.memory.has_gaps
    assert len(found.lines) == 1


def test_where_nobody_looked_for_a_while_is_a_gap() -> None:
    early, late = measured(5), [[START.timestamp() + 300 + 5 * n, 100.0] for n in range(5)]

    found = memory(move(early + late))

    assert found is not None
    assert [point.is_after_gap for point in found.points] == [False] * 5 + [True] + [False] * 4


def test_a_guest_that_outruns_the_copying_is_noticed() -> None:
    t = START.timestamp()

    found = remaining(move([[t, 900.0], [t + 5, 300.0], [t + 10, 700.0], [t + 15, 705.0], [t + 20, 100.0]]))

    assert found is not None
    assert found.told.startswith("Once more was left")


@pytest.mark.parametrize("progress", [{}, {"total": 0, "samples": []}, {"total": 5, "samples": []}])
def test_without_measurements_there_is_no_picture(progress: dict[str, object]) -> None:
    assert remaining(Migration(kind="live", progress=progress)) is None


@pytest.mark.parametrize(
    ("kind", "state", "told"),
    [
        ("cold", "done", ["preparing", "copying", "finishing"]),
        ("live", "aborted", ["preparing", "copying", "stopping"]),
        ("shelve", "stranded", ["preparing", "storing its disk", "leaving its host"]),
        ("copy", "waiting", ["preparing", "making a snapshot", "starting the copy"]),
    ],
)
def test_no_two_stretches_of_a_move_have_one_name(kind: str, state: str, told: list[str]) -> None:
    phases = [Phase.MOVING, Phase.COPYING, Phase.MOVING]

    assert phase_words(Migration(kind=kind, state=state), phases) == told


def test_a_move_whose_copying_was_not_seen_has_one_name_for_all_of_it() -> None:
    phases = [Phase.QUEUED, Phase.MOVING]

    assert phase_words(Migration(kind="cold", state="done"), phases) == ["waiting to be sent", "being moved"]
    assert phase_words(Migration(kind="cold", state="running"), phases) == ["waiting to be sent", "under way"]
    assert phase_words(Migration(kind="evacuate", state="running"), phases) == [
        "waiting to be sent",
        "being built anew",
    ]


def test_the_stretch_before_it_was_sent_tells_that_it_is_being_sent() -> None:
    assert phase_words(Migration(kind="cold", state="queued"), [Phase.QUEUED]) == ["waiting to be sent"]
    assert phase_words(Migration(kind="cold", state="sending"), [Phase.QUEUED]) == ["waiting and being sent"]
