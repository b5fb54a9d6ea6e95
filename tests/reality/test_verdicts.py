"""The verdicts against reality: what was judged for every kind of move to every host, and what Nova did.

    python3 manage.py test tests/reality -m reality -s

prints the table and writes var/verdicts.json. REALITY_ONLY=plain,paused tries these instances only.
"""

import os

import pytest

from tests.lab.fixtures import VAR
from tests.reality.comparing import count, table
from tests.reality.conftest import Comparison
from tests.reality.guests import GUESTS, HOSTS

pytestmark = [pytest.mark.lab, pytest.mark.reality]


def test_verdicts_agree_with_nova(comparison: Comparison) -> None:
    only = [name for name in os.environ.get("REALITY_ONLY", "").split(",") if name]
    guests = tuple(guest for guest in GUESTS if not only or guest.name in only)

    record = comparison(guests, tuple(HOSTS), VAR / "verdicts.json")

    print("\n" + table(record.rows))  # noqa: T201
    assert len(record.rows) == count(len(guests), len(HOSTS))
    assert only or len(guests) >= 30
    assert [row for row in record.rows if row.is_wrong] == []
