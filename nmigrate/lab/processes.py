"""The services of the lab as processes: started, recognised as ours by a later run, and stopped."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nmigrate.lab.errors import LabError

LOG_BYTES = 10_000_000  # a log that has grown past this is put aside at the next start


@dataclass(frozen=True)
class Process:
    """A running service, as recorded beside the lab: the pid alone could be another's after a restart."""

    name: str
    pid: int
    born: str  # when the process began, as the system tells it
    port: int
    mark: str  # stands for the configuration and the code that it was started with


def born(pid: int) -> str | None:
    """When the process began, in whatever words the system has for it; None when it is gone or a zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # our own child would stay a zombie for ever
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        except OSError:
            return None
        # os._exit ends the first thread first: the ports are held until the last one has gone
        return None if fields[0] in "ZX" and threads <= 1 else fields[19]
    answer = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or None


def record_path(folder: Path, name: str) -> Path:
    """Where the record of a service lies."""
    return folder / f"{name}.json"


def start(
    name: str,
    command: Sequence[str],
    *,
    folder: Path,
    cwd: Path,
    env: Mapping[str, str],
    port: int,
    mark: str,
) -> Process:
    """Start a service in a session of its own, so that a Ctrl-C in the terminal is not sent to it as well."""
    log = folder.parent / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = Process(name, child.pid, born(child.pid) or "", port, mark)
    record_path(folder, name).write_text(json.dumps(asdict(process)))
    child.returncode = 0  # born() reaps it; Popen's own farewell would warn of a child still running
    return process


def running(folder: Path, name: str) -> Process | None:
    """The recorded service if it still runs and is the one that was recorded."""
    try:
        process = Process(**json.loads(record_path(folder, name).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return process if process.born and born(process.pid) == process.born else None


def stop(folder: Path, processes: Iterable[Process], grace_seconds: float = 1.5) -> None:
    """Ask all to end, wait for them together, and end by force those that do not."""
    left = list(processes)
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, sign)
        end = time.monotonic() + grace_seconds
        while left and time.monotonic() < end:
            left = [process for process in left if born(process.pid) == process.born]
            time.sleep(0.02)
        if not left:
            break
    for path in folder.glob("*.json"):
        if running(folder, path.stem) is None:
            path.unlink(missing_ok=True)


def check_ports(ports: Mapping[str, int]) -> None:
    """Raise LabError naming the port when one is taken or impossible; ports by the service that wants it."""
    for name, port in sorted(ports.items(), key=lambda item: item[1]):
        if not 1024 <= port <= 65535:
            raise LabError(f"port {port} for {name} is not between 1024 and 65535: choose another port")
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # as the servers do: a port that only lingers after a close is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise LabError(
                    f"port {port}, which the lab's {name} needs, is taken by another program: "
                    f"stop that one or choose another port"
                ) from None
