"""kill -9 of workers and follower after each step that Nova has accepted, for each way from zone to zone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nmigrate.lab import Lab
from tests.lab.fixtures import wait_for
from tests.story.desk import Desk
from tests.story.test_crashes import state_of

pytestmark = pytest.mark.lab

ASK = """
from django.contrib.auth.models import User
from nmigrate import services
from nmigrate.models import Instance, Migration
from nmigrate.states import Kind
actor = User.objects.get(username={actor!r})
"""
REQUEST = (
    ASK
    + """
services.request_migration(
    actor=actor, instance=Instance.objects.get(uuid={uuid!r}), reason="crash", kind=Kind({kind!r}), **{wanted!r}
)
"""
)
CONFIRM = (
    ASK + "services.confirm_migration(actor=actor, migration=Migration.objects.get(instance_uuid={uuid!r}))"
)


@pytest.fixture
def desk(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """An application for each test: the supervisor waits longer after each death, up to half a minute."""
    made = Desk(lab, f"zone-{request.node.callspec.id}")
    made.first_start()
    yield made
    made.stop()


def known(desk: Desk, uuid: str, status: str) -> None:
    at_rest = "SELECT 1 FROM nmigrate_instance WHERE uuid = ? AND status = ? AND task_state = ''"
    wait_for(lambda: desk.rows(at_rest, uuid, status), 60, "the inventory to know it")


def kill_after_each(desk: Desk) -> list[str]:
    """From now on each order that Nova accepts kills workers and follower, and nobody hears the answer."""
    seen: list[str] = []

    def kill(what: str) -> bool:
        seen.append(what)
        desk.kill("manage.py work", "manage.py follow")
        return True

    desk.relay.on_accepted = kill
    return seen


def asked(desk: Desk, uuid: str) -> list[str]:
    """What Nova was asked of a server, oldest first, without its creation and its locks."""
    rows = desk.lab.client().get("nova", f"/servers/{uuid}/os-instance-actions")["instanceActions"]
    ignored = ("create", "lock", "unlock")
    return [row["action"] for row in reversed(rows) if row["action"] not in ignored]


@pytest.mark.parametrize(
    ("kind", "boot", "wanted", "end", "expected"),
    [
        ("live", {"host": "compute1"}, {"zone": "nova"}, "done", ["live-migration"]),
        (
            "cold",
            {"host": "compute1", "stopped": True, "zone": "nova-1"},
            {"zone": "nova", "changes_pin": True},
            "waiting",
            ["stop", "migrate"],
        ),
        (
            "shelve",
            {"host": "compute1", "stopped": True, "zone": "nova-1"},
            {"zone": "nova"},
            "done",
            ["stop", "shelve", "unshelve", "stop"],
        ),
        (
            "copy",
            {"host": "compute1", "stopped": True, "zone": "nova-1"},
            {"zone": "nova", "original_after": "delete"},
            "waiting",
            ["stop", "createImage"],
        ),
    ],
    ids=["plain", "unpin", "shelve", "copy"],
)
def test_each_way_survives_a_crash_after_each_of_its_steps(
    desk: Desk,
    make_server: Callable[..., Any],
    kind: str,
    boot: dict[str, Any],
    wanted: dict[str, Any],
    end: str,
    expected: list[str],
) -> None:
    uuid = make_server(cloud="lab", **boot).id
    known(desk, uuid, "SHUTOFF" if boot.get("stopped") else "ACTIVE")
    seen = kill_after_each(desk)
    try:
        desk.manage("shell", "-c", REQUEST.format(actor="helpdesk", uuid=uuid, kind=kind, wanted=wanted))
        wait_for(lambda: state_of(desk, uuid) == end, 180, f"the move to be {end}")
        if end == "waiting":
            wait_for(lambda: len(seen) >= 1 and "lock" in seen[-1], 60, "the lock of the hold")
            wait_for(lambda: not open_orders(desk, uuid), 60, "the lock to be found")
            desk.manage("shell", "-c", CONFIRM.format(actor="manager", uuid=uuid))
            wait_for(lambda: state_of(desk, uuid) == "done", 180, "the decision to be carried out")
            expected = [*expected, {"cold": "confirmResize", "copy": "delete"}[kind]]
    finally:
        desk.relay.on_accepted = None
    assert seen
    assert asked(desk, uuid) == expected
    if kind == "copy":
        (copy,) = desk.rows("SELECT copy_uuid FROM nmigrate_migration WHERE instance_uuid = ?", uuid)[0]
        (name,) = desk.rows("SELECT instance_name FROM nmigrate_migration WHERE instance_uuid = ?", uuid)[0]
        rows = desk.lab.client().get("nova", f"/servers/detail?all_tenants=1&name=^{name}$")["servers"]
        assert [row["id"] for row in rows] == [copy]
        desk.lab.client().call("DELETE", "nova", f"/servers/{copy}")
    else:
        server = desk.lab.client().get("nova", f"/servers/{uuid}")["server"]
        assert server["OS-EXT-AZ:availability_zone"] == "nova"
        assert not server["locked"]
    assert "unbroken" in desk.manage("verify_audit")


def open_orders(desk: Desk, uuid: str) -> list[Any]:
    return desk.rows(
        "SELECT 1 FROM nmigrate_order WHERE instance_uuid = ? AND state IN ('queued', 'sent')", uuid
    )
