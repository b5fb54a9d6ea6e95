"""The page of an instance: how it could be moved, starting, stopping and unlocking it, and its host being down."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import services, watchdog
from nmigrate.models import AuditEvent, Cloud, Hypervisor, Instance, Migration, Order, OutsideMove
from nmigrate.states import State
from tests.conftest import follow, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text
from tests.wide import wide_cloud


def page_of(client: Client, user: User, instance: Instance) -> str:
    client.force_login(user)
    return text(client.get(f"/clouds/lab/instances/{instance.uuid}/"))


def test_it_says_in_one_line_each_how_it_could_be_moved(
    client: Client, helpdesk: User, vm2: Instance
) -> None:
    shown = page_of(client, helpdesk, vm2)

    assert "It stays stopped; a manager confirms or rejects it at the end." in shown
    assert "Move it cold: nothing runs that could be interrupted." in shown


def test_what_speaks_against_every_way_is_said_once(client: Client, helpdesk: User, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(
        status="SUSPENDED", locked=True, locked_reason="closing the year"
    )

    shown = page_of(client, helpdesk, vm2)

    assert shown.count("vm2 is locked (“closing the year”)") == 1

    Instance.objects.filter(pk=vm2.pk).update(
        status="ACTIVE", power_state=1, extra_specs={"hw:cpu_policy": "dedicated"}
    )
    shown = page_of(client, helpdesk, vm2)
    assert shown.count("vm2 is locked (“closing the year”)") == 1
    assert shown.count("needs a manager's permission") == 2, "live and cold"

    Instance.objects.filter(pk=vm2.pk).update(locked=False)
    assert page_of(client, helpdesk, vm2).count("It is tied to certain processors") == 1


def test_what_only_a_manager_may_allow_is_not_said_to_be_impossible(
    client: Client, helpdesk: User, vm2: Instance
) -> None:
    for status, says in {"SUSPENDED": "A manager must allow it.", "ERROR": "It cannot be moved now."}.items():
        Instance.objects.filter(pk=vm2.pk).update(status=status)
        shown = page_of(client, helpdesk, vm2)
        assert says in shown
        assert ('id="move-it"' in shown) is (status == "SUSPENDED")


@pytest.mark.parametrize(
    ("role", "may_stop"), [("helpdesk", False), ("manager", True), ("operator", True), ("auditor", False)]
)
def test_who_may_stop_it(
    client: Client, running: Instance, role: str, may_stop: bool, request: pytest.FixtureRequest
) -> None:
    assert ('id="stop-it"' in page_of(client, request.getfixturevalue(role), running)) is may_stop


def test_a_stop_is_asked_for_with_its_reason_and_followed_to_its_end(
    client: Client, operator: User, able: FakeCloud, running: Instance
) -> None:
    client.force_login(operator)

    response = client.post(f"/clouds/lab/instances/{running.uuid}/stop/", {"comment": "asked by its owner"})

    assert response.status_code == 302
    assert AuditEvent.objects.get(action="stop").reason == "asked by its owner"
    assert "being stopped" in text(client.get(response.headers["Location"]))
    run_tasks()
    follow(able, 3)
    assert 'id="start-it"' in text(client.get(response.headers["Location"]))


def test_a_second_stop_says_that_the_first_is_on_its_way(
    client: Client, operator: User, running: Instance
) -> None:
    client.force_login(operator)
    client.post(f"/clouds/lab/instances/{running.uuid}/stop/")

    assert client.post(f"/clouds/lab/instances/{running.uuid}/stop/").status_code == 409
    assert Order.objects.count() == 1


def test_a_stop_that_was_refused_says_why(client: Client, operator: User, running: Instance) -> None:
    client.force_login(operator)
    client.post(f"/clouds/lab/instances/{running.uuid}/stop/")
    Order.objects.update(state="refused", problem="It is <locked>.")

    shown = text(client.get(f"/clouds/lab/instances/{running.uuid}/"))

    assert "It was not stopped." in shown
    assert "It is &lt;locked&gt;." in shown


def test_an_operator_unlocks_it_with_a_reason(client: Client, operator: User, able: FakeCloud) -> None:
    uuid = Instance.objects.get(name="vm2").uuid
    able.change(uuid, locked=True, locked_reason="closing the year")
    Instance.objects.filter(uuid=uuid).update(locked=True, locked_reason="closing the year")
    client.force_login(operator)
    unlock = f"/clouds/lab/instances/{uuid}/unlock/"

    without = client.post(unlock, {"comment": "  "})
    assert without.status_code == 409
    assert "Say why vm2 is unlocked" in text(without)
    assert "Somebody locked it on purpose: “closing the year”" in text(without)

    assert client.post(unlock, {"comment": "the year is closed"}).status_code == 302
    run_tasks()
    follow(able, 2)
    assert not Instance.objects.get(uuid=uuid).locked
    assert AuditEvent.objects.get(action="unlock").reason == "the year is closed"


@pytest.mark.parametrize("role", ["helpdesk", "manager", "auditor"])
def test_nobody_else_is_offered_to_unlock_it(
    client: Client, vm2: Instance, role: str, request: pytest.FixtureRequest
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True)

    assert 'id="unlock-it"' not in page_of(client, request.getfixturevalue(role), vm2)
    Instance.objects.filter(pk=vm2.pk).update(task_state="image_uploading")
    assert "You can unlock it" not in page_of(client, request.getfixturevalue(role), vm2)


def test_an_operator_reads_when_it_can_be_unlocked(client: Client, operator: User, vm2: Instance) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True, task_state="image_uploading")

    shown = page_of(client, operator, vm2)

    assert 'id="unlock-it"' not in shown
    assert "You can unlock it here once this is over: its snapshot is being stored." in shown


def test_while_it_is_moved_it_cannot_be_stopped_or_unlocked(
    client: Client, operator: User, live: object
) -> None:
    instance = Instance.objects.get(name="demo_zone")
    Instance.objects.filter(pk=instance.pk).update(locked=True)

    shown = page_of(client, operator, instance)

    assert 'id="stop-it"' not in shown
    assert 'id="unlock-it"' not in shown


def test_on_a_host_that_is_down_an_operator_can_evacuate_it(
    client: Client, operator: User, helpdesk: User, vm2: Instance
) -> None:
    Hypervisor.objects.filter(host="compute1").update(state="down")
    plan = f'href="/clouds/lab/instances/{vm2.uuid}/migrate/"'

    assert "Evacuate it" in page_of(client, operator, vm2)
    assert plan in text(client.get("/clouds/lab/hosts/compute1/"))

    assert "Only an operator may evacuate" in page_of(client, helpdesk, vm2)
    assert plan not in text(client.get("/clouds/lab/hosts/compute1/"))


def test_the_fragment_answers_204_until_something_has_changed(
    client: Client, operator: User, running: Instance
) -> None:
    client.force_login(operator)
    status = f"/clouds/lab/instances/{running.uuid}/status/"
    version = text(client.get(status)).split("?v=")[1].split('"')[0]
    assert client.get(status, {"v": version}).status_code == 204

    Instance.objects.filter(pk=running.pk).update(locked=True, locked_reason="why")

    assert client.get(status, {"v": version}).status_code == 200


def test_where_no_host_of_its_zone_can_take_it_the_other_zone_is_named(
    client: Client, helpdesk: User, running: Instance
) -> None:
    Instance.objects.filter(pk=running.pk).update(pinned_zone="nova")
    Hypervisor.objects.filter(host="compute4").update(status="disabled")

    shown = page_of(client, helpdesk, running)

    assert shown.count("It is bound to zone nova, and of its hosts none can take it.") == 1
    assert "Choose another zone." in shown
    assert 'id="move-it"' in shown


def test_where_no_host_can_take_it_no_move_is_offered(
    client: Client, helpdesk: User, running: Instance
) -> None:
    Hypervisor.objects.exclude(host=running.host).update(status="disabled")

    shown = page_of(client, helpdesk, running)

    assert "No host can take it now. All of them are out of service." in shown
    assert 'id="move-it"' not in shown


def test_how_it_could_be_moved_costs_the_same_in_a_large_cloud(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)
    found: dict[bool, set[int]] = {}
    for hosts in (60, 300):
        instance = wide_cloud(hosts, f"with-{hosts}")
        path = f"/clouds/with-{hosts}/instances/{instance.uuid}/"
        for is_full in (False, True):
            if is_full:
                Hypervisor.objects.exclude(host=instance.host).update(state="down")
            client.get(path)
            with CaptureQueriesContext(connection) as asked:
                shown = text(client.get(path))
            assert ("of its hosts none can take it" in shown) is is_full
            found.setdefault(is_full, set()).add(len(asked))
        Cloud.objects.all().delete()
    assert all(len(counts) == 1 for counts in found.values())


def test_what_only_another_zone_can_take_is_not_called_stuck(
    client: Client, helpdesk: User, running: Instance
) -> None:
    """Bound to a zone whose other host is down: the way out is the button beside it."""
    Instance.objects.filter(pk=running.pk).update(pinned_zone="nova", pin_known=True)
    Hypervisor.objects.filter(host="compute4").update(state="down")
    page = page_of(client, helpdesk, running)
    assert 'id="move-it"' in page
    assert "It cannot be moved now." not in page


@pytest.fixture
def kept(able: FakeCloud, copied: Migration, manager: User) -> Migration:
    """The copy was kept, and its original left stopped beside it."""
    Migration.objects.filter(pk=copied.pk).update(original_after="stopped")
    copied.refresh_from_db()
    services.confirm_migration(actor=manager, migration=copied)
    return reach(able, copied, State.DONE)


def test_the_original_of_a_kept_copy_says_so_and_is_not_started_with_one_click(
    client: Client, helpdesk: User, kept: Migration
) -> None:
    original = Instance.objects.get(uuid=kept.instance_uuid)
    copy = Instance.objects.get(uuid=kept.copy_uuid)

    shown = page_of(client, helpdesk, original)

    assert "This is the original of a copy that was kept" in shown
    assert f'href="/clouds/lab/instances/{copy.uuid}/"' in shown
    assert "Start it…" in shown
    assert "Its copy has taken its place." in shown
    assert "its original was left stopped on compute2" in page_of(client, helpdesk, copy)
    found = text(client.get("/clouds/lab/find/", {"q": original.name}))
    assert "<b>the copy</b>" in found
    assert "<b>the original; its copy has taken its place</b>" in found


def test_two_of_one_name_are_told_apart_before_the_decision_too(
    client: Client, helpdesk: User, copied: Migration
) -> None:
    client.force_login(helpdesk)
    found = text(client.get("/clouds/lab/find/", {"q": copied.instance_name}))
    assert "<b>the copy, not kept yet</b>" in found
    assert "<b>the original; its copy is not kept yet</b>" in found
    original = Instance.objects.get(uuid=copied.instance_uuid)
    assert "It was copied, and a manager decides which of the two stays:" in page_of(
        client, helpdesk, original
    )


def test_an_instance_whose_copy_is_gone_is_any_other(client: Client, helpdesk: User, kept: Migration) -> None:
    Instance.objects.filter(uuid=kept.copy_uuid).delete()

    shown = page_of(client, helpdesk, Instance.objects.get(uuid=kept.instance_uuid))

    assert "This is the original" not in shown
    assert "Start it…" not in shown


def test_of_a_host_that_is_down_its_instances_say_so(
    client: Client, helpdesk: User, running: Instance
) -> None:
    assert "does not answer or was declared down" not in page_of(client, helpdesk, running)

    Hypervisor.objects.filter(host=running.host).update(forced_down=True)

    assert f"<b>{running.host}, where it is, does not answer or was declared down.</b>" in page_of(
        client, helpdesk, running
    )


def test_what_was_moved_outside_and_waits_says_who_can_decide(
    client: Client, manager: User, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(status="VERIFY_RESIZE")

    assert "Only its owner or an administrator of the cloud can confirm" in page_of(client, manager, vm2)


def test_what_was_moved_outside_and_waits_is_said_once(
    client: Client, manager: User, synced: FakeCloud, vm2: Instance
) -> None:
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 6)

    shown = page_of(client, manager, vm2).split("Its moves")[0]

    assert shown.count("outside nmigrate") == 1
    assert "compute1 → compute3, cold migration, by cloud-admin" in shown
    for twice in (
        "It is being moved",
        "It cannot be moved now.",
        "must be confirmed",
        'id="to-destinations"',
    ):
        assert twice not in shown, twice


def test_what_waits_outside_for_too_long_is_told_by_the_finding_alone(
    client: Client, manager: User, synced: FakeCloud, vm2: Instance
) -> None:
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 6)
    OutsideMove.objects.update(updated_at=timezone.now() - timedelta(hours=2))
    watchdog.judge("lab")

    shown = page_of(client, manager, vm2).split("Its moves")[0]

    assert shown.count("outside nmigrate") == 1
    assert "<b>An operator must do this.</b> Ask cloud-admin to confirm or revert it in the cloud" in shown


def test_who_may_act_is_told_so_only_beside_a_button_and_others_whom_to_ask(
    client: Client, helpdesk: User, operator: User, synced: FakeCloud, vm2: Instance
) -> None:
    """On the page of the instance itself nothing leads on from what was found."""
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 6)
    OutsideMove.objects.update(updated_at=timezone.now() - timedelta(hours=2))
    watchdog.judge("lab")

    assert "<b>An operator must do this. Ask operator.</b> Ask cloud-admin" in page_of(client, helpdesk, vm2)
    shown = page_of(client, operator, vm2)
    assert "Ask cloud-admin" in shown
    assert "You can do this." not in shown
    client.force_login(operator)
    assert "You can do this." in text(client.get("/health/")), "there the instance's page is one click away"


def test_while_others_confirm_it_that_is_said(
    client: Client, manager: User, synced: FakeCloud, vm2: Instance
) -> None:
    synced.migrate_outside(vm2.uuid, "compute3")
    follow(synced, 6)
    OutsideMove.objects.update(status="confirming")

    shown = page_of(client, manager, vm2).split("Its moves")[0]

    assert "being confirmed" in shown
    assert "waits for a decision" not in shown


def test_a_paused_instance_does_not_go_on_running(client: Client, helpdesk: User, running: Instance) -> None:
    Instance.objects.filter(pk=running.pk).update(status="PAUSED", power_state=3)

    shown = page_of(client, helpdesk, running)

    assert "It stays paused while its memory is copied." in shown
    assert "goes on running" not in shown
    plan = text(client.get(f"/clouds/lab/instances/{running.uuid}/migrate/"))
    assert "demo_zone stays paused while its memory is copied to" in plan
