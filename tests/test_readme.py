"""The README tells the truth: its tables are held to the code."""

import re
from pathlib import Path

from nmigrate.roles import ROLES
from nmigrate.states import TRANSITIONS, Perm

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def who(permission: Perm) -> str:
    if permission is Perm.SYSTEM:
        return "nmigrate itself"
    return ", ".join(role for role, permissions in ROLES.items() if permission in permissions)


def state_table() -> list[str]:
    return [
        f"| `{action}` | {', '.join(sorted(row.sources))} | {row.target} | {who(row.permission)} |"
        for action, row in TRANSITIONS.items()
    ]


def test_state_table_is_the_one_of_the_code() -> None:
    missing = [line for line in state_table() if line not in README]
    assert missing == []


def test_every_setting_is_in_the_table() -> None:
    settings = set(re.findall(r'env\.\w+\(\s*"(NMIGRATE_\w+)"', (ROOT / "nmigrate/settings.py").read_text()))
    assert settings
    assert {name for name in settings if f"`{name}`" not in README} == set()
    told = set(re.findall(r"`(NMIGRATE_\w+)`", README))
    assert told <= settings


def test_files_and_commands_that_it_names_exist() -> None:
    for name in re.findall(r"`((?:nmigrate|webui|tests|static)/[\w/.]+)", README):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\((docs/[\w.]+)\)", README):
        assert (ROOT / name).exists(), name
    for command in set(re.findall(r"manage\.py (\w+)", README)) - {"createsuperuser"}:
        assert (ROOT / f"nmigrate/management/commands/{command}.py").exists(), command


def moves_table() -> list[list[str]]:
    """The rows of the table of moves, cell by cell."""
    section = README.partition("## The moves")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_every_cell_of_the_table_of_moves_names_a_test_that_exists() -> None:
    both = (ROOT / "tests/moves/test_every_move.py").read_text()
    browser = (ROOT / "tests/story/test_moves.py").read_text()
    assert len(moves_table()) >= 11
    for move, in_memory, on_nova, in_browser in moves_table():
        name = re.match(r"`(test_\w+?)(?:_?\.\.\.)?\[", in_memory)
        assert name, move
        assert f"def {name[1]}" in both, move
        assert on_nova.strip("`").endswith("lab]"), move
        named = in_browser.strip("`")
        assert f"def {named}(" in browser or (ROOT / "tests" / named).exists(), move
