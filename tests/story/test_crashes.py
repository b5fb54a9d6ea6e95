"""kill -9 at the worst moment: Nova has accepted, and the application has not heard of it yet."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.fixtures import wait_for
from tests.story.desk import Desk

pytestmark = pytest.mark.lab

ASK = """
from django.contrib.auth.models import User
from nmigrate import services
from nmigrate.models import Instance, Migration
actor = User.objects.get(username={actor!r})
"""
REQUEST = (
    ASK
    + "services.request_migration(actor=actor, instance=Instance.objects.get(uuid={uuid!r}), reason='crash')"
)
CONFIRM = (
    ASK + "services.confirm_migration(actor=actor, migration=Migration.objects.get(instance_uuid={uuid!r}))"
)


def state_of(desk: Desk, uuid: str) -> str:
    rows = desk.rows("SELECT state FROM nmigrate_migration WHERE instance_uuid = ? ORDER BY id DESC", uuid)
    return str(rows[0][0]) if rows else ""


def known(desk: Desk, uuid: str) -> None:
    at_rest = "SELECT 1 FROM nmigrate_instance WHERE uuid = ? AND status = 'SHUTOFF' AND task_state = ''"
    wait_for(lambda: desk.rows(at_rest, uuid), 60, "the inventory to know it")


@pytest.mark.parametrize(
    "victims",
    [
        ("manage.py work",),
        ("manage.py follow",),
        ("gunicorn",),
        ("manage.py work", "manage.py follow", "gunicorn"),
        ("up",),
    ],
    ids=["worker", "follower", "web", "all-three", "supervisor"],
)
def test_killed_after_nova_accepted_goes_on_and_nova_saw_one_migrate(
    desk: Desk, make_server: Callable[..., Any], victims: tuple[str, ...]
) -> None:
    uuid = make_server(host="compute1", stopped=True).id
    known(desk, uuid)
    seen = []

    def kill(body: str) -> bool:
        if "migrate" not in body:
            return False
        seen.append(body)
        desk.kill(*victims)
        return "manage.py work" in victims or "up" in victims

    desk.relay.on_accepted = kill
    try:
        desk.manage("shell", "-c", REQUEST.format(actor="helpdesk", uuid=uuid))
        wait_for(lambda: seen, 60, "Nova to accept the order")
    finally:
        desk.relay.on_accepted = None
    if "up" in victims:
        assert desk.process is not None
        desk.process.wait(30)
        wait_for(lambda: not desk.answers(), 30, "everything to end with its supervisor")
        desk.start()
    wait_for(lambda: state_of(desk, uuid) == "waiting", 90, "the move to go on")
    assert desk.moves_in_nova(uuid) == (1, 1)
    wait_for(desk.answers, 60, "the web server to answer again")
    desk.manage("shell", "-c", CONFIRM.format(actor="manager", uuid=uuid))
    wait_for(lambda: state_of(desk, uuid) == "done", 60, "the decision to be carried out")
    assert desk.moves_in_nova(uuid) == (1, 1)
    assert "unbroken" in desk.manage("verify_audit")


def test_confirm_whose_answer_was_lost_with_the_worker_is_not_sent_again(
    desk: Desk, make_server: Callable[..., Any]
) -> None:
    uuid = make_server(host="compute2", stopped=True).id
    known(desk, uuid)
    desk.manage("shell", "-c", REQUEST.format(actor="helpdesk", uuid=uuid))
    wait_for(lambda: state_of(desk, uuid) == "waiting", 90, "the move to arrive")
    seen = []

    def kill(body: str) -> bool:
        if "confirmResize" not in body:
            return False
        seen.append(body)
        desk.kill("manage.py work")
        return True

    desk.relay.on_accepted = kill
    try:
        desk.manage("shell", "-c", CONFIRM.format(actor="manager", uuid=uuid))
        wait_for(lambda: state_of(desk, uuid) == "done", 90, "the decision to be carried out")
    finally:
        desk.relay.on_accepted = None
    actions = desk.lab.client().get("nova", f"/servers/{uuid}/os-instance-actions")["instanceActions"]
    assert [a["action"] for a in actions].count("confirmResize") == 1
    assert len(seen) == 1


def test_hung_workers_are_noticed_and_replaced(desk: Desk, make_server: Callable[..., Any]) -> None:
    """The deadlock of a killed idle worker cannot be made at will; stopped processes are just as silent."""
    uuid = make_server(host="compute4", stopped=True).id
    known(desk, uuid)
    before = set(desk.pids("manage.py work"))
    for pid in before:
        os.kill(pid, signal.SIGSTOP)
    desk.manage("shell", "-c", REQUEST.format(actor="helpdesk", uuid=uuid))
    wait_for(lambda: state_of(desk, uuid) == "waiting", 120, "a new worker to do it")
    assert not before & set(desk.pids("manage.py work"))
    assert desk.moves_in_nova(uuid) == (1, 1)
