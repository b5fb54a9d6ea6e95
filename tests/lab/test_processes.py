"""Starting, recognising and stopping processes, tried on a small one of our own."""

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from nmigrate.lab import LabError, processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-uc",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on'); time.sleep(60)",
]


def start(folder: Path, command: list[str] = SLEEP) -> processes.Process:
    return processes.start(
        "one", command, folder=folder / "run", cwd=folder, env=os.environ, port=25000, mark="m"
    )


def test_started_process_is_known_to_a_later_run_and_stopped_by_it(tmp_path: Path) -> None:
    started = start(tmp_path)
    found = processes.running(tmp_path / "run", "one")
    assert found == started
    processes.stop(tmp_path / "run", [found])
    assert processes.running(tmp_path / "run", "one") is None
    assert processes.born(started.pid) is None
    assert list((tmp_path / "run").iterdir()) == []


def test_pid_that_now_belongs_to_another_process_is_not_ours(tmp_path: Path) -> None:
    started = start(tmp_path)
    record = tmp_path / "run/one.json"
    try:
        # as after a restart of the machine: our own pid stands for the other process
        record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": os.getpid()}))
        assert processes.running(tmp_path / "run", "one") is None
    finally:
        processes.stop(tmp_path / "run", [started])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_broken_record_counts_as_not_running(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.json").write_text(text)
    assert processes.running(tmp_path, "one") is None


def test_process_that_does_not_listen_is_ended_by_force(tmp_path: Path) -> None:
    started = start(tmp_path, STUBBORN)
    log = tmp_path / "logs/one.log"
    while "on" not in log.read_text():
        assert processes.born(started.pid)
    processes.stop(tmp_path / "run", [started], grace_seconds=0.2)
    assert processes.born(started.pid) is None


def test_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_BYTES", 3)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/one.log").write_text("long")
    processes.stop(tmp_path / "run", [start(tmp_path)])
    assert (tmp_path / "logs/one.log.1").read_text() == "long"


def test_busy_port_is_named_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LabError, match=f"^port {port}, which the lab's nova needs, is taken"):
            processes.check_ports({"nova": port})


@pytest.mark.parametrize("port", [0, 80, 65536])
def test_port_out_of_range_is_named(port: int) -> None:
    with pytest.raises(LabError, match=f"port {port} for keystone"):
        processes.check_ports({"keystone": port})
