"""The ground of these tests: a real Nova, on which something can happen at the last moment."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from nmigrate import cloud as clouds
from nmigrate import following, judging
from nmigrate.cloud import api
from nmigrate.lab import Lab
from tests.causes import pictures
from tests.causes.late import Late
from tests.contract.stage import LabStage
from tests.lab.fixtures import QUICK
from tests.moves.ground import Ground


class Scene(Ground):
    """A ground on the lab with `late`, and short words for what the cases need."""

    stage: LabStage

    def __init__(self, stage: LabStage) -> None:
        super().__init__(stage)
        self.late = Late(stage.cloud)
        clouds.override[stage.cloud.name] = self.late

    @property
    def lab(self) -> Lab:
        return self.stage.lab

    def fail(self, host: str, step: str, how: Any) -> None:
        self.lab.behaviour(fail={host: {step: how}})

    def act(self, uuid: str, **body: Any) -> None:
        """What an administrator does outside."""
        self.stage.admin.post("nova", f"/servers/{uuid}/action", body)


@pytest.fixture(scope="session")
def eyes(request: pytest.FixtureRequest) -> Browser | None:
    """A browser where pictures are wanted. It comes before any test's transaction: in the thread in which
    Playwright's loop runs, Django takes another connection."""
    browser: Browser | None = request.getfixturevalue("chromium") if pictures.WANTED else None
    return browser


@pytest.fixture
def scene(eyes: Browser | None, lab: Lab, monkeypatch: pytest.MonkeyPatch, roles: None) -> Iterator[Scene]:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(lab.clouds_yaml))
    for module in (judging, following):
        monkeypatch.setattr(module, "PATIENCE", timedelta(seconds=1.5))
    stage = LabStage(lab, api.NEWEST_MICROVERSION)
    yield Scene(stage)
    clouds.override.clear()
    stage.clear()
    lab.behaviour(**QUICK)
