"""The demo's own state and settings, and its OpenStack: standard library only, so that it starts at once.

`manage.py demo` calls enter() before Django reads the settings, and runs this file as a program for the lab:
that way the installation and the services start beside Django's own preparations, and a stop can end them.
"""

import argparse
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

from nmigrate.bootstrap import var_dir

# Account -> role; "" is Django's superuser.
ACCOUNTS = {
    "helpdesk": "helpdesk",
    "manager": "manager",
    "manager2": "manager",
    "auditor": "auditor",
    "operator": "operator",
    "admin": "",
}
# What a person may still set for the demo; everything else is the demo's own.
KEPT = {
    f"NMIGRATE_{name}"
    for name in ("VAR_DIR", "LOG_LEVEL", "LOG_JSON", "TIME_ZONE", "MAX_MICROVERSION", "STARTED_AT")
}
# Without 0, o, 1, l, i: a password is read from a terminal and typed into a browser.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def folder() -> Path:
    return var_dir() / "demo"


def lab_root() -> Path:
    return var_dir() / "lab"


def enter() -> None:
    """Put the demo's settings into the environment, for this process and those that it starts."""
    for name in [name for name in os.environ if name.startswith("NMIGRATE_") and name not in KEPT]:
        del os.environ[name]
    os.environ.update(
        NMIGRATE_SECRET_KEY=secret_key(),
        NMIGRATE_INSECURE_HTTP="1",
        NMIGRATE_DATABASE_URL=f"sqlite:///{folder()}/db.sqlite3",
        NMIGRATE_CLOUDS="lab",
        OS_CLIENT_CONFIG_FILE=str(lab_root() / "clouds.yaml"),
    )
    # A variable such as OS_AUTH_URL would be merged into the lab's entry of clouds.yaml.
    for name in [name for name in os.environ if name.startswith("OS_") and name != "OS_CLIENT_CONFIG_FILE"]:
        del os.environ[name]
    # With it each process compiles every module anew, which doubles the time of a start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def secret_key() -> str:
    """Made once, so that a second start keeps the sessions and can read the task queue."""
    path = folder() / "secret-key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(50))
    return path.read_text().strip()


def passwords() -> dict[str, str]:
    """Each account's password, made once and kept beside the database that holds its hash."""
    path = folder() / "accounts.json"
    if not path.exists():
        made = {name: "-".join(word(4) for _ in range(2)) for name in ACCOUNTS}
        write_private(path, json.dumps(made, indent=1))
    found: dict[str, str] = json.loads(path.read_text())
    return found


def word(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)


def lab_program(port: int) -> list[str]:
    """The command that installs and starts the lab and seeds its story; it ends when all that is done."""
    return [sys.executable, "-m", "nmigrate.demo", str(lab_root()), str(port), str(var_dir() / ".venv-lab")]


def main() -> int:
    """Install, start and seed the lab, one line for each thing done. 1, and a sentence, if that cannot be."""
    from nmigrate.lab import Lab, LabError

    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("venv", type=Path)
    given = parser.parse_args()
    lab = Lab(root=given.root, port=given.port, venv=given.venv)

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - this program's output, read by the command

    def end(*_: object) -> NoReturn:
        raise SystemExit(143)

    signal.signal(signal.SIGTERM, end)
    try:
        for name, step in (("packages", lab.install), ("services", lab.up), ("story", lab.seed_story)):
            started = time.monotonic()
            step(say)
            say(f"{name} ready in {time.monotonic() - started:.1f} s")
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception as error:  # a half-made lab can fail in any way; a traceback would help nobody here
        sys.stderr.write(
            f"The lab could not be set up: {type(error).__name__}: {error}. "
            f"Its logs are in {lab.root}/logs; `manage.py demo --reset` starts over.\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
