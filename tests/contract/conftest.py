"""The stages: the fake cloud and a real Nova, each at the oldest and the newest microversion."""

from collections.abc import Iterator

import pytest

from nmigrate.cloud import api
from tests.contract.stage import FakeStage, LabStage, Stage

OLDEST, NEWEST = api.OLDEST_MICROVERSION, api.NEWEST_MICROVERSION


@pytest.fixture(
    params=[
        pytest.param(("fake", OLDEST), id="fake-oldest"),
        pytest.param(("fake", NEWEST), id="fake-newest"),
        pytest.param(("lab", OLDEST), id="lab-oldest", marks=pytest.mark.lab),
        pytest.param(("lab", NEWEST), id="lab-newest", marks=pytest.mark.lab),
    ]
)
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    where, newest = request.param
    if where == "fake":
        yield FakeStage(newest)
        return
    lab = request.getfixturevalue("lab")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(lab.clouds_yaml))
    made = LabStage(lab, newest)
    yield made
    made.clear()
