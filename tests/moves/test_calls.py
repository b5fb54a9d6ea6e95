"""What following costs the cloud: list calls, as many for fifty live moves as for one."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from keystoneauth1.session import Session

from nmigrate import progress
from nmigrate.models import Migration, Order
from nmigrate.states import Kind, State
from tests.conftest import run_tasks
from tests.moves.ground import Ground


@pytest.fixture
def counted(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Calls of the fake; requests by path on the lab."""
    if not ground.is_lab:
        yield ground.stage.fake.calls  # type: ignore[union-attr]
        return
    found: Counter[str] = Counter()
    real = Session.request

    def request(self: Session, url: str, method: str, **options: Any) -> Any:
        found[f"{method} {url.partition('?')[0]}"] += 1
        return real(self, url, method, **options)

    monkeypatch.setattr(Session, "request", request)
    yield found


def in_flight(ground: Ground, count: int) -> list[Migration]:
    ground.slow_live(True, seconds=900)  # a slow machine needs a minute to boot the others
    instances = [ground.boot(f"live-{number}", "compute1", "ACTIVE") for number in range(count)]
    moves = [ground.ask(instance, Kind.LIVE, host="compute3") for instance in instances]
    while Order.objects.filter(state=Order.State.QUEUED).exists():
        run_tasks()
    for _ in range(4):
        ground.tick()
    assert {move.state for move in Migration.objects.all()} == {State.RUNNING}
    assert Migration.objects.filter(server_migration_id=None).count() == 0
    return moves


def a_tick(ground: Ground, counted: Counter[str]) -> dict[str, int]:
    counted.clear()
    ground.tick()
    return dict(counted)


@pytest.fixture(autouse=True)
def _young(monkeypatch: pytest.MonkeyPatch) -> None:
    """No live move is old enough to be measured with nobody looking."""
    monkeypatch.setattr(progress, "AFTER", timedelta(hours=1))


def test_a_tick_costs_the_same_for_one_live_move_and_for_fifty(ground: Ground, counted: Counter[str]) -> None:
    many = 8 if ground.is_lab else 50
    try:
        moves = in_flight(ground, 1)
        one = a_tick(ground, counted)
        moves += in_flight(ground, many - 1)
        assert a_tick(ground, counted) == one
        assert sum(one.values()) == 2, one
        progress.note_looking(ground.now(moves[0]))
        assert sum(a_tick(ground, counted).values()) == 3  # one more, for the one that somebody looks at
    finally:
        ground.slow_live(False)
        ground.end_live_moves()


def test_a_page_that_was_closed_costs_nothing(ground: Ground, counted: Counter[str]) -> None:
    (move,) = in_flight(ground, 1)
    progress.note_looking(ground.now(move))
    Migration.objects.update(watched_at=move.requested_at.replace(year=2020))
    assert sum(a_tick(ground, counted).values()) == 2
    ground.slow_live(False)
    ground.end_live_moves()


def test_of_live_moves_that_nobody_looks_at_two_are_measured_in_a_tick_in_turn(
    fake_ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, measured = fake_ground, fake_ground.cloud.calls  # type: ignore[attr-defined]  # the fake counts its calls
    moves = in_flight(ground, 7)
    monkeypatch.setattr(progress, "AFTER", timedelta(0))
    for expected in (2, 2, 2, 1, 0):  # each once; not again so soon
        before = measured["live_progress"]
        ground.tick()
        assert measured["live_progress"] - before == expected
    assert all(ground.now(move).progress["read_at"] for move in moves)
    ground.slow_live(False)
    ground.end_live_moves()
