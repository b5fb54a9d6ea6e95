"""A server of canned answers, and the clouds.yaml that leads to it."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.http import Handler, Server


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.answers = {}
    thread = threading.Thread(
        target=made.serve_forever, args=(0.02,), daemon=True
    )  # s between looks for the end
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def clouds_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Write a clouds.yaml with one cloud `prod` at this address."""
    path = tmp_path / "clouds.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    monkeypatch.chdir(tmp_path)

    def write(auth_url: str, **more: Any) -> None:
        auth = {
            "auth_url": auth_url,
            "username": "nmigrate",
            "password": "s3cret-pw",
            "project_name": "admin",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        path.write_text(json.dumps({"clouds": {"prod": {"auth": auth, "region_name": "RegionOne", **more}}}))

    return write
