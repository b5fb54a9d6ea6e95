"""Run the web server, the workers and the follower, and keep them running: what `up` and `demo` share.

What was tried, and why it is written like this:
- django-q2 is stopped by SIGTERM to its main process alone. A signal to the whole group cuts tasks off and
  can leave the cluster deaf; some stops hang (its issue #346). So: SIGTERM to main processes, SIGKILL to the
  group after a grace time. Hence each program has a session of its own, which also keeps Ctrl-C away from it.
- When q2's sentinel dies its main process ends with status 0, and four orphans go on executing: whatever the
  status, the rest of the group is killed before the program is started again.
- q2 can hang for ever when an idle worker is killed: only its heartbeat in the database shows it.
- After `kill -9` of this process the kernel kills the main programs (PR_SET_PDEATHSIG), q2's children
  with theirs (see the command `work`), and gunicorn's workers leave when their parent has gone.
"""

import contextlib
import ctypes
import datetime
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

logger = logging.getLogger(__name__)

TICK = 0.1  # s, between two looks at the programs
BACKOFF = (0.5, 1, 2, 5, 10, 30)  # s, before the 1st, 2nd, ... start after a failure
STEADY = 60  # s, after which a program counts as well again, and its next failure as the first
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Program:
    """One program to keep running. `heartbeat` is the name of its row in the heartbeat table."""

    name: str
    command: Sequence[str]
    heartbeat: str = ""


# Loaded before any fork: between fork and exec a child should do as little as possible.
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signum: int = signal.SIGKILL) -> None:
    """Ask the kernel to send this process a signal when its parent ends, however it ends. Linux only."""
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)


