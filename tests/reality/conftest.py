"""A lab of its own for the comparison, since it changes every host. The whole of it runs only when it is asked for.

With REALITY_KEEP=24900 in the environment the lab has that first port and stays as it is, and the next run goes on
with its instances.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nmigrate import cloud as clouds
from nmigrate import inventory
from nmigrate.cloud import api
from nmigrate.cloud.openstack import OpenStackCloud
from nmigrate.lab import Lab
from nmigrate.lab.configuration import PORTS
from tests.contract.stage import LabStage
from tests.lab.fixtures import VAR, free_block, say
from tests.moves.ground import Ground
from tests.reality.bed import Bed
from tests.reality.comparing import Record, compare, judged
from tests.reality.guests import SHY, Guest
from tests.reality.trying import Trier

Comparison = Callable[[tuple[Guest, ...], tuple[str, ...], Path], Record]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "reality" in config.getoption("-m"):
        return
    left = [item for item in items if item.get_closest_marker("reality") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left


@pytest.fixture
def own_lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    is_kept = bool(os.environ.get("REALITY_KEEP"))
    port = int(os.environ.get("REALITY_KEEP") or free_block(len(PORTS)))
    made = Lab(VAR / "reality-lab", port, VAR / ".venv-lab")
    made.install(say)
    goes_on = is_kept and kept(made).exists()
    if not goes_on:
        made.wipe()
    try:
        if not goes_on:  # else it runs, and some of its hosts are down on purpose
            made.up(say)
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(made.clouds_yaml))
        yield made
    finally:
        clouds.override.clear()
        if not is_kept:
            made.wipe()


def kept(lab: Lab) -> Path:
    """Where a lab that is kept says what is in it."""
    return lab.state / "furnished.json"


def furnished(bed: Bed, guests: tuple[Guest, ...], hosts: tuple[str, ...]) -> dict[str, str]:
    """The UUID of each guest; from an earlier run where it has them all."""
    if kept(bed.lab).exists():
        found = json.loads(kept(bed.lab).read_text())
        bed.groups = found["groups"]
        return dict(found["uuids"])
    uuids = bed.furnish(guests, hosts)
    kept(bed.lab).write_text(json.dumps({"uuids": uuids, "groups": bed.groups}))
    return uuids


@pytest.fixture
def comparison(own_lab: Lab, roles: None) -> Comparison:
    """Furnish the lab, judge everything from the inventory, then try it all. Returns the record of it."""

    def run(guests: tuple[Guest, ...], hosts: tuple[str, ...], path: Path) -> Record:
        stage = LabStage(own_lab, api.NEWEST_MICROVERSION)
        own_lab.behaviour(
            cold_migrate_seconds=0, confirm_seconds=0, live_migration_seconds=0, snapshot_seconds=0
        )
        bed, record = Bed(stage), Record(path)
        uuids = furnished(bed, guests, hosts)
        if SHY in hosts:
            bed.hide(SHY)
        ground = Ground(stage)
        inventory.read_server_groups(ground.cloud)
        for _ in range(1 + len(guests) // inventory.SHARES_AT_A_TIME):
            inventory.read_shares(OpenStackCloud("lab", newest=api.NEWEST_MICROVERSION, timeout=120))
        there = [guest for guest in guests if guest.name in uuids]
        cells = {guest.name: judged(uuids[guest.name]) for guest in there}
        say(f"{len(there)} instances on {len(hosts)} hosts: {sum(map(len, cells.values()))} moves to try")
        compare(Trier(bed, api.NEWEST_MICROVERSION, bed.groups), there, uuids, cells, record)
        return record

    return run
