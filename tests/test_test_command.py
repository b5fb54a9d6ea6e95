"""`manage.py test` without arguments: three parts side by side, those beside the first shown whole after it."""

import subprocess
import sys
from io import StringIO
from typing import IO

import pytest

from nmigrate.management.commands import test as command


@pytest.mark.parametrize("ends", [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 5)])
def test_the_worst_end_counts_and_every_part_is_seen(
    monkeypatch: pytest.MonkeyPatch, ends: tuple[int, int, int]
) -> None:
    of_lab, of_stories, of_others = ends
    asked = []

    def started(
        arguments: list[str], lines: IO[bytes] | None = None, *, lab: str = ""
    ) -> subprocess.Popen[bytes]:
        asked.append(arguments)
        status = of_lab if lines is None else of_stories if lab else of_others
        program = f"print('{lab or 'others'}: {status}'); raise SystemExit({status})"
        return subprocess.Popen([sys.executable, "-c", program], stdout=lines or subprocess.DEVNULL)

    monkeypatch.setattr(command, "started", started)
    shown = StringIO()

    assert command.Command(stdout=shown).handle() == max(ends)

    stories = ["-m", "lab", "tests/story"]
    assert asked == [stories, ["-m", "not lab"], ["-m", "lab", "--ignore", "tests/story"]]
    assert f"stories: {of_stories}" in shown.getvalue()
    assert f"others: {of_others}" in shown.getvalue()
