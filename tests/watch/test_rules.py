"""Each rule of the watchdog: what makes it speak, what keeps it quiet, and that it says a thing once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from nmigrate import inventory, services, watchdog
from nmigrate.cloud import api
from nmigrate.models import (
    AuditEvent,
    Cloud,
    Finding,
    Hypervisor,
    Instance,
    Migration,
    Observation,
    Order,
    OutsideMove,
)
from nmigrate.models.noticed import GRAVEST_FIRST
from nmigrate.states import State
from tests.conftest import follow, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.telling import is_made

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _every_finding_is_made_to_be_told(db: None) -> Iterator[None]:
    """Whatever a test below finds, each reader is shown in their language."""
    yield
    told = [text for row in Finding.objects.all() for text in (row.what, row.next_step)]
    told += AuditEvent.objects.filter(action__in=("finding", "finding_ended")).values_list(
        "reason", flat=True
    )
    assert [text for text in told if not is_made(text)] == []


def found() -> dict[str, Finding]:
    """One look: rule -> its open finding."""
    watchdog.judge("lab")
    return {row.rule: row for row in Finding.objects.filter(ended_at=None)}


def ago(span: timedelta) -> Any:
    return timezone.now() - span


def down(host: str, *, is_down: bool = True) -> None:
    Hypervisor.objects.filter(host=host).update(state="down" if is_down else "up")


def outside(instance: Instance, **fields: Any) -> OutsideMove:
    """A record of a move that somebody else made."""
    made: dict[str, Any] = {
        "server_migration_id": 900,
        "type": "migration",
        "status": "finished",
        "source_host": "compute3",
        "dest_host": instance.host,
        "user_name": "cloud-admin",
        "started_at": ago(HOUR),
        "updated_at": ago(HOUR),
    }
    return OutsideMove.objects.create(
        cloud="lab", instance_uuid=instance.uuid, instance_name=instance.name, **made | fields
    )


def test_every_rule_has_its_place_in_the_order_of_the_pages() -> None:
    assert tuple(rule.key for rule in watchdog.RULES) == GRAVEST_FIRST


def test_nothing_is_found_where_nothing_is_wrong(synced: FakeCloud, vm2: Instance, helpdesk: User) -> None:
    move = services.request_migration(actor=helpdesk, instance=vm2, reason="x")
    for _ in range(8):
        assert found() == {}
        run_tasks()
        follow(synced)

    move.refresh_from_db()
    assert move.state == State.WAITING
    assert not AuditEvent.objects.filter(action="finding").exists()


# -- a live move


def sampled(move: Migration, *, least: float, read: float) -> None:
    """Its measurements: the least that was left was seen so many seconds ago, the last reading so many."""
    now = timezone.now().timestamp()
    figures = {"total": 2**30, "remaining": 2**29, "samples": [[now - read, 2**29]]}
    Migration.objects.filter(pk=move.pk).update(
        progress={**figures, "least": [now - least, 2**29], "read_at": now - read}
    )


def test_a_live_move_that_stalls_is_found(live: Migration) -> None:
    sampled(live, least=200, read=1)
    assert "stalled" not in found()

    sampled(live, least=400, read=1)

    one = found()["stalled"]
    assert one.migration == live
    assert one.who == "helpdesk"
    assert "demo_zone makes no progress" in one.what
    assert "5 minutes" in one.what


def test_one_that_was_not_measured_again_is_not_called_stalled(live: Migration) -> None:
    sampled(live, least=400, read=350)

    assert "stalled" not in found()


def test_one_that_runs_on_its_new_host_already_is_not_called_stalled(live: Migration) -> None:
    sampled(live, least=400, read=1)
    Migration.objects.filter(pk=live.pk).update(nova_status="running (post-copy)")

    assert "stalled" not in found()


def test_a_second_try_is_not_measured_against_the_first(live: Migration) -> None:
    sampled(live, least=400, read=1)
    live.refresh_from_db()
    Migration.objects.filter(pk=live.pk).update(
        progress={**live.progress, "record": (live.server_migration_id or 0) - 1}
    )

    assert "stalled" not in found()


def test_a_live_move_that_nova_does_not_begin_is_found(live: Migration) -> None:
    Migration.objects.filter(pk=live.pk).update(nova_status="queued")
    assert "queued" not in found()

    Order.objects.filter(migration=live).update(answered_at=ago(HOUR))

    one = found()["queued"]
    assert "has not begun it" in one.what
    assert one.who == "helpdesk"


def test_a_live_move_that_copies_for_an_hour_is_not_called_queued(live: Migration) -> None:
    Order.objects.filter(migration=live).update(answered_at=ago(HOUR))
    Observation.objects.update(at=ago(HOUR))

    assert "queued" not in found()


def test_an_accepted_order_of_which_nothing_comes_is_found(moving: Migration) -> None:
    Order.objects.filter(migration=moving).update(answered_at=ago(HOUR))
    Instance.objects.filter(uuid=moving.instance_uuid).update(task_state="", status="SHUTOFF")
    assert "queued" not in found()  # it was seen to do something a moment ago

    Observation.objects.update(at=ago(HOUR))

    assert "nothing has come of it for 10 minutes" in found()["queued"].what


# -- hosts


def test_a_source_that_is_down_while_nova_waits_for_the_decision_is_found(waiting: Migration) -> None:
    down("compute2")  # another host
    assert found() == {}

    down("compute1")

    one = found()["source_down"]
    assert (one.host, one.migration, one.who) == ("compute1", waiting, "operator")
    assert "Do not decide yet" in one.next_step


def test_it_is_found_for_a_move_that_others_made_too(synced: FakeCloud, vm2: Instance) -> None:
    outside(vm2, status="finished")
    down("compute3")
    assert found() == {}  # a record that Nova forgot: nothing is held

    Instance.objects.filter(pk=vm2.pk).update(status="VERIFY_RESIZE")
    OutsideMove.objects.update(updated_at=timezone.now())

    one = found()["source_down"]
    assert (one.host, one.migration, one.instance_name) == ("compute3", None, "vm2")


@pytest.mark.parametrize("host", ["compute1", "compute3"])
def test_a_host_that_goes_down_during_a_move_is_found(moving: Migration, host: str) -> None:
    down(host)

    one = found()["host_down"]
    assert one.host == host
    assert ("to it" if host == "compute3" else "off it") in one.what


def test_the_source_of_an_evacuation_is_down_as_it_must_be(synced: FakeCloud, vm2: Instance) -> None:
    outside(
        vm2, type="evacuation", status="accepted", source_host="compute1", dest_host="compute3",
        updated_at=timezone.now(),
    )  # fmt: skip
    down("compute1")
    assert found() == {}

    down("compute3")

    assert found()["host_down"].host == "compute3"


# -- the wrong host


def failed_elsewhere(move: Migration, nova_status: str = "completed") -> Migration:
    """Nova called it finished, and it was not where it should be."""
    Migration.objects.filter(pk=move.pk).update(
        state=State.FAILED, nova_status=nova_status, dest_host="compute3", ended_at=timezone.now()
    )
    move.refresh_from_db()
    return move


def test_a_finished_move_on_the_wrong_host_is_found_until_it_is_put_right(moving: Migration) -> None:
    failed_elsewhere(moving)

    one = found()["wrong_host"]
    assert "vm2 is on compute1 and not on compute3" in one.what
    assert "do not move it" in one.next_step

    Instance.objects.filter(uuid=moving.instance_uuid).update(host="compute3")
    assert "wrong_host" not in found()


def test_a_failed_move_that_nova_calls_failed_is_not_on_the_wrong_host(moving: Migration) -> None:
    failed_elsewhere(moving, "error")

    assert "wrong_host" not in found()


def test_one_that_was_moved_again_since_is_not_on_the_wrong_host(
    moving: Migration,
    vm2: Instance,
) -> None:
    failed_elsewhere(moving)
    assert "wrong_host" in found()

    outside(vm2, status="completed", ended_at=timezone.now(), dest_host="compute1")

    assert "wrong_host" not in found()


def test_while_its_task_goes_on_it_is_found_after_a_moment(live: Migration) -> None:
    Migration.objects.filter(pk=live.pk).update(nova_status="completed", dest_host="compute4")
    assert "wrong_host" not in found()  # a picture between two readings

    Observation.objects.update(at=ago(timedelta(minutes=1)))

    assert "wrong_host" in found()


def test_a_move_that_others_made_is_found_on_the_wrong_host(synced: FakeCloud, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(updated_at=ago(2 * HOUR))
    row = outside(
        vm2, type="live-migration", status="completed", source_host="compute1", dest_host="compute3",
        ended_at=ago(HOUR),
    )  # fmt: skip
    assert "wrong_host" in found()

    Instance.objects.filter(pk=vm2.pk).update(updated_at=timezone.now())  # shelved and brought up there, say
    assert "wrong_host" not in found()

    Instance.objects.filter(pk=vm2.pk).update(updated_at=ago(2 * HOUR), host=row.dest_host)
    assert "wrong_host" not in found()


def test_one_that_others_moved_and_we_brought_back_is_not_on_the_wrong_host(moving: Migration) -> None:
    vm2 = Instance.objects.get(uuid=moving.instance_uuid)
    Migration.objects.filter(pk=moving.pk).update(
        state=State.DONE, step="", ended_at=ago(timedelta(seconds=40))
    )
    row = outside(
        vm2, type="live-migration", status="completed", source_host=vm2.host, dest_host="compute4",
        updated_at=ago(timedelta(seconds=60)), ended_at=ago(timedelta(seconds=60)),
    )  # fmt: skip
    assert "wrong_host" not in found()

    OutsideMove.objects.filter(pk=row.pk).update(updated_at=ago(timedelta(seconds=30)))
    assert "wrong_host" in found()


# -- tasks, broken instances


def test_a_task_that_does_not_end_is_found_without_a_move_of_ours(synced: FakeCloud, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(
        task_state="image_uploading", updated_at=ago(timedelta(minutes=20))
    )
    assert found() == {}

    Instance.objects.filter(pk=vm2.pk).update(updated_at=ago(timedelta(minutes=40)))

    one = found()["endless_task"]
    assert "its snapshot is being stored" in one.what
    assert one.migration is None


def test_beside_a_better_reason_the_task_is_not_told_again(live: Migration) -> None:
    Instance.objects.filter(uuid=live.instance_uuid).update(updated_at=ago(HOUR))
    assert set(found()) == {"endless_task"}

    sampled(live, least=400, read=1)

    assert set(found()) == {"stalled"}


def test_an_instance_that_others_moved_into_error_is_found(synced: FakeCloud, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(status="ERROR")
    assert found() == {}  # broken, but not by a move

    outside(vm2, status="error", ended_at=timezone.now())

    assert "in error after cloud-admin moved it outside nmigrate" in found()["broken_outside"].what


# -- people


def test_a_decision_that_is_overdue_is_found(waiting: Migration) -> None:
    assert found() == {}

    Migration.objects.filter(pk=waiting.pk).update(decide_by=ago(timedelta(seconds=1)))

    assert found()["overdue"].who == "manager"


def test_a_request_that_nobody_approves_is_found(asking: Migration, settings: Settings) -> None:
    assert found() == {}
    Migration.objects.filter(pk=asking.pk).update(requested_at=ago(25 * HOUR))

    assert found()["unapproved"].who == "manager"

    settings.NMIGRATE_DECISION_SECONDS = 0  # it may wait for ever
    assert found() == {}


def test_a_move_that_stopped_half_way_is_found_after_a_while(half_way: Migration, settings: Settings) -> None:
    assert "stranded" not in found()

    settings.NMIGRATE_WATCH_PERSON_SECONDS = 0

    assert found()["stranded"].migration == half_way


def test_a_wait_whose_lock_is_gone_is_found(
    synced: FakeCloud,
    waiting: Migration,
    settings: Settings,
) -> None:
    for _ in range(3):
        run_tasks()
        follow(synced)
    settings.NMIGRATE_WATCH_SILENT_SECONDS = 0
    synced_at_once()
    assert "unheld" not in found()

    Instance.objects.filter(uuid=waiting.instance_uuid).update(locked=False)
    synced_at_once()

    assert "is not locked" in found()["unheld"].what


def synced_at_once() -> None:
    """With no patience for silence, the cloud must have been read this very moment."""
    Cloud.objects.update(synced_at=timezone.now() + HOUR)


def test_an_instance_that_waits_for_a_decision_of_others_is_found(synced: FakeCloud, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(status="VERIFY_RESIZE")
    row = outside(vm2, updated_at=ago(timedelta(minutes=59)))
    assert found() == {}

    OutsideMove.objects.filter(pk=row.pk).update(updated_at=ago(timedelta(minutes=61)))

    one = found()["undecided_outside"]
    assert "cloud-admin moved vm2 outside nmigrate" in one.what


# -- silence


def test_an_order_that_no_worker_takes_is_found(asked: Migration) -> None:
    assert found() == {}
    Order.objects.update(created_at=ago(timedelta(minutes=3)))

    one = found()["unanswered"]
    assert "has not been sent for 2 minutes" in one.what
    assert one.migration == asked


def test_an_order_without_an_answer_is_found(asked: Migration) -> None:
    Order.objects.update(state=Order.State.SENT, claimed_at=ago(timedelta(minutes=3)))

    assert "Nova has not answered" in found()["unanswered"].what


def test_a_cloud_that_cannot_be_read_is_found_and_what_was_found_of_it_stays(waiting: Migration) -> None:
    down("compute1")
    assert set(found()) == {"source_down"}
    Cloud.objects.update(synced_at=ago(timedelta(minutes=3)), problem="lab cannot be reached.")
    down("compute1", is_down=False)  # what the inventory says now is old: it ends nothing

    assert set(found()) == {"source_down", "unread"}
    assert "lab cannot be reached." in found()["unread"].next_step

    Cloud.objects.update(synced_at=timezone.now())
    assert found() == {}


def test_a_cloud_that_was_never_read_is_no_finding(db: None) -> None:
    Cloud.objects.create(name="lab")

    assert found() == {}


# -- once, and until it passes


def trail() -> list[tuple[str, str]]:
    rows = AuditEvent.objects.filter(action__startswith="finding").order_by("id")
    return list(rows.values_list("action", "actor"))


def test_a_finding_is_written_down_once_and_ended_once(waiting: Migration) -> None:
    down("compute1")
    for _ in range(3):
        found()
    assert trail() == [("finding", "nmigrate")]
    event = AuditEvent.objects.get(action="finding")
    assert (event.migration_id, event.instance_name) == (waiting.pk, "vm2")
    assert event.reason == Finding.objects.get().what

    down("compute1", is_down=False)
    for _ in range(3):
        assert found() == {}

    assert trail() == [("finding", "nmigrate"), ("finding_ended", "nmigrate")]
    assert Finding.objects.get().ended_at is not None


def test_what_comes_back_is_a_new_finding(waiting: Migration) -> None:
    for is_down in (True, False, True):
        down("compute1", is_down=is_down)
        found()

    assert Finding.objects.count() == 2
    assert Finding.objects.filter(ended_at=None).count() == 1


def test_open_pages_of_what_it_is_about_are_drawn_anew(waiting: Migration) -> None:
    before, picture = waiting.version, Cloud.objects.get().version
    down("compute1")
    found()
    waiting.refresh_from_db()

    assert waiting.version > before
    assert Cloud.objects.get().version > picture


def test_a_rule_that_breaks_ends_nothing_and_stops_no_other(
    waiting: Migration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    down("compute1")
    assert set(found()) == {"source_down"}

    def broken(_: object) -> Any:
        raise ValueError("a defect")

    rules = tuple(replace(r, find=broken) if r.key == "source_down" else r for r in watchdog.RULES)
    monkeypatch.setattr(watchdog, "RULES", rules)
    Migration.objects.update(decide_by=ago(HOUR))

    assert set(found()) == {"source_down", "overdue"}


def test_it_looks_every_few_seconds_and_not_at_each_tick(waiting: Migration) -> None:
    watchdog.forget()
    Migration.objects.update(decide_by=ago(HOUR))
    watchdog.look("lab")
    assert Finding.objects.count() == 1
    down("compute1")
    watchdog.look("lab")
    assert Finding.objects.count() == 1  # a moment later there is nothing to look for anew

    watchdog.forget()
    watchdog.look("lab")
    assert Finding.objects.count() == 2


def test_the_number_of_queries_does_not_grow_with_moves_and_instances(
    synced: FakeCloud, helpdesk: User, make_many: Callable[[int], None]
) -> None:
    counts = []
    for number in (3, 60):
        make_many(number)
        found()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            watchdog.judge("lab")
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 14


@pytest.fixture
def make_many(synced: FakeCloud, helpdesk: User) -> Callable[[int], None]:
    """That many moves that are overdue, instances with a task, and moves that others made."""

    def make(number: int) -> None:
        inventory.store_servers(
            "lab",
            [
                api.Server(
                    f"u-{number}-{i}", f"n{number}-{i}", "VERIFY_RESIZE", "compute1", task_state="deleting"
                )
                for i in range(number)
            ],
            inventory.Names(),
        )
        for i, instance in enumerate(Instance.objects.filter(name__startswith=f"n{number}-")):
            Migration.objects.create(
                cloud="lab", instance_uuid=instance.uuid, instance_name=instance.name, kind="cold",
                state=State.WAITING, reason="x", requested_by=helpdesk, requested_by_name="helpdesk",
                requested_at=timezone.now(), waiting_since=ago(HOUR), decide_by=ago(HOUR), source_host="compute1",
            )  # fmt: skip
            outside(instance, server_migration_id=10_000 * number + i)

    return make


def test_the_follower_s_tick_looks(synced: FakeCloud, waiting: Migration) -> None:
    watchdog.forget()
    Migration.objects.update(decide_by=ago(HOUR))

    follow(synced)

    assert Finding.objects.get().rule == "overdue"
