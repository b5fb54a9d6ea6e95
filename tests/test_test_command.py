"""`manage.py test` without arguments: three parts side by side, those beside the first shown whole after it."""

import subprocess
import sys
from io import StringIO
from typing import IO

import pytest

from nmigrate.management.commands import test as command


@pytest.mark.parametrize("ends", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 5), (-15, 0, 0)])
def test_the_worst_end_counts_and_every_part_is_seen(
    monkeypatch: pytest.MonkeyPatch, ends: tuple[int, int, int]
) -> None:
    of_first, of_second, of_others = ends
    asked = []

    def started(
        arguments: list[str], lines: IO[bytes] | None = None, *, lab: str = ""
    ) -> subprocess.Popen[bytes]:
        asked.append(arguments)
        status = of_first if lines is None else of_second if lab else of_others
        program = f"print('{lab or 'others'}: {status}'); raise SystemExit({status})"
        if status < 0:
            program = f"import os; os.kill(os.getpid(), {-status})"
        return subprocess.Popen([sys.executable, "-c", program], stdout=lines or subprocess.DEVNULL)

    monkeypatch.setattr(command, "started", started)
    shown = StringIO()

    assert command.Command(stdout=shown).handle() == max(map(abs, ends))

    second, others, first = asked
    assert others == ["-m", "not lab"]
    assert first == ["-m", "lab", *(f"--ignore={folder}" for folder in second[2:])], "each test in one part"
    assert f"second: {of_second}" in shown.getvalue()
    assert f"others: {of_others}" in shown.getvalue()
