"""A cloud made of canned answers, on a real socket: for what neither the lab nor the fake can be made to do."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from nmigrate.cloud import api
from nmigrate.cloud.openstack import OpenStackCloud

Answer = tuple[int, dict[str, Any]]


class Server(ThreadingHTTPServer):
    """An HTTP server that answers from a dict of path -> (status, body); it stands for a broken cloud."""

    answers: dict[str, Answer]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.reply()

    do_POST = do_PUT = do_DELETE = do_GET

    def reply(self) -> None:
        server: Any = self.server
        self.answer(*server.answers.get(self.path.rstrip("/").split("?")[0], (404, {})))

    def answer(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Subject-Token", "a-token")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


def keystone(server: Server, nova_newest: str = "2.104", *, others: tuple[str, ...] = ()) -> None:
    """Answers of a keystone that lets us in, with a Nova that speaks up to `nova_newest`; `others`: types of services
    that its catalog names beside."""
    version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"{server.url}/v3/"}]}
    endpoint = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "id": "e"}
    catalog = [
        {"type": kind, "name": kind, "id": kind, "endpoints": [{**endpoint, "url": server.url + path}]}
        for kind, path in (
            ("compute", "/compute/v2.1"),
            ("placement", "/placement"),
            *((kind, f"/{kind}") for kind in others),
        )
    ]
    token = {
        "user": {"id": "u", "name": "nmigrate", "domain": {"id": "default", "name": "Default"}},
        "project": {"id": "p", "name": "admin", "domain": {"id": "default", "name": "Default"}},
        "roles": [], "catalog": catalog, "methods": ["password"],
        "issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2036-01-01T00:00:00.000000Z",
    }  # fmt: skip
    server.answers |= {
        "/v3": (200, {"version": version}),
        "/v3/auth/tokens": (201, {"token": token}),
        "/compute/v2.1": (
            200,
            {
                "version": {
                    "id": "v2.1", "status": "CURRENT", "version": nova_newest, "min_version": "2.1",
                    "links": [{"rel": "self", "href": f"{server.url}/compute/v2.1/"}],
                }
            },
        ),
    }  # fmt: skip


def problem(
    expected: type[api.CloudError], call: Callable[[OpenStackCloud], Any] | None = None
) -> api.CloudError:
    cloud = OpenStackCloud("prod", timeout=2)
    with pytest.raises(expected) as raised:
        (call or (lambda c: list(c.servers())))(cloud)
    assert "s3cret" not in str(raised.value) + raised.value.said
    sentence = str(raised.value)
    assert sentence.endswith(".")
    assert "Exception" not in sentence
    assert "Traceback" not in sentence
    return raised.value
