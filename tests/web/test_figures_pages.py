"""The figures page, the pictures of a migration and of a host: who sees them, and that their numbers are right."""

import html
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate.diagnosis import ROWS, general_why, own_cause
from nmigrate.models import Approval, Cloud, HostSample, Hypervisor, Migration
from nmigrate.selectors import figures
from nmigrate.selectors.figures import Outcome
from nmigrate.states import State
from tests.conftest import follow
from tests.fakecloud import FakeCloud
from tests.web.conftest import text
from webui.pictures import figures as drawn
from webui.pictures.moves import bar

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon() -> object:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def asked(user: User, at: datetime, state: str = "done", **fields: object) -> Migration:
    made = Migration(
        cloud="lab",
        instance_uuid=f"u{Migration.objects.count()}",
        instance_name="vm",
        kind="cold",
        state=state,
        reason="r",
        requested_by=user,
        requested_by_name=user.username,
        requested_at=at,
        source_host="compute1",
    )
    for name, value in fields.items():
        setattr(made, name, value)
    made.save()
    return made


def decided(move: Migration, by: User, took: timedelta, decision: str = "confirm") -> Approval:
    since = move.waiting_since or move.requested_at
    return Approval.objects.create(
        migration=move,
        decision=decision,
        requested_by=move.requested_by,
        decided_by=by,
        decided_by_name=by.username,
        decided_at=since + took,
    )


# -- the numbers


def test_days_are_those_of_the_reader(helpdesk: User, noon: object) -> None:
    asked(helpdesk, datetime(2026, 11, 19, 23, 30, tzinfo=UTC))  # in Hanoi it is the 20th already
    asked(helpdesk, datetime(2026, 11, 19, 1, 0, tzinfo=UTC))  # in New York it is still the 18th

    found = {}
    for name in ("UTC", "Asia/Ho_Chi_Minh", "America/New_York"):
        with timezone.override(ZoneInfo(name)):
            moves = figures.moves_of(figures.period(7))
        found[name] = {day.day: tally.total for day, tally in moves.by_day.items() if tally.total}

    assert found == {
        "UTC": {19: 2},
        "Asia/Ho_Chi_Minh": {20: 1, 19: 1},
        "America/New_York": {19: 1, 18: 1},
    }


def test_the_first_day_is_whole_also_over_a_change_of_the_clock(helpdesk: User) -> None:
    zone = ZoneInfo("Europe/Berlin")
    with time_machine.travel(datetime(2026, 10, 27, 12, 0, tzinfo=UTC)), timezone.override(zone):
        chosen = figures.period(7)

    assert chosen.start.astimezone(UTC) == datetime(2026, 10, 20, 22, 0, tzinfo=UTC)
    assert chosen.dates()[0] == date(2026, 10, 21)
    assert chosen.dates()[-1] == date(2026, 10, 27)


def test_what_was_never_begun_is_no_failure(helpdesk: User, noon: object) -> None:
    for state in ("done", "done", "failed", "reverted", "declined", "cancelled", "waiting"):
        asked(helpdesk, NOW - timedelta(hours=1), state)

    tally = figures.moves_of(figures.period(7)).all

    assert (tally.total, tally.tried, tally.arrived, tally.counts[Outcome.DONE]) == (7, 4, 2, 2)
    assert (tally.counts[Outcome.ACTIVE], tally.counts[Outcome.DROPPED]) == (1, 2)


def test_what_arrived_and_was_sent_back_has_arrived(helpdesk: User, noon: object) -> None:
    hour = NOW - timedelta(hours=1)
    asked(helpdesk, hour, "done", waiting_since=hour)
    asked(helpdesk, hour, "reverted", waiting_since=hour)
    asked(helpdesk, hour, "reverted")

    tally = figures.moves_of(figures.period(7)).all

    assert (tally.arrived, tally.tried) == (2, 3)
    assert (tally.counts[Outcome.RETURNED], tally.counts[Outcome.BACK]) == (1, 1)


def test_every_state_has_an_outcome() -> None:
    assert set(figures.OUTCOMES) == set(State)
    assert set(drawn.OUTCOME_WORDS) == set(Outcome)


@pytest.mark.parametrize(
    ("minutes", "median"), [([10], 10), ([1, 3], 2), ([1, 2, 300], 2), ([4, 1, 2, 3], 2.5)]
)
def test_the_median_of_decisions(
    minutes: list[float], median: float, helpdesk: User, manager: User, noon: object
) -> None:
    for number in minutes:
        move = asked(helpdesk, NOW - timedelta(days=2), waiting_since=NOW - timedelta(days=1))
        decided(move, manager, timedelta(minutes=number))

    found = figures.decisions_of(figures.period(7))

    assert found.median == timedelta(minutes=median)
    assert found.number == len(minutes)
    assert sum(found.buckets) == len(minutes)


