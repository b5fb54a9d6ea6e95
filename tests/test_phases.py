"""In what a move spent its time and when its instance was down, from what the record holds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from nmigrate import services
from nmigrate.models import Instance, Migration, Observation
from nmigrate.phases import Span, Story, story, tell
from tests.conftest import play
from tests.fakecloud import FakeCloud

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(
    kind: str,
    changes: Sequence[tuple[float, str]],
    observations: Sequence[tuple[float, str, str, str]],
    *,
    ended: float | None = None,
    now: float = 0,
    was: str = "ACTIVE",
    hosts: Sequence[str] = (),
    **fields: object,
) -> Story:
    """The story of a move asked for at 0 s. Observations are (second, status, task, status of Nova's record)."""
    move = Migration(
        kind=kind,
        state=changes[-1][1],
        requested_at=START,
        ended_at=None if ended is None else at(ended),
        source_host="compute1",
        accepted_at=at(0),
        before={"status": was} if was else {},
        **fields,
    )
    rows = [
        Observation(at=at(second), status=status, task_state=task, nova_status=record, host=host)
        for (second, status, task, record), host in zip(
            observations, hosts or ["compute1"] * len(observations), strict=True
        )
    ]
    return tell(move, [(at(second), state) for second, state in changes], rows, at(now))


def seconds(spans: tuple[Span, ...]) -> list[tuple[str, float]]:
    return [(str(span.what), span.length.total_seconds()) for span in spans]


COLD = [(0, "asking"), (60, "queued"), (61, "sending"), (62, "running"), (72, "waiting"), (372, "confirming")]
COLD_SEEN = [
    (62, "ACTIVE", "resize_prep", "pre-migrating"),
    (64, "RESIZE", "resize_migrating", "migrating"),
    (69, "RESIZE", "resize_finish", "post-migrating"),
    (72, "VERIFY_RESIZE", "", "finished"),
    (373, "ACTIVE", "", "confirmed"),
]


def test_a_cold_move_is_told_from_asking_to_its_end() -> None:
    found = told("cold", [*COLD, (374, "done")], COLD_SEEN, ended=374)

    assert seconds(found.phases) == [
        ("approval", 60),
        ("queued", 2),
        ("moving", 2),
        ("copying", 5),
        ("moving", 3),
        ("decision", 300),
        ("finishing", 2),
    ]
    assert not found.is_open


def test_a_guest_is_down_from_its_shutdown_until_it_waits_for_the_decision() -> None:
    found = told("cold", [*COLD, (374, "done")], COLD_SEEN, ended=374)

    assert seconds(found.lives) == [("up", 64), ("down", 8), ("up", 302)]
    assert (found.down, found.is_down_at_end) == (timedelta(seconds=8), False)


def test_a_guest_that_did_not_come_up_on_its_new_host_stays_down() -> None:
    found = told("cold", COLD, COLD_SEEN[:4], now=100, after={"power_state": 4})

    assert seconds(found.lives) == [("up", 64), ("down", 36)]
    assert found.is_down_at_end


def test_what_was_stopped_before_has_no_downtime() -> None:
    found = told("cold", [*COLD, (374, "done")], COLD_SEEN, ended=374, was="SHUTOFF")

    assert (found.lives, found.ran_before, found.is_sent) == ((), False, True)


def test_before_anything_was_sent_nothing_is_said_of_the_instance() -> None:
    found = told("cold", [(0, "asking")], [], now=30, was="")

    assert seconds(found.phases) == [("approval", 30)]
    assert (found.is_open, found.is_sent) == (True, False)


def test_a_live_move_copies_while_it_runs() -> None:
    changes = [(0, "queued"), (1, "sending"), (2, "running"), (40, "done")]
    observed = [
        (2, "ACTIVE", "", "accepted"),
        (4, "MIGRATING", "migrating", "preparing"),
        (6, "MIGRATING", "migrating", "running"),
        (30, "MIGRATING", "migrating", "running (post-copy)"),
        (38, "ACTIVE", "", "completed"),
    ]

    found = told("live", changes, observed, ended=40)

    assert seconds(found.phases) == [("queued", 2), ("moving", 4), ("copying", 32), ("moving", 2)]
    assert seconds(found.lives) == [("up", 40)]


def test_shelving_is_down_from_its_shutdown_until_it_runs_again() -> None:
    changes = [(0, "queued"), (2, "running"), (30, "done")]
    observed = [
        (3, "ACTIVE", "shelving", ""),
        (5, "ACTIVE", "shelving_image_uploading", ""),
        (10, "SHELVED_OFFLOADED", "", ""),
        (12, "SHELVED_OFFLOADED", "spawning", ""),
        (25, "ACTIVE", "", ""),
    ]

    found = told("shelve", changes, observed, ended=30)

    assert seconds(found.lives) == [("up", 3), ("down", 22), ("up", 5)]
    assert seconds(found.phases) == [
        ("queued", 2),
        ("moving", 3),
        ("copying", 5),
        ("moving", 2),
        ("bringing-up", 18),
    ]


def test_a_copy_ends_the_downtime_of_its_stopped_original_until_it_is_dropped() -> None:
    changes = [(0, "queued"), (2, "running"), (30, "waiting"), (90, "reverting"), (100, "reverted")]
    observed = [(2, "ACTIVE", "powering-off", ""), (5, "SHUTOFF", "", ""), (98, "ACTIVE", "", "")]

    found = told("copy", changes, observed, ended=100)

    assert seconds(found.lives) == [("up", 2), ("down", 28), ("up", 60), ("down", 8), ("up", 2)]


def test_an_evacuated_instance_is_down_until_it_runs_elsewhere() -> None:
    changes = [(0, "queued"), (2, "running"), (20, "done")]
    observed = [(2, "ACTIVE", "", ""), (5, "REBUILD", "rebuilding", ""), (15, "ACTIVE", "", "")]

    found = told("evacuate", changes, observed, ended=20, hosts=("compute1", "compute3", "compute3"))

    # ACTIVE on a host that is down means nothing.
    assert seconds(found.lives) == [("down", 15), ("up", 5)]


def test_an_error_is_not_taken_for_downtime() -> None:
    changes = [(0, "queued"), (2, "running"), (20, "failed")]

    found = told("live", changes, [(2, "MIGRATING", "migrating", "running"), (10, "ERROR", "", "")], ended=20)

    assert seconds(found.lives) == [("up", 10), ("unknown", 10)]
    assert (found.down, found.is_unsure) == (timedelta(0), True)


def test_what_goes_on_is_open_and_grows() -> None:
    early, late = (told("cold", COLD[:5], COLD_SEEN[:4], now=now) for now in (100, 200))

    assert early.phases[:-1] == late.phases[:-1]
    assert (early.phases[-1].is_open, early.lives[-1].is_open) == (True, True)
    assert late.phases[-1].length - early.phases[-1].length == timedelta(seconds=100)


@pytest.mark.parametrize("state", ["stranded", "running", "failed", "cancelled"])
def test_a_record_without_a_trail_is_told_all_the_same(state: str) -> None:
    move = Migration(kind="cold", state=state, requested_at=START, ended_at=at(9), before={})

    found = tell(move, [], [], at(9))

    assert [span.length for span in found.phases] == [timedelta(seconds=9)]


def test_the_whole_story_takes_two_queries_and_agrees_with_the_record(
    synced: FakeCloud,
    helpdesk: User,
    manager: User,
    vm2: Instance,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    move = services.request_migration(actor=helpdesk, instance=vm2, host="compute3", reason="r")
    move = play(synced, move)
    services.confirm_migration(actor=manager, migration=move)
    move = play(synced, move)
    assert move.ended_at is not None

    with django_assert_num_queries(2):
        found = story(move, move.ended_at)

    assert found.phases[0].what == "queued"
    assert found.phases[-1].what == "finishing"
    assert sum((span.length for span in found.phases), timedelta(0)) == move.ended_at - move.requested_at


def test_what_the_cloud_refused_was_never_down() -> None:
    """An evacuation is refused while its host is up: nothing was sent, nothing was down."""
    move = Migration(
        kind="evacuate", state="failed", requested_at=START, ended_at=at(9), before={"status": "ACTIVE"}
    )

    found = tell(move, [], [], at(9))

    assert (found.lives, found.is_sent) == ((), False)
