"""The whole application on the lab: `manage.py up` with its own processes, and people at real browsers.

Loaded as a plugin by the root conftest.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.memory import family
from nmigrate.lab import Lab
from tests.lab.fixtures import VAR, wait_for

ROOT = Path(__file__).parents[2]
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PEOPLE = {
    "helpdesk": "helpdesk",
    "manager": "manager",
    "manager2": "manager",
    "auditor": "auditor",
    "operator": "operator",
}
PASSWORD = "for-this-test-only"
MAKE_PEOPLE = f"""
from django.contrib.auth.models import Group, User
for name, role in {PEOPLE!r}.items():
    user = User.objects.create_user(name, password={PASSWORD!r})
    user.groups.add(Group.objects.get(name=role))
"""
expect.set_options(timeout=30_000)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Relay(ThreadingHTTPServer):
    """Stands between the application and Nova, so that a test can act after Nova has accepted and before
    the application hears of it. `on_accepted` gets method, end of the path and body; True drops the answer."""

    daemon_threads = True

    def __init__(self, nova: str) -> None:
        self.nova = nova
        self.on_accepted: Callable[[str], bool] | None = None
        super().__init__(("127.0.0.1", 0), RelayHandler)


class RelayHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        request = urllib.request.Request(  # noqa: S310 - the lab's own address
            server.nova + self.path, data=body or None, method=self.command, headers=headers
        )
        try:
            answer = urllib.request.urlopen(request, timeout=120)  # noqa: S310
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            data = answer.read()
            accepted = self.command != "GET" and answer.status < 300
            what = f"{self.command} {self.path.rpartition('/')[2]} {body.decode()}"
            if accepted and server.on_accepted is not None and server.on_accepted(what):
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on

    def log_message(self, *args: Any) -> None:
        pass


class Desk:
    """`manage.py up` on a folder of its own. `name` keeps two desks of one run apart."""

    def __init__(self, lab: Lab, name: str, settings: dict[str, str] | None = None) -> None:
        self.lab = lab
        self.settings = settings or {}
        self.folder = VAR / "test-desk" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.relay = Relay(f"http://127.0.0.1:{lab.port + 4}")
        threading.Thread(target=self.relay.serve_forever, daemon=True).start()
        entry = lab.clouds_yaml.read_text().replace(
            "region_name: RegionOne",
            f"region_name: RegionOne\n    compute_endpoint_override: http://127.0.0.1:{self.relay.server_port}/v2.1",
            1,
        )
        (self.folder / "clouds.yaml").write_text(entry)
        self.process: subprocess.Popen[bytes] | None = None

    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("NMIGRATE_", "OS_", "DJANGO_"))}
        return kept | {
            "NMIGRATE_VAR_DIR": str(VAR),
            "NMIGRATE_SECRET_KEY": "tests-only-" + "0123456789" * 5,
            "NMIGRATE_INSECURE_HTTP": "1",
            "NMIGRATE_CLOUDS": "lab",
            "NMIGRATE_DATABASE_URL": f"sqlite:///{self.folder}/db.sqlite3",
            "NMIGRATE_BIND": f"127.0.0.1:{self.port}",
            "OS_CLIENT_CONFIG_FILE": str(self.folder / "clouds.yaml"),
            **self.settings,
        }

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(command, env=self.env(), cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        log = (self.folder / "up.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up"],
            env=self.env(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        wait_for(self.answers, 60, f"the web server to answer (see {self.folder}/up.log)")

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()  # noqa: S310 - our own address
        except OSError:
            return False
        return True

    def first_start(self) -> None:
        self.start()
        self.manage("shell", "-c", MAKE_PEOPLE)
        wait_for(
            lambda: self.rows("SELECT 1 FROM nmigrate_cloud WHERE full_synced_at IS NOT NULL"),
            60,
            "the first sync",
        )

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        self.relay.shutdown()
        self.relay.server_close()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the application's database from outside."""
        database = sqlite3.connect(f"file:{self.folder}/db.sqlite3?mode=ro", uri=True, timeout=20)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def pids(self, program: str) -> list[int]:
        """The processes of one program under `up`, by what stands in their command line: work, follow, gunicorn."""
        assert self.process is not None
        found = []
        for pid in family(self.process.pid):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if program in line:
                found.append(pid)
        return found

    def kill(self, *programs: str) -> None:
        """kill -9 of every process of these programs; "up" is the supervisor itself with all below it."""
        assert self.process is not None
        victims = [
            pid
            for program in programs
            for pid in ([self.process.pid] if program == "up" else self.pids(program))
        ]
        assert victims
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def moves_in_nova(self, uuid: str) -> tuple[int, int]:
        """How many migrate calls Nova has seen for this server: by its actions, and by its migration list."""
        admin = self.lab.client()
        actions = admin.get("nova", f"/servers/{uuid}/os-instance-actions")["instanceActions"]
        rows = admin.get("nova", f"/os-migrations?instance_uuid={uuid}")["migrations"]
        return len([a for a in actions if a["action"] == "migrate"]), len(rows)


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Desk]:
    """The application on the lab with the story's instances, for one module of tests."""
    lab.seed_story(lambda line: None)
    made = Desk(lab, request.module.__name__.rpartition(".")[2], {"NMIGRATE_HEARTBEAT_LIMIT": "20"})
    made.first_start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium on this machine (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


Seat = Callable[[str], Page]


@pytest.fixture
def seat(chromium: Browser, desk: Desk) -> Iterator[Seat]:
    """Sign somebody in at a browser of their own: seat("manager")."""
    yield from seat_at(chromium, desk)


def seat_at(chromium: Browser, desk: Desk) -> Iterator[Seat]:
    """The same for any desk. Errors of the page's scripts fail the test."""
    contexts, errors = [], []

    def sit(name: str) -> Page:
        context = chromium.new_context(timezone_id="Asia/Ho_Chi_Minh", locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(f"{name}: {error}"))
        page.goto(f"{desk.url}/login/")
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/mine/")
        return page

    yield sit
    for context in contexts:
        context.close()
    assert errors == []