def test_an_approval_is_timed_from_the_request_and_what_was_decided_outside_not_at_all(
    helpdesk: User, manager: User, noon: object
) -> None:
    move = asked(helpdesk, NOW - timedelta(hours=9), waiting_since=NOW - timedelta(hours=1))
    before = Approval(decision="approve", decided_at=NOW - timedelta(hours=8))
    for approval in (before, Approval(decision="confirm", decided_at=NOW, is_outside=True)):
        approval.migration, approval.requested_by = move, helpdesk
        approval.decided_by = None if approval.is_outside else manager
        approval.save()
    asked(helpdesk, NOW - timedelta(hours=3), "asking")

    found = figures.decisions_of(figures.period(7))

    assert (found.median, found.number, found.outside) == (timedelta(hours=1), 1, 1)
    assert found.buckets == (0, 0, 1, 0, 0, 0)
    assert (found.pending, found.pending_since) == (1, NOW - timedelta(hours=3))


def test_causes_are_counted_and_told_by_their_newest_case(helpdesk: User, noon: object) -> None:
    for number, cause in enumerate(("ssh", "lvm", "ssh")):
        words = {"failure": f"No way {number}.", "cause": cause}
        asked(helpdesk, NOW - timedelta(hours=5 - number), "failed", **words)

    found = figures.causes_of(figures.period(7))

    assert [(one.cause, one.number, one.last.failure) for one in found] == [
        ("ssh", 2, "No way 2."),
        ("lvm", 1, "No way 1."),
    ]


def test_a_cause_is_one_row_whatever_the_hosts_and_is_said_of_all_its_cases(
    client: Client, helpdesk: User, manager: User
) -> None:
    for host in ("compute1", "compute2"):
        why = own_cause("disk-too-large", name="vm", dest=host).why
        asked(helpdesk, timezone.now(), "failed", failure="No.", cause="disk-too-large", why=why)
    asked(helpdesk, timezone.now(), "failed", failure="No.", cause="unknown:1", why="New words on compute3.")
    client.force_login(manager)

    shown = text(client.get("/figures/")).split('id="causes"')[1].split("</section>")[0]

    assert shown.count("<tr>") == 3, "the head and a row for each cause"
    assert "Its disk does not fit on the other host." in shown
    assert "compute2" not in shown
    assert "New words on compute3." in shown, "no row tells of it: as of the last"


@pytest.mark.parametrize("key", ROWS)
def test_every_cause_can_be_said_of_all_its_cases(key: str) -> None:
    assert general_why(key).endswith(".")


def test_a_long_period_is_drawn_in_whole_weeks_that_end_today(helpdesk: User, noon: object) -> None:
    asked(helpdesk, NOW - timedelta(days=6))
    asked(helpdesk, NOW - timedelta(days=7))
    chosen = figures.period(90)

    found = drawn.columns(figures.moves_of(chosen), chosen)

    assert found.is_weekly
    assert [column.tally.total for column in found.columns[-2:]] == [1, 1]
    assert (found.columns[-1].last - found.columns[-1].first).days == 6
    assert found.columns[0].first == chosen.first


def test_bars_stand_on_each_other(helpdesk: User, noon: object) -> None:
    for state in ("done", "done", "failed"):
        asked(helpdesk, NOW, state)
    chosen = figures.period(7)

    today = drawn.columns(figures.moves_of(chosen), chosen).columns[-1]

    assert [(piece.outcome, piece.at, piece.size) for piece in today.pieces] == [
        ("done", "50%", "50%"),
        ("failed", "25%", "25%"),
    ]


# -- the pages


def test_the_page_is_honest_when_there_is_nothing(client: Client, manager: User) -> None:
    client.force_login(manager)

    shown = text(client.get("/figures/"))

    assert "Nobody asked for a move in this time." in shown
    assert "Nothing was decided in this time." in shown
    assert "No move failed in this time." in shown
    assert "No host has been read yet." in shown


def test_the_period_and_the_cloud_stand_in_the_address(
    client: Client, manager: User, synced: FakeCloud, helpdesk: User
) -> None:
    Cloud.objects.create(name="dr")
    asked(helpdesk, timezone.now() - timedelta(days=20))
    client.force_login(manager)

    assert "1 move was asked for." in text(client.get("/figures/"))
    assert "Nobody asked for a move" in text(client.get("/figures/?days=7"))
    assert "1 move was asked for." in text(client.get("/figures/?days=90&cloud=lab"))
    assert "Nobody asked for a move" in text(client.get("/figures/?days=90&cloud=dr"))
    assert "1 move was asked for." in text(client.get("/figures/?days=x&cloud=nowhere&page=x"))


