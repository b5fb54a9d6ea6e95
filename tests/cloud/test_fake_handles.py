"""Handles of the fake cloud for what the lab's Nova cannot be brought to in a few seconds."""

import pytest

from nmigrate.cloud import api
from tests.fakecloud import MEMBER, FakeCloud


@pytest.fixture
def fake() -> FakeCloud:
    made = FakeCloud()
    for host in ("compute1", "compute2", "compute3"):
        made.add_host(host)
    return made


def statuses(fake: FakeCloud) -> list[str]:
    return [row.status for row in fake.server_migrations()]


def test_only_so_many_leave_a_host_at_a_time_and_a_queued_one_can_be_stopped(fake: FakeCloud) -> None:
    fake.max_live, fake.hold_live = 1, True
    one, two, three = (fake.add(name, "compute1", "ACTIVE").uuid for name in ("one", "two", "three"))
    for uuid in (one, two, three):
        fake.live_migrate(uuid)
    fake.settle()
    assert statuses(fake) == ["running", "queued", "queued"]
    (row,) = fake.live_progress(two)
    assert (row.status, row.memory_total) == ("queued", None)
    fake.abort_live(two, row.id)
    fake.settle()
    assert statuses(fake) == ["running", "cancelled", "queued"]
    assert fake.server(two).status == "ACTIVE"
    fake.hold_live = False
    fake.settle()
    assert statuses(fake) == ["completed", "cancelled", "completed"]


def test_figures_are_unknown_then_zero_then_falling(fake: FakeCloud) -> None:
    fake.hold_live = True
    uuid = fake.add("web", "compute1", "ACTIVE").uuid
    fake.live_migrate(uuid)
    seen = []
    for _ in range(9):
        fake.step()
        seen += [row.memory_remaining for row in fake.live_progress(uuid) if row.status == "running"]
    assert seen[:2] == [None, 0]
    assert seen[2:] == sorted(seen[2:], key=lambda left: -(left or 0))
    assert len(set(seen[2:])) == len(seen[2:])


def test_settle_leaves_a_held_live_migration_alone(fake: FakeCloud) -> None:
    fake.hold_live = True
    held = fake.add("held", "compute1", "ACTIVE").uuid
    other = fake.add("other", "compute1").uuid
    fake.live_migrate(held)
    fake.start(other)
    fake.settle()
    assert (fake.server(held).status, fake.server(other).status) == ("MIGRATING", "ACTIVE")


@pytest.mark.parametrize(
    "call", ["stop", "shelve", "live_migrate", "delete_server", "unlock", "evacuate", "pin_zone", "lock"]
)
def test_answer_that_is_lost_belongs_to_a_call_that_took_effect(fake: FakeCloud, call: str) -> None:
    uuid = fake.add("web", "compute1", "ACTIVE", pinned_zone="nova").uuid
    if call == "evacuate":
        fake.add_host("compute1", state="down", forced_down=True)
    fake.lose_answer_of = {call}
    before = fake.server(uuid)
    more = {"pin_zone": (None,), "lock": ("held",)}.get(call, ())
    posts: list[str] = []
    fake.before_post = posts.append
    with pytest.raises(api.Unreachable):
        getattr(fake, call)(uuid, *more)
    assert (posts, fake.calls[call]) == ([call], 1)
    if call != "unlock":
        assert fake.server(uuid) != before


def test_killed_image_stays_to_be_deleted(fake: FakeCloud) -> None:
    fake.kill_image, fake.fail_at = True, {"compute1": "snapshot"}
    uuid = fake.add("web", "compute1").uuid
    fake.create_image(uuid, "project-demo", "snap")
    fake.settle()
    (image,) = fake.images_named("snap")
    assert image.status == "killed"


def test_snapshot_of_a_server_that_is_all_volumes_is_there_at_once(fake: FakeCloud) -> None:
    uuid = fake.add("db", "compute1", "ACTIVE", image_id="", volumes=("v",)).uuid
    fake.create_image(uuid, "project-demo", "snap")
    (image,) = fake.images_named("snap")
    assert (image.status, image.size, fake.server(uuid).task_state) == ("active", 0, "")


def test_member_is_stopped_by_a_lock_and_cannot_take_it_off(fake: FakeCloud) -> None:
    uuid = fake.add("web", "compute1", locked=True).uuid
    fake.migrate(uuid)
    fake.settle()
    for call in (fake.confirm_outside, fake.revert_outside):
        with pytest.raises(api.Refused, match="locked"):
            call(uuid)
    with pytest.raises(api.Unauthorized):
        fake.unlock_outside(uuid, MEMBER)
    fake.confirm_outside(uuid, "")  # Nova's own auto-confirm does not look at it
    fake.settle()
    assert fake.server(uuid).status == "SHUTOFF"
