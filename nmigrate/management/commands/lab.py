"""manage.py lab: the lab's OpenStack alone, without the application."""

import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from nmigrate.lab import Lab, LabError, bulk


class Command(BaseCommand):
    """`lab up` and what goes with it; every failure is one sentence."""

    help = "A real OpenStack on this machine, with a simulated hypervisor."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        about = {
            "up": "install it if needed, start it, and boot the story's instances",
            "down": "stop it; its state is kept",
            "status": "each service: its port, its process, whether it answers",
            "env": 'lines for the shell: eval "$(python3 manage.py lab env)"; then: openstack server list',
            "wipe": "stop it and remove its state",
            "fill": "add N instances within seconds, by copying records",
            "clear": "remove what fill has added",
        }
        for name, text in about.items():
            action = actions.add_parser(name, help=text, description=text)
            action.add_argument("--port", type=int, default=15000, help="first port of seven (15000)")
            action.add_argument(
                "--root", type=Path, default=settings.NMIGRATE_VAR_DIR / "lab", help="its folder"
            )
            if name == "up":
                action.add_argument("--bare", action="store_true", help="without the story's instances")
            if name == "fill":
                action.add_argument("n", type=int, metavar="N")

    def handle(self, *args: Any, **options: Any) -> None:
        lab = Lab(options["root"], options["port"], settings.NMIGRATE_VAR_DIR / ".venv-lab")
        try:
            getattr(self, options["action"])(lab, **options)
        except LabError as error:
            raise CommandError(str(error)) from None

    def say(self, line: str) -> None:
        """Progress goes to the error stream, so that `env` can be read by a shell."""
        self.stderr.write(line, style_func=str)

    def up(self, lab: Lab, bare: bool, **options: Any) -> None:
        lab.install(self.say)
        lab.up(self.say)
        if not bare:
            lab.seed_story(self.say)
        self.stdout.write(
            f"the lab is up: OS_CLIENT_CONFIG_FILE={shlex.quote(str(lab.clouds_yaml))} OS_CLOUD=lab"
        )

    def down(self, lab: Lab, **options: Any) -> None:
        lab.down()
        self.stdout.write("the lab is down")

    def wipe(self, lab: Lab, **options: Any) -> None:
        lab.wipe()
        self.stdout.write("the lab is down and its state is removed")

    def status(self, lab: Lab, **options: Any) -> None:
        for row in lab.status():
            process = f"pid {row['pid']}" if row["pid"] else "not running"
            answers = "answers" if row["answers"] else "does not answer"
            self.stdout.write(f"{row['name']:<10} port {row['port']:<6} {process:<14} {answers}")

    def env(self, lab: Lab, **options: Any) -> None:
        for name, value in lab.env().items():
            self.stdout.write(f"export {name}={shlex.quote(value)}")
        self.stdout.write(f'export PATH={shlex.quote(str(lab.venv / "bin"))}:"$PATH"')

    def fill(self, lab: Lab, n: int, **options: Any) -> None:
        self.stdout.write(f"{bulk.clone(lab, n)} instances added")

    def clear(self, lab: Lab, **options: Any) -> None:
        self.stdout.write(f"{bulk.clear(lab)} instances removed")
