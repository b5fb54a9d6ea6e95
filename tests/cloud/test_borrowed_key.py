"""A copy is booted by us with its owner's key: borrowed for that moment, given back, and never the wrong one.

What two copies do to each other at one moment, no lab can be made to do: so a Nova of a few lines on a real socket.
"""

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from nmigrate.cloud import api
from nmigrate.cloud.openstack import OpenStackCloud
from tests.cloud.http import Handler, Server, keystone

NAME = "work laptop"


class Nova(Handler):
    """Key pairs, and servers that remember with which key they were booted."""

    keys: dict[tuple[str, str], str]
    servers: dict[str, str]
    refuse: list[tuple[int, str]]
    on_boot: list[Callable[[], None]]

    @classmethod
    def take_away(cls) -> None:
        del cls.keys["u", NAME]

    def reply(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(asked) if asked else {}
        url = urlsplit(self.path)
        path = unquote(url.path).removeprefix("/compute/v2.1")
        if path in ("", "/", url.path):
            super().reply()
        elif path.startswith("/os-keypairs"):
            name = path.removeprefix("/os-keypairs").strip("/")
            self._keypair(name, parse_qs(url.query).get("user_id", ["u"])[0], body)
        elif path == "/flavors/detail":
            self.answer(200, {"flavors": [{"id": "f", "name": "m1.small"}]})
        elif self.command == "DELETE":
            self.servers.pop(path.rpartition("/")[2])
            self.answer(204, {})
        else:
            self._boot(body["server"])

    def _keypair(self, name: str, user: str, body: dict[str, Any]) -> None:
        if self.command == "POST":
            asked = body["keypair"]
            if ("u", asked["name"]) in self.keys:
                self.answer(
                    409, {"conflictingRequest": {"message": f"Key pair '{asked['name']}' already exists."}}
                )
                return
            self.keys["u", asked["name"]] = asked["public_key"]
            self.answer(201, {"keypair": asked})
        elif (user, name) not in self.keys:
            self.answer(404, {"itemNotFound": {"message": f"Keypair {name} not found for user {user}"}})
        elif self.command == "DELETE":
            if self.refuse and self.refuse[0][1] == "delete":
                self.answer(self.refuse.pop(0)[0], {})
                return
            del self.keys[user, name]
            self.answer(204, {})
        else:
            key = {"name": name, "type": "ssh", "public_key": self.keys[user, name]}
            self.answer(200, {"keypair": key})

    def _boot(self, asked: dict[str, Any]) -> None:
        if self.on_boot:
            self.on_boot.pop(0)()
        if self.refuse and self.refuse[0][1] == "boot":
            self.answer(self.refuse.pop(0)[0], {"badRequest": {"message": "No."}})
        elif asked.get("key_name") and ("u", asked["key_name"]) not in self.keys:
            self.answer(400, {"badRequest": {"message": "Invalid key_name provided."}})
        else:
            uuid = f"s{len(self.servers)}"
            self.servers[uuid] = self.keys.get(("u", asked.get("key_name", "")), "")
            self.answer(202, {"server": {"id": uuid}})


@pytest.fixture
def nova(server: Server, clouds_yaml: Callable[..., None]) -> type[Nova]:
    keystone(server)

    class Mine(Nova):
        keys: dict[tuple[str, str], str] = {("owner", NAME): "ssh-ed25519 theirs"}
        servers: dict[str, str] = {}
        refuse: list[tuple[int, str]] = []
        on_boot: list[Callable[[], None]] = []

    server.RequestHandlerClass = Mine
    clouds_yaml(f"{server.url}/v3")
    return Mine


def boot(owner: str = "owner") -> str:
    new = api.NewServer(
        name="web", project_id="p", image_id="i", flavor="m1.small", key_name=NAME, key_owner=owner
    )
    return OpenStackCloud("prod", timeout=5).create_server(new)


def test_it_is_borrowed_and_given_back(nova: type[Nova]) -> None:
    boot()
    assert list(nova.servers.values()) == ["ssh-ed25519 theirs"]
    assert nova.keys == {("owner", NAME): "ssh-ed25519 theirs"}


def test_ours_of_the_same_name_is_replaced(nova: type[Nova]) -> None:
    nova.keys["u", NAME] = "ssh-ed25519 somebody"
    boot()
    assert list(nova.servers.values()) == ["ssh-ed25519 theirs"]
    assert ("u", NAME) not in nova.keys


def test_the_same_key_of_ours_is_left_where_it_was(nova: type[Nova]) -> None:
    nova.keys["u", NAME] = "ssh-ed25519 theirs"
    boot()
    assert nova.keys["u", NAME] == "ssh-ed25519 theirs"


def test_key_of_our_own_is_used_as_it_is(nova: type[Nova]) -> None:
    nova.keys["u", NAME] = "ssh-ed25519 ours"
    boot("u")
    assert list(nova.servers.values()) == ["ssh-ed25519 ours"]
    assert nova.keys["u", NAME] == "ssh-ed25519 ours"


def test_key_that_its_owner_has_deleted_is_told(nova: type[Nova]) -> None:
    nova.keys.clear()
    with pytest.raises(api.Refused, match="no longer exists with its owner"):
        boot()
    assert nova.servers == {}


@pytest.mark.parametrize(("status", "error"), [(400, api.Refused), (503, api.Unreachable)])
def test_it_is_given_back_when_the_boot_fails(
    nova: type[Nova], status: int, error: type[api.CloudError]
) -> None:
    nova.refuse.append((status, "boot"))
    with pytest.raises(error):
        boot()
    assert ("u", NAME) not in nova.keys
    assert nova.servers == {}


def test_key_that_cannot_be_given_back_does_not_undo_the_boot(
    nova: type[Nova], caplog: pytest.LogCaptureFixture
) -> None:
    nova.refuse.append((500, "delete"))
    with caplog.at_level(logging.WARNING):
        boot()
    assert len(nova.servers) == 1
    assert f"key pair {NAME} stays in our account" in caplog.text


def test_copy_with_somebody_elses_key_is_deleted_again(nova: type[Nova]) -> None:
    """Another copy has put its owner's key of that name in place of ours."""
    nova.on_boot.append(lambda: nova.keys.update({("u", NAME): "ssh-ed25519 somebody"}))
    with pytest.raises(api.Refused, match="deleted again"):
        boot()
    assert nova.servers == {}


def test_key_taken_away_just_before_the_boot_is_borrowed_again(nova: type[Nova]) -> None:
    """Another copy of the same owner has given its key back: Nova refuses ours, and nothing was done."""
    nova.on_boot.append(nova.take_away)
    boot()
    assert list(nova.servers.values()) == ["ssh-ed25519 theirs"]
    assert ("u", NAME) not in nova.keys


def test_key_that_is_always_taken_away_is_given_up(nova: type[Nova]) -> None:
    for _ in range(9):
        nova.on_boot.append(nova.take_away)
    with pytest.raises(api.Refused, match="Try again"):
        boot()
    assert len(nova.on_boot) == 4
