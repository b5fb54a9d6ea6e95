"""No row of the failure table is only believed in: each is produced on the lab, in memory, or read from real words."""

from nmigrate.diagnosis import ROWS
from tests.causes.cases import CASES
from tests.causes.test_in_memory import ENDS
from tests.test_diagnosis import OBJECTED, SAID

ELSEWHERE = {
    "no-words": "tests/test_diagnosis.py",
    "never-arrived": "tests/test_never_twice.py",
    "cloud-away": "tests/test_never_twice.py",
    "reset-outside": "tests/test_cold_migration.py",
}


def test_every_row_is_proved_somewhere() -> None:
    proved = {case.cause for case in CASES} | {cause for _, cause, _ in ENDS} | set(SAID.values())
    proved |= {key for _, key, _ in OBJECTED} | set(ELSEWHERE)
    assert set(ROWS) - proved == set()


def test_at_least_twenty_rows_are_produced_on_the_real_nova() -> None:
    assert len({case.cause for case in CASES if case.cause in ROWS}) >= 20
