"""The steps of each kind of move, read from its table."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from nmigrate import moves
from nmigrate.states import State


@dataclass
class Move:
    kind: str
    state: str = "running"
    step: str = ""
    stranded_in: str = ""
    changes_pin: bool = False
    is_held: bool = False
    has_arrived: bool = False
    before: dict[str, Any] = field(default_factory=lambda: {"status": "ACTIVE", "pinned_zone": "a"})
    copy_uuid: str = ""
    image_id: str = ""
    original_after: str = ""
    same_addresses: bool = False


def steps(move: Move, phase: State) -> str:
    return " ".join(moves.route(move, phase))


@pytest.mark.parametrize(
    ("move", "phase", "expected"),
    [
        (Move("cold"), State.RUNNING, "migrate"),
        (Move("cold", changes_pin=True), State.RUNNING, "unpin migrate"),
        (Move("cold", changes_pin=True, is_held=True), State.CONFIRMING, "confirm pin unlock"),
        (Move("cold", changes_pin=True, has_arrived=True, is_held=True), State.REVERTING, "revert pin unlock"),
        (Move("cold", changes_pin=True), State.REVERTING, "pin"),
        (Move("cold", changes_pin=True, before={"status": "ACTIVE"}), State.REVERTING, ""),
        (Move("live", changes_pin=True), State.RUNNING, "unpin live pin"),
        (Move("shelve"), State.RUNNING, "shelve offload unshelve"),
        (Move("shelve", before={"status": "SHUTOFF"}), State.RUNNING, "shelve offload unshelve stop"),
        (Move("copy"), State.RUNNING, "stop snapshot boot"),
        (Move("copy", before={"status": "SHUTOFF"}), State.RUNNING, "snapshot boot"),
        (Move("copy", copy_uuid="c", image_id="i", is_held=True), State.REVERTING,
         "delete delete_image unlock start"),
        (Move("copy", image_id="i", before={"status": "SHUTOFF"}), State.REVERTING, "delete_image"),
        (Move("copy", original_after="delete", same_addresses=True), State.CONFIRMING, "delete readdress"),
        (Move("copy", original_after="stopped", is_held=True), State.CONFIRMING, "unlock"),
        (Move("evacuate"), State.RUNNING, "evacuate"),
    ],
)  # fmt: skip
def test_steps_of_each_kind(move: Move, phase: State, expected: str) -> None:
    assert steps(move, phase) == expected


def test_next_step_follows_the_one_it_is_at() -> None:
    move = Move("copy")
    walked = []
    while step := moves.next_step(move):
        walked.append(step.value)
        move.step = step
    assert walked == ["stop", "snapshot", "boot"]


def test_only_a_move_that_stopped_on_its_way_there_can_go_back() -> None:
    assert moves.has_way_back(Move("live", "stranded", "live", "running", changes_pin=True))
    assert not moves.has_way_back(Move("live", "stranded", "pin", "running", changes_pin=True))
    assert not moves.has_way_back(Move("cold", "stranded", "unlock", "confirming", is_held=True))
    assert not moves.has_way_back(Move("evacuate", "stranded", "evacuate", "running"))
