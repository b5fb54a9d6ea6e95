"""A lab of its own for the comparison, since it changes every host. The whole of it runs only when it is asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nmigrate import cloud as clouds
from nmigrate import inventory
from nmigrate.cloud import api
from nmigrate.lab import Lab
from nmigrate.lab.configuration import PORTS
from tests.contract.stage import LabStage
from tests.lab.fixtures import VAR, free_block, say
from tests.moves.ground import Ground
from tests.reality.bed import Bed
from tests.reality.comparing import Record, compare, judged
from tests.reality.guests import Guest
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
    made = Lab(VAR / "reality-lab", free_block(len(PORTS)), VAR / ".venv-lab")
    made.install(say)
    made.wipe()
    try:
        made.up(say)
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(made.clouds_yaml))
        yield made
    finally:
        clouds.override.clear()
        made.wipe()


@pytest.fixture
def comparison(own_lab: Lab, roles: None) -> Comparison:
    """Furnish the lab, judge everything from the inventory, then try it all. Returns the record of it."""

    def run(guests: tuple[Guest, ...], hosts: tuple[str, ...], path: Path) -> Record:
        stage = LabStage(own_lab, api.NEWEST_MICROVERSION)
        own_lab.behaviour(
            cold_migrate_seconds=0, confirm_seconds=0, live_migration_seconds=0, snapshot_seconds=0
        )
        bed, record = Bed(stage), Record(path, say)
        uuids = bed.furnish(guests, hosts)
        ground = Ground(stage)
        inventory.read_server_groups(ground.cloud)
        cells = {guest.name: judged(uuids[guest.name]) for guest in guests}
        say(f"{len(guests)} instances on {len(hosts)} hosts: {sum(map(len, cells.values()))} moves to try")
        compare(Trier(bed, api.NEWEST_MICROVERSION, bed.groups), guests, uuids, cells, record)
        return record

    return run
