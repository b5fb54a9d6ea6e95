"""The supervisor on real processes: what ends is started again, what is silent is replaced."""

import contextlib
import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from nmigrate.management.commands.work import free_taken_tasks
from nmigrate.supervise import Program, Supervisor

LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
LIMIT = 30.0  # s, how long a test waits for what it expects

# Writes its pid and its child's into a file named for it, and waits. The child ignores SIGTERM.
FAMILY = """
import os, pathlib, signal, sys, time
child = os.fork()
if child == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[2] == "deaf" else lambda *_: sys.exit(0))
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()} {child}\\n")
time.sleep(600)
"""


def family(tmp_path: Path, name: str = "web", *, deaf: bool = False, heartbeat: str = "") -> Program:
    command = [sys.executable, "-c", FAMILY, str(tmp_path / name), "deaf" if deaf else "obedient"]
    return Program(name, command, heartbeat)


def started(tmp_path: Path, name: str = "web") -> list[list[int]]:
    """One row for each start: the main process and its child."""
    path = tmp_path / name
    return (
        [[int(pid) for pid in line.split()] for line in path.read_text().splitlines()]
        if path.exists()
        else []
    )


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextlib.contextmanager
def supervised(
    *programs: Program,
    limit: float = 60,
    beats: Callable[[], dict[str, datetime.datetime]] = dict,
    grace: float = 10,
) -> Iterator[Supervisor]:
    with Supervisor(
        programs, heartbeat_limit=limit, grace=grace, heartbeats=beats, heartbeat_pause=0.05
    ) as supervisor:
        yield supervisor


def run_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    assert supervisor.run(until=lambda: condition() or time.monotonic() > deadline)
    assert condition(), "waited in vain"


def test_stop_leaves_no_process_of_an_obedient_family(tmp_path: Path) -> None:
    with supervised(family(tmp_path)) as supervisor:
        run_until(supervisor, lambda: len(started(tmp_path)) == 1)
    assert [is_running(pid) for pid in started(tmp_path)[0]] == [False, False]


def test_stop_kills_the_group_of_a_program_that_does_not_listen(tmp_path: Path) -> None:
    with supervised(family(tmp_path, deaf=True), grace=0.3) as supervisor:
        run_until(supervisor, lambda: len(started(tmp_path)) == 1)
    assert [is_running(pid) for pid in started(tmp_path)[0]] == [False, False]


def test_killed_main_process_is_replaced_and_its_orphans_are_gone(tmp_path: Path) -> None:
    with supervised(family(tmp_path)) as supervisor:
        run_until(supervisor, lambda: len(started(tmp_path)) == 1)
        main, orphan = started(tmp_path)[0]
        os.kill(main, signal.SIGKILL)
        run_until(supervisor, lambda: len(started(tmp_path)) == 2)
        assert not is_running(orphan)


def test_program_that_ends_at_once_is_started_ever_less_often(tmp_path: Path) -> None:
    program = Program("web", [sys.executable, "-c", f"open({str(tmp_path / 'web')!r}, 'a').write('x')"])
    with supervised(program) as supervisor:
        run_until(supervisor, lambda: supervisor.children[0].failures == 2)
        assert (tmp_path / "web").read_text() == "xx"
        wait = supervisor.children[0].start_again_at
        assert wait is not None
        assert 0.5 < wait - time.monotonic() <= 1


def test_worker_without_heartbeat_is_replaced_while_the_follower_beats(tmp_path: Path) -> None:
    def beats() -> dict[str, datetime.datetime]:
        return {"follower": datetime.datetime.now(datetime.UTC), "worker": LONG_AGO}

    programs = [family(tmp_path, name, heartbeat=name) for name in ("worker", "follower")]
    with supervised(*programs, limit=1.5, beats=beats) as supervisor:
        run_until(supervisor, lambda: len(started(tmp_path, "worker")) == 2)
        assert not any(is_running(pid) for pid in started(tmp_path, "worker")[0])
        assert len(started(tmp_path, "follower")) == 1


def test_silent_follower_is_replaced_and_the_worker_is_not_blamed(tmp_path: Path) -> None:
    programs = [family(tmp_path, name, heartbeat=name) for name in ("worker", "follower")]
    with supervised(*programs, limit=1.0) as supervisor:
        run_until(supervisor, lambda: len(started(tmp_path, "follower")) == 2)
        assert len(started(tmp_path, "worker")) == 1


def test_nobody_is_replaced_while_the_database_cannot_be_read(tmp_path: Path) -> None:
    def beats() -> dict[str, datetime.datetime]:
        raise OSError("no database")

    with supervised(family(tmp_path, "follower", heartbeat="follower"), limit=0.3, beats=beats) as supervisor:
        run_until(supervisor, lambda: len(started(tmp_path, "follower")) == 1)
        later = time.monotonic() + 1
        supervisor.run(until=lambda: time.monotonic() > later)
        assert len(started(tmp_path, "follower")) == 1


@pytest.mark.django_db
def test_workers_that_start_give_back_what_dead_ones_had_taken() -> None:
    now = timezone.now()
    taken = OrmQ.objects.create(key="nmigrate", payload="x", lock=now + datetime.timedelta(seconds=300))
    waiting = OrmQ.objects.create(key="nmigrate", payload="y", lock=now)
    assert free_taken_tasks() == 1
    taken.refresh_from_db()
    waiting.refresh_from_db()
    assert taken.lock < timezone.now()
    assert waiting.lock == now


def test_sigterm_ends_run(tmp_path: Path) -> None:
    with supervised(family(tmp_path)) as supervisor:
        run_until(supervisor, lambda: len(started(tmp_path)) == 1)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert supervisor.run() is False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_kill_9_of_the_supervisor_ends_the_main_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FAMILY, str(tmp_path / "web"), "deaf"]
    code = (
        "from nmigrate.supervise import *\n"
        f"program = Program('web', {command!r})\n"
        "with Supervisor([program], heartbeat_limit=60, heartbeats=dict) as supervisor: supervisor.run()"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent.parent)
    wait_for(lambda: len(started(tmp_path)) == 1)
    main, child = started(tmp_path)[0]
    supervisor.kill()
    supervisor.wait()
    wait_for(lambda: not is_running(main))
    # Grandchildren are the programs' own affair: q2's ask the kernel too, gunicorn's look at their parent.
    os.kill(child, signal.SIGKILL)
