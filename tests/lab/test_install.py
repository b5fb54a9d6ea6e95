"""The lab's environment: when it is made, and what is said when it cannot be. Nothing is downloaded here."""

from pathlib import Path

import pytest

from nmigrate.lab import LabError, install


def say(line: str) -> None:
    """Nobody reads it here."""


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that counts as complete."""
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").touch()
    (tmp_path / "venv" / install.MARK).write_text(install.mark())
    return tmp_path / "venv"


def test_complete_environment_is_left_alone(venv: Path) -> None:
    install.install(venv, pytest.fail)


def test_environment_of_another_lock_is_not_complete(venv: Path) -> None:
    (venv / install.MARK).write_text("of an older lock")
    assert not install.is_installed(venv)


def test_environment_without_its_interpreter_is_not_complete(venv: Path) -> None:
    (venv / "bin/python").unlink()
    assert not install.is_installed(venv)


def test_folder_that_is_no_environment_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/to-keep.txt").touch()
    with pytest.raises(LabError, match="is not a virtual environment"):
        install.install(tmp_path / "letters", say)
    assert (tmp_path / "letters/to-keep.txt").exists()


def test_failed_installer_is_quoted() -> None:
    with pytest.raises(LabError, match="could not be installed: no such package"):
        install.run(["sh", "-c", "echo no such package; exit 1"])


def test_every_package_of_the_lock_has_a_hash() -> None:
    blocks = install.LOCK.read_text().split("\n")
    pins = [line for line in blocks if "==" in line and not line.startswith((" ", "#"))]
    assert len(pins) > 150
    assert all(line.rstrip().endswith("\\") for line in pins)
    assert "://" not in install.LOCK.read_text()
