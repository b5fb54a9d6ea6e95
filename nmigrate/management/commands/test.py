"""`manage.py test`: everything that this machine can run, by pytest.

Without arguments in three parts side by side: what needs the lab in two, each with a lab of its own, and all others.
"""

import os
import subprocess
import sys
import tempfile
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

APART = ("tests/contract", "tests/lab", "tests/story")
"""The second part of what needs the lab; it takes about as long as the first."""


class Command(BaseCommand):
    help = "Runs the tests; what cannot run here is named in the last lines. More arguments go to pytest."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--fast", action="store_true", help="only what needs neither the lab nor a browser nor downloads"
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Pass on what is not ours: Django would refuse pytest's arguments."""
        if "--help" in argv or "-h" in argv:
            super().run_from_argv(argv)
            return
        given = argv[2:]
        fast = "--fast" in given
        pytest_arguments = [argument for argument in given if argument != "--fast"]
        if fast:
            pytest_arguments = ["-m", "not lab and not browser and not installs", *pytest_arguments]
        sys.exit(self.handle(pytest_arguments))

    def handle(self, *args: Any, **options: Any) -> Any:
        """pytest's exit status; of several, the worst."""
        if args and args[0]:
            return end_of(started(args[0]))
        with tempfile.TemporaryFile() as of_second, tempfile.TemporaryFile() as of_others:
            beside = [
                (started(["-m", "lab", *APART], of_second, lab="second"), of_second),
                (started(["-m", "not lab"], of_others), of_others),
            ]
            ends = [end_of(started(["-m", "lab", *(f"--ignore={folder}" for folder in APART)]))]
            if any(process.poll() is None for process, _ in beside):
                self.stdout.write("The others go on; they are shown when they have ended.")
            for process, lines in beside:
                ends.append(end_of(process))
                lines.seek(0)
                self.stdout.write(lines.read().decode(errors="replace"))
        return max(abs(end) for end in ends)  # below zero: the signal that ended it


def started(
    arguments: list[str], lines: IO[bytes] | None = None, *, lab: str = ""
) -> subprocess.Popen[bytes]:
    """pytest, a program of its own: its settings must not be those that are loaded here. With `lines` it writes there.
    `lab` names a lab of its own; what has `lines` and no lab gives way to what runs beside it."""
    command = [sys.executable, "-m", "pytest", *arguments]
    if lines is not None and not lab:
        command = ["nice", "-n", "5", *command]
    # With it each process that the tests start would compile every module anew: twice the time.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # pyproject.toml names the tests'
    if lab:
        environment["NMIGRATE_TEST_LAB"] = lab
    return subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=lines, stderr=lines and subprocess.STDOUT
    )


def end_of(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # pytest has had the Ctrl-C too, and is tidying up
