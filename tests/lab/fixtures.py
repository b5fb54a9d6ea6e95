"""The lab for tests: one real OpenStack for the session, and short ways to boot and to wait.

Loaded as a plugin: pytest_plugins = ["tests.lab.fixtures"] in the root conftest.
"""

import contextlib
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nmigrate.lab import Lab
from nmigrate.lab.base import IMAGE, NETWORK
from nmigrate.lab.configuration import PORTS

VAR = Path(os.environ.get("NMIGRATE_VAR_DIR") or Path(__file__).parents[2] / "var").absolute()
T = TypeVar("T")


def say(line: str) -> None:
    """Shown by pytest when a test fails, and with -s."""
    print(f"lab: {line}", flush=True)  # noqa: T201


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A fresh lab without instances, stopped at the end of the session, whatever happens.

    NMIGRATE_TEST_LAB_PORT chooses its first port; else a free block is taken. NMIGRATE_TEST_LAB names one that runs
    beside another: it has a folder of its own and looks for its ports elsewhere, since both may look at once.
    """
    name = os.environ.get("NMIGRATE_TEST_LAB", "")
    begin = 28500 if name else 25000
    port = int(os.environ.get("NMIGRATE_TEST_LAB_PORT") or free_block(len(PORTS), begin))
    made = Lab(VAR / "-".join(filter(None, ("test-lab", name))), port, VAR / ".venv-lab")
    made.install(say)
    made.wipe()
    try:
        made.up(say)
        # tests have no time for life-like durations; those that want them ask
        made.behaviour(**QUICK)
        yield made
    finally:
        made.down()


QUICK = {
    "cold_migrate_seconds": 0.5,
    "live_migration_seconds": 1,
    "confirm_seconds": 0,
    "revert_seconds": 0,
    "snapshot_seconds": 0,
}


@pytest.fixture
def behaving(lab: Lab) -> Iterator[Callable[..., None]]:
    """lab.behaviour() for one test: quick again afterwards."""
    yield lab.behaviour
    lab.reset_behaviour()
    lab.behaviour(**QUICK)


def free_block(size: int, begin: int = 25000) -> int:
    """The first of `size` consecutive ports from `begin` on that nobody listens on."""
    for first in range(begin, begin + 3500, 10):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + size):
                    probe = stack.enter_context(socket.socket())
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise RuntimeError(f"no block of {size} free ports")


@cache
def lab_conn(lab: Lab, cloud: str = "lab") -> Any:
    """An openstack.connection.Connection: lab, lab-member, lab-manager or lab-reader."""
    import openstack
    from openstack.config import OpenStackConfig

    # only this file: neither the shell's variables nor a person's own clouds.yaml
    config = OpenStackConfig(config_files=[str(lab.clouds_yaml)], load_envvars=False)
    return openstack.connection.Connection(config=config.get_one(cloud=cloud))


def wait_for(condition: Callable[[], T], seconds: float = 60, what: str = "the condition") -> T:
    """What `condition` returns as soon as it is true. Fails the test when that is not within `seconds`."""
    end = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            pytest.fail(f"{what} did not come true within {seconds:g} s")
        # Twice as long as the look took: looking is most of the work, and a slow machine has none to spare.
        time.sleep(max(0.1, 2 * (time.monotonic() - began)))


def server_is(lab: Lab, server: str, *statuses: str, seconds: float = 60) -> Any:
    """The server once it is at rest in one of `statuses`."""
    compute = lab_conn(lab).compute

    def at_rest() -> Any:
        now = compute.get_server(server)
        return now if now.status in statuses and now.task_state is None else None

    return wait_for(at_rest, seconds, f"{server} to be {' or '.join(statuses)}")


def boot(
    lab: Lab,
    name: str = "",
    host: str | None = None,
    stopped: bool = False,
    cloud: str = "lab",
    **values: Any,
) -> Any:
    """A booted server: m1.tiny on `host` (any host if None), SHUTOFF if `stopped`.

    `values` go to create_server; zone="nova-1" pins it; flavor="m1.small" chooses another flavor.
    """
    conn = lab_conn(lab, cloud)
    zone, flavor = values.pop("zone", None), values.pop("flavor", "m1.tiny")
    arguments = {
        "name": name or f"test-{uuid.uuid4().hex[:8]}",
        "flavor_id": conn.compute.find_flavor(flavor, ignore_missing=False).id,
        "image_id": conn.image.find_image(IMAGE, ignore_missing=False).id,
        "networks": [{"uuid": conn.network.find_network(NETWORK, ignore_missing=False).id}],
        **({"host": host} if host else {}),
        **({"availability_zone": zone} if zone else {}),
        **values,
    }
    server = server_is(lab, conn.compute.create_server(**arguments).id, "ACTIVE")
    if stopped:
        conn.compute.stop_server(server)
        server = server_is(lab, server.id, "SHUTOFF")
    return server


@pytest.fixture
def make_server(lab: Lab) -> Iterator[Callable[..., Any]]:
    """boot() with the lab filled in; what it booted is deleted after the test."""
    made: list[str] = []

    def make(*args: Any, **kwargs: Any) -> Any:
        server = boot(lab, *args, **kwargs)
        made.append(server.id)
        return server

    yield make
    compute = lab_conn(lab).compute
    for server in made:
        compute.delete_server(server, ignore_missing=True, force=False)
    wait_for(lambda: all(gone(compute, server) for server in made), what=f"{len(made)} servers to be deleted")


def gone(compute: Any, server: str) -> bool:
    """Whether Nova knows the server no more."""
    return compute.find_server(server, ignore_missing=True, all_projects=True) is None
