"""The list of migrations and the page of one: its story, what may be done now, the fragment that follows."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from nmigrate import audit, services
from nmigrate.models import Approval, Heartbeat, Hypervisor, Instance, Migration, Observation, Order
from nmigrate.states import Kind, State
from tests.conftest import follow, play, run_tasks
from tests.fakecloud import FakeCloud
from tests.web.conftest import reach, text
from webui import comparison, timeline


def test_an_active_one_is_polled_and_a_finished_one_is_not(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    client.force_login(helpdesk)
    assert f"/migrations/{asked.pk}/status/?v={asked.version}" in text(client.get(f"/migrations/{asked.pk}/"))

    services.cancel_migration(actor=helpdesk, migration=asked)

    assert "/status/" not in text(client.get(f"/migrations/{asked.pk}/"))


def test_the_fragment_answers_204_until_something_has_changed(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    client.force_login(helpdesk)
    status = f"/migrations/{asked.pk}/status/"
    version = client.get(f"/migrations/{asked.pk}/").context["version"]
    assert client.get(status, {"v": version}).status_code == 204

    run_tasks()

    changed = client.get(status, {"v": version})
    assert changed.status_code == 200
    assert "<html" not in text(changed)
    assert "Sent to Nova, and accepted" in text(changed)
    assert client.get(status, {"v": "nonsense"}).status_code == 200


def test_the_timeline_tells_the_whole_story(synced: FakeCloud, done: Migration) -> None:
    titles = [step.title for step in timeline.steps(done)]

    assert titles[0] == "Asked by helpdesk"
    assert titles[1] == "Sent to Nova, and accepted"
    assert "Confirmed by manager" in titles
    assert titles[-1] == "Done, on compute3"


def test_the_timeline_tells_every_step_of_a_copy(copied: Migration) -> None:
    told = [step.title for step in timeline.steps(copied) if step.tone == "done"]

    wanted = ["Asked by helpdesk", "Start approved by manager", "Stopped", "Snapshot made", "Copy started"]
    assert [title for title in told if title in wanted] == wanted
    assert "Locked until the decision" in told


def test_the_timeline_names_the_steps_to_come(asking: Migration) -> None:
    ahead = [step.title for step in timeline.steps(asking) if step.tone in ("now", "later")]

    assert ahead == ["Waiting for a manager's approval", "Nova moves it", "A manager decides", "Done"]


def test_the_timeline_of_a_freed_instance_ends_with_its_new_zone(
    able: FakeCloud, helpdesk: User, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(status="ACTIVE", power_state=1)
    move = services.request_migration(
        actor=helpdesk, instance=Instance.objects.get(pk=vm2.pk), kind=Kind.LIVE, zone="nova", changes_pin=True,
        reason="the zone closes",
    )  # fmt: skip

    assert [step.title for step in timeline.steps(move)][1:] == [
        "Waiting to be sent",
        "It is freed from its zone",
        "Nova moves it while it runs",
        "It is bound to its zone",
        "Done",
    ]


def test_reminders_and_what_was_done_to_the_lock_are_told(waiting: Migration) -> None:
    with transaction.atomic():
        audit.record("remind", actor=audit.SYSTEM, migration=waiting, reason="due by 12:00 UTC")
        audit.record("hold_removed", actor="mallory", is_outside=True, migration=waiting, reason="put back")

    told = {step.title: step for step in timeline.steps(waiting)}

    assert told["Managers reminded of the decision"].tone == "aside"
    assert told["The lock was taken off outside nmigrate"].is_outside


@pytest.mark.parametrize("state", list(State))
def test_every_state_of_every_kind_can_be_shown(
    client: Client, manager: User, asked: Migration, state: State
) -> None:
    client.force_login(manager)
    now = timezone.now()
    for kind in Kind:
        Migration.objects.filter(pk=asked.pk).update(
            state=state, kind=kind, waiting_since=now, ended_at=now, before={"status": "ACTIVE"},
            stranded_in="running" if state == State.STRANDED else "", changes_pin=True,
        )  # fmt: skip
        for path in (f"/migrations/{asked.pk}/", f"/migrations/{asked.pk}/decide/", "/clouds/lab/"):
            assert client.get(path).status_code == 200, (kind, path)


def test_the_timeline_says_what_comes_next(moving: Migration) -> None:
    tones = [step.tone for step in timeline.steps(moving)]

    assert tones.count("now") == 1
    assert tones[-1] == "later"


def test_what_nova_does_now_is_the_current_step_and_what_it_did_is_past(moving: Migration) -> None:
    at = timezone.now()
    for number, task in enumerate(("resize_prep", "resize_migrating")):
        moving.observations.create(
            at=at + timedelta(minutes=number), nova_status="migrating", task_state=task, status="RESIZE"
        )

    steps = timeline.steps(moving)
    told = [(step.title, step.tone) for step in steps]
    ended = next(step.at for step in steps if step.title == "Nova prepared the move")
    assert ended == at + timedelta(minutes=1), "when it was over, not when it began"

    place = told.index(("Nova prepared the move", timeline.DONE))
    assert told[place + 1] == ("The disk is being copied", timeline.NOW)

    Migration.objects.filter(pk=moving.pk).update(state=State.FAILED)
    moving.refresh_from_db()
    titles = [step.title for step in timeline.steps(moving)]
    assert "Nova prepared the move" in titles
    assert not [title for title in titles if "disk" in title], "it did not come to its end"


def test_words_that_nova_may_invent_later_are_shown_as_they_are(asked: Migration) -> None:
    now = timezone.now()
    Observation.objects.create(migration=asked, at=now, nova_status="teleporting", status="ACTIVE")
    Observation.objects.create(migration=asked, at=now, task_state="resize_quantum_leap", status="ACTIVE")

    titles = [step.title for step in timeline.steps(asked)]

    assert "Nova said: teleporting" in titles
    assert "Nova said: resize quantum leap" in titles


def test_a_decision_made_outside_is_marked(
    synced: FakeCloud, waiting: Migration, client: Client, helpdesk: User
) -> None:
    synced.confirm_resize(waiting.instance_uuid)
    play(synced, waiting)
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{waiting.pk}/"))

    assert "decided outside nmigrate" in shown
    assert "Confirmed outside nmigrate by" in shown


def test_a_failure_shows_cause_next_step_and_novas_words_folded(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    Migration.objects.filter(pk=asked.pk).update(
        state="failed",
        failure="No room.",
        next_step="Choose another host.",
        nova_said="No valid host <was> found",
    )
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{asked.pk}/"))

    assert "<h2>No room.</h2>" in shown
    assert "Choose another host." in shown
    assert "<summary>What the cloud said</summary>" in shown
    assert "<pre>No valid host &lt;was&gt; found</pre>" in shown
    assert "Plan it again" in shown


def test_after_a_confirm_one_click_starts_what_was_stopped(
    client: Client, helpdesk: User, done: Migration
) -> None:
    client.force_login(helpdesk)
    start = f"/clouds/lab/instances/{done.instance_uuid}/start/"
    assert f'action="{start}"' in text(client.get(f"/migrations/{done.pk}/"))

    response = client.post(start)

    assert response.headers["Location"] == f"/clouds/lab/instances/{done.instance_uuid}/"
    assert Order.objects.get(action="start").instance_name == "vm2"
    assert "being started" in text(client.get(response.headers["Location"]))


def test_a_second_start_says_that_the_first_is_on_its_way(
    client: Client, helpdesk: User, vm2: Instance
) -> None:
    client.force_login(helpdesk)
    start = f"/clouds/lab/instances/{vm2.uuid}/start/"
    client.post(start)

    response = client.post(start)

    assert response.status_code == 409
    assert "vm2 is being worked on right now" in text(response)
    assert Order.objects.count() == 1


def test_there_is_no_start_button_while_it_waits(client: Client, helpdesk: User, waiting: Migration) -> None:
    client.force_login(helpdesk)

    assert "/start/" not in text(client.get(f"/migrations/{waiting.pk}/"))
    assert "/start/" not in text(client.get(f"/clouds/lab/instances/{waiting.instance_uuid}/"))


def test_an_auditor_sees_no_button_at_all(
    client: Client, auditor: User, vm2: Instance, asked: Migration
) -> None:
    client.force_login(auditor)

    for path in (f"/migrations/{asked.pk}/", f"/clouds/lab/instances/{vm2.uuid}/"):
        shown = text(client.get(path))
        assert 'id="cancel-it"' not in shown
        assert 'id="move-it"' not in shown
        assert 'id="start-it"' not in shown


def test_withdrawing_names_who_did_it(client: Client, helpdesk: User, asked: Migration) -> None:
    client.force_login(helpdesk)

    response = client.post(f"/migrations/{asked.pk}/cancel/")

    assert response.headers["Location"] == f"/migrations/{asked.pk}/"
    assert "Withdrawn by helpdesk" in text(client.get(f"/migrations/{asked.pk}/"))


def test_withdrawing_too_late_shows_the_true_state(client: Client, helpdesk: User, moving: Migration) -> None:
    client.force_login(helpdesk)

    response = client.post(f"/migrations/{moving.pk}/cancel/")

    assert response.status_code == 409
    assert "so this is no longer possible" in text(response)
    assert moving.state == Migration.objects.get(pk=moving.pk).state


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("?state=active", True),
        ("?state=failed", False),
        ("?kind=cold", True),
        ("?kind=live", False),
        ("?instance=VM2", True),
        ("?instance=vm1", False),
        ("?person=helpd", True),
        ("?person=manager", False),
        ("?cloud=lab", True),
        ("?cloud=elsewhere", False),
        ("?page=999", True),
        ("?page=x", True),
    ],
)
def test_the_list_can_be_narrowed(
    client: Client, helpdesk: User, asked: Migration, query: str, found: bool
) -> None:
    client.force_login(helpdesk)

    response = client.get(f"/migrations/{query}")

    assert response.status_code == 200
    assert (f'href="/migrations/{asked.pk}/"' in text(response)) is found


def test_who_asked_is_told_that_it_would_be_refused_now(
    client: Client, helpdesk: User, vm2: Instance
) -> None:
    Instance.objects.filter(pk=vm2.pk).update(locked=True)
    vm2.refresh_from_db()
    asked = services.request_migration(
        actor=helpdesk, instance=vm2, host="compute3", reason="old", sets_aside=["lock"]
    )
    client.force_login(helpdesk)
    page = f"/migrations/{asked.pk}/"
    assert "it would be refused" not in text(client.get(page))
    Hypervisor.objects.filter(host="compute3").update(state="down")

    shown = text(client.get(page))

    assert "As things are now it would be refused, whoever approves it." in shown
    assert "compute3 is down." in shown
    assert "Withdraw it and plan it anew" in shown


def test_what_a_manager_decided_is_found_by_their_name(
    client: Client, manager: User, manager2: User, done: Migration
) -> None:
    client.force_login(manager)
    link = f'href="/migrations/{done.pk}/"'

    assert link in text(client.get(f"/migrations/?person={manager.username}"))
    assert link not in text(client.get(f"/migrations/?person={manager2.username}"))


def test_who_asked_under_that_name_hides_whose_name_holds_it(
    client: Client, person: Callable[..., User], manager: User, done: Migration
) -> None:
    Approval.objects.filter(migration=done).update(decided_by_name="xhelpdeskx")
    Migration.objects.filter(pk=done.pk).update(requested_by_name="somebody")
    client.force_login(manager)
    link = f'href="/migrations/{done.pk}/"'
    assert link in text(client.get("/migrations/?person=helpdesk"))
    Migration.objects.create(
        cloud="lab", instance_uuid="u", instance_name="n", kind=Kind.COLD, reason="r", state="failed",
        source_host="compute1", requested_by=manager, requested_by_name="helpdesk", requested_at=timezone.now(),
    )  # fmt: skip
    assert link not in text(client.get("/migrations/?person=helpdesk&state=done"))


def test_a_whole_name_is_not_taken_for_a_part_of_another(
    client: Client, manager: User, person: Callable[..., User], asked: Migration
) -> None:
    other = person("helpdesk", "helpdesk2")
    Migration.objects.filter(pk=asked.pk).update(requested_by=other, requested_by_name="helpdesk2")
    client.force_login(manager)
    link = f'href="/migrations/{asked.pk}/"'

    assert link in text(client.get("/migrations/?person=helpdesk"))
    Migration.objects.create(
        cloud="lab", instance_uuid="u", instance_name="n", kind=Kind.COLD, reason="r", state="done",
        source_host="compute1", requested_by=manager, requested_by_name="helpdesk", requested_at=timezone.now(),
    )  # fmt: skip
    assert link not in text(client.get("/migrations/?person=helpdesk"))


def test_an_unknown_state_in_the_address_gets_a_sentence(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)

    response = client.get("/migrations/?state=sideways")

    assert response.status_code == 422
    assert "There is no such state." in text(response)


def test_an_unknown_kind_in_the_address_gets_a_sentence(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)

    response = client.get("/migrations/?kind=teleport")

    assert response.status_code == 422
    assert "There is no such kind of move." in text(response)


def test_an_unknown_migration_is_not_found(client: Client, manager: User) -> None:
    client.force_login(manager)

    for path in ("/migrations/999/", "/migrations/999/status/", "/migrations/999/decide/"):
        assert client.get(path).status_code == 404


def test_names_from_the_cloud_are_only_text(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    Instance.objects.filter(name="vm1").update(name="<script>alert(1)</script>", project_name="a\"b'<i>")
    client.force_login(helpdesk)
    uuid = Instance.objects.get(name__startswith="<script").uuid

    for path in ("/clouds/lab/", f"/clouds/lab/instances/{uuid}/", f"/clouds/lab/instances/{uuid}/migrate/"):
        assert "<script>alert" not in text(client.get(path))


def test_a_lost_worker_leaves_the_page_readable(client: Client, helpdesk: User, moving: Migration) -> None:
    """Nothing has been seen for a while: the page still tells where it stands."""
    client.force_login(helpdesk)
    Observation.objects.filter(migration=moving).delete()

    assert client.get(f"/migrations/{moving.pk}/").status_code == 200


def test_the_page_follows_the_move_to_its_new_host(
    client: Client, helpdesk: User, synced: FakeCloud, moving: Migration
) -> None:
    client.force_login(helpdesk)
    for _ in range(8):
        follow(synced)

    shown = text(client.get(f"/migrations/{moving.pk}/status/"))

    assert "waits for a decision" in shown
    assert "It has waited for" in shown


def test_who_decided_against_it_is_told_on_top_with_the_comment(
    client: Client, helpdesk: User, manager: User, waiting: Migration
) -> None:
    services.reject_migration(actor=manager, migration=waiting, comment="not in office hours")
    client.force_login(helpdesk)
    shown = text(client.get(f"/migrations/{waiting.pk}/"))
    assert "Decided by manager." in shown
    assert "“not in office hours”" in shown


def test_who_did_not_approve_it_is_said_once(
    client: Client, helpdesk: User, manager: User, asking: Migration
) -> None:
    services.decline_migration(actor=manager, migration=asking, comment="not in office hours")
    client.force_login(helpdesk)
    shown = text(client.get(f"/migrations/{asking.pk}/"))
    assert "manager did not approve it; nothing was sent to Nova." in shown
    assert "“not in office hours”" in shown
    assert "A manager did not" not in shown
    assert "Decided by" not in shown


def test_whoever_may_decide_on_a_request_says_no_there(
    client: Client, helpdesk: User, manager: User, asking: Migration
) -> None:
    client.force_login(manager)
    shown = text(client.get(f"/migrations/{asking.pk}/"))
    assert 'id="decide-it"' in shown
    assert 'id="cancel-it"' not in shown
    client.force_login(helpdesk)
    assert 'id="cancel-it"' in text(client.get(f"/migrations/{asking.pk}/"))


def test_who_let_it_begin_is_not_told_as_who_sent_it_back_when_nobody_decided(
    client: Client, helpdesk: User, manager: User, asking: Migration
) -> None:
    services.approve_migration(actor=manager, migration=asking, comment="go on")
    Migration.objects.filter(pk=asking.pk).update(state=State.REVERTED, remark="Nobody decided in time.")
    client.force_login(helpdesk)
    assert "Decided by" not in text(client.get(f"/migrations/{asking.pk}/"))


def test_a_failure_is_told_once_as_the_step_that_failed(synced: FakeCloud, asked: Migration) -> None:
    synced.fail_at["compute3"] = "finish_migration"

    reach(synced, asked, State.FAILED)

    told = timeline.steps(asked)
    assert [step.title for step in told if step.tone == timeline.FAIL] == ["Failed at the cold migration"]
    assert told[0].tone == timeline.DONE


def test_a_way_back_is_told_once(synced: FakeCloud, waiting: Migration, manager: User) -> None:
    services.reject_migration(actor=manager, migration=waiting, comment="no")

    reach(synced, waiting, State.REVERTED)

    titles = [step.title for step in timeline.steps(waiting)]
    assert titles[-2:] == ["Rejected by manager", "Back on compute1"]


def test_only_what_had_arrived_is_sent_back(client: Client, helpdesk: User, waiting: Migration) -> None:
    client.force_login(helpdesk)
    Migration.objects.filter(pk=waiting.pk).update(state="reverted")
    assert "sent back" in text(client.get(f"/migrations/{waiting.pk}/"))

    Migration.objects.filter(pk=waiting.pk).update(waiting_since=None)
    shown = text(client.get("/migrations/"))
    assert "put back" in shown


def test_who_waits_for_a_decision_reads_who_can_make_it(
    client: Client, helpdesk: User, manager: User, manager2: User, waiting: Migration
) -> None:
    client.force_login(helpdesk)
    assert "Who can decide: manager, manager2." in text(client.get(f"/migrations/{waiting.pk}/"))

    Migration.objects.filter(pk=waiting.pk).update(requested_by=manager)
    client.force_login(manager)
    assert "Who can decide: manager2." in text(client.get(f"/migrations/{waiting.pk}/")), "not who asked"

    User.objects.filter(username="manager2").update(is_active=False)
    assert "Nobody here may decide on it yet." in text(client.get(f"/migrations/{waiting.pk}/"))


def test_what_went_there_and_came_back_says_so(client: Client, helpdesk: User, waiting: Migration) -> None:
    client.force_login(helpdesk)
    assert "compute3, and back" not in text(client.get("/migrations/"))

    Migration.objects.filter(pk=waiting.pk).update(state=State.REVERTED)

    assert "compute1 → compute3, and back" in text(client.get("/migrations/"))


def test_the_list_keeps_the_days_and_the_cause_that_were_asked_for(
    client: Client, helpdesk: User, waiting: Migration
) -> None:
    today = timezone.localdate()
    failed = {"state": State.FAILED, "cause": "no-memory", "failure": "No.", "ended_at": timezone.now()}
    Migration.objects.filter(pk=waiting.pk).update(**failed)
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/?since={today}&until={today}&cause=no-memory"))

    assert "1 migration matches." in shown
    assert "What they have in common: The other host has too little free memory for it." in shown
    assert f'name="since" value="{today}"' in shown
    assert '<input type="hidden" name="cause" value="no-memory">' in shown
    assert "No migration matches" in text(client.get(f"/migrations/?until={today - timedelta(days=1)}"))
    assert "No migration matches" in text(client.get("/migrations/?made=outside&cause=no-memory"))


def test_a_list_without_a_match_names_its_filters_and_each_can_be_taken_off(
    client: Client, helpdesk: User, waiting: Migration
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get("/migrations/?state=failed&cloud=gone&cause=no-memory&page=2&kind="))

    for name, left in (
        ("State: failed", "cloud=gone&amp;cause=no-memory&amp;kind="),
        ("Cloud: gone", "state=failed&amp;cause=no-memory&amp;kind="),
        (
            "Why it failed: The other host has too little free memory for it.",
            "state=failed&amp;cloud=gone&amp;kind=",
        ),
    ):
        link = shown[: shown.index(f"</span>{name}</span></a>")].rsplit("<a ", 1)[1]
        assert f'href="?{left}"' in link
    assert shown.count("Take off:") == 3
    assert "<option selected>gone</option>" in shown


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=yesterday", "Write the day as 2026-11-22."),
        ("until=0001-01-01", "Choose a year between 1971 and 9998."),
        ("since=2026-11-23&until=2026-11-22", "The end must be later than the beginning."),
    ],
)
def test_a_bad_day_gets_a_sentence(client: Client, helpdesk: User, query: str, sentence: str) -> None:
    client.force_login(helpdesk)

    response = client.get(f"/migrations/?{query}")

    assert response.status_code == 422
    field = "until" if "until" in query else "since"
    assert f'id="{field}-error" role="alert">{sentence}</span>' in text(response)
    typed = query.rsplit("=", 1)[1]
    assert f'name="{field}" value="{typed}"' in text(response), "what was typed stays"
    assert text(response).count('aria-invalid="true"') == 1


def silence(name: str, seconds: float) -> None:
    at = timezone.now() - timedelta(seconds=seconds)
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at, "pid": 1})


def poll(client: Client, move: Migration, version: str) -> int:
    return client.get(f"/migrations/{move.pk}/status/?v={version}").status_code


def test_what_waits_to_be_sent_says_that_the_worker_is_silent(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    client.force_login(helpdesk)
    silence("worker", 5)
    page = client.get(f"/migrations/{asked.pk}/")
    assert "Nothing is sent to the cloud just now:" not in text(page)
    assert poll(client, asked, page.context["version"]) == 204

    silence("worker", 40)

    assert poll(client, asked, page.context["version"]) == 200, "an open page learns it"
    for state, order in ((State.QUEUED, "queued"), (State.SENDING, "sent"), (State.RUNNING, "queued")):
        Migration.objects.filter(pk=asked.pk).update(state=state)
        asked.orders.update(state=order)
        shown = text(client.get(f"/migrations/{asked.pk}/"))
        assert "Nothing is sent to the cloud just now:" in shown, state
        assert "It is being sent to Nova." not in shown
        assert ("looked up before anything is sent again" in shown) is (state == State.SENDING)


def test_what_nova_has_says_nothing_of_the_worker(client: Client, helpdesk: User, moving: Migration) -> None:
    client.force_login(helpdesk)
    silence("worker", 40)

    assert "Nothing is sent" not in text(client.get(f"/migrations/{moving.pk}/"))


def test_a_second_or_two_is_promised_for_a_few_seconds_only(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    client.force_login(helpdesk)
    page = client.get(f"/migrations/{asked.pk}/")
    assert "mostly that takes a second or two" in text(page)

    Migration.objects.filter(pk=asked.pk).update(requested_at=timezone.now() - timedelta(seconds=11))

    assert poll(client, asked, page.context["version"]) == 200
    shown = text(client.get(f"/migrations/{asked.pk}/"))
    assert "mostly that takes" not in shown
    assert "It has been asked for, and waits to be sent to Nova." in shown


def test_the_lock_is_told_as_it_is(
    client: Client, manager: User, synced: FakeCloud, waiting: Migration
) -> None:
    client.force_login(manager)
    paths = [f"/migrations/{waiting.pk}/{more}" for more in ("", "decide/")]
    here = Instance.objects.filter(uuid=waiting.instance_uuid)
    Migration.objects.filter(pk=waiting.pk).update(is_held=True)
    here.update(locked=True)
    page = client.get(paths[0])
    for path in paths:
        assert "vm2 is locked meanwhile" in text(client.get(path))

    here.update(locked=False)
    with transaction.atomic():
        audit.record("hold_removed", actor="mallory", is_outside=True, migration=waiting, reason="put back")

    assert poll(client, waiting, page.context["version"]) == 200
    waiting.orders.filter(action="lock").delete()
    for state, sentence in (
        ("queued", "Its lock was taken off outside nmigrate and is being put back."),
        ("refused", "It is not locked: its lock was taken off outside nmigrate."),
    ):
        add_lock(waiting, state)
        for path in paths:
            shown = text(client.get(path))
            assert sentence in shown, path
            assert "is locked meanwhile" not in shown


def add_lock(move: Migration, state: str) -> None:
    now = timezone.now()
    Order.objects.create(
        cloud=move.cloud, instance_uuid=move.instance_uuid, instance_name=move.instance_name, migration=move,
        action="lock", state=state, asked_by_name="nmigrate", created_at=now, enqueued_at=now,
    )  # fmt: skip


def test_what_is_not_sent_yet_has_one_name(client: Client, helpdesk: User, asked: Migration) -> None:
    client.force_login(helpdesk)
    later = timezone.now() + timedelta(seconds=20)
    with time_machine.travel(later):
        shown = text(client.get(f"/migrations/{asked.pk}/"))

    assert shown.lower().count("waiting to be sent") >= 3
    assert ">queued<" not in shown


def test_what_nova_does_just_now_is_not_told_as_known_last() -> None:
    before = {"host": "compute4", "status": "ACTIVE"}
    after = {"host": "compute4", "status": "REBUILD", "task_state": "rebuilding"}
    move = Migration(kind=Kind.EVACUATE, source_host="compute4", before=before, after=after)
    state = next(row for row in comparison.rows(move, None) if row.name == comparison.STATE)

    assert "as Nova knew it last" in str(state.before)
    assert str(state.now) == "being built anew"