@pytest.fixture
def many(helpdesk: User, synced: FakeCloud) -> None:
    """Moves of every outcome, of two kinds and two clouds, on days that differ from zone to zone."""
    Cloud.objects.create(name="dr")
    now, causes = timezone.now(), ("ssh", "lvm", "unknown:1")
    for number, state in enumerate((*State, State.REVERTED, State.FAILED, State.FAILED)):
        at = now - timedelta(hours=7 * number)
        failed = {"failure": "No.", "why": "No.", "cause": causes[number % 3]} if state == "failed" else {}
        kind, cloud = ("live", "dr") if number % 2 else ("cold", "lab")
        waited = {"waiting_since": at} if number == len(State) else {}
        asked(helpdesk, at, state, kind=kind, cloud=cloud, **failed, **waited)


@pytest.mark.parametrize("query", ["days=7", "days=90", "days=7&cloud=dr"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Ho_Chi_Minh"])
def test_every_number_leads_to_a_list_of_as_many(
    client: Client, manager: User, many: None, query: str, zone: str
) -> None:
    client.force_login(manager)
    client.cookies["zone"] = zone
    shown = text(client.get(f"/figures/?{query}"))

    links = re.findall(r'<a [^>]*href="(/migrations/\?[^"]*)">(\d+)', shown)

    assert len(links) > 15
    for link, number in links:
        listed = text(client.get(html.unescape(link)))
        assert re.search(rf"\b{number} migrations? match", listed), (link, number)
    states = {dict(parse_qsl(html.unescape(link).partition("?")[2])).get("state") for link, _ in links}
    assert "cloud" in query or states == {None, "open", *Outcome}


def test_who_may_not_see_the_moves_gets_plain_numbers(client: Client, many: None) -> None:
    counter = User.objects.create_user("counter")
    counter.user_permissions.add(Permission.objects.get(codename="view_audit"))
    client.force_login(counter)

    assert 'href="/migrations/?' not in text(client.get("/figures/"))


def test_what_was_decided_outside_leads_to_as_many_entries(
    client: Client, manager: User, synced: FakeCloud, waiting: Migration
) -> None:
    synced.confirm_outside(waiting.instance_uuid)
    follow(synced, 3)
    Cloud.objects.create(name="dr")
    client.force_login(manager)

    for cloud, count in (("lab", "1 entry"), ("dr", "")):
        shown = text(client.get(f"/figures/?cloud={cloud}"))
        (link,) = re.findall(r'id="to-outside" href="([^"]*)"', shown) if count else ["/audit/?cloud=dr"]
        listed = text(client.get(html.unescape(link)))
        assert (count or "No entry matches.") in listed


def test_the_way_to_the_figures_is_shown_to_those_who_may_see_them(
    client: Client, person: Callable[..., User], synced: FakeCloud
) -> None:
    shown = {}
    for role in ("helpdesk", "manager", "auditor", "operator"):
        client.force_login(person(role))
        shown[role] = 'href="/figures/"' in text(client.get("/clouds/lab/"))

    assert shown == {"helpdesk": False, "manager": True, "auditor": True, "operator": True}


def test_the_queries_do_not_grow_with_the_rows(
    client: Client, synced: FakeCloud, helpdesk: User, manager: User
) -> None:
    client.force_login(manager)
    asked(helpdesk, timezone.now(), "failed", failure="No.", cause="c0")
    paths = ("/figures/?days=90", "/clouds/lab/hosts/compute1/")
    few = [queries(client, path) for path in paths]

    now = timezone.now()
    for number in range(40):
        move = asked(
            helpdesk,
            now - timedelta(days=number),
            "failed",
            failure="No.",
            cause=f"c{number % 15}",
            waiting_since=now - timedelta(days=number),
        )
        decided(move, manager, timedelta(minutes=number))
        cloud = Cloud.objects.get(name="lab")
        uuid = f"h-{number}"
        Hypervisor.objects.create(
            cloud=cloud, uuid=uuid, name=uuid, host=uuid, state="up", status="enabled", memory_mb_capacity=9
        )
        sample(uuid, now - timedelta(hours=number))
        sample(Hypervisor.objects.get(host="compute1").uuid, now - timedelta(hours=number))

    # Where something was decided, one more asks for the middle.
    assert [queries(client, path) for path in paths] == [few[0] + 1, few[1]]


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(path).status_code == 200
    return len(found)


def sample(uuid: str, at: datetime, used: int = 512, capacity: int = 1024) -> None:
    amounts = {f"{name}_{what}": 0 for name in ("vcpus", "disk_gb") for what in ("used", "capacity")}
    amounts |= {"memory_mb_used": used, "memory_mb_capacity": capacity}
    HostSample.objects.create(cloud="lab", hypervisor=uuid, host="compute1", at=at, **amounts)


def test_a_host_says_that_nothing_was_measured_yet(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    client.force_login(helpdesk)

    assert "the first measurement comes within minutes" in text(client.get("/clouds/lab/hosts/compute1/"))


def test_a_host_shows_its_fullest_of_each_day(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    host = Hypervisor.objects.get(host="compute1")
    Hypervisor.objects.filter(pk=host.pk).update(memory_mb_used=100, memory_mb_capacity=1000)
    now = timezone.now()
    for hours, used in ((50, 900), (49, 300), (2, 400)):
        sample(host.uuid, now - timedelta(hours=hours), used, 1000)
    client.force_login(helpdesk)

    shown = text(client.get("/clouds/lab/hosts/compute1/"))

    assert "10% when last measured, 90% at most" in shown
    assert "<td>90%</td>" in shown
    assert 'class="curve guess"' in shown  # from 49 to 2 hours ago nothing was measured


def test_the_fullest_of_today_is_no_less_than_what_is_used_now(
    client: Client, manager: User, synced: FakeCloud
) -> None:
    host = Hypervisor.objects.get(host="compute1")
    Hypervisor.objects.filter(pk=host.pk).update(memory_mb_used=500, memory_mb_capacity=1000)
    sample(host.uuid, timezone.now(), 100, 1000)
    host.refresh_from_db()
    today = timezone.localdate()

    (row,) = drawn.host_rows([host], figures.memory_by_day([host], 14, UTC), today, 14)

    assert row.most is not None
    assert (row.most.date, row.most.share) == (today, 0.5)


@pytest.mark.parametrize(("used", "is_as_now"), [(100, True), (800, False)])
def test_a_host_that_was_never_fuller_than_now_says_so_once_on_a_phone(
    client: Client, manager: User, synced: FakeCloud, used: int, is_as_now: bool
) -> None:
    host = Hypervisor.objects.get(host="compute1")
    Hypervisor.objects.exclude(pk=host.pk).delete()
    Hypervisor.objects.filter(pk=host.pk).update(memory_mb_used=500, memory_mb_capacity=1000)
    sample(host.uuid, timezone.now(), used, 1000)
    client.force_login(manager)

    assert ("as-now" in text(client.get("/figures/"))) is is_as_now


def test_a_move_stopped_as_asked_is_no_cause_of_failures(helpdesk: User, noon: object) -> None:
    words = {"failure": "It was stopped.", "cause": "stopped-as-asked"}
    asked(helpdesk, NOW - timedelta(hours=1), "aborted", **words)

    assert figures.causes_of(figures.period(7)) == []


def test_a_migration_shows_in_what_its_time_went(client: Client, helpdesk: User, waiting: Migration) -> None:
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{waiting.pk}/"))

    assert "waiting for a decision" in shown
    assert "It was not running before the move" in shown
    assert f'hx-get="/migrations/{waiting.pk}/bar/"' in shown


def test_the_bar_of_what_is_over_is_not_asked_for_again(
    client: Client, helpdesk: User, done: Migration
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{done.pk}/"))

    assert 'id="phase-bar"' in shown
    assert "/bar/" not in shown


def test_what_was_left_of_the_memory_stays_after_the_end(client: Client, helpdesk: User) -> None:
    start = NOW.timestamp()
    samples = [[start + 5 * n, float((10 - n) * 2**28)] for n in range(10)]
    move = asked(
        helpdesk, NOW, "done", kind="live", ended_at=NOW, progress={"total": 10 * 2**28, "samples": samples}
    )
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{move.pk}/"))

    assert "From 2.5 GiB to 256 MiB, of 2.5 GiB in all." in shown


def test_what_was_left_of_the_memory_and_did_not_shrink_is_said_to_have_stayed(
    client: Client, helpdesk: User
) -> None:
    samples = [[NOW.timestamp() + 5 * n, float(2 * 2**30)] for n in range(10)]
    progress = {"total": 4 * 2**30, "samples": samples}
    move = asked(helpdesk, NOW, "done", kind="live", ended_at=NOW, progress=progress)
    client.force_login(helpdesk)

    shown = text(client.get(f"/migrations/{move.pk}/"))

    assert "It has stayed at 2.0 GiB of 4.0 GiB." in shown
    assert "From 2.0 GiB" not in shown


def test_what_goes_on_is_told_by_one_reading_of_the_clock(
    client: Client, manager: User, waiting: Migration
) -> None:
    """A figure that grows by itself would soon be another one than the sentence below it."""
    client.force_login(manager)

    shown = text(client.get(f"/migrations/{waiting.pk}/bar/"))

    assert "waiting for a decision: <b>" in shown
    assert 'data-mode="since"' not in shown
    assert int(re.findall(r"every (\d+)s", shown)[0]) <= 60


def test_the_bar_of_days_is_drawn_anew_every_minute(waiting: Migration) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert bar(waiting).again == 60
