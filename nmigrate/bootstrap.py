"""Make the project's own Python environment from a lock file, with nothing but the standard library.

`var/.venv` is made by `venv`; its pip installs the one tool uv, and uv the rest in seconds, all checked
against the hashes of the lock. If uv fails, pip does everything: it is slower, but knows each peculiarity of
a machine's configuration, and its own words are what we show. A mark, written last, says which lock the
environment holds: without it (an interrupted start) the environment is thrown away and made anew.
"""

import ast
import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
BASE_LOCK = ROOT / "requirements.lock"
DEV_LOCK = ROOT / "requirements-dev.lock"
MARK = "nmigrate-lock"
PIP_CONFIG = "nmigrate-pip-config"  # what pip said of its configuration when the environment was made

# pip's setting -> uv's variable, and what joins several values there.
PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
}

Say = Callable[[str], None]


class BootstrapError(SystemExit):
    """The environment cannot be made. A SystemExit: Python prints the sentence and no traceback."""


def var_dir() -> Path:
    """The one folder that the project writes to; settings.py reads the same variable."""
    return Path(os.environ.get("NMIGRATE_VAR_DIR", "").strip() or ROOT / "var").absolute()


def venv_dir() -> Path:
    return var_dir() / ".venv"


def venv_python() -> Path:
    return venv_dir() / "bin" / "python"


def is_own_python() -> bool:
    """Does this very process run in var/.venv?"""
    return Path(sys.prefix).resolve() == venv_dir().resolve()


def digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def is_made(lock: Path) -> bool:
    """Is var/.venv whole, with this lock in it? (The tests' lock holds everything of the other one too.)"""
    try:
        held = (venv_dir() / MARK).read_text().split()
    except OSError:
        return False
    wanted = {digest(candidate) for candidate in (lock, DEV_LOCK) if candidate.exists()}
    # The link dangles or the packages are not found when the system's Python was replaced by a newer one.
    return len(held) == 2 and held[0] in wanted and python_version() == held[1]


