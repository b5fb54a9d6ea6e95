"""A real OpenStack on this machine, with simulated hypervisors: started, asked, told what to do, stopped."""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nmigrate.lab import base, client, configuration, databases, install, processes, story
from nmigrate.lab.alone import alone
from nmigrate.lab.errors import LabError
from nmigrate.lab.hosts import DEFAULT_HOSTS

SERVICES_FOLDER = Path(__file__).parent / "services"
START_SECONDS = 180  # for all services to answer, on a slow machine
# what takes longest to load begins first
START_ORDER = ("keystone", "placement", "nova", "neutron", "cinder", "glance")
Say = Callable[[str], None]
# what the drivers read: see services/behaviour.py, which runs in the other environment
BEHAVIOUR = {
    "spawn_seconds",
    "snapshot_seconds",
    "live_migration_seconds",
    "pre_live_migration_seconds",
    "cold_migrate_seconds",
    "confirm_seconds",
    "revert_seconds",
    "volume_seconds",
    "fail",
    "post_copy",
    "dirty_memory",
    "wrong_host",
    "live_timeout_seconds",
    "shared_storage",
    "fail_volume",
}


class Lab:
    """One lab: everything that it writes is under `root`, except the environment of its packages.

    Several labs may share an environment, each with a root and a block of seven ports of its own.
    """

    def __init__(self, root: Path, port: int = 15000, venv: Path | None = None) -> None:
        self.root = Path(root).resolve()
        self.port = port
        self.venv = (Path(venv) if venv else self.root.parent / ".venv-lab").absolute()
        self.clouds_yaml = self.root / "clouds.yaml"
        self.behaviour_json = self.root / "behaviour.json"
        self.computes_json = self.root / "computes.json"
        self.state = self.root / "state"
        self._conf = self.root / "conf"
        self._run = self.root / "run"

    # -- to set up, start and stop

    def install(self, say: Say) -> None:
        """Install the lab's packages unless they are there. Raises LabError."""
        install.install(self.venv, say)

    def up(self, say: Say) -> None:
        """Start what does not run yet, and return when all answers and every compute is reported up.

        The first start makes the databases. Services that an earlier run has left are taken over if they
        answer and were started with this configuration, else replaced. Raises LabError, naming what is in the
        way.
        """
        with alone(self.root / "lock"):
            if not install.is_installed(self.venv):
                raise LabError("the lab's packages are not installed: run `manage.py lab up`")
            running = self._running()
            kept = self._usable(running)
            wanted = [name for name in START_ORDER if name not in kept]
            self._check_ports(wanted, running)
            processes.stop(self._run, [process for name, process in running.items() if name not in kept])
            self._write_configuration()
            if not self.state.exists():
                say("making the databases" + (" (once, about a minute)" if not self._has_template() else ""))
                log = self.root / "logs/databases.log"
                databases.make(self.state, self.venv, self._service_env(), log)
            if "keystone" in wanted:
                databases.write_endpoints(self.state, self.port)
            if wanted:
                say("starting " + ", ".join(wanted))
            for name in wanted:
                self._start(name)
            self._seed(say)
            self._wait_for(START_ORDER)
            self._wait_for_computes()

    def down(self) -> None:
        """Stop every service that was started from this root, by whichever run; returns when none is left."""
        processes.stop(self._run, self._running().values())

    def wipe(self) -> None:
        """Stop the lab and remove what it has written, except the environment."""
        self.down()
        for name in ("state", "state.new", "conf", "run", "logs"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        for path in (self.clouds_yaml, self.behaviour_json, self.computes_json, self.root / "lock"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.root.rmdir()

    def seed_story(self, say: Say) -> None:
        """Boot the instances of the story, once for each lab: see story.py."""
        marker = self.state / "story"
        if not marker.exists():
            story.seed(self.client, self.state, say)
            marker.touch()

    # -- to ask

    def status(self) -> list[dict[str, Any]]:
        """For each service its name, port, pid (None when it does not run) and whether it answers."""
        running = self._running()
        rows = []
        for name in START_ORDER:
            process = running.get(name)
            port = process.port if process else self.port + configuration.PORTS[name]
            answers = bool(process) and client.answers(name, port - configuration.PORTS[name])
            rows.append(
                {"name": name, "port": port, "pid": process.pid if process else None, "answers": answers}
            )
        return rows

    def env(self) -> dict[str, str]:
        """The variables with which `openstack` and openstacksdk find this lab."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml), "OS_CLOUD": "lab"}

    def client(self, project: str = "admin", user: str = "admin") -> client.Client:
        """A small client of the lab's services, for seeds and tests."""
        return client.Client(self.port, user, project)

    # -- to tell

    def behaviour(self, **changes: Any) -> None:
        """Tell the drivers how to behave from their next call on; None takes an earlier change back.

        Durations in seconds: spawn_seconds, snapshot_seconds, live_migration_seconds (8),
        cold_migrate_seconds (4), pre_live_migration_seconds, confirm_seconds, revert_seconds, volume_seconds.

        shared_storage=True: all hosts see all disks. post_copy=True: a live migration goes post-copy half-way.
        dirty_memory=True: a guest changes its memory as fast as it is copied, so that its live migration does not
        end by itself; it is given up after live_timeout_seconds. wrong_host=True: a live migration stays where it
        was, and its record says completed.

        fail={"compute3": ["finish_migration"]} or {"compute3": {"finish_migration": "the sentence"}} names
        steps of the virt driver: spawn, destroy, power_on, power_off, snapshot, migrate_disk_and_power_off,
        finish_migration, confirm_migration, finish_revert_migration, check_can_live_migrate_destination,
        check_can_live_migrate_source, pre_live_migration, live_migration (half-way), post_copy (after it),
        live_migration_end (the record says completed, nothing else does), boot (the guest goes down by itself after
        a cold move), bind_port (Neutron's). Instead of the sentence {"raises": "InvalidCPUInfo", "reason": "..."}
        raises that exception of Nova's: see services/labfake.py `trouble`.

        fail_volume=["create_volume", "initialize_connection:compute2"] does so for volumes.
        """
        unknown = sorted(set(changes) - BEHAVIOUR)
        if unknown:
            raise TypeError(f"the lab's drivers know no {', '.join(unknown)}")
        merged = {**read_json(self.behaviour_json), **changes}
        write_json(self.behaviour_json, {key: value for key, value in merged.items() if value is not None})

    def reset_behaviour(self) -> None:
        """Back to the defaults."""
        self.behaviour_json.unlink(missing_ok=True)

    def set_host(self, host: str, **changes: Any) -> None:
        """Change what a host can carry, and let it report that: see hosts.py. Besides what is told there it takes
        hypervisor_type, traits that begin with COMPUTE_SECURITY_TPM_, and inventory: what placement shall know of a
        resource class (total, reserved, max_unit, allocation_ratio ...).

        A host that is new here begins with start_compute().
        """
        hosts = read_json(self.computes_json)
        write_json(self.computes_json, {**hosts, host: {**hosts.get(host, {}), **changes}})
        if host in hosts and "nova" in self._running():
            self.periodic(host, "update_available_resource")

    def stop_compute(self, host: str) -> None:
        """Stop the nova-compute of a host; Nova sees it down at once."""
        self.control(f"/compute/{host}/stop")

    def start_compute(self, host: str) -> None:
        """Start it again, or a new one that set_host() has named."""
        self.control(f"/compute/{host}/start")

    def override(self, name: str, value: Any, group: str | None = None) -> None:
        """Change an option of nova.conf in the running Nova, until it is started again."""
        self.control("/conf", name=name, value=value, group=group)

    def allow_live(self, slots: int) -> None:
        """How many live migrations go on at a time, in all hosts together; the others wait in line."""
        self.control("/live", slots=slots)

    def periodic(self, host: str, task: str) -> None:
        """Run a periodic task of a host's nova-compute now."""
        self.control(f"/periodic/{host}/{task}")

    def forget(self, instance: str) -> None:
        """Let hypervisors and scheduler forget an instance whose records were written from outside: they count anew."""
        self.control(f"/forget/{instance}")

    def control(self, path: str, **body: Any) -> None:
        """Call Nova's control: see services/nova_all.py. Raises LabError with what went wrong there."""
        client.control(self.port, path, body)

    # -- within

    def _has_template(self) -> bool:
        return databases.template(self.venv).is_dir()

    def _running(self) -> dict[str, processes.Process]:
        found = (processes.running(self._run, name) for name in START_ORDER)
        return {process.name: process for process in found if process}

    def _write_configuration(self) -> None:
        for name, text in configuration.files(self.port, self.venv).items():
            path = self._conf / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        # stevedore finds Neutron's mechanism drivers by entry point only
        plugin = self._conf / "plugins/nmigrate_lab-1.dist-info"
        plugin.mkdir(parents=True, exist_ok=True)
        (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: nmigrate-lab\nVersion: 1\n")
        (plugin / "entry_points.txt").write_text(
            "[neutron.ml2.mechanism_drivers]\nlab_any_host = any_host:AnyHostMechanismDriver\n"
        )
        self.clouds_yaml.write_text(configuration.clouds_yaml(self.port))
        if not self.computes_json.exists():
            write_json(self.computes_json, DEFAULT_HOSTS)

    def _mark(self) -> str:
        """Stands for all that a service is started with."""
        texts = [*configuration.files(self.port, self.venv).values(), install.mark(), str(self.venv)]
        texts += [path.read_text() for path in sorted(SERVICES_FOLDER.glob("*.py"))]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]

    def _usable(self, running: dict[str, processes.Process]) -> set[str]:
        """Which of the services that an earlier run has left are just what this start would start."""
        mark = self._mark()
        return {
            name
            for name, process in running.items()
            if process.mark == mark and self.state.exists() and client.answers(name, self.port)
        }

    def _check_ports(self, wanted: list[str], running: dict[str, processes.Process]) -> None:
        """Raise LabError when a port is taken, unless by a service of ours that makes way."""
        names = {*wanted, *(["control"] if "nova" in wanted else [])}
        ports = {name: self.port + configuration.PORTS[name] for name in names}
        ours = {process.port for process in running.values()}
        if "nova" in running:
            ours.add(running["nova"].port + 1)
        processes.check_ports({name: port for name, port in ports.items() if port not in ours})

    def _service_env(self) -> dict[str, str]:
        """The environment of a service: ours, without what would mislead Python or OpenStack."""
        # without the cache of bytecode every start would compile everything: 20 s
        dropped = ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
        env = {k: v for k, v in os.environ.items() if not k.startswith("OS_") and k not in dropped}
        path = f"{SERVICES_FOLDER}{os.pathsep}{self._conf / 'plugins'}"
        return {
            **env,
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",  # deprecations of OpenStack's own are nothing to this log's reader
            "NMIGRATE_LAB_BEHAVIOUR": str(self.behaviour_json),
            "NMIGRATE_LAB_COMPUTES": str(self.computes_json),
            "no_proxy": "127.0.0.1",
        }

    def _start(self, name: str) -> None:
        port = self.port + configuration.PORTS[name]
        python, conf = str(install.python(self.venv)), configuration.FOLDER / name
        env = self._service_env() | {"NMIGRATE_LAB_SQLITE": "1"}
        if name == "nova":
            command = [python, str(SERVICES_FOLDER / "nova_all.py"), str(conf), str(port)]
        elif name == "cinder":
            command = [python, str(SERVICES_FOLDER / "cinder_all.py"), str(conf / "cinder.conf"), str(port)]
        else:
            command = [python, str(SERVICES_FOLDER / "serve.py"), f"{name}.wsgi.api", str(port)]
            env[f"OS_{name.upper()}_CONFIG_DIR"] = str(conf)
            if name == "neutron":
                env["OS_NEUTRON_CONFIG_FILES"] = "neutron.conf"
        processes.start(
            name, command, folder=self._run, cwd=self.state, env=env, port=port, mark=self._mark()
        )

    def _seed(self, say: Say) -> None:
        """Accounts, catalog, flavors, image, network and zones, if this lab has not got them yet."""
        marker = self.state / databases.SEEDED
        if marker.exists():
            return
        say("setting up accounts, flavors, an image, a network and zones")
        admin = self.client()
        self._wait_for(["keystone"])
        base.seed_identity(admin)
        self._wait_for(["glance", "neutron"])
        base.seed_image_and_network(admin)
        self._wait_for(["nova"])
        base.seed_compute(admin)
        self._wait_for(START_ORDER)
        self._wait_for_computes()
        marker.touch()
        if not self._has_template() and read_json(self.computes_json) == DEFAULT_HOSTS:
            databases.save_template(self.state, self.venv)

    def _wait_for(self, names: Any) -> None:
        """Until each answers. Raises LabError when one ends or START_SECONDS are over."""
        end = time.monotonic() + START_SECONDS
        for name in names:
            while not client.answers(name, self.port):
                log = self.root / "logs" / f"{name}.log"
                if processes.running(self._run, name) is None:
                    raise LabError(f"the lab's {name} ended: {databases.last_words(log)} (see {log})")
                if time.monotonic() > end:
                    raise LabError(f"the lab's {name} did not answer within {START_SECONDS} s (see {log})")
                time.sleep(0.1)

    def _wait_for_computes(self) -> None:
        """Until Nova reports every host of computes.json as up."""
        wanted = set(read_json(self.computes_json))
        end = time.monotonic() + START_SECONDS
        admin = self.client()
        while True:
            services = admin.get("nova", "/os-services?binary=nova-compute")["services"]
            missing = wanted - {one["host"] for one in services if one["state"] == "up"}
            if not missing:
                return
            if time.monotonic() > end:
                raise LabError(f"the lab's hosts are not up: {', '.join(sorted(missing))}")
            time.sleep(0.2)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file; {} when it is missing."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write it whole: a driver may read at any moment."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    draft.replace(path)
