"""What the tests of the watchdog share with those of the pages: a migration in each state."""

from collections.abc import Iterator

import pytest

from nmigrate import cloud as clouds
from nmigrate.cloud import api
from tests.contract.stage import LabStage
from tests.moves.ground import Ground
from tests.web.conftest import able as able
from tests.web.conftest import asked as asked
from tests.web.conftest import asking as asking
from tests.web.conftest import half_way as half_way
from tests.web.conftest import live as live
from tests.web.conftest import moving as moving
from tests.web.conftest import running as running
from tests.web.conftest import waiting as waiting


@pytest.fixture
def on_lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, roles: None) -> Iterator[Ground]:
    """A real Nova; the caller's tests are marked `lab`."""
    lab = request.getfixturevalue("lab")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(lab.clouds_yaml))
    stage = LabStage(lab, api.NEWEST_MICROVERSION)
    yield Ground(stage)
    clouds.override.clear()
    stage.clear()
