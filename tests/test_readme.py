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
