"""What can be wrong with a cloud or its settings, each told in one sentence that names it. No mock: real sockets."""

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import run

import pytest
from django.conf import settings

from nmigrate import follower, inventory
from nmigrate.cloud import api
from nmigrate.cloud.openstack import OpenStackCloud
from nmigrate.models import Cloud, Instance
from tests.cloud.http import Handler, Server, keystone, problem
from tests.fakecloud import FakeCloud


def test_no_clouds_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "missing.yaml"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "There is no clouds.yaml" in str(problem(api.WrongSetting))


def test_unknown_cloud_name(clouds_yaml: Callable[..., None]) -> None:
    clouds_yaml("http://127.0.0.1:1/v3")
    with pytest.raises(api.WrongSetting, match=r"no cloud named dr in clouds.yaml .it has: .*prod"):
        OpenStackCloud("dr").versions()


def test_clouds_yaml_that_is_no_yaml(clouds_yaml: Callable[..., None], tmp_path: Path) -> None:
    clouds_yaml("x")
    (tmp_path / "clouds.yaml").write_text("clouds: [unbalanced\n")
    assert "cannot be read as YAML" in str(problem(api.WrongSetting))


def test_incomplete_login(clouds_yaml: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text("clouds: {prod: {auth: {username: x}}}")
    assert "prod" in str(problem(api.WrongSetting))


def test_cloud_that_is_down(clouds_yaml: Callable[..., None]) -> None:
    clouds_yaml("http://127.0.0.1:1/v3")
    assert "prod cannot be reached" in str(problem(api.Unreachable))


def test_wrong_password(clouds_yaml: Callable[..., None], server: Server) -> None:
    keystone(server)
    server.answers["/v3/auth/tokens"] = (401, {"error": {"message": "The request requires authentication."}})
    clouds_yaml(f"{server.url}/v3")
    assert "user name or password" in str(problem(api.Unauthorized))


def test_certificate_that_is_not_trusted(
    clouds_yaml: Callable[..., None], server: Server, tmp_path: Path
) -> None:
    run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    clouds_yaml(f"https://127.0.0.1:{server.server_port}/v3")
    assert "certificate of prod is not trusted" in str(problem(api.WrongSetting))


def test_account_without_rights(clouds_yaml: Callable[..., None], server: Server) -> None:
    keystone(server)
    server.answers["/compute/v2.1/servers/detail"] = (
        403,
        {"forbidden": {"message": "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants"}},
    )
    clouds_yaml(f"{server.url}/v3")
    error = problem(api.Unauthorized)
    assert "lacks a right" in str(error)
    assert "get_all_tenants" in error.said


def test_nova_that_is_too_old(clouds_yaml: Callable[..., None], server: Server) -> None:
    keystone(server, "2.90")
    clouds_yaml(f"{server.url}/v3")
    assert "2.90 at most; nmigrate needs 2.93" in str(problem(api.WrongSetting))


def test_cap_and_cloud_decide_the_version_together(clouds_yaml: Callable[..., None], server: Server) -> None:
    keystone(server, "2.100")
    clouds_yaml(f"{server.url}/v3")
    assert OpenStackCloud("prod").versions() == api.Versions(newest="2.100", used="2.100")
    assert OpenStackCloud("prod", newest="2.96").versions().used == "2.96"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_internal_problem_counts_as_unknown_not_as_refused(
    clouds_yaml: Callable[..., None], server: Server, status: int
) -> None:
    keystone(server)
    server.answers["/compute/v2.1/servers/u/action"] = (status, {"computeFault": {"message": "oops"}})
    clouds_yaml(f"{server.url}/v3")
    problem(api.Unreachable, lambda cloud: cloud.migrate("u"))


def test_cloud_that_hangs_is_given_up_in_time(clouds_yaml: Callable[..., None], server: Server) -> None:
    keystone(server)
    release = threading.Event()

    class Hanging(Handler):
        def reply(self) -> None:
            if self.path.endswith("/action"):
                release.wait(20)
            super().reply()

    server.RequestHandlerClass = Hanging
    clouds_yaml(f"{server.url}/v3")
    try:
        assert "did not answer in time" in str(problem(api.Unreachable, lambda cloud: cloud.migrate("u")))
    finally:
        release.set()


def test_answer_that_is_no_json(clouds_yaml: Callable[..., None], server: Server) -> None:
    keystone(server)

    class Broken(Handler):
        def reply(self) -> None:
            if "servers" not in self.path:
                super().reply()
                return
            self.send_response(200)
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"<html>hi<")

    server.RequestHandlerClass = Broken
    clouds_yaml(f"{server.url}/v3")
    assert "no usable answer" in str(problem(api.Unreachable))


def test_problem_is_kept_for_the_pages_and_the_last_picture_stays(synced: FakeCloud) -> None:
    error = api.Unreachable("lab cannot be reached. nmigrate keeps trying.", "ConnectFailure")
    before = Cloud.objects.get()
    inventory.note_problem("lab", error)
    row = Cloud.objects.get()
    assert (row.problem, row.synced_at) == (str(error), before.synced_at)
    assert row.version > before.version
    assert Instance.objects.count() == 4
    since = row.problem_since
    inventory.note_problem("lab", api.Unreachable("lab did not answer in time. nmigrate keeps trying."))
    assert Cloud.objects.get().problem_since == since
    follower.tick(synced, inventory.Names())
    assert Cloud.objects.get().problem == ""


def test_the_api_time_out_is_a_setting() -> None:
    assert OpenStackCloud("prod")._timeout == settings.NMIGRATE_API_TIMEOUT


@pytest.mark.parametrize(
    "words",
    ["Quota exceeded for instances: Requested 1, but already used 10 of 10 instances", "Over quota: cores"],
)
def test_quota_is_no_missing_right_though_nova_says_403(
    clouds_yaml: Callable[..., None], server: Server, words: str
) -> None:
    keystone(server)
    server.answers["/compute/v2.1/servers/u/action"] = (403, {"forbidden": {"message": words}})
    clouds_yaml(f"{server.url}/v3")
    error = problem(api.Refused, lambda cloud: cloud.unshelve("u"))
    assert "quota of its project" in str(error)
    assert words in error.said


def test_project_where_we_have_no_role_is_named(clouds_yaml: Callable[..., None], server: Server) -> None:
    keystone(server)
    server.answers["/v3/projects/p-billing"] = (200, {"project": {"id": "p-billing", "name": "billing"}})
    server.answers["/identity/v3/projects/p-billing"] = server.answers["/v3/projects/p-billing"]
    clouds_yaml(f"{server.url}/v3")

    class Scoped(Handler):
        def reply(self) -> None:
            asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if b"p-billing" in asked:
                self.answer(401, {"error": {"message": "The request you have made requires authentication."}})
            else:
                super().reply()

    server.RequestHandlerClass = Scoped
    error = problem(api.Unauthorized, lambda cloud: cloud.create_image("u", "p-billing", "x"))
    assert "no role in project" in str(error)
    assert "billing" in str(error)
    assert "requires authentication" in error.said


def test_right_that_is_missing_in_a_project_names_the_project(
    clouds_yaml: Callable[..., None], server: Server
) -> None:
    keystone(server)
    server.answers["/compute/v2.1/servers/u/action"] = (
        403,
        {
            "forbidden": {
                "message": "Policy doesn't allow os_compute_api:servers:create_image to be performed."
            }
        },
    )
    clouds_yaml(f"{server.url}/v3")
    error = problem(api.Unauthorized, lambda cloud: cloud.create_image("u", "p-billing", "x"))
    assert "no role in project p-billing of prod" in str(error)
    assert "create_image" in error.said
