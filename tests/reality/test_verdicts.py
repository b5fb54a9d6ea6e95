"""The verdicts against reality: what was judged for every kind of move to every host, and what Nova did.

    python3 manage.py test tests/reality -m reality -s

prints the table. It takes some minutes and so runs only when asked for.
"""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import pytest

from nmigrate import cloud as clouds
from nmigrate import inventory
from nmigrate.cloud import api
from nmigrate.lab import Lab
from nmigrate.models import Hypervisor, Instance
from nmigrate.preflight import Around, Case, Group, abilities, judge
from nmigrate.states import Kind
from tests.contract.stage import LabStage
from tests.lab.fixtures import VAR
from tests.moves.ground import Ground
from tests.reality.bed import WORKERS, Bed, Outcome
from tests.reality.guests import GUESTS, LOST, Guest

pytestmark = [pytest.mark.lab, pytest.mark.reality]
EVERY = (*GUESTS, *LOST)


@dataclass(frozen=True)
class Cell:
    """What was judged of one move."""

    level: str
    reasons: tuple[str, ...]
    changes_pin: bool


@dataclass(frozen=True)
class Row:
    guest: str
    kind: str
    host: str
    cell: Cell
    outcome: Outcome


def judged(uuid: str) -> dict[tuple[Kind, str], Cell]:
    """Every cell of one instance, from the inventory alone."""
    instance = Instance.objects.select_related("cloud").get(uuid=uuid)
    hosts = {host.host: host for host in Hypervisor.objects.all()}
    able, around = abilities(instance.cloud), Around(groups=tuple(groups_of(instance)))
    cells = {}
    for kind in Kind:
        for host in hosts.values():
            crosses = instance.pinned_zone not in (None, host.zone)
            changes_pin = crosses and kind in (Kind.COLD, Kind.LIVE)
            zone = host.zone if kind in (Kind.SHELVE, Kind.COPY) else ""
            source = hosts.get(instance.host)
            verdict = judge(Case(instance, kind, host, source, zone, changes_pin, able, around))
            texts = tuple(f"{reason.rule}: {reason.text}" for reason in verdict.reasons)
            cells[kind, host.host] = Cell(verdict.level.word, texts, changes_pin)
    return cells


def groups_of(instance: Instance) -> list[Group]:
    found = []
    for group in instance.server_groups:
        others = Instance.objects.exclude(pk=instance.pk).exclude(server_groups=[])
        members = [row.host for row in others if group["uuid"] in [one["uuid"] for one in row.server_groups]]
        found.append(Group(group["name"], group["policy"], Counter(members)))
    return found


def try_all(
    bed: Bed, guest: Guest, uuid: str, cells: dict[tuple[Kind, str], Cell], zones: dict[str, str]
) -> list[Row]:
    """Every cell of one instance, one after the other; made anew whenever a try has changed it."""
    rows = []
    for (kind, host), cell in cells.items():
        if not uuid:
            break
        before = bed.cloud.server(uuid)
        outcome = bed.attempt(kind, uuid, host, zones[host], changes_pin=cell.changes_pin)
        rows.append(Row(guest.name, kind.value, host, cell, outcome))
        if has_changed(bed, before):
            uuid = bed.renew(guest, uuid)
    if uuid and guest.name not in bed.spares:
        bed.delete(uuid)
    return rows


def has_changed(bed: Bed, before: api.Server) -> bool:
    now = bed.cloud.server(before.uuid)
    seen = ("status", "task_state", "host", "pinned_zone", "power_state", "locked")
    return any(getattr(before, name) != getattr(now, name) for name in seen)


def test_verdicts_agree_with_nova(lab: Lab, monkeypatch: pytest.MonkeyPatch, roles: None) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(lab.clouds_yaml))
    stage = LabStage(lab, api.NEWEST_MICROVERSION)
    bed = Bed(stage, api.NEWEST_MICROVERSION)
    try:
        uuids = bed.furnish()
        ground = Ground(stage)
        inventory.read_server_groups(ground.cloud)
        zones = dict(Hypervisor.objects.values_list("host", "zone"))
        cells = {guest.name: judged(uuids[guest.name]) for guest in EVERY}
        with ThreadPoolExecutor(WORKERS) as pool:
            tried = pool.map(
                lambda guest: try_all(bed, guest, uuids[guest.name], cells[guest.name], zones), EVERY
            )
            rows = [row for found in tried for row in found]
    finally:
        clouds.override.clear()
        lab.wipe()
    (VAR / "verdicts.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print(table(rows))  # noqa: T201
    assert len({row.guest for row in rows}) >= 30
    wrong = [row for row in rows if is_wrong(row)]
    assert wrong == []


def is_wrong(row: Row) -> bool:
    """A red of Nova's that Nova took, or a green that it refused."""
    level, is_taken = row.cell.level, row.outcome.is_taken
    return (level == "forbidden" and is_taken) or (level == "green" and not is_taken)


def table(rows: list[Row]) -> str:
    counts = Counter((row.kind, row.cell.level, row.outcome.is_taken) for row in rows)
    lines = [f"{'':10}{'judged':12}{'Nova took it':>14}{'Nova refused':>14}"]
    for kind in (*(kind.value for kind in Kind), ""):
        for level in ("green", "amber", "ours", "forbidden"):
            took, refused = (
                sum(n for key, n in counts.items() if key[1:] == (level, is_taken) and kind in ("", key[0]))
                for is_taken in (True, False)
            )
            if took or refused:
                lines.append(f"{kind or 'all':10}{level:12}{took:>14}{refused:>14}")
    return "\n".join(lines)
