"""`manage.py demo`: a real OpenStack with a simulated hypervisor, and nmigrate on it, from a fresh clone."""

import contextlib
import datetime
import fcntl
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from nmigrate import demo, prepare
from nmigrate.lab import Lab, LabError
from nmigrate.lab.processes import check_ports
from nmigrate.supervise import Supervisor, die_with_parent, programs

READY_LIMIT = 120  # s, from the lab's start to the first whole picture of it


class Stopped(Exception):
    """Ctrl-C or SIGTERM before everything ran."""


class Command(BaseCommand):
    help = "Starts an OpenStack with a simulated hypervisor and nmigrate on it; Ctrl-C stops everything."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the web pages, on 127.0.0.1 (8000)")
        parser.add_argument(
            "--lab-port", type=int, default=15000, help="first port of the lab's block (15000)"
        )
        parser.add_argument("--reset", action="store_true", help="throw the demo's state away and begin anew")

    def handle(self, *args: Any, **options: Any) -> None:
        # The environment may have been made in an earlier process: the total counts from there.
        self.started = float(os.environ.pop("NMIGRATE_STARTED_AT", time.time()))
        self.lines = threading.Lock()
        bind = ("127.0.0.1", options["port"])
        if not 1 <= options["port"] <= 65535:
            raise CommandError("--port must be from 1 to 65535.")
        prepare.check_address(bind, "choose another with --port")
        lab = Lab(root=demo.lab_root(), port=options["lab_port"], venv=demo.lab_root().parent / ".venv-lab")
        with only_one(), stopped_by_signals():
            self.check_lab_ports(lab)
            try:
                if options["reset"]:
                    self.step("earlier state thrown away", lambda: self.reset(lab))
                self.run_all(lab, bind)
            except (Stopped, KeyboardInterrupt):
                pass
            except LabError as error:
                raise CommandError(str(error)) from None
            finally:
                # A second Ctrl-C must not leave the lab's services behind.
                for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(signum, signal.SIG_IGN)
                self.step("stopped", lab.down)

    def run_all(self, lab: Lab, bind: tuple[str, int]) -> None:
        began = timezone.now()
        self.say("starting OpenStack beside the application; the first time its packages are installed")
        with self.lab_started(lab) as lab_process:
            self.step("database ready", prepare.database)
            self.step("accounts ready", self.make_accounts)
            self.step("static files ready", prepare.static_files)
            web, worker, follower = programs(bind)
            with Supervisor(
                [web, worker],
                heartbeat_limit=settings.NMIGRATE_HEARTBEAT_LIMIT,
                grace=10,
                log_dir=demo.folder() / "logs",
            ) as supervisor:
                if not supervisor.run(until=lambda: lab_process.poll() is not None):
                    return
                if lab_process.returncode:
                    words = lab_process.stderr.read().decode(errors="replace") if lab_process.stderr else ""
                    raise LabError(words.strip() or "The lab could not be started.")
                # Not before: its first picture should show the whole story.
                supervisor.add(follower)
                give_up = time.monotonic() + READY_LIMIT
                if not supervisor.run(
                    until=lambda: self.is_usable(bind, began) or time.monotonic() > give_up
                ):
                    return
                if time.monotonic() > give_up:
                    raise CommandError(
                        f"The application did not become usable; its words are in {demo.folder()}/logs."
                    )
                self.welcome(bind)
                supervisor.run()
                self.say("stopping")

    # ------------------------------------------------------------------------------------------------- steps

    @contextlib.contextmanager
    def lab_started(self, lab: Lab) -> Iterator[subprocess.Popen[bytes]]:
        """The program that installs, starts and seeds the lab beside us; it ends when we leave."""
        process = subprocess.Popen(
            demo.lab_program(lab.port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=settings.BASE_DIR,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        threading.Thread(target=self.pass_on, args=(process.stdout,), daemon=True).start()
        try:
            yield process
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait()

    def pass_on(self, output: IO[bytes]) -> None:
        for line in output:
            self.say("OpenStack: " + line.decode(errors="replace").rstrip())

    def check_lab_ports(self, lab: Lab) -> None:
        """Before anything is started or thrown away. What the lab of an earlier run holds is its own."""
        wanted = {row["name"]: row["port"] for row in lab.status() if row["pid"] is None}
        try:
            check_ports(wanted)
        except LabError as error:
            raise CommandError(f"{error}.") from None

    def reset(self, lab: Lab) -> None:
        lab.wipe()
        secret = demo.secret_key()
        shutil.rmtree(demo.folder(), ignore_errors=True)
        # The settings of this run hold it already.
        demo.write_private(demo.folder() / "secret-key", secret)

    def make_accounts(self) -> None:
        """The demo's people. Passwords are hashed only when they are new: six hashes would take a second."""
        from django.contrib.auth.models import Group, User

        is_new = not (demo.folder() / "accounts.json").exists()
        passwords = demo.passwords()
        for name, role in demo.ACCOUNTS.items():
            user, was_made = User.objects.get_or_create(
                username=name, defaults={"is_staff": not role, "is_superuser": not role}
            )
            if was_made or is_new:
                user.set_password(passwords[name])
                user.save()
            if role:
                user.groups.add(Group.objects.get(name=role))

    def is_usable(self, bind: tuple[str, int], began: datetime.datetime) -> bool:
        """Do the pages answer, and do they show what the cloud holds now?"""
        from nmigrate.models import Cloud

        return Cloud.objects.filter(synced_at__gte=began).exists() and prepare.web_answers(bind)

    # ------------------------------------------------------------------------------------------------- words

    def say(self, line: str) -> None:
        with self.lines:
            self.stdout.write(f"[{time.time() - self.started:5.1f} s] {line}")
            self.stdout.flush()

    def step(self, name: str, act: Callable[[], object]) -> None:
        started = time.monotonic()
        act()
        self.say(f"{name} ({time.monotonic() - started:.1f} s)")

    def welcome(self, bind: tuple[str, int]) -> None:
        url = "http://{}:{}/".format(*bind)
        self.say("all is usable; Ctrl-C stops everything")
        lines = [f"ready: {url} with these accounts, for this demo only:"]
        for name, password in demo.passwords().items():
            what = f"Django's admin at {url}admin/" if name == "admin" else f"role {demo.ACCOUNTS[name]}"
            lines.append(f"  {name:10} {password:12} {what}")
        with self.lines:
            self.stdout.write("\n".join(lines))
            self.stdout.flush()


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Two demos on the same state would stop each other's OpenStack. The kernel gives the lock back, come what may."""
    # Beside the folder, which --reset removes.
    with demo.folder().with_name("demo.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError("The demo runs already with this state; stop that one first.") from None
        yield


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Until the supervisor takes over, SIGTERM and SIGHUP stop what runs as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise Stopped

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)
    yield
