"""The lab's configuration as text: what can be said about it without starting anything."""

from configparser import ConfigParser
from pathlib import Path

import pytest

from nmigrate.lab import configuration


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment that has only the one file that is copied from it."""
    paste = tmp_path / "venv with $pace/etc/nova/api-paste.ini"
    paste.parent.mkdir(parents=True)
    paste.write_text("[composite:osapi_compute]\n")
    return tmp_path / "venv with $pace"


def parsed(text: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def test_every_service_has_a_port_of_its_own() -> None:
    assert sorted(configuration.PORTS.values()) == list(range(7))


def test_addresses_follow_the_first_port(venv: Path) -> None:
    files = configuration.files(25000, venv)
    nova = parsed(files["nova/nova.conf"])
    assert nova["placement"]["auth_url"] == "http://127.0.0.1:25000/v3"
    assert nova["glance"]["api_servers"] == "http://127.0.0.1:25002"
    assert "http://127.0.0.1:25000/v3" in configuration.clouds_yaml(25000)
    assert "15000" not in "".join(files.values())


def test_state_is_named_by_relative_paths_only(venv: Path) -> None:
    """So that databases can be copied from one lab to another, and a folder may have any name."""
    for text in configuration.files(25000, venv).values():
        for line in text.splitlines():
            assert "sqlite:///" not in line or "sqlite:///db/" in line
    keystone = parsed(configuration.files(25000, venv)["keystone/keystone.conf"])
    assert keystone["fernet_receipts"]["key_repository"] == "fernet"


def test_dollar_in_a_path_is_not_taken_for_the_name_of_an_option(venv: Path) -> None:
    glance = parsed(configuration.files(25000, venv)["glance/glance-api.conf"])
    assert "venv with $$pace" in glance["paste_deploy"]["config_file"]


def test_nothing_listens_beyond_this_machine(venv: Path) -> None:
    services = (Path(configuration.__file__).parent / "services").glob("*.py")
    code = "".join(path.read_text() for path in services)
    assert "0.0.0.0" not in "".join(configuration.files(25000, venv).values()) + code
    assert code.count('host="127.0.0.1"') == 3
    assert '("127.0.0.1", PORT + 1)' in code


def test_clouds_yaml_has_an_entry_for_each_kind_of_account() -> None:
    yaml = pytest.importorskip("yaml")
    clouds = yaml.safe_load(configuration.clouds_yaml(25000))["clouds"]
    assert {name: entry["auth"]["username"] for name, entry in clouds.items()} == {
        "lab": "admin",
        "lab-member": "demo",
        "lab-manager": "demomgr",
        "lab-reader": "demoread",
    }
