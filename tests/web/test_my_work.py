"""My work: what waits, what went wrong, and what changed since a person was here; and when that was."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import audit, selectors, services
from nmigrate.models import (
    Approval,
    Cloud,
    Finding,
    Heartbeat,
    Hypervisor,
    Instance,
    Migration,
    OutsideMove,
    Visit,
)
from nmigrate.services.visits import EVERY, PAUSE
from tests.fakecloud import FakeCloud
from tests.web.conftest import text

NOON = datetime.fromisoformat("2026-03-04T12:00:00+00:00")


def here_since(user: User, ago: timedelta = timedelta(hours=20)) -> None:
    """They were here before, and look again now."""
    now = timezone.now()
    Visit.objects.update_or_create(user=user, defaults={"seen_at": now, "before": now - ago})


def failed(user: User, name: str, *, by: str = "", ago: timedelta = timedelta(minutes=5)) -> Migration:
    made = services.request_migration(actor=user, instance=Instance.objects.get(name=name), reason="r")
    ended = {"state": "failed", "ended_at": timezone.now() - ago, "failure": f"No room for {name}."}
    Migration.objects.filter(pk=made.pk).update(next_step="Do something.", next_step_by=by, **ended)
    made.orders.update(state="refused")
    return made


# -- when they were here last


def test_the_first_visit_has_none_before_it(helpdesk: User) -> None:
    assert services.note_visit(helpdesk) is None
    assert services.note_visit(helpdesk) is None


def test_after_a_pause_a_new_visit_begins_and_knows_when_the_old_one_ended(helpdesk: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        services.note_visit(helpdesk)
        clock.shift(timedelta(minutes=20))
        services.note_visit(helpdesk)
        clock.shift(PAUSE)

        assert services.note_visit(helpdesk) == NOON + timedelta(minutes=20)
        clock.shift(timedelta(minutes=20))
        assert services.note_visit(helpdesk) == NOON + timedelta(minutes=20), "the same visit goes on"


def test_a_look_writes_only_every_few_minutes(helpdesk: User) -> None:
    def writes() -> int:
        with CaptureQueriesContext(connection) as asked:
            services.note_visit(helpdesk)
        return sum(not query["sql"].startswith("SELECT") for query in asked)

    with time_machine.travel(NOON, tick=False) as clock:
        services.note_visit(helpdesk)
        assert writes() == 0
        clock.shift(EVERY)
        assert writes() == 1
        assert writes() == 0


def test_the_page_says_when_in_the_words_of_a_person(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)
    assert "Welcome" in text(client.get("/mine/"))
    with time_machine.travel(NOON, tick=False):
        yesterday = NOON - timedelta(days=1, minutes=-5)
        Visit.objects.update(seen_at=NOON, before=yesterday)

        shown = text(client.get("/mine/"))

    assert "yesterday 12:05</time>" in shown
    assert "Welcome" not in shown


# -- what waits


def test_home_leads_to_my_work(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)

    assert client.get("/").headers["Location"] == "/mine/"


def test_a_manager_sees_what_waits_with_what_is_due_first(
    client: Client, manager: User, asking: Migration, waiting: Migration
) -> None:
    Migration.objects.filter(pk=waiting.pk).update(
        decide_by=timezone.now() + timedelta(minutes=5, seconds=30)
    )
    client.force_login(manager)

    shown = text(client.get("/mine/"))

    assert shown.index(f"/migrations/{waiting.pk}/decide/") < shown.index(f"/migrations/{asking.pk}/decide/")
    assert "decision due in 5 min" in shown
    assert "2 things wait for you." in shown


def test_ones_own_request_does_not_wait_for_oneself(client: Client, manager: User, running: Instance) -> None:
    own = services.request_migration(actor=manager, instance=running, reason="mine")
    client.force_login(manager)

    shown = text(client.get("/mine/"))

    assert f"/migrations/{own.pk}/decide/" not in shown
    assert f'id="move-{own.pk}"' in shown, "it is one of their moves under way"


@pytest.mark.parametrize(
    ("who", "is_shown"), [("helpdesk", True), ("operator", True), ("manager", False), ("colleague", False)]
)
def test_a_move_that_stopped_half_way_waits_for_who_asked_and_for_operators(
    client: Client, person: Callable[..., User], half_way: Migration, operator: User, who: str, is_shown: bool
) -> None:
    user = User.objects.filter(username=who).first() or person("helpdesk", who)
    client.force_login(user)

    assert (f'id="half-{half_way.pk}"' in text(client.get("/mine/"))) is is_shown


def test_what_only_waits_to_be_sent_is_not_called_under_way(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get("/mine/"))
    assert "Your moves under way or waiting</h2>" in shown
    assert f'id="move-{asked.pk}"' in shown
    page = text(client.get(f"/clouds/lab/instances/{asked.instance_uuid}/"))
    assert "A move is asked for: compute1" in page
    assert "It is being moved:" not in page


# -- what went wrong


def test_a_failed_move_stands_there_until_its_instance_is_moved_again(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    made = failed(helpdesk, "vm2")
    client.force_login(helpdesk)
    shown = text(client.get("/mine/"))
    assert f'id="failed-{made.pk}"' in shown
    assert "No room for vm2." in shown
    assert "Do something." in shown

    services.request_migration(actor=helpdesk, instance=Instance.objects.get(name="vm2"), reason="again")

    assert f'id="failed-{made.pk}"' not in text(client.get("/mine/"))


def test_what_a_failure_left_in_error_stands_there_until_it_is_well(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    made = failed(helpdesk, "vm2")
    Migration.objects.filter(pk=made.pk).update(after={"status": "ERROR"})
    Instance.objects.filter(name="vm2").update(status="ERROR")
    client.force_login(helpdesk)
    assert f'id="failed-{made.pk}"' in text(client.get("/mine/"))

    Instance.objects.filter(name="vm2").update(status="SHUTOFF")

    assert f'id="failed-{made.pk}"' not in text(client.get("/mine/"))
    assert "vm2 is stopped on compute1 by now." in text(client.get(f"/migrations/{made.pk}/"))


def test_a_failed_move_leaves_once_others_have_moved_its_instance(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    made = failed(helpdesk, "vm2")
    about = {"cloud": "lab", "instance_uuid": made.instance_uuid, "type": "migration"}
    since = {"started_at": timezone.now(), "updated_at": timezone.now()}
    OutsideMove.objects.create(**about, **since, server_migration_id=900, status="error")
    client.force_login(helpdesk)
    assert f'id="failed-{made.pk}"' in text(client.get("/mine/")), "that one failed as well"

    OutsideMove.objects.create(**about, **since, server_migration_id=901, status="confirmed")

    assert f'id="failed-{made.pk}"' not in text(client.get("/mine/"))


def test_an_old_failure_is_not_brought_up_for_ever(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    made = failed(helpdesk, "vm2", ago=timedelta(days=15))
    client.force_login(helpdesk)

    assert f'id="failed-{made.pk}"' not in text(client.get("/mine/"))


def test_an_operator_sees_hosts_findings_and_the_failures_that_are_theirs(
    client: Client, helpdesk: User, operator: User, synced: FakeCloud
) -> None:
    theirs, not_theirs = failed(helpdesk, "vm2", by="operator"), failed(helpdesk, "doem", by="helpdesk")
    Hypervisor.objects.filter(host="compute4").update(state="down")
    Hypervisor.objects.filter(host="compute2").update(status="disabled", disabled_reason="new fans")
    now = timezone.now()
    about = {"cloud": "lab", "since": now, "seen_at": now, "next_step": "Look at it."}
    Finding.objects.create(rule="hangs", host="compute1", what="It hangs.", who="operator", **about)
    Finding.objects.create(rule="over", host="compute3", what="It was odd.", ended_at=now, **about)
    client.force_login(operator)

    shown = text(client.get("/mine/"))

    assert f'id="failed-{theirs.pk}"' in shown
    assert f'id="failed-{not_theirs.pk}"' not in shown
    assert "It hangs. <b>You can do this.</b> Look at it." in shown
    assert "<b>Do something. You are an operator: you can do this.</b>" in shown
    assert "It was odd." not in shown
    assert "new fans" in shown
    assert shown.index('hosts/compute4/"') < shown.index('hosts/compute2/"'), "what is down comes first"


def test_whoever_may_not_decide_is_not_told_to(
    client: Client, helpdesk: User, manager: User, synced: FakeCloud, vm2: Instance
) -> None:
    move = services.request_migration(actor=helpdesk, instance=vm2, reason="old")
    own = services.request_migration(actor=manager, instance=Instance.objects.get(name="doem"), reason="old")
    about = {"cloud": "lab", "since": timezone.now(), "seen_at": timezone.now(), "next_step": "Decide on it."}
    for one in (move, own):
        Finding.objects.create(
            rule="overdue", what=f"Nobody has decided {one.pk}.", who="manager", migration=one,
            instance_uuid=one.instance_uuid, **about,
        )  # fmt: skip

    def shown(user: User) -> str:
        client.force_login(user)
        return text(client.get("/mine/"))

    assert f"decided {move.pk}. <b>A manager must do this.</b> Decide on it." in shown(helpdesk)
    assert f"decided {move.pk}. <b>You can do this.</b> Decide on it." in shown(manager)
    assert f"decided {own.pk}. <b>Another manager must do this: you asked for it.</b>" in shown(manager)


def test_hosts_are_no_matter_of_helpdesk(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    Hypervisor.objects.update(state="down")
    client.force_login(helpdesk)

    assert "hosts/compute1/" not in text(client.get("/mine/"))


def test_a_cloud_that_cannot_be_reached_is_said_to_everybody(
    client: Client, auditor: User, synced: FakeCloud
) -> None:
    Cloud.objects.update(problem="lab cannot be reached.")
    client.force_login(auditor)

    shown = text(client.get("/mine/"))

    assert "lab cannot be reached." in shown
    assert "What you see of lab is from" in shown


def test_before_any_cloud_was_read_the_page_says_so(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)

    assert "No cloud has been read yet" in text(client.get("/mine/"))


def test_instances_in_error_are_named_with_links_and_the_rest_is_counted(
    client: Client, operator: User, synced: FakeCloud
) -> None:
    names = list(Instance.objects.order_by("name").values_list("name", flat=True))
    Instance.objects.update(status="ERROR")
    client.force_login(operator)

    for page in ("/mine/", "/health/"):
        shown = text(client.get(page))
        assert f"{len(names)} instances of lab are in error</a>:" in shown
        assert [name for name in names if f">{name}</a>" in shown] == names[:3]
        assert (f"and {len(names) - 3} more" if len(names) > 4 else "and one more") in shown


def test_an_instance_in_error_is_told_of_once(
    client: Client, helpdesk: User, operator: User, synced: FakeCloud
) -> None:
    made = failed(helpdesk, "vm2")
    Migration.objects.filter(pk=made.pk).update(after={"status": "ERROR"}, next_step_by="operator")
    Instance.objects.filter(name="vm2").update(status="ERROR")
    client.force_login(operator)

    alone = text(client.get("/mine/"))
    Instance.objects.filter(name="doem").update(status="ERROR")
    beside = text(client.get("/mine/"))

    assert f'id="failed-{made.pk}"' in alone
    assert "in error</a>" not in alone
    assert "One more instance of lab is in error</a>:" in beside
    assert (beside.count(">vm2</a>"), beside.count(">doem</a>")) == (1, 1)


def test_another_instance_in_error_is_noticed_though_their_number_is_the_same(
    operator: User, synced: FakeCloud
) -> None:
    Instance.objects.filter(name="vm2").update(status="ERROR")
    before = selectors.mine_version(operator)

    Instance.objects.update(status="ACTIVE")
    Instance.objects.filter(name="doem").update(status="ERROR")

    assert selectors.mine_version(operator) != before


def test_the_signs_of_life_are_read_once(operator: User, synced: FakeCloud) -> None:
    with CaptureQueriesContext(connection) as asked:
        selectors.mine(operator, None)

    for table in ("heartbeat", "ROW_NUMBER"):
        assert sum(table in query["sql"] for query in asked) == 1, table


# -- what changed


def test_who_asked_reads_who_decided_and_what_they_said(
    client: Client, helpdesk: User, done: Migration
) -> None:
    here_since(helpdesk)
    client.force_login(helpdesk)

    shown = text(client.get("/mine/"))

    assert f'id="changed-{done.pk}"' in shown
    assert "confirmed it: “looks healthy”" in shown
    assert "It is still stopped, as before the move. Open it to start it." in shown
    assert shown.index('id="mine-changed"') < shown.index('id="mine-moves"'), "news comes first"

    Instance.objects.filter(uuid=done.instance_uuid).update(status="ACTIVE")
    assert "Open it to start it" not in text(client.get("/mine/"))


def test_an_open_page_learns_that_what_was_moved_is_locked_or_started_meanwhile(
    client: Client, helpdesk: User, done: Migration
) -> None:
    here_since(helpdesk)
    client.force_login(helpdesk)
    instance = Instance.objects.filter(uuid=done.instance_uuid)
    page = client.get("/mine/")
    assert "Open it to start it" in text(page)

    for change, says in (({"locked": True}, False), ({"locked": False}, True), ({"status": "ACTIVE"}, False)):
        poll = f"/mine/now/?v={page.context['version']}"
        assert client.get(poll).status_code == 204
        instance.update(**change)
        page = client.get(poll)
        assert page.status_code == 200, change
        assert ("Open it to start it" in text(page)) is says


def test_one_lock_for_another_is_noticed_though_their_number_is_the_same(
    client: Client, manager: User, helpdesk: User, synced: FakeCloud
) -> None:
    names = ("vm1", "doem")
    Instance.objects.filter(name__in=names).update(status="ACTIVE", locked=True)
    for instance in Instance.objects.filter(name__in=names):
        services.request_migration(actor=helpdesk, instance=instance, reason="r", sets_aside=["lock"])
    Instance.objects.filter(name="vm1").update(locked=False)
    client.force_login(manager)
    version = client.get("/mine/").context["version"]

    Instance.objects.filter(name="vm1").update(locked=True)
    Instance.objects.filter(name="doem").update(locked=False)

    assert client.get(f"/mine/now/?v={version}").status_code == 200


def test_what_ended_before_the_last_visit_is_no_news(client: Client, helpdesk: User, done: Migration) -> None:
    here_since(helpdesk, timedelta(minutes=30))
    before = timezone.now() - timedelta(hours=1)
    Migration.objects.filter(pk=done.pk).update(ended_at=before)
    Approval.objects.filter(migration=done).update(decided_at=before)
    client.force_login(helpdesk)

    assert f'id="changed-{done.pk}"' not in text(client.get("/mine/"))


def test_an_auditor_sees_what_was_done_past_nmigrate_and_what_is_new_in_the_trail(
    client: Client, auditor: User, done: Migration
) -> None:
    with transaction.atomic():
        audit.record("observe_confirm", actor="eve", is_outside=True, migration=done)
    here_since(auditor)
    client.force_login(auditor)

    shown = text(client.get("/mine/"))

    assert "eve" in shown
    assert "confirmed it outside nmigrate" in shown
    assert 'id="trail-outside"' in shown
    found = re.search(r'id="trail-decisions" href="([^"]+)">(\d+)</a>', shown)
    assert found, "the link leads to as many as it says"
    assert client.get(unescape(found[1])).context["page"].paginator.count == int(found[2])
    assert 'action="/audit/"' in shown
    assert "Waits for you" not in shown
    assert "chain unbroken" in text(client.get("/mine/chain/"))


# -- following


def test_a_poll_gets_204_until_something_of_it_changes(
    client: Client, helpdesk: User, operator: User, asked: Migration
) -> None:
    client.force_login(operator)
    version = client.get("/mine/").context["version"]
    assert client.get(f"/mine/now/?v={version}").status_code == 204

    Hypervisor.objects.filter(host="compute4").update(state="down")

    answer = client.get(f"/mine/now/?v={version}")
    assert answer.status_code == 200
    assert "compute4" in text(answer)


@pytest.mark.parametrize("change", ["a move", "a finding", "a cloud", "the trail"])
def test_each_kind_of_change_is_noticed(auditor: User, asked: Migration, change: str) -> None:
    before, now = selectors.mine_version(auditor), timezone.now()
    if change == "a move":
        services.cancel_migration(actor=asked.requested_by, migration=asked)
    elif change == "a finding":
        Finding.objects.create(cloud="lab", rule="hangs", what="It hangs.", since=now, seen_at=now)
    elif change == "a cloud":
        Cloud.objects.update(problem="lab cannot be reached.")
    else:
        with transaction.atomic():
            audit.record("verify", actor="somebody")

    assert selectors.mine_version(auditor) != before


def test_many_rows_are_no_more_queries_and_end_with_a_link_to_all(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    User.objects.filter(pk=helpdesk.pk).update(is_superuser=True)  # every part of the page at once
    here_since(helpdesk)
    client.force_login(helpdesk)
    client.get("/mine/")
    fill(2, helpdesk)
    few, _ = looked_at(client)
    fill(60, helpdesk)

    many, shown = looked_at(client)

    assert many == few <= 31
    for more in ("more-failed", "more-hosts", "more-found", "more-outside", "more-half", "more-changed"):
        assert f'id="{more}"' in shown, more


def looked_at(client: Client) -> tuple[int, str]:
    with CaptureQueriesContext(connection) as asked:
        shown = text(client.get("/mine/"))
    return len(asked), shown


def fill(count: int, user: User) -> None:
    now = timezone.now()
    start = Migration.objects.count()
    for number in range(start, start + count):
        about: dict[str, Any] = {
            "cloud": "lab",
            "instance_name": f"app-{number}",
            "instance_uuid": f"uuid-{number}",
        }
        whose = {"requested_by": user, "requested_by_name": user.username, "requested_at": now}
        for state in ("failed", "stranded"):
            uuid = f"{state}-{number}"
            Migration.objects.create(
                **about | {"instance_uuid": uuid}, **whose, reason="r", kind="cold", state=state,
                source_host="compute1", ended_at=now if state == "failed" else None,
            )  # fmt: skip
        Finding.objects.create(**about, rule="hangs", what="It hangs.", since=now, seen_at=now)
        Hypervisor.objects.create(
            cloud_id="lab",
            uuid=f"h{number}",
            name=f"h{number}",
            host=f"h{number}",
            state="down",
            status="enabled",
        )
        with transaction.atomic():
            audit.record("observe_confirm", actor="eve", is_outside=True, migration=None, **about)


def test_it_is_said_when_nothing_is_sent_or_looked_at_any_more(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)
    before = selectors.mine_version(helpdesk)
    for name in ("worker", "follower"):
        Heartbeat.objects.create(name=name, at=timezone.now())
    assert "Nothing is sent" not in text(client.get("/mine/"))

    Heartbeat.objects.update(at=timezone.now() - timedelta(hours=1))

    shown = text(client.get("/mine/"))
    assert "Nothing is sent to the cloud just now:" in shown
    assert "What you see may be out of date:" in shown
    assert selectors.mine_version(helpdesk) != before, "an open page learns it"


def test_a_silence_is_told_before_the_process_is_replaced(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    for name in ("worker", "follower"):
        Heartbeat.objects.create(name=name, at=timezone.now() - timedelta(seconds=40))
    client.force_login(helpdesk)

    assert "Nothing is sent to the cloud just now:" in text(client.get("/mine/"))
    assert text(client.get("/health/")).count("silent</span>") == 2
    assert client.get("/readyz").status_code == 200, "a monitor waits longer"


def test_a_request_that_would_be_refused_now_is_marked_and_an_open_page_learns_it(
    client: Client, manager: User, asking: Migration
) -> None:
    client.force_login(manager)
    page = client.get("/mine/")
    assert "would be refused now" not in text(page)

    Hypervisor.objects.filter(host=asking.asked_host).update(state="down")
    Cloud.objects.update(version=F("version") + 1)

    assert client.get(f"/mine/now/?v={page.context['version']}").status_code == 200
    assert "would be refused now" in text(client.get("/mine/"))


def test_many_requests_are_judged_with_as_many_queries_as_one(
    client: Client, manager: User, helpdesk: User, asking: Migration
) -> None:
    client.force_login(manager)
    client.get("/mine/")
    one, _ = looked_at(client)
    Instance.objects.filter(name__in=("vm1", "doem")).update(status="ACTIVE", locked=False)
    for instance in Instance.objects.filter(name__in=("vm1", "doem")):
        services.request_migration(actor=helpdesk, instance=instance, reason="r")

    assert looked_at(client)[0] == one
