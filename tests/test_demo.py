"""`manage.py demo` as a person starts it: what is in the way is named, what runs is complete, nothing is left."""

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from nmigrate import demo
from nmigrate.lab import Lab, LabError, install

ROOT = Path(__file__).parent.parent
READY_SECONDS = 240  # on a machine that does other things too


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def free_block() -> int:
    """The first port of a block for a lab: it uses seven within 800."""
    for first in range(21000, 29000, 1000):
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for offset in (0, 292, 696, 774, 775, 776, 778, *range(1, 8)):
                probe = probes.enter_context(socket.socket())
                probe.bind(("127.0.0.1", first + offset))
            return first
    pytest.fail("no free block of ports")


@contextlib.contextmanager
def demo_run(var: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command, with its state under `var`; killed with whatever it leaves if the test fails."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("NMIGRATE_", "DJANGO_"))
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", *arguments],
        cwd=ROOT,
        env=environment | {"NMIGRATE_VAR_DIR": str(var)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """An empty state folder that borrows the environments of this one: to make them anew is tested elsewhere."""
    folder = tmp_path / "var"
    folder.mkdir()
    for name in (".venv", ".venv-lab"):
        (folder / name).symlink_to(settings.NMIGRATE_VAR_DIR / name)
    return folder


def wait_until_ready(process: subprocess.Popen[str]) -> tuple[str, float]:
    """The line that begins with `ready: `, and how many seconds it took."""
    started = time.monotonic()
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith("ready: "):
            return line, time.monotonic() - started
        assert time.monotonic() - started < READY_SECONDS, seen
    pytest.fail(f"the demo ended: {''.join(seen)} {process.stderr.read() if process.stderr else ''}")


def processes_of(var: Path) -> list[str]:
    """The command lines of what runs with this state."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and str(var).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
    return found


def sign_in(url: str, name: str, password: str) -> str:
    """The topology as this person sees it."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    form = browser.open(url + "login/", timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token, form
    fields = {"csrfmiddlewaretoken": token[1], "username": name, "password": password}
    request = urllib.request.Request(  # noqa: S310 - our own http address
        url + "login/", urllib.parse.urlencode(fields).encode(), {"Referer": url}
    )
    answer = browser.open(request, timeout=20)
    assert "/login/" not in answer.url
    page: str = browser.open(url + "clouds/lab/", timeout=20).read().decode()
    return page


def test_busy_port_is_named_before_anything_starts(var: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with demo_run(var, "--port", str(port)) as process:
            output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert (
        errors
        == f"CommandError: Port {port} of 127.0.0.1 is taken by another program; choose another with --port.\n"
    )
    assert output == ""
    assert not (var / "lab").exists()


def test_busy_lab_port_is_named_before_anything_starts(var: Path) -> None:
    first = free_block()
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        with demo_run(var, "--port", str(free_port()), "--lab-port", str(first)) as process:
            output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"port {first}" in errors
    assert len(errors.splitlines()) == 1
    assert output == ""


def test_passwords_are_made_once_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMIGRATE_VAR_DIR", str(tmp_path))
    first = demo.passwords()
    assert demo.passwords() == first
    assert set(first) == {"helpdesk", "manager", "manager2", "auditor", "operator", "admin"}
    assert (tmp_path / "demo/accounts.json").stat().st_mode & 0o777 == 0o600
    demo.secret_key()
    assert (tmp_path / "demo/secret-key").stat().st_mode & 0o777 == 0o600


def test_demo_ignores_the_settings_of_a_real_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        os, "environ", {"NMIGRATE_VAR_DIR": str(tmp_path), "NMIGRATE_CLOUDS": "prod", "OS_TOKEN": "x"}
    )
    demo.enter()
    assert os.environ["NMIGRATE_CLOUDS"] == "lab"
    assert os.environ["OS_CLIENT_CONFIG_FILE"] == f"{tmp_path}/lab/clouds.yaml"
    assert "OS_TOKEN" not in os.environ


@pytest.mark.lab
def test_demo_from_nothing_and_again(var: Path) -> None:
    try:
        install.install(settings.NMIGRATE_VAR_DIR / ".venv-lab", print)
    except LabError as error:
        pytest.skip(f"the lab cannot be installed: {error}")
    port, lab_port = free_port(), free_block()
    url = f"http://127.0.0.1:{port}/"
    arguments = ("--port", str(port), "--lab-port", str(lab_port))
    try:
        with demo_run(var, *arguments) as process:
            line, _ = wait_until_ready(process)
            assert line.startswith(f"ready: {url} ")
            accounts = json.loads((var / "demo/accounts.json").read_text())
            page = sign_in(url, "helpdesk", accounts["helpdesk"])
            assert all(name in page for name in ("compute1", "compute2", "compute3", "compute4"))
            with demo_run(var, "--port", str(free_port()), "--lab-port", str(lab_port)) as second:
                assert "The demo runs already" in second.communicate(timeout=60)[1]
            # As Ctrl-C in a terminal does it: to the whole foreground group.
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)
            assert process.returncode == 0
            assert processes_of(var) == []

        with demo_run(var, *arguments) as process:
            wait_until_ready(process)
            assert json.loads((var / "demo/accounts.json").read_text()) == accounts
            sign_in(url, "manager", accounts["manager"])
            process.terminate()
            process.communicate(timeout=60)
            assert process.returncode == 0
            assert processes_of(var) == []
    finally:
        Lab(root=var / "lab", port=lab_port, venv=var / ".venv-lab").down()
