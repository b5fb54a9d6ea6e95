#!/usr/bin/env python3
"""The project's one command: `python3 manage.py demo|up|test|lab|help`.

This file must be readable by an old Python 3 too, so that it can say that it is too old.
"""

import importlib.util
import os
import sys
import time

# These always run in the project's own environment, made from a lock file: they must work on a fresh clone.
OWN_ENVIRONMENT = {"demo", "lab", "test"}
# These serve no pages, so that they need no secret.
WITHOUT_SECRET = {"lab", "help", "--help", "-h", "version", "--version"}


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def enter_own_environment(command: str) -> None:
    """Make var/.venv if needed, and go on in it. Returns only when this process runs in it already."""
    from nmigrate import bootstrap

    started = time.time()
    lock = bootstrap.DEV_LOCK if command == "test" else bootstrap.BASE_LOCK
    made = bootstrap.ensure(lock, say)
    if made or not bootstrap.is_own_python():
        # So that the demo's total counts from here.
        os.environ["NMIGRATE_STARTED_AT"] = str(started)
        python = str(bootstrap.venv_python())
        os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])
    bootstrap.configure_uv()


def main() -> None:
    """Find or make the environment, then let Django run the command."""
    if sys.version_info < (3, 11):
        sys.exit("nmigrate needs Python 3.11 or newer; this is Python {}.{}.".format(*sys.version_info))
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command in OWN_ENVIRONMENT or importlib.util.find_spec("django") is None:
        enter_own_environment(command)
    settings = "nmigrate.settings"
    if command == "test":
        settings = "tests.settings"
    elif command == "demo":
        from nmigrate import demo

        demo.enter()
    elif command in WITHOUT_SECRET:
        os.environ.setdefault("NMIGRATE_DEBUG", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", settings)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
