"""`manage.py test`: everything that this machine can run, by pytest."""

import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser


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
        """pytest's exit status. A program of its own: its settings must not be those that are loaded here."""
        command = [sys.executable, "-m", "pytest", *(args[0] if args else [])]
        # With it each process that the tests start would compile every module anew: twice the time.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment.pop("DJANGO_SETTINGS_MODULE", None)  # pyproject.toml names the tests'
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # pytest has had the Ctrl-C too, and is tidying up
