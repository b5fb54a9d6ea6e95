"""Every row of the failure table that the lab can produce, produced on the real Nova and read by a person's eyes."""

import re

import pytest
from playwright.sync_api import Browser

from nmigrate.states import State
from tests.causes import pictures
from tests.causes.cases import CASES, Case
from tests.causes.conftest import Scene

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_failure_of_the_table_is_told_with_its_cause(
    eyes: Browser | None, scene: Scene, case: Case
) -> None:
    move = case.play(scene)
    story = f"{scene.story(move)}\nwhy: {move.why}\nnext: {move.next_step} ({move.next_step_by})\ncause: {move.cause}"
    print(f"=== {case.name} row {case.row}\n{move.failure}\n{story}\n{move.evidence}")  # noqa: T201
    if eyes is not None:
        pictures.take(eyes, scene.helpdesk, move, f"{case.row}-{case.name}")
    assert move.state == case.state, story
    assert move.cause.startswith(case.cause), story
    assert move.next_step_by == case.who, story
    assert re.search(case.why, move.why) or case.why in move.why, story
    assert re.search(case.next_step, move.next_step) or case.next_step in move.next_step, story
    if case.state in (State.FAILED, State.STRANDED, State.ABORTED):
        assert move.failure, story
        told = f"{move.failure} {move.why} {move.next_step}"
        assert not re.search(r"\bNova\b(?! sees)|VERIFY|vm_state|NoValidHost", told)
