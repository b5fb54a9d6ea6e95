"""A small part of the comparison, quick enough for every run: see test_verdicts.py for the whole."""

from pathlib import Path

import pytest

from tests.reality.comparing import count, table
from tests.reality.conftest import Comparison
from tests.reality.guests import GUESTS

pytestmark = pytest.mark.lab

SOME = ("plain", "paused", "pinned", "volume-root")
HOSTS = ("compute1", "compute2", "compute3", "compute4", "h-full", "h-weak", "h-off", "h-lost")


def test_verdicts_of_some_instances_agree_with_nova(comparison: Comparison, tmp_path: Path) -> None:
    guests = tuple(guest for guest in GUESTS if guest.name in SOME)

    rows = comparison(guests, HOSTS, tmp_path / "verdicts.json").rows

    print("\n" + table(rows))  # noqa: T201
    assert len(rows) == count(len(SOME), len(HOSTS))
    assert {row.level for row in rows} == {"green", "amber", "ours", "forbidden"}
    assert [row for row in rows if row.is_wrong] == []
