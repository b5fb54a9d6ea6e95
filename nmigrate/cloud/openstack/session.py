"""The session: who we are, in which project, which version of Nova is spoken, and how an answer becomes an error."""

import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import openstack
from django.conf import settings
from keystoneauth1.adapter import Adapter

from nmigrate.cloud import api
from nmigrate.cloud.failures import explain, refuse_answer
from nmigrate.cloud.refusals import no_role
from nmigrate.sentences import say


class Session:
    """Everything that OpenStackCloud's calls are made with.

    A call is made in the project of clouds.yaml unless it names another: then with a token for that one, by the
    same account. Where the account has no role there, `no_role` is raised.
    """

    def __init__(self, name: str, *, newest: str = "", timeout: float = 0) -> None:
        self.name = name
        self._cap = newest or settings.NMIGRATE_MAX_MICROVERSION
        self._timeout = timeout or settings.NMIGRATE_API_TIMEOUT
        self._connection: openstack.connection.Connection | None = None
        self._connection_in: dict[str, openstack.connection.Connection] = {}
        self._versions: api.Versions | None = None
        self._lock = threading.Lock()

    def _connect(self) -> openstack.connection.Connection:
        with self._lock:
            if self._connection is None:
                with explain(self.name):
                    self._connection = openstack.connect(
                        cloud=self.name,
                        api_timeout=self._timeout,
                        compute_api_version="2",
                    )
        return self._connection

    def _connect_in(self, project_id: str) -> openstack.connection.Connection:
        connection = self._connect()
        with self._lock:
            if project_id not in self._connection_in:
                with explain(self.name):
                    self._connection_in[project_id] = connection.connect_as(project_id=project_id)
        return self._connection_in[project_id]

    def _adapter(self, service: str, project_id: str = "") -> Adapter:
        connection = self._connect_in(project_id) if project_id else self._connect()
        with explain(self.name):
            adapter: Adapter = getattr(connection, service)
        return adapter

    def own_user_id(self) -> str:
        connection = self._connect()
        with explain(self.name):
            return str(connection.session.get_user_id() or "")

    def _own_project_id(self) -> str:
        connection = self._connect()
        with explain(self.name):
            return str(connection.session.get_project_id() or "")

    def versions(self) -> api.Versions:
        if self._versions is None:
            compute = self._adapter("compute")
            with explain(self.name):
                data = compute.get_endpoint_data()
            newest = ".".join(str(part) for part in (data.max_microversion or (2, 1))) if data else "2.1"
            used = min(newest, self._cap, api.NEWEST_MICROVERSION, key=api.microversion)
            if api.microversion(used) < api.microversion(api.OLDEST_MICROVERSION):
                raise api.WrongSetting(
                    say(
                        "The Nova of {cloud} speaks microversion {newest} at most; nmigrate needs "
                        "{oldest} (Zed, 2022) or newer. An operator must upgrade that cloud.",
                        cloud=self.name,
                        newest=newest,
                        oldest=api.OLDEST_MICROVERSION,
                    ),
                    said=f"newest microversion {newest}",
                )
            self._versions = api.Versions(newest=newest, used=used)
        return self._versions

    # -- calls

    def _nova(self, method: str, path: str, body: dict[str, Any] | None = None, project_id: str = "") -> Any:
        answer = self._nova_answer(method, path, body, project_id)
        with explain(self.name):
            return answer.json() if answer.content else {}

    def _nova_answer(
        self, method: str, path: str, body: dict[str, Any] | None = None, project_id: str = ""
    ) -> Any:
        return self._answer("compute", method, path, project_id, json=body, microversion=self.versions().used)

    def _get(self, service: str, path: str, **options: Any) -> Any:
        answer = self._answer(service, "GET", path, **options)
        with explain(self.name):
            return answer.json()

    def _answer(self, service: str, method: str, path: str, project_id: str = "", **options: Any) -> Any:
        """One call, sent once. Its answer if that is below 400, else a CloudError."""
        try:
            adapter = self._adapter(service, project_id)
            with explain(self.name):
                answer = adapter.request(path, method, raise_exc=False, **options)
            refuse_answer(self.name, answer)
        except api.Unauthorized as error:
            if not project_id:
                raise
            raise no_role(self.name, self._project_name(project_id), error.said) from error
        return answer

    def _project_name(self, project_id: str) -> str:
        try:
            return str(self._get("identity", f"/projects/{project_id}")["project"]["name"])
        except api.CloudError:
            return project_id

    def _images(self, query: str) -> Iterator[dict[str, Any]]:
        path = f"/images?{query}"
        while path:
            answer = self._get("image", path)
            yield from answer["images"]
            path = (answer.get("next") or "").removeprefix("/v2")

    def _paged(
        self, path: str, key: str, query: dict[str, Any], page: int = 1000
    ) -> Iterator[dict[str, Any]]:
        """Follow Nova's marker paging. A page shorter than asked is no end: the server may cap `limit`."""
        marker = None
        while True:
            asked = {**query, "limit": page} | ({"marker": marker} if marker else {})
            answer = self._nova("GET", f"{path}?{urlencode(asked)}")
            rows = answer[key]
            yield from rows
            if not rows or not answer.get(f"{key}_links"):
                return
            marker = rows[-1].get("uuid") or rows[-1]["id"]


def request_id(answer: Any) -> str:
    """The id under which a service's log, and Nova's list of actions, know this call."""
    return str(answer.headers.get("X-Openstack-Request-Id", ""))