def is_group_alive(group: int) -> bool:
    """Has the group a member that still executes? The dead stay members where init collects nobody (containers)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            if fields[2] == str(group) and fields[0] not in "ZX":
                return True
    return False


class Child:
    """One program's current process, its group, and when it may be started again. Times are monotonic."""

    def __init__(self, program: Program, output: IO[bytes] | None) -> None:
        self.program = program
        self.output = output
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.judged_since = 0.0  # heartbeats missed before this are not held against it
        self.start_again_at: float | None = 0.0
        self.failures = 0

    def start(self, environment: Mapping[str, str]) -> None:
        parent = os.getpid()

        def before_exec() -> None:
            die_with_parent()
            if os.getppid() != parent:  # the parent died before the kernel knew our wish
                os._exit(1)

        self.process = subprocess.Popen(
            self.program.command,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=before_exec,  # one ctypes call, made ready before the fork
        )
        self.started_at = self.judged_since = time.monotonic()
        self.start_again_at = None

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def terminate(self) -> None:
        """SIGTERM to the main process only: it knows how to end its children."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def kill_group(self) -> None:
        """SIGKILL to whatever is left of the program: its main process, workers, orphans."""
        if self.process is None:
            return
        # The group's number is ours as long as one member lives, even after its leader was collected.
        group = self.process.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        self.process.wait()
        self.process = None
        # An orphan that is still ending may hold the port.
        limit = time.monotonic() + 1
        while is_group_alive(group) and time.monotonic() < limit:
            time.sleep(0.01)

    def schedule(self, now: float) -> float:
        """Note a failure and plan the next start; returns the delay in seconds."""
        if now - self.started_at > STEADY:
            self.failures = 0
        delay = BACKOFF[min(self.failures, len(BACKOFF) - 1)]
        self.failures += 1
        self.start_again_at = now + delay
        return delay


@dataclass
class Pulse:
    """When each heartbeat was last seen to change, by this process's own monotonic clock.

    Ages are not computed from the written times: a clock set forward would then kill healthy programs.
    """

    written: dict[str, datetime.datetime] = field(default_factory=dict)
    changed_at: dict[str, float] = field(default_factory=dict)
    read_at: float = 0.0

    def note(self, rows: Mapping[str, datetime.datetime], now: float) -> None:
        for name, written in rows.items():
            if self.written.get(name) != written:
                # What was there before the first look tells nothing about this run.
                if self.read_at:
                    self.changed_at[name] = now
                self.written[name] = written
        self.read_at = now

    def silence(self, name: str, since: float, now: float) -> float:
        """Seconds without a beat, counted from `since` at the earliest."""
        return now - max(since, self.changed_at.get(name, 0.0))


def read_heartbeats() -> dict[str, datetime.datetime]:
    """The heartbeat table. Raises a database error when the database cannot be read."""
    from django.db import connection

    from nmigrate.models import Heartbeat

    try:
        return dict(Heartbeat.objects.values_list("name", "at"))
    finally:
        # A connection kept open would be found broken after each restart of the database.
        connection.close()


class Supervisor:
    """Starts programs, restarts what ends or falls silent, and stops them all.

    Use as a context manager: leaving it, however that happens, stops every program. SIGINT, SIGTERM and
    SIGHUP ask for the stop; a second one hurries it.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        heartbeat_limit: float,
        grace: float = 30.0,
        log_dir: Path | None = None,
        environment: Mapping[str, str] | None = None,
        heartbeats: Callable[[], Mapping[str, datetime.datetime]] = read_heartbeats,
        heartbeat_pause: float = 2.0,
    ) -> None:
        self.heartbeat_limit = heartbeat_limit
        self.grace = grace
        self.environment = environment or os.environ
        self.heartbeats = heartbeats
        self.heartbeat_pause = heartbeat_pause
        self.pulse = Pulse()
        self.stop_requests = 0
        self.outputs: list[IO[bytes]] = []
        self.log_dir = log_dir
        self.children: list[Child] = []
        for program in programs:
            self.add(program)
        self.done = threading.Event()
        self.reader = threading.Thread(target=self.read_pulse, name="heartbeats", daemon=True)
        self.handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def add(self, program: Program) -> None:
        """Run one more program, from the next tick on. Its output goes to its log, or where ours goes."""
        output = None
        if self.log_dir is not None:
            self.log_dir.mkdir(parents=True, exist_ok=True)
            output = (self.log_dir / f"{program.name}.log").open("ab")
            self.outputs.append(output)
        self.children.append(Child(program, output))

    def __enter__(self) -> Self:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.handlers[signum] = signal.signal(signum, self.request_stop)
        self.reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        for signum, handler in self.handlers.items():
            signal.signal(signum, handler)

    def request_stop(self, *_: object) -> None:
        self.stop_requests += 1

    # ------------------------------------------------------------------------------------------------ running

    def run(self, until: Callable[[], bool] | None = None) -> bool:
        """Keep the programs running until asked to stop (False) or until the condition holds (True)."""
        while not self.stop_requests:
            self.tick()
            if until is not None and until():
                return True
            time.sleep(TICK)
        return False

    def tick(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.has_ended() and child.process:
                status = child.process.returncode
                self.replace(
                    child, f"ended with status {status}" if status >= 0 else f"was killed by {-status}"
                )
            elif child.process and self.is_silent(child, now):
                self.replace(child, f"gave no sign of life for {self.heartbeat_limit:g} s")
            elif child.start_again_at is not None and now >= child.start_again_at:
                child.start(self.environment)

    def replace(self, child: Child, why: str) -> None:
        child.kill_group()
        delay = child.schedule(time.monotonic())
        logger.warning("%s %s; starting it again in %g s", child.program.name, why, delay)

    def is_silent(self, child: Child, now: float) -> bool:
        """Has the program missed its heartbeats for longer than the limit, as far as anybody can tell?"""
        name, limit = child.program.heartbeat, self.heartbeat_limit
        # A table that cannot be read says nothing about the program.
        if not name or now - self.pulse.read_at > limit / 2:
            return False
        # The follower asks the workers to beat: while it does not run or is silent itself, they cannot be
        # judged, and after it has come back they get the whole time again.
        if name == "worker" and not self.is_following(now):
            child.judged_since = now
        return self.pulse.silence(name, child.judged_since, now) > limit

    def is_following(self, now: float) -> bool:
        """Does the follower run, and has it shown a sign of life lately?"""
        for child in self.children:
            if child.program.heartbeat == "follower":
                silence = self.pulse.silence("follower", child.judged_since, now)
                return child.process is not None and silence < self.heartbeat_limit / 2
        return False

    def read_pulse(self) -> None:
        """The thread that reads the heartbeats: a database that hangs must not delay a stop."""
        is_readable = True
        while not self.done.wait(self.heartbeat_pause):
            try:
                rows = self.heartbeats()
            except Exception as error:  # whatever the driver raises, the next round tries again
                if is_readable:
                    logger.warning("heartbeats cannot be read: %s", error)
                is_readable = False
            else:
                is_readable = True
                self.pulse.note(rows, time.monotonic())

    # ----------------------------------------------------------------------------------------------- stopping

    def stop(self) -> None:
        """Stop all programs: SIGTERM to the main ones, and after the grace time SIGKILL to the groups."""
        self.done.set()
        first = self.stop_requests
        for child in self.children:
            child.terminate()
        deadline = time.monotonic() + self.grace
        while time.monotonic() < deadline and self.stop_requests <= max(first, 1):
            if all(child.process is None or child.has_ended() for child in self.children):
                break
            time.sleep(0.05)
        for child in self.children:
            if child.process and not child.has_ended():
                logger.warning("%s did not stop in time and was killed", child.program.name)
            child.kill_group()
        for output in self.outputs:
            output.close()


def programs(bind: tuple[str, int]) -> list[Program]:
    """Web, worker and follower as the settings want them, by the names that logs and messages use."""
    from django.conf import settings

    manage = str(settings.BASE_DIR / "manage.py")
    host, port = bind
    web = [
        *(sys.executable, "-m", "gunicorn", "nmigrate.wsgi:application"),
        *("--chdir", str(settings.BASE_DIR)),
        *("--bind", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"),
        *("--worker-class", "gthread"),
        *("--workers", str(settings.NMIGRATE_WEB_WORKERS)),
        *("--threads", str(settings.NMIGRATE_WEB_THREADS)),
        # The application is loaded once, before the workers are forked: they share its memory.
        "--preload",
        *("--timeout", "60"),
        *("--graceful-timeout", "10"),
        # Otherwise gunicorn would believe X-Forwarded-Proto from anybody on this machine.
        *("--forwarded-allow-ips", "127.0.0.1,::1" if settings.NMIGRATE_BEHIND_PROXY else ""),
        # It would be made in the home folder; nobody here asks for it.
        "--no-control-socket",
    ]
    return [
        Program("web", web),
        Program("worker", [sys.executable, manage, "work"], heartbeat="worker"),
        Program("follower", [sys.executable, manage, "follow"], heartbeat="follower"),
    ]
