"""The lab's databases: made from nothing by OpenStack's own commands, or copied from a template.

The template is what the first start on this machine has made, put aside in the environment's folder. It is
good for the packages and the code that it was made with, and for no others.
"""

import base64
import contextlib
import hashlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nmigrate.lab import configuration, install
from nmigrate.lab.errors import LabError

HERE = Path(__file__).parent
FOLDERS = ("db", "nova", "cinder", "neutron", "locks", "glance/images", "glance/staging", "glance/tasks")
KEYS = ("fernet", "credential")
SEEDED = "seeded"
COMMAND_SECONDS = 600


@contextlib.contextmanager
def connect(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that commits at the end of its block, and closes."""
    with contextlib.closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        yield connection


def template(venv: Path) -> Path:
    """Where the template of these packages and this code lies, or would lie."""
    made_by = (
        install.LOCK,
        *(HERE / name for name in ("configuration.py", "databases.py", "base.py", "hosts.py")),
    )
    text = b"".join(path.read_bytes() for path in made_by)
    return venv / "nmigrate-lab-template" / hashlib.sha256(text).hexdigest()[:16]


def make(state: Path, venv: Path, env: dict[str, str], log: Path) -> bool:
    """Make the state folder, whole or not at all. True when it came from a template and so is seeded."""
    draft = state.with_name(state.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    source = template(venv)
    from_template = source.is_dir()
    if from_template:
        shutil.copytree(source, draft)
    for folder in FOLDERS:
        (draft / folder).mkdir(parents=True, exist_ok=True)
    for folder in KEYS:
        make_keys(draft / folder)
    # nova-compute takes a host without this file, but with records, for a host that was set up wrongly
    (draft / "nova/compute_id").write_text("1d9e1f1a-6f0b-4c4e-9a52-0f2f3a1c7b10\n")
    if not from_template:
        create_all(draft, venv, env, log)
    for path in draft.glob("db/*.sqlite"):
        with connect(path) as database:
            database.execute("PRAGMA journal_mode=WAL")
    draft.rename(state)
    return from_template


def commands(venv: Path) -> list[list[list[str]]]:
    """What makes the databases: chains of commands; the chains do not depend on each other."""
    python = str(install.python(venv))

    def manage(module: str, config: str, *arguments: str) -> list[str]:
        code = f"import sys; from {module} import main; sys.exit(main())"
        return [python, "-c", code, "--config-file", str(configuration.FOLDER / config), *arguments]

    def keystone(*arguments: str) -> list[str]:
        return manage("keystone.cmd.manage", "keystone/keystone.conf", *arguments)

    def nova(*arguments: str) -> list[str]:
        return manage("nova.cmd.manage", "nova/nova.conf", *arguments)

    cell0 = configuration.database("nova_cell0")
    admin = ["--bootstrap-password", configuration.PASSWORD, "--bootstrap-region-id", configuration.REGION]
    for interface in ("admin", "internal", "public"):
        # only so that the rows are there: the lab writes its own addresses at each start
        admin += [f"--bootstrap-{interface}-url", "http://127.0.0.1/v3"]
    return [
        [
            nova("api_db", "sync"),
            nova("cell_v2", "map_cell0", "--database_connection", cell0),
            nova("db", "sync"),
            nova("cell_v2", "create_cell", "--name", "cell1"),
        ],
        [keystone("db_sync"), keystone("bootstrap", *admin)],
        [
            manage("placement.cmd.manage", "placement/placement.conf", "db", "sync"),
            manage("glance.cmd.manage", "glance/glance-api.conf", "db_sync"),
            manage("cinder.cmd.manage", "cinder/cinder.conf", "db", "sync"),
            [python, str(HERE / "services/neutron_schema.py"), configuration.database("neutron")],
        ],
    ]


def create_all(draft: Path, venv: Path, env: dict[str, str], log: Path) -> None:
    """Run the chains side by side; raises LabError with the end of what the first failing command said."""
    chains = [list(chain) for chain in commands(venv)]
    current: dict[int, subprocess.Popen[bytes]] = {}
    log.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + COMMAND_SECONDS
    try:
        while any(chains) or current:
            for number, chain in enumerate(chains):
                if number not in current and chain:
                    with log.open("ab") as output:
                        current[number] = subprocess.Popen(
                            chain.pop(0), cwd=draft, env=env, stdout=output, stderr=subprocess.STDOUT
                        )
            time.sleep(0.05)
            for number, command in list(current.items()):
                code = command.poll()
                if code:
                    raise LabError(f"the lab's databases could not be made: {last_words(log)} (see {log})")
                if code == 0:
                    del current[number]
            if time.monotonic() > end:
                raise LabError(f"the lab's databases were not made within {COMMAND_SECONDS} s (see {log})")
    finally:
        for command in current.values():
            command.kill()
            command.wait()


def last_words(log: Path) -> str:
    """The last line of a log that says something."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no word of why"


def make_keys(folder: Path) -> None:
    """The two Fernet keys that Keystone would make in its set-up."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("0", "1"):
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(os.urandom(32)))


def save_template(state: Path, venv: Path) -> None:
    """Put the databases and images of a freshly seeded lab aside while it runs; another may do the same."""
    target = template(venv)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        draft = Path(name) / "template"
        (draft / "db").mkdir(parents=True)
        for path in sorted(state.glob("db/*.sqlite")):
            with connect(path) as source, connect(draft / "db" / path.name) as copy:
                source.backup(copy)
        shutil.copytree(state / "glance/images", draft / "glance/images")
        (draft / SEEDED).touch()
        for old in target.parent.iterdir():
            if old != Path(name) and old != target and not old.name.startswith("tmp"):
                shutil.rmtree(old, ignore_errors=True)
        if not target.exists():
            draft.rename(target)


def write_endpoints(state: Path, port: int) -> None:
    """Let Keystone's catalog say where the services listen this time. Keystone must not run."""
    with connect(state / "db/keystone.sqlite") as database:
        for service, (kind, path) in configuration.ENDPOINTS.items():
            database.execute(
                "UPDATE endpoint SET url = ? WHERE service_id IN (SELECT id FROM service WHERE type = ?)",
                (configuration.url(service, port) + path, kind),
            )
