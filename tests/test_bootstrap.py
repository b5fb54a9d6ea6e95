"""The environment that manage.py makes for itself: one sentence when it cannot, repaired when it is half."""

import ast
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nmigrate import bootstrap

ROOT = Path(__file__).parent.parent
ENSURE = (
    "import sys; from pathlib import Path; from nmigrate import bootstrap;"
    "print(bootstrap.ensure(Path(sys.argv[1]), lambda line: print(line, flush=True)))"
)


def ensuring(lock: Path, var: Path, **environment: str) -> subprocess.Popen[str]:
    """A start that wants the packages of this lock under this folder."""
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(lock)],
        cwd=ROOT,
        env=os.environ | {"NMIGRATE_VAR_DIR": str(var)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A group of its own, so that a test can stop it as Ctrl-C would.
        start_new_session=True,
    )


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """uv, and the smallest package that we use."""
    path = tmp_path / "small.lock"
    path.write_text(
        bootstrap.pinned(bootstrap.BASE_LOCK, "uv") + bootstrap.pinned(bootstrap.BASE_LOCK, "iso8601")
    )
    return path


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips where no package index can be reached."""
    requirement = tmp_path_factory.mktemp("index") / "one.txt"
    requirement.write_text(bootstrap.pinned(bootstrap.BASE_LOCK, "iso8601"))
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--retries", "0", "--require-hashes"]
    done = subprocess.run([*pip, "-r", str(requirement), "-d", str(requirement.parent)], capture_output=True)
    if done.returncode:
        pytest.skip("no package index can be reached")


def test_manage_py_can_be_read_by_an_old_python() -> None:
    ast.parse((ROOT / "manage.py").read_text(), feature_version=(3, 6))


def test_old_python_is_named() -> None:
    code = (
        "import sys, runpy; sys.version_info = (3, 8, 18); runpy.run_path('manage.py', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "nmigrate needs Python 3.11 or newer; this is Python 3.8.\n"


def test_missing_ensurepip_names_the_package_to_install(lock: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['ensurepip'] = None;" + ENSURE
    environment = os.environ | {"NMIGRATE_VAR_DIR": str(tmp_path / "var")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(lock)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_folder_that_cannot_be_made_is_named(lock: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = ensuring(lock, tmp_path / "file" / "var")
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors == f"Cannot write {tmp_path}/file/var: Not a directory.\n"


def test_full_disk_is_one_sentence() -> None:
    with pytest.raises(SystemExit, match=r"^The disk is full: "):
        bootstrap.fail("x", "ERROR: Could not install packages: [Errno 28] No space left on device\n")


@pytest.mark.installs
def test_pip_failure_shows_pips_own_words(lock: Path, tmp_path: Path) -> None:
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    process = ensuring(lock, tmp_path / "var", **nothing)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith("The packages could not be installed; the installer's own words:\n")
    assert "No matching distribution found for uv" in errors
    assert "Traceback" not in errors


@pytest.mark.installs
@pytest.mark.usefixtures("index")
def test_interrupted_start_is_repaired_by_the_next(lock: Path, tmp_path: Path) -> None:
    first = ensuring(lock, tmp_path / "var")
    while not (tmp_path / "var/.venv/bin").exists():
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    second = ensuring(lock, tmp_path / "var")
    output, errors = second.communicate()
    assert (second.returncode, errors) == (0, "")
    assert output.splitlines()[-1] == "True"
    third, _ = ensuring(lock, tmp_path / "var").communicate()
    assert third == "False\n"


@pytest.mark.installs
@pytest.mark.usefixtures("index")
def test_two_starts_at_once_make_one_environment(lock: Path, tmp_path: Path) -> None:
    starts = [ensuring(lock, tmp_path / "var") for _ in range(2)]
    outputs = [start.communicate() for start in starts]
    assert [start.returncode for start in starts] == [0, 0], outputs
    assert sorted(output.splitlines()[-1] for output, _ in outputs) == ["False", "True"]


@pytest.mark.installs
@pytest.mark.usefixtures("index")
def test_changed_file_is_refused_by_its_hash(lock: Path, tmp_path: Path) -> None:
    uv, _, rest = lock.read_text().partition("iso8601==")
    lock.write_text(uv + "iso8601==" + re.sub("[0-9a-f]{64}", "0" * 64, rest))
    process = ensuring(lock, tmp_path / "var")
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "hash" in errors.lower()


def test_pips_configuration_reaches_uv() -> None:
    said = "\n".join(
        (
            "global.index-url='https://mirror.example/simple'",
            "global.extra-index-url='file:///a file:///b'",
            "global.find-links='/wheels'",
            "install.index-url='https://stronger.example/simple'",
            ":env:.cert='/etc/ssl/ca.pem'",
            ":env:.timeout='180'",
        )
    )
    assert bootstrap.uv_environment(said, {"UV_FIND_LINKS": "/mine"}) == {
        "UV_DEFAULT_INDEX": "https://stronger.example/simple",
        "UV_INDEX": "file:///a file:///b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
        "UV_SYSTEM_CERTS": "1",
        "UV_NATIVE_TLS": "1",
    }


def test_dev_lock_holds_everything_of_the_base_lock() -> None:
    """demo takes an environment that was made for the tests as it is."""

    def pins(path: Path) -> set[str]:
        return {
            line.split(" ")[0]
            for line in path.read_text().splitlines()
            if "==" in line and line[0] not in " #"
        }

    assert pins(bootstrap.BASE_LOCK) <= pins(bootstrap.DEV_LOCK)


def test_lock_names_no_index() -> None:
    for path in (bootstrap.BASE_LOCK, bootstrap.DEV_LOCK):
        assert "://" not in path.read_text()
