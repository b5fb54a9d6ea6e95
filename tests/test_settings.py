"""Every setting comes from the environment, and a bad one stops the start with one sentence that names it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmigrate import logs
from nmigrate.env import BadSetting, Env

ROOT = Path(__file__).parent.parent
KEY = "k3y-" + "0123456789" * 5


def start(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py with these settings and no others."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("NMIGRATE_", "DJANGO_"))
    }
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
    )


def load(**environment: str) -> subprocess.CompletedProcess[str]:
    """Load the settings alone, as every process does first."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NMIGRATE_")}
    command = [sys.executable, "-c", "import nmigrate.settings"]
    return subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NMIGRATE_DEBUG", "perhaps"),
        ("NMIGRATE_SECRET_KEY", "short"),
        ("NMIGRATE_CSRF_TRUSTED_ORIGINS", "nmigrate.example.com"),
        ("NMIGRATE_DATABASE_URL", "oracle://scott:tiger@db/x"),
        ("NMIGRATE_CLOUDS", "prod,prod"),
        ("NMIGRATE_MAX_MICROVERSION", "2.92"),
        ("NMIGRATE_API_TIMEOUT", "soon"),
        ("NMIGRATE_FOLLOW_SECONDS", "nan"),
        ("NMIGRATE_IDLE_SECONDS", "-1"),
        ("NMIGRATE_FULL_SYNC_SECONDS", "1"),
        ("NMIGRATE_TIME_ZONE", "Mars/Olympus"),
        ("NMIGRATE_BIND", "127.0.0.1"),
        ("NMIGRATE_WEB_WORKERS", "0"),
        ("NMIGRATE_WORKERS", "two"),
        ("NMIGRATE_HEARTBEAT_LIMIT", "1"),
        ("NMIGRATE_WATCH_TASK_SECONDS", "0"),
        ("NMIGRATE_APPROVE_DOWNTIME", "perhaps"),
        ("NMIGRATE_DECISION_SECONDS", "-1"),
        ("NMIGRATE_REMIND_SECONDS", "soon"),
        ("NMIGRATE_DECISION_AT_END", "explode"),
        ("NMIGRATE_MAIL_URL", "mail.example.org"),
        ("NMIGRATE_PAGES_URL", "nmigrate.example.org"),
        ("NMIGRATE_LOG_LEVEL", "LOUD"),
        ("OS_CLIENT_CONFIG_FILE", "clouds.yaml"),
    ],
)
def test_bad_value_stops_the_start_with_one_sentence(name: str, value: str) -> None:
    done = load(**{"NMIGRATE_SECRET_KEY": KEY, name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(name)
    assert len(done.stderr.splitlines()) == 1


def test_secret_key_is_required() -> None:
    done = start("check")
    assert done.returncode == 1
    assert done.stderr.startswith("NMIGRATE_SECRET_KEY is not set")


def test_gunicorn_says_a_bad_setting_without_a_traceback() -> None:
    environment = os.environ | {"NMIGRATE_SECRET_KEY": KEY, "NMIGRATE_CLOUDS": "a,a"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "gunicorn", "--preload", "--check-config", "nmigrate.wsgi:application"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "NMIGRATE_CLOUDS names a cloud twice." in done.stderr
    assert "Traceback" not in done.stderr


def test_database_url_with_a_password_is_not_repeated() -> None:
    done = load(NMIGRATE_SECRET_KEY=KEY, NMIGRATE_DATABASE_URL="oracle://scott:tiger@db/x")
    assert "tiger" not in done.stdout + done.stderr


def test_production_settings_pass_the_deployment_check(tmp_path: Path) -> None:
    done = start(
        *("check", "--deploy", "--fail-level", "WARNING"),
        NMIGRATE_SECRET_KEY=KEY,
        NMIGRATE_VAR_DIR=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr


def test_up_without_clouds_says_so() -> None:
    done = start("up", NMIGRATE_SECRET_KEY=KEY)
    assert done.returncode == 1
    assert "NMIGRATE_CLOUDS is empty" in done.stderr


def test_empty_value_means_the_default() -> None:
    env = Env({"A": " ", "B": "x"})
    assert env.whole("A", 3, least=1, most=9) == 3
    assert env.text("B") == "x"


def test_words_keep_their_order() -> None:
    assert Env({"A": "prod, dr,,"}).words("A") == ("prod", "dr")


@pytest.mark.parametrize(
    ("text", "address"), [("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:8000", ("::1", 8000))]
)
def test_address(text: str, address: tuple[str, int]) -> None:
    assert Env({"A": text}).address("A", "") == address


@pytest.mark.parametrize("text", ["8000", ":8000", "host:", "host:99999", "host:80/x", "host:0", "a:b"])
def test_bad_address_is_refused(text: str) -> None:
    with pytest.raises(BadSetting):
        Env({"A": text}).address("A", "")


def test_json_log_line_keeps_the_traceback_in_one_line() -> None:
    import logging

    try:
        raise ValueError("bad")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, __file__, 1, "it %s", ("broke",), exc_info=sys.exc_info()
        )
    line = logs.JsonFormatter().format(record)
    found = json.loads(line)
    assert (found["message"], found["level"]) == ("it broke", "ERROR")
    assert "ValueError: bad" in found["traceback"]
    assert "\n" not in line
