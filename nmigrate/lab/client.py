"""A few lines that call the lab's own services: the lab works with the standard library alone."""

import json
import threading
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from nmigrate.lab.configuration import ENDPOINTS, PASSWORD, url
from nmigrate.lab.errors import LabError

VERSIONS = {
    "nova": ("X-OpenStack-Nova-API-Version", "2.96"),
    "placement": ("OpenStack-API-Version", "placement 1.31"),
}


class ApiError(LabError):
    """A service answered with an error: its HTTP status, and in the sentence what it said."""

    def __init__(self, call: str, status: int, text: str) -> None:
        super().__init__(f"{call} was answered with HTTP {status}: {' '.join(text.split())}")
        self.status = status


class Client:
    """The lab's services, called as one user in one project; may be used from several threads."""

    def __init__(self, port: int, user: str = "admin", project: str = "admin") -> None:
        self.port, self.user, self.project = port, user, project
        self._token: str | None = None
        self._project_id = ""
        self._lock = threading.Lock()

    def token(self) -> str:
        """A token of this user, fetched once."""
        with self._lock:
            if self._token is None:
                domain = {"id": "default"}
                user = {"name": self.user, "password": PASSWORD, "domain": domain}
                scope = {"project": {"name": self.project, "domain": domain}}
                auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
                headers, answer = self._send("POST", "keystone", "/auth/tokens", {"auth": auth}, {})
                self._token = headers["X-Subject-Token"]
                self._project_id = answer["token"]["project"]["id"]
            return str(self._token)

    def project_id(self) -> str:
        """The id of this client's project, which Cinder wants in each path."""
        self.token()
        return self._project_id

    def call(self, method: str, service: str, path: str, body: Any = None) -> Any:
        """The decoded answer of a call; `path` begins after the service's endpoint.

        Raises ApiError when the service says no, LabError when it does not answer within 60 s.
        """
        headers = {"X-Auth-Token": self.token()}
        if service in VERSIONS:
            name, version = VERSIONS[service]
            headers[name] = version
        return self._send(method, service, path, body, headers)[1]

    def get(self, service: str, path: str) -> Any:
        """A GET call."""
        return self.call("GET", service, path)

    def post(self, service: str, path: str, body: Any) -> Any:
        """A POST call."""
        return self.call("POST", service, path, body)

    def pages(self, service: str, path: str, key: str) -> list[dict[str, Any]]:
        """All rows of a list that comes in pages with links to the next, as Nova's do."""
        rows: list[dict[str, Any]] = []
        while True:
            answer = self.get(service, path)
            rows += answer[key]
            following = [link["href"] for link in answer.get(f"{key}_links", []) if link["rel"] == "next"]
            if not following:
                return rows
            path = path.partition("?")[0] + "?" + urlsplit(following[0]).query

    def _send(
        self, method: str, service: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[Any, Any]:
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
            headers = {**headers, "Content-Type": kind}
        request = urllib.request.Request(  # noqa: S310  # always http to 127.0.0.1
            url(service, self.port) + ENDPOINTS[service][1] + path, data=data, method=method, headers=headers
        )
        try:
            with OPENER.open(request, timeout=60) as answer:
                text = answer.read()
                decoded = (
                    json.loads(text) if "json" in answer.headers.get("Content-Type", "") and text else None
                )
                return answer.headers, decoded
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            raise ApiError(f"{method} {path} of the lab's {service}", error.code, said) from None
        except OSError as error:
            raise LabError(f"the lab's {service} does not answer: {error}") from None


# a proxy of the environment is not for this machine's own services
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(service: str, port: int) -> bool:
    """Whether `service` answers at all; it may be 401."""
    try:
        OPENER.open(url(service, port) + "/", timeout=10).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True


def control(port: int, path: str, body: dict[str, Any]) -> None:
    """Call the control of the lab's Nova. Raises LabError with what it answers when it could not."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(url("control", port) + path, data=data, method="POST")  # noqa: S310
    try:
        OPENER.open(request, timeout=120).close()
    except urllib.error.HTTPError as error:
        raise LabError(f"the lab refused {path}: {error.read().decode(errors='replace')[:300]}") from None
    except OSError:
        raise LabError("the lab's Nova does not run: start it with `manage.py lab up`") from None