def python_version() -> str:
    """The version of var/.venv's Python as 3.11, or an empty text if it does not start."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run(
            [venv_python(), "-I", "-S", "-c", ask], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def ensure(lock: Path, say: Say) -> bool:
    """Make var/.venv, or complete it, so that it holds `lock`. True if anything was done.

    Raises BootstrapError with one sentence. Two at once wait for each other; an interrupted one is repaired.
    """
    if is_made(lock):
        return False
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise BootstrapError(
                f"This Python ({sys.executable}) has no {module} module, which makes the environment; "
                "on Debian and Ubuntu: apt install python3-venv."
            )
    try:
        with only_one(say) as lock_fd, ended_by_sigterm():
            if is_made(lock):  # the other start that we waited for has made it
                return False
            make(lock, say, lock_fd)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BootstrapError(disk_full()) from None
        raise BootstrapError(f"Cannot write {error.filename or venv_dir()}: {error.strerror}.") from None
    except KeyboardInterrupt:
        raise BootstrapError("Interrupted; the next start makes the environment anew.") from None
    return True


def make(lock: Path, say: Say, lock_fd: int) -> None:
    mark = venv_dir() / MARK
    if mark.exists() and python_version():
        # Another lock is in there, whole. Adding to it leaves a running program's modules where they are;
        # packages that the new lock does not name any more stay, unused.
        mark.unlink()
    else:
        if venv_dir().exists():
            shutil.rmtree(venv_dir())
        started = time.monotonic()
        base_python = getattr(sys, "_base_executable", None) or sys.executable
        # No output on success. Debian's venv explains on stdout why it failed.
        run([base_python, "-m", "venv", str(venv_dir())], lock_fd, "The environment could not be made")
        say(f"environment {short(venv_dir())} made in {time.monotonic() - started:.1f} s")
    started = time.monotonic()
    install(lock, lock_fd)
    temporary = mark.with_suffix(".new")
    temporary.write_text(f"{digest(lock)} {python_version()}\n")
    temporary.replace(mark)
    say(f"packages of {lock.name} installed in {time.monotonic() - started:.1f} s")


def install(lock: Path, lock_fd: int) -> None:
    """Install the lock with uv, or with pip where uv cannot. Every file is checked against its hash."""
    python = str(venv_python())
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    only_uv = venv_dir() / "uv.txt"
    only_uv.write_text(pinned(lock, "uv"))
    run(
        [*pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(only_uv)],
        lock_fd,
        "The packages could not be installed",
    )
    pip_config = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    (venv_dir() / PIP_CONFIG).write_text(pip_config)
    uv = [str(venv_dir() / "bin" / "uv"), "pip", "install", "--quiet", "--compile-bytecode"]
    attempt = subprocess.run(
        [*uv, "--python", python, "--require-hashes", "-r", str(lock)],
        env=os.environ | uv_environment(pip_config, os.environ),
        capture_output=True,
        text=True,
        check=False,
        pass_fds=(lock_fd,),
        cwd=ROOT,
    )
    if attempt.returncode:
        if "No space left" in attempt.stderr:
            raise BootstrapError(disk_full())
        run(
            [*pip, "install", "--quiet", "--require-hashes", "-r", str(lock)],
            lock_fd,
            "The packages could not be installed",
        )


def uv_environment(pip_config: str, environ: Mapping[str, str]) -> dict[str, str]:
    """uv's variables for what `pip config list` says; uv does not read pip's configuration by itself.

    A line of `pip config list` is `global.index-url='https://...'`, `install.…` or `:env:.…`, the later
    stronger in that order. What the person has set for uv stays. The machine's certificates are trusted, as
    pip with a `cert` would; the packages are checked against hashes in any case, so that several indexes
    may be asked in any order (unsafe-best-match).
    """
    found: dict[str, str] = {}
    order = {"global": 0, "install": 1, ":env:": 2}
    lines = [
        re.fullmatch(r"(global|install|:env:)\.([a-z-]+)=(.*)", line) for line in pip_config.splitlines()
    ]
    for match in sorted((match for match in lines if match), key=lambda match: order[match[1]]):
        if match[2] not in PIP_TO_UV:
            continue
        variable, joint = PIP_TO_UV[match[2]]
        with contextlib.suppress(ValueError, SyntaxError):
            found[variable] = joint.join(str(ast.literal_eval(match[3])).split())
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    # The newer and the older name of the same setting.
    found |= {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}
    if {"UV_SYSTEM_CERTS", "UV_NATIVE_TLS"} & set(environ):
        del found["UV_SYSTEM_CERTS"], found["UV_NATIVE_TLS"]
    return {name: value for name, value in found.items() if value and name not in environ}


def configure_uv() -> None:
    """Let later calls of uv, such as the lab's, use the machine's configuration of pip."""
    with contextlib.suppress(OSError):
        pip_config = (venv_dir() / PIP_CONFIG).read_text()
        os.environ.update(uv_environment(pip_config, os.environ))


def pinned(lock: Path, package: str) -> str:
    """The lines of one package in a lock file: its pin and its hashes."""
    match = re.search(rf"^{re.escape(package)}==.*(?:\n    --hash=.*)+", lock.read_text(), re.MULTILINE)
    if not match:
        raise BootstrapError(f"{lock.name} does not pin {package}.")
    return match[0] + "\n"


def run(command: list[str], lock_fd: int, problem: str) -> None:
    """Run a step; if it fails, end with one sentence and the program's own last words below it.

    The child holds the lock's descriptor: a start after `kill -9` of this one waits for the child's end.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False, pass_fds=(lock_fd,), cwd=ROOT)
    if done.returncode:
        fail(problem, done.stdout + done.stderr)


def fail(problem: str, output: str) -> NoReturn:
    if "No space left on device" in output or "Disk quota exceeded" in output:
        raise BootstrapError(disk_full())
    if "apt" in output and "python3" in output and "-venv" in output:
        raise BootstrapError(
            f"This Python ({sys.executable}) cannot make environments; on Debian and Ubuntu: "
            "apt install python3-venv."
        )
    words = "\n".join("  " + line for line in output.strip().splitlines()[-12:])
    raise BootstrapError(f"{problem}; the installer's own words:\n{words}")


def disk_full() -> str:
    return f"The disk is full: {venv_dir()} needs about 500 MB, and so does the lab beside it."


@contextlib.contextmanager
def only_one(say: Say) -> Iterator[int]:
    """Hold the lock that keeps two starts from making the same environment; gives its descriptor."""
    var_dir().mkdir(parents=True, exist_ok=True)
    with (var_dir() / ".venv.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is making the environment; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a step's child as Ctrl-C does, instead of leaving it behind."""

    def end(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
