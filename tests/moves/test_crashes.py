"""Workers and follower die at any database statement of a move from zone to zone: nothing is lost or done twice."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

import pytest
from django.db import connection

from nmigrate import audit, calls, services
from nmigrate.cloud import api
from nmigrate.models import Migration, Order
from nmigrate.states import ACTIVE, Kind, State
from tests.moves.ground import Ground, recover
from tests.test_never_twice import Died


@dataclass(frozen=True)
class Way:
    """A way from zone to zone, and what Nova must have been asked of the instance in the end, no more and no less."""

    kind: Kind
    status: str
    wanted: dict[str, Any]
    asked: dict[str, int]
    posts: str
    zone: str = "nova-1"
    decision: str = ""
    copies: int = 0
    pinned: str | None = None
    gone: bool = field(default=False)


WAYS = {
    "plain": Way(Kind.LIVE, "ACTIVE", {}, {"live-migration": 1}, "live", zone=""),
    "unpin-live": Way(
        Kind.LIVE, "ACTIVE", {"changes_pin": True}, {"live-migration": 1}, "unpin live pin", pinned="nova"
    ),
    "unpin-cold": Way(
        Kind.COLD, "SHUTOFF", {"changes_pin": True}, {"migrate": 1, "confirmResize": 1},
        "unpin migrate lock confirm pin unlock", decision="confirm",
        pinned="nova",
    ),
    "unpin-cold-back": Way(
        Kind.COLD, "SHUTOFF", {"changes_pin": True}, {"migrate": 1, "revertResize": 1},
        "unpin migrate lock revert pin unlock", decision="reject",
        pinned="nova-1",
    ),
    "shelve": Way(Kind.SHELVE, "SHUTOFF", {}, {"shelve": 1, "unshelve": 1}, "shelve unshelve stop", pinned="nova"),
    "copy-kept": Way(
        Kind.COPY, "SHUTOFF", {"original_after": "delete", "same_addresses": True},
        {"createImage": 1, "delete": 1}, "snapshot boot lock unlock delete readdress",
        decision="confirm", copies=1, gone=True,
    ),
    "copy-dropped": Way(
        Kind.COPY, "SHUTOFF", {}, {"createImage": 1}, "snapshot boot lock delete delete_image unlock",
        decision="reject", pinned="nova-1",
    ),
}  # fmt: skip
COUNTED = (
    "live-migration",
    "migrate",
    "confirmResize",
    "revertResize",
    "shelve",
    "unshelve",
    "createImage",
    "delete",
)


class Killer:
    """Lets workers and follower die once: at the nth statement of all that they execute, or at a call to the cloud."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.count = 0
        self.is_dead = False

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            self.count += 1
            if self.count == self.at:
                self.die(sql[:60])
        return execute(sql, params, many, context)

    def die(self, where: str) -> None:
        self.is_dead = True
        raise Died(where)

    def at_post(self, monkeypatch: pytest.MonkeyPatch, action: str, when: str) -> None:
        """Die just before, or just after, the cloud is told to do this."""
        real = calls.post

        def post(order: Order, cloud: api.Cloud) -> str:
            is_it = order.action == action and not self.is_dead
            if is_it and when == "before":
                self.die(f"before {action}")
            answer = real(order, cloud)
            if is_it:
                self.die(f"after {action}")
            return answer

        monkeypatch.setattr(calls, "post", post)


def tick(ground: Ground, killer: Killer) -> None:
    try:
        with connection.execute_wrapper(killer):
            ground.tick()
    except Died:
        recover(ground)


def go(ground: Ground, move: Migration, killer: Killer) -> None:
    """Until it rests; an order that never arrived is tried again by a person."""
    for _ in range(400):
        move.refresh_from_db()
        rests = move.state not in ACTIVE or move.state in (State.WAITING, State.STRANDED)
        if rests and not Order.objects.filter(state__in=Order.OPEN).exists():
            if move.state != State.STRANDED:
                return
            assert "never arrived" in move.why, ground.story(move)
            services.retry_migration(actor=ground.helpdesk, migration=move)
        if killer.is_dead:
            recover(ground)
        tick(ground, killer)
    raise AssertionError(ground.story(move))


def walk(ground: Ground, way: Way, killer: Killer) -> Migration:
    instance = ground.boot(f"walker-{token_hex(3)}", "compute1", way.status, zone=way.zone)
    move = ground.ask(instance, way.kind, zone="nova", **way.wanted)
    go(ground, move, killer)
    while way.decision and move.state == State.WAITING:
        # A decision that never arrived is open again.
        ground.decide(move, way.decision)
        go(ground, move, killer)
    for _ in range(3):
        tick(ground, killer)
    return move


TOTALS: dict[str, int] = {}


POSTS = [(name, action) for name, way in WAYS.items() for action in way.posts.split()]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("name", "action"), POSTS)
def test_death_at_a_call_to_the_cloud_loses_and_doubles_nothing(
    fake_ground: Ground, monkeypatch: pytest.MonkeyPatch, name: str, action: str, when: str
) -> None:
    killer = Killer()
    killer.at_post(monkeypatch, action, when)
    check(fake_ground, WAYS[name], killer)
    assert killer.is_dead


@pytest.mark.parametrize("share", range(8))
@pytest.mark.parametrize("name", WAYS)
def test_death_at_any_statement_loses_and_doubles_nothing(fake_ground: Ground, name: str, share: int) -> None:
    if name not in TOTALS:
        counter = Killer()
        walk(fake_ground, WAYS[name], counter)
        TOTALS[name] = counter.count
    killer = Killer(1 + TOTALS[name] * share // 8)
    check(fake_ground, WAYS[name], killer)
    assert killer.is_dead


def check(ground: Ground, way: Way, killer: Killer) -> None:
    move = walk(ground, way, killer)
    if move.state == State.FAILED:
        assert "never arrived" in move.why, ground.story(move)
        assert sum(counted(ground, move).values()) == 0
        return
    expected = State.REVERTED if way.decision == "reject" else State.DONE
    assert move.state == expected, ground.story(move)
    assert counted(ground, move) == Counter(way.asked), ground.story(move)
    ground.read()
    assert ground.count_named(move) == way.copies + (0 if way.gone else 1)
    if not way.gone:
        server = ground.cloud.server(move.instance_uuid)
        assert (server.pinned_zone, server.locked) == (way.pinned, False)
    assert audit.verify()[0]


def counted(ground: Ground, move: Migration) -> Counter[str]:
    asked = [action.action for action in ground.cloud.actions(move.instance_uuid)]
    return Counter(word for word in asked if word in COUNTED)


def test_boot_that_arrives_after_it_was_given_up_is_not_doubled_by_a_second_try(
    fake_ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost, and the server shows only after the order was given up."""
    ground = fake_ground
    move = ground.ask(ground.boot("late", "compute1"), Kind.COPY, zone="nova")
    hidden = ground.cloud.servers_tagged
    monkeypatch.setattr(ground.cloud, "servers_tagged", lambda tag: [])
    ground.cloud.lose_answer_of = {"create_server"}  # type: ignore[attr-defined]
    ground.until(lambda: Order.objects.filter(action="boot", state="sent").exists(), "the boot to be sent")
    recover(ground)
    ground.play(move, State.STRANDED)
    monkeypatch.setattr(ground.cloud, "servers_tagged", hidden)
    services.retry_migration(actor=ground.helpdesk, migration=move)
    ground.play(move, State.WAITING)
    assert ground.count_named(move) == 2  # the original and one copy
