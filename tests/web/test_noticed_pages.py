"""What the watchdog found and what others moved, as the pages tell it: to whom, with which links, and no unsafe one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import services, watchdog
from nmigrate.models import Cloud, Finding, Hypervisor, Instance, Migration, Order, OutsideMove
from nmigrate.states import State
from tests.conftest import follow
from tests.fakecloud import FakeCloud
from tests.web.conftest import text
from tests.web.test_health_pages import beat


def outside(instance: Instance, **fields: Any) -> OutsideMove:
    made: dict[str, Any] = {
        "server_migration_id": 900,
        "type": "migration",
        "status": "migrating",
        "source_host": instance.host,
        "dest_host": "compute3",
        "user_name": "cloud-admin",
        "started_at": timezone.now(),
        "updated_at": timezone.now(),
    }
    return OutsideMove.objects.create(
        cloud="lab", instance_uuid=instance.uuid, instance_name=instance.name, **made | fields
    )


@pytest.fixture
def overdue(waiting: Migration) -> Finding:
    Migration.objects.filter(pk=waiting.pk).update(decide_by=timezone.now() - timedelta(minutes=1))
    watchdog.judge("lab")
    return Finding.objects.get()


@pytest.fixture
def elsewhere(waiting: Migration) -> Finding:
    """Nova calls it finished, and it is on the wrong host."""
    Migration.objects.filter(pk=waiting.pk).update(
        state=State.FAILED, nova_status="confirmed", ended_at=timezone.now(), dest_host="compute4"
    )
    watchdog.judge("lab")
    return Finding.objects.get()


@pytest.fixture
def unsent(asked: Migration) -> Finding:
    """No worker takes its first order."""
    Order.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    watchdog.judge("lab")
    return Finding.objects.get(rule="unanswered")


def test_an_order_that_no_worker_takes_leads_to_the_health_page(
    client: Client, helpdesk: User, unsent: Finding, asked: Migration
) -> None:
    client.force_login(helpdesk)
    for page in (f"/migrations/{asked.pk}/", f"/clouds/lab/instances/{asked.instance_uuid}/"):
        assert f'id="health-{unsent.pk}" href="/health/">What is broken?' in text(client.get(page))

    assert f'id="broken-unanswered-{unsent.pk}" href="/health/"' in text(client.get("/mine/"))
    assert f'id="health-{unsent.pk}"' not in text(client.get("/health/")), "one is there already"


def test_what_was_found_of_one_move_is_not_told_of_the_next(
    client: Client, helpdesk: User, unsent: Finding, asked: Migration, vm2: Instance
) -> None:
    services.cancel_migration(actor=helpdesk, migration=asked)
    later = services.request_migration(actor=helpdesk, instance=vm2, reason="once more")
    client.force_login(helpdesk)
    assert unsent.what not in text(client.get(f"/migrations/{later.pk}/"))

    Order.objects.update(created_at=timezone.now() - timedelta(minutes=3))
    watchdog.judge("lab")

    unsent.refresh_from_db()
    assert unsent.ended_at, "it was about the move that is over"
    assert Finding.objects.get(ended_at=None).migration == later
    assert unsent.what in text(client.get(f"/migrations/{later.pk}/"))


def test_the_health_page_says_that_nothing_was_found_only_while_somebody_looks(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)
    assert "nobody looks for what goes wrong quietly" in text(client.get("/health/"))

    beat("follower")

    shown = text(client.get("/health/"))
    assert "What needs a look" in shown
    assert "and finds nothing" in shown


def test_an_overdue_decision_is_offered_to_who_may_make_it(
    client: Client, helpdesk: User, manager: User, overdue: Finding
) -> None:
    assert overdue.migration is not None
    decide = f"/migrations/{overdue.migration.pk}/decide/"
    for page in ("/health/", f"/migrations/{overdue.migration.pk}/"):
        client.force_login(helpdesk)
        shown = text(client.get(page))
        assert "Nobody has decided on the move of vm2 in time." in shown
        assert "<b>A manager must do this. Ask manager.</b> It should be decided soon" in shown
        assert decide not in shown
        client.force_login(manager)
        assert decide in text(client.get(page))


@pytest.mark.parametrize(
    "page", ["/health/", "/mine/", "/approvals/", "/migrations/{}/decide/", "/audit/", "/audit/?view=entries"]
)
def test_where_there_are_several_clouds_it_is_told_which(
    client: Client, admin_user: User, overdue: Finding, settings: Any, page: str
) -> None:
    client.force_login(admin_user)
    path = page.format(overdue.migration_id)
    assert "cloud lab" not in text(client.get(path))

    settings.NMIGRATE_CLOUDS = ["lab", "dr"]

    shown = text(client.get(path))
    assert " · cloud lab" in shown


def test_who_decides_is_told_once(client: Client, helpdesk: User, manager: User, overdue: Finding) -> None:
    page = f"/migrations/{overdue.migration_id}/"
    client.force_login(helpdesk)

    told = text(client.get(page))
    overdue.delete()
    before = text(client.get(page))

    for words in ("Who can decide:", "There is nothing for you to do:"):
        assert words not in told
        assert words in before


def test_who_asked_for_it_is_told_that_another_manager_must_decide(
    client: Client, manager: User, overdue: Finding
) -> None:
    Migration.objects.update(requested_by=manager)
    client.force_login(manager)

    shown = text(client.get("/health/"))

    assert "<b>Another manager must do this: you asked for it.</b>" in shown, "there is no other"
    assert "/decide/" not in shown


def test_on_a_moves_own_page_no_link_to_look_is_called_what_can_be_done(
    client: Client, manager: User, overdue: Finding
) -> None:
    assert overdue.migration is not None
    page = f"/migrations/{overdue.migration.pk}/"
    client.force_login(manager)
    assert "You can do this." in text(client.get(page)), "the decision is one click away"

    Finding.objects.filter(pk=overdue.pk).update(rule="stalled", who="manager")

    shown = text(client.get(page))
    assert "See the instance" in shown
    assert "You can do this." not in shown


def test_one_on_the_wrong_host_has_links_to_look_and_nothing_to_press(
    client: Client, operator: User, elsewhere: Finding
) -> None:
    client.force_login(operator)

    shown = text(client.get("/health/"))

    assert "You can do this." in shown
    assert "do not move it, stop it or reset its state" in shown
    part = shown[shown.index('id="look"') : shown.index('id="processes"')]
    assert "<form" not in part
    assert "<button" not in part
    assert "/decide/" not in part
    assert "/migrate/" not in part


def test_a_finding_about_a_host_down_offers_no_decision(
    client: Client, manager: User, waiting: Migration
) -> None:
    Hypervisor.objects.filter(host="compute1").update(state="down")
    watchdog.judge("lab")
    client.force_login(manager)

    shown = text(client.get("/health/"))

    assert "Do not decide yet" in shown
    assert "/decide/" not in shown
    assert "Do not decide yet" in text(client.get(f"/migrations/{waiting.pk}/decide/"))
    assert "/clouds/lab/hosts/compute1/" in shown


def test_a_live_move_that_does_not_begin_can_be_stopped_on_its_page(
    client: Client, helpdesk: User, auditor: User, live: Migration
) -> None:
    Migration.objects.update(nova_status="queued")
    Order.objects.update(answered_at=timezone.now() - timedelta(hours=1))
    watchdog.judge("lab")
    client.force_login(helpdesk)
    assert "Stop the live move…" in text(client.get("/health/"))
    assert 'id="abort-it"' in text(client.get(f"/migrations/{live.pk}/"))

    client.force_login(auditor)
    shown = text(client.get("/health/"))
    assert "Stop the live move…" not in shown
    assert "The helpdesk can do this." in shown


def test_what_has_passed_is_told_as_passed(client: Client, helpdesk: User, overdue: Finding) -> None:
    Migration.objects.update(decide_by=None)
    watchdog.judge("lab")
    client.force_login(helpdesk)

    shown = text(client.get("/health/"))

    assert "Passed within a day: 1" in shown
    assert "Nobody has decided on the move of vm2 in time." in shown


@pytest.mark.parametrize(("role", "sees"), [("operator", True), ("manager", True), ("helpdesk", False)])
def test_the_count_beside_health_is_for_managers_and_operators(
    client: Client, request: pytest.FixtureRequest, overdue: Finding, role: str, sees: bool
) -> None:
    client.force_login(request.getfixturevalue(role))

    assert ('id="findings-badge"' in text(client.get("/migrations/"))) is sees

    response = client.get("/health/badge/", {"v": "0"})
    assert response.status_code == (200 if sees else 403)
    if sees:
        assert ">1<" in text(response)
        assert client.get("/health/badge/", {"v": "1"}).status_code == 204
        Cloud.objects.create(name="dr", problem="It cannot be reached.")
        assert ">2<" in text(client.get("/health/badge/", {"v": "1"})), "as the page lists it"


def test_the_instance_page_tells_of_the_finding_and_its_fragment_of_the_end(
    client: Client, helpdesk: User, overdue: Finding, vm2: Instance
) -> None:
    client.force_login(helpdesk)
    page = f"/clouds/lab/instances/{vm2.uuid}/"
    before = client.get(page)
    assert "Nobody has decided on the move of vm2 in time." in text(before)

    Finding.objects.update(ended_at=timezone.now())

    assert client.get(f"{page}status/", {"v": before.context["version"]}).status_code == 200


# -- moves that others made


def test_the_instance_s_history_tells_both_kinds_in_their_order(
    client: Client, helpdesk: User, waiting: Migration, vm2: Instance
) -> None:
    outside(vm2, status="reverted", started_at=timezone.now() - timedelta(days=2), ended_at=timezone.now())
    outside(vm2, server_migration_id=901, status="error", started_at=timezone.now(), ended_at=timezone.now())
    client.force_login(helpdesk)

    shown = text(client.get(f"/clouds/lab/instances/{vm2.uuid}/"))

    history = shown[shown.index("Its moves") :]
    assert (
        history.index("failed</span>") < history.index("disk errors on compute1") < history.index("sent back")
    )
    assert history.count("outside nmigrate") == 2
    assert "by cloud-admin" in history


def test_a_move_under_way_outside_is_told_on_the_instance_and_drawn_on_the_topology(
    client: Client, helpdesk: User, synced: FakeCloud, vm2: Instance
) -> None:
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 3)
    client.force_login(helpdesk)

    shown = text(client.get(f"/clouds/lab/instances/{vm2.uuid}/"))
    assert "It is being moved outside nmigrate: compute1 → compute3" in shown

    picture = text(client.get("/clouds/lab/"))
    assert "1 move under way or waiting" in picture
    assert "cold migration, by cloud-admin" in picture
    assert "from compute1" in picture
    moving = text(client.get("/clouds/lab/", {"show": "moving"}))
    assert "vm2" in moving
    assert "compute4" not in moving


def test_it_is_not_drawn_once_it_is_over_or_its_instance_is_gone(
    client: Client, helpdesk: User, synced: FakeCloud, vm2: Instance
) -> None:
    row = outside(vm2)
    client.force_login(helpdesk)
    assert "1 move under way or waiting" in text(client.get("/clouds/lab/"))

    old = timezone.now() - timedelta(hours=2)  # a record that Nova forgot
    OutsideMove.objects.filter(pk=row.pk).update(updated_at=old)
    assert "in flight" not in text(client.get("/clouds/lab/"))
    Instance.objects.filter(pk=vm2.pk).update(task_state="resize_prep")
    assert "1 move under way or waiting" in text(client.get("/clouds/lab/"))

    OutsideMove.objects.filter(pk=row.pk).update(instance_uuid="gone", updated_at=timezone.now())
    assert "in flight" not in text(client.get("/clouds/lab/"))


def test_the_list_of_migrations_can_show_those_of_others(
    client: Client, helpdesk: User, asked: Migration, vm2: Instance
) -> None:
    outside(vm2, status="completed", type="live-migration", ended_at=timezone.now())
    client.force_login(helpdesk)
    assert "cloud-admin" not in text(client.get("/migrations/"))

    shown = text(client.get("/migrations/", {"made": "outside"}))
    assert "cloud-admin" in shown
    assert "live migration" in shown
    assert "disk errors on compute1" not in shown
    assert "cloud-admin" in text(client.get("/migrations/", {"made": "outside", "state": "done"}))
    for nothing in (
        {"state": "active"},
        {"state": "failed"},
        {"state": "running"},
        {"state": "asking"},
        {"kind": "cold"},
        {"person": "helpdesk"},
        {"instance": "vm1"},
    ):
        assert "No migration matches" in text(client.get("/migrations/", {"made": "outside", **nothing}))
    assert client.get("/migrations/", {"made": "nonsense"}).status_code == 422


def test_the_trail_tells_it_as_done_outside(
    client: Client, auditor: User, synced: FakeCloud, vm2: Instance
) -> None:
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 2)
    client.force_login(auditor)

    shown = text(client.get("/audit/", {"outside": "on"}))

    assert "cloud-admin" in shown
    assert "began to move it" in shown
    assert "outside nmigrate" in shown


def test_the_health_page_needs_the_same_queries_for_few_and_many_findings(
    client: Client, manager: User, waiting: Migration
) -> None:
    client.force_login(manager)
    counts = []
    for number in (2, 40):
        for index in range(number):
            Finding.objects.create(
                cloud="lab", rule="overdue", migration=waiting, instance_uuid=f"{number}-{index}",
                instance_name="x", what="Something.", who="manager", since=timezone.now(), seen_at=timezone.now(),
            )  # fmt: skip
        client.get("/health/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/health/")
        counts.append(len(queries))

    assert counts[0] == counts[1]
