"""`manage.py test` without arguments: two halves side by side, the second shown whole after the first."""

import subprocess
import sys
from io import StringIO
from typing import IO

import pytest

from nmigrate.management.commands import test as command


@pytest.mark.parametrize(("of_lab", "of_others"), [(0, 0), (1, 0), (0, 1), (0, 5)])
def test_the_worse_end_of_two_halves_counts_and_both_are_seen(
    monkeypatch: pytest.MonkeyPatch, of_lab: int, of_others: int
) -> None:
    asked = []

    def started(arguments: list[str], lines: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        asked.append(arguments)
        status = of_lab if lines is None else of_others
        program = f"print('the others: {status}'); raise SystemExit({status})"
        return subprocess.Popen([sys.executable, "-c", program], stdout=lines or subprocess.DEVNULL)

    monkeypatch.setattr(command, "started", started)
    shown = StringIO()

    assert command.Command(stdout=shown).handle() == max(of_lab, of_others)

    assert asked == [["-m", "not lab"], ["-m", "lab"]]
    assert f"the others: {of_others}" in shown.getvalue()
