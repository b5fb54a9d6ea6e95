"""The ground of these tests: the fake cloud, and a real Nova."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from nmigrate import cloud as clouds
from nmigrate import judging
from nmigrate.cloud import api
from tests.conftest import no_patience
from tests.contract.stage import FakeStage, LabStage
from tests.moves.ground import Ground


def on_fake(monkeypatch: pytest.MonkeyPatch, newest: str) -> Iterator[Ground]:
    no_patience(monkeypatch)
    # Long enough for what takes the fake a few ticks, on a busy machine too.
    monkeypatch.setattr(judging, "PATIENCE", timedelta(milliseconds=300))
    yield Ground(FakeStage(newest))
    clouds.override.clear()


def made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, newest: str) -> Iterator[Ground]:
    if request.param == "fake":
        yield from on_fake(monkeypatch, newest)
        return
    lab = request.getfixturevalue("lab")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(lab.clouds_yaml))
    stage = LabStage(lab, newest)
    yield Ground(stage)
    clouds.override.clear()
    stage.clear()


BOTH = [pytest.param("fake", id="fake"), pytest.param("lab", id="lab", marks=pytest.mark.lab)]


@pytest.fixture(params=BOTH)
def ground(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, roles: None) -> Iterator[Ground]:
    """The newest Nova."""
    yield from made(request, monkeypatch, api.NEWEST_MICROVERSION)


@pytest.fixture(params=BOTH)
def oldest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, roles: None) -> Iterator[Ground]:
    """A cloud capped at the oldest microversion."""
    yield from made(request, monkeypatch, api.OLDEST_MICROVERSION)


@pytest.fixture
def fake_ground(monkeypatch: pytest.MonkeyPatch, roles: None) -> Iterator[Ground]:
    """The newest Nova, in memory."""
    yield from on_fake(monkeypatch, api.NEWEST_MICROVERSION)
