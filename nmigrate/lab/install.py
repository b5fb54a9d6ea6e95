"""The lab's own virtual environment, made from its lock file with hashes."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from nmigrate.lab.alone import alone
from nmigrate.lab.errors import LabError

LOCK = Path(__file__).with_name("requirements.lock")
MARK = "nmigrate-lab.mark"
Say = Callable[[str], None]


def mark() -> str:
    """Stands for the packages of the lock and the Python that they were installed for."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(LOCK.read_bytes() + version.encode()).hexdigest()


def python(venv: Path) -> Path:
    """The interpreter of the environment."""
    return venv / "bin" / "python"


def is_installed(venv: Path) -> bool:
    """Whether the environment holds what the lock says."""
    try:
        return (venv / MARK).read_text() == mark() and python(venv).exists()
    except OSError:
        return False


def install(venv: Path, say: Say) -> None:
    """Make the environment unless it is there: with uv when there is one, else with pip.

    Raises LabError with the last words of the installer. A part of an environment is never taken for a whole
    one: the mark is written last.
    """
    if is_installed(venv):
        return
    with alone(venv.with_name(f"{venv.name}.lock")):
        if not is_installed(venv):
            make(venv, say)


def make(venv: Path, say: Say) -> None:
    """Make the environment anew."""
    if venv.exists() and not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
        raise LabError(f"{venv} is not a virtual environment: the lab would have to replace it")
    shutil.rmtree(venv, ignore_errors=True)
    uv = find_uv()
    say(
        "installing OpenStack from PyPI into an environment of its own"
        + ("" if uv else " (pip, some minutes)")
    )
    # without pip 0.1 s instead of 4
    run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(venv)])
    arguments = ["install", "--quiet", "--require-hashes", "-r", str(LOCK)]
    if uv:
        run([*uv, "pip", *arguments, "--python", str(python(venv))])
    else:
        run([str(python(venv)), "-m", "pip", "--disable-pip-version-check", *arguments])
    (venv / MARK).write_text(mark())


def find_uv() -> list[str] | None:
    """The command of uv: of this environment, else any on the PATH, else None."""
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    return [found] if found else None


def run(command: list[str]) -> None:
    """Run an installer's command; raises LabError with the end of what it said."""
    # uv brings certificates of its own; where a company's proxy signs, only the system's know it
    env = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true", **os.environ}
    env.pop("VIRTUAL_ENV", None)
    done = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        words = " ".join(done.stdout.decode(errors="replace").split())[-600:]
        raise LabError(f"the lab's packages could not be installed: {words}")
