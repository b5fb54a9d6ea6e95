"""The audit trail's pages: what a filter finds, what bad input gets, an export that harms no spreadsheet."""

import csv
import html
import io
import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import audit
from nmigrate.models import AuditEvent, Migration
from nmigrate.moves import Action
from nmigrate.states import TRANSITIONS
from tests.conftest import follow
from tests.fakecloud import FakeCloud
from tests.web.conftest import text
from webui.views.exports import harmless
from webui.words import of_action


def rows_of(
    client: Client, query: str = "", language: str = "en", path: str = "/audit/export.csv"
) -> list[dict[str, str]]:
    response = client.get(f"{path}{query}", headers={"Accept-Language": language})
    assert response.status_code == 200
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]  # it is streamed
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("person=manager", {"confirm"}),
        ("action=confirm", {"confirm"}),
        ("action=request&person=helpdesk", {"request"}),
        ("person=nobody-of-this-name", set()),
        ("q=OPS-311+looks", {"confirm"}),
        ("q=nothing-like-this", set()),
        ("host=compute9", set()),
        ("q=%239999", set()),
    ],
)
def test_a_filter_finds_what_it_says(
    client: Client, auditor: User, done: Migration, query: str, actions: set[str]
) -> None:
    client.force_login(auditor)

    assert {row["action"] for row in rows_of(client, f"?{query}")} == actions
    assert client.get(f"/audit/?{query}").status_code == 200


def test_an_instance_is_found_by_name_and_by_uuid(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)

    everything = len(rows_of(client))
    assert len(rows_of(client, "?instance=vm2")) == everything
    assert len(rows_of(client, f"?instance={done.instance_uuid.upper()}")) == everything
    assert len(rows_of(client, f"?migration={done.pk}")) == everything
    assert rows_of(client, "?instance=vm9") == []


def test_bypasses_can_be_read_alone_and_stand_out(
    client: Client, auditor: User, synced: FakeCloud, waiting: Migration
) -> None:
    synced.confirm_outside(waiting.instance_uuid)
    follow(synced, 3)
    client.force_login(auditor)

    rows = rows_of(client, "?outside=on")

    assert [row["action"] for row in rows] == ["observe_confirm"]
    assert {row["outside"] for row in rows} == {"yes"}
    for query, count in (("", "1 move or other event"), ("&view=entries", "1 entry")):
        shown = text(client.get(f"/audit/?outside=on{query}"))
        assert shown.count('class="bypass"') == 1
        assert "confirmed it outside nmigrate" in shown
        assert count in shown
    entry = text(client.get(f"/audit/{rows[0]['id']}/"))
    assert "This was done outside nmigrate," in entry


@pytest.mark.parametrize(
    "action",
    [
        *TRANSITIONS,
        *(f"{action}_{answer}" for action in Action for answer in ("accepted", "refused")),
        "request", "start", "stop", "unlock", "started", "stopped", "unlocked", "start_failed",
        "stop_failed", "unlock_failed", "hold_removed", "pin_changed", "remind",
    ],
)  # fmt: skip
def test_every_action_has_words_of_its_own(action: str) -> None:
    words = of_action(action)

    assert words
    assert "_" not in words
    assert words != action.replace("_", " ")


def test_an_action_that_nobody_knows_yet_is_shown_as_it_is() -> None:
    assert of_action("teleport_begun") == "teleport begun"


def test_times_are_read_in_the_readers_zone(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)
    client.cookies["zone"] = "Asia/Ho_Chi_Minh"
    here = timezone.now() + timedelta(hours=7)

    assert rows_of(client, f"?since={here - timedelta(minutes=5):%Y-%m-%dT%H:%M}")
    assert not rows_of(client, f"?until={here - timedelta(minutes=5):%Y-%m-%dT%H:%M}")
    assert rows_of(client)[0]["time_local"].endswith("+07:00")
    assert rows_of(client)[0]["time_utc"].endswith("Z")


@pytest.mark.parametrize("zone", ["Nowhere/Atlantis", "../../etc/passwd", "", "\x00", "x" * 5000])
def test_a_bad_zone_in_the_cookie_means_the_display_zone(client: Client, auditor: User, zone: str) -> None:
    client.force_login(auditor)
    client.cookies["zone"] = zone

    assert client.get("/audit/").status_code == 200


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("since=yesterday", "Write the time as 2026-11-22 14:05."),
        ("until=2026-13-45T99:99", "Write the time as 2026-11-22 14:05."),
        ("since=0001-01-01", "Choose a year between 1971 and 9998."),
        ("since=2026-11-23T10:00&until=2026-11-22T10:00", "The end must be later than the beginning."),
        ("migration=abc", "A migration is a number, such as 42."),
        ("migration=99999999999999999999999", "A migration is a number, such as 42."),
        ("q=" + "x" * 300, "at most 200 characters"),
        ("person=%00", "Null characters are not allowed."),
    ],
)
def test_a_bad_filter_gets_a_sentence(client: Client, auditor: User, query: str, sentence: str) -> None:
    client.force_login(auditor)

    for path in ("/audit/", "/audit/export.csv"):
        response = client.get(f"{path}?{query}")
        assert response.status_code == 422
        assert sentence in text(response)


@pytest.mark.parametrize(
    ("query", "field", "shown"),
    [
        ("since=yesterday", "since", 'value="yesterday" autocomplete="off"'),
        ("until=0001-01-01T10:00", "until", 'value="0001-01-01T10:00" type="datetime-local"'),
        ("since=2026-11-23T10:00&until=2026-11-22", "until", 'value="2026-11-22" autocomplete="off"'),
        ("migration=abc", "migration", 'value="abc"'),
        ("view=sideways", "view", 'value="entries"'),
    ],
)
def test_what_is_wrong_with_a_filter_stands_at_its_field_and_what_was_typed_stays(
    client: Client, auditor: User, query: str, field: str, shown: str
) -> None:
    client.force_login(auditor)

    page = text(client.get(f"/audit/?{query}"))

    form, rows = page[page.index("<form class") :].split('id="rows"')
    (told,) = re.findall(r'<span class="error" id="(\w+)-error" role="alert">[^<]', form)
    assert told == field
    assert form.count('aria-invalid="true"') == (field != "view")
    assert shown in form
    for attributes in re.findall(r'<input [^>]*aria-invalid="true">', form):
        assert f'aria-describedby="{field}-error"' in attributes
    assert "Nothing is listed until the marked filter is put right." in rows
    assert "autofocus" not in page


def test_a_day_without_a_time_is_shown_though_no_picker_can(client: Client, auditor: User) -> None:
    client.force_login(auditor)
    page = text(client.get("/audit/?since=2026-11-22&until=2026-11-23T10:00"))
    assert 'name="since" value="2026-11-22" autocomplete="off"' in page
    assert 'name="until" value="2026-11-23T10:00" type="datetime-local"' in page


def test_a_move_is_one_row_with_what_people_did_and_what_came_of_it(
    client: Client, auditor: User, done: Migration
) -> None:
    client.force_login(auditor)

    shown = text(client.get("/audit/?person=manager")).split("<table")[1]

    assert shown.count("<tr") == 2, "the head and one move, though three people's entries match or do not"
    for words in ("helpdesk</b> asked for the move", "disk errors on compute1", "OPS-311"):
        assert words in shown
    assert "manager</b> confirmed the move" in shown
    assert "looks healthy" in shown
    entries = AuditEvent.objects.filter(migration_id=done.pk).count()
    assert f'?migration={done.pk}&amp;view=entries">{entries} entries</a>' in shown
    assert "saw the confirmed move done" not in shown
    assert "saw the confirmed move done" in text(client.get(f"/audit/?migration={done.pk}&view=entries"))


def test_what_is_no_move_is_a_row_of_its_own(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)
    with transaction.atomic():
        for name in ("a", "b"):
            audit.record(
                "start", actor="helpdesk", cloud="lab", instance_uuid=f"u-{name}", instance_name=name
            )

    shown = text(client.get("/audit/")).split("<table")[1]

    assert shown.count("asked to start it") == 2
    assert (
        shown.index('instances/u-b/">b</a>') < shown.index('instances/u-a/">a</a>') < shown.index("OPS-311")
    )


def test_the_rows_cost_the_same_whatever_their_number(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)
    client.get("/audit/")  # the chain is checked once a minute
    with CaptureQueriesContext(connection) as few:
        client.get("/audit/")
    with transaction.atomic():
        for number in range(40):
            audit.record("start", actor="helpdesk", cloud="lab", instance_name=f"vm-{number}")
    with CaptureQueriesContext(connection) as many:
        client.get("/audit/")
    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("language", "what", "state"), [("en", "confirmed", "done"), ("vi", "xác nhận", "xong")]
)
def test_the_export_has_the_words_of_the_page_beside_the_codes(
    client: Client, auditor: User, done: Migration, language: str, what: str, state: str
) -> None:
    client.force_login(auditor)

    rows = rows_of(client, language=language)

    confirmed = next(row for row in rows if row["action"] == "confirm")
    assert what in confirmed["what"]
    assert (rows[-1]["state_after"], rows[-1]["state_after_in_words"]) == ("done", state)


def test_an_entry_has_a_page_of_its_own(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)
    event = AuditEvent.objects.get(action="confirm")

    shown = text(client.get(f"/audit/{event.pk}/"))

    assert event.hash in shown
    assert "looks healthy" in shown
    assert audit.GENESIS not in shown
    first = text(client.get(f"/audit/{AuditEvent.objects.earliest('id').pk}/"))
    assert "none, it is the first" in first
    assert audit.GENESIS not in first
    assert client.get("/audit/999999/").status_code == 404


def test_the_export_holds_novas_request_id_and_every_entry_in_order(
    client: Client, auditor: User, done: Migration
) -> None:
    client.force_login(auditor)

    rows = rows_of(client)

    assert [int(row["id"]) for row in rows] == sorted(AuditEvent.objects.values_list("id", flat=True))
    assert any(row["request_id"].startswith("req-") for row in rows)
    assert {row["outside"] for row in rows} == {"no"}


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1+1", "\u00a0=1", "\uff1d1+1"]
)
def test_a_cell_that_would_be_a_formula_is_made_text(cell: str) -> None:
    assert harmless(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "vm2", "a=b", "2026-11-22", "cổng-thanh-toán", "req-1"])
def test_an_ordinary_cell_stays_as_it_is(cell: str) -> None:
    assert harmless(cell) == cell


def test_a_reason_that_is_a_formula_leaves_as_text(client: Client, auditor: User) -> None:
    with transaction.atomic():
        audit.record("request", actor="mallory", reason='=HYPERLINK("http://evil.example")')
    client.force_login(auditor)

    assert rows_of(client)[0]["reason"].startswith("'=HYPERLINK")


def test_the_page_says_whether_the_chain_holds(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)

    assert "chain unbroken" in text(client.get("/audit/"))


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_moves_are_taken_away_as_they_are_told(
    client: Client, auditor: User, done: Migration, language: str
) -> None:
    client.force_login(auditor)
    with transaction.atomic():
        audit.record("start", actor="helpdesk", cloud="lab", instance_uuid="u-a", instance_name="=a")
    page = text(client.get("/audit/?instance=vm2"))
    assert 'href="/audit/moves.csv?instance=vm2" download' in page

    response = client.get("/audit/moves.csv", headers={"Accept-Language": language})
    content = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    move, single = csv.DictReader(io.StringIO(content))

    assert (move["instance_name"], move["who"], move["ticket"]) == ("vm2", "helpdesk", "OPS-311")
    assert (move["state_after"], move["kind"], move["migration"]) == ("done", "cold", str(done.pk))
    words = ("done", "confirmed the move") if language == "en" else ("xong", "xác nhận")
    assert move["state_after_in_words"] == words[0]
    assert words[1] in move["who_did_what"]
    assert "looks healthy" in move["who_did_what"]
    assert (move["from_zone"], move["to_zone"]) == ("nova-1", "nova-1")
    assert (move["from_host"], move["to_host"]) == ("compute1", "compute3")
    assert move["request_id"].startswith("req-")
    for column in ("time", "last_time"):
        utc, local = move[f"{column}_utc"], move[f"{column}_local"]
        assert utc.endswith("Z")
        assert datetime.fromisoformat(utc) == datetime.fromisoformat(local)
    assert single["instance_name"] == "'=a", "no cell is a formula"
    assert client.get("/audit/moves.csv?since=never").status_code == 422


def test_both_files_call_and_write_the_same_thing_alike(
    client: Client, auditor: User, synced: FakeCloud
) -> None:
    client.force_login(auditor)
    with transaction.atomic():
        about: dict[str, Any] = {
            "cloud": "lab",
            "instance_uuid": "u-a",
            "instance_name": "a",
            "reason": "why",
        }
        audit.record("outside_move", actor="admin", is_outside=True, request_id="req-1", ticket="T", **about)
        audit.record("start", actor="helpdesk", cloud="lab", instance_uuid="u-b", instance_name="b")

    entries = rows_of(client)
    moves = rows_of(client, path="/audit/moves.csv")

    shared = [name for name in entries[0] if name in moves[0]]
    assert shared == [name for name in moves[0] if name in entries[0]], "in the same order, too"
    assert {"time_utc", "who", "outside", "instance_uuid", "from_host", "reason", "request_id"} <= set(shared)
    assert [[row[name] for name in shared] for row in entries] == [
        [row[name] for name in shared] for row in moves
    ]


@pytest.mark.parametrize("name", ["export", "moves"])
def test_a_program_gets_the_same_as_json(client: Client, auditor: User, done: Migration, name: str) -> None:
    client.force_login(auditor)
    response = client.get(f"/audit/{name}.json")
    rows = json.loads(b"".join(response.streaming_content))  # type: ignore[attr-defined]

    lines = rows_of(client, path=f"/audit/{name}.csv")
    assert [list(row) for row in rows] == [list(line) for line in lines], (
        "the same columns, in the same order"
    )
    assert [row["time_utc"] for row in rows] == [line["time_utc"] for line in lines]
    first = rows[0]
    assert (first["outside"], first["migration"], first["ticket"]) == (False, done.pk, "OPS-311")
    if name == "moves":
        assert any("looks healthy" in act for act in first["who_did_what"])
    assert response["Content-Type"] == "application/json"
    assert f"nmigrate-{'audit' if name == 'export' else name}-" in response["Content-Disposition"]


def test_nothing_chosen_is_an_empty_array(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)
    response = client.get("/audit/export.json?instance=nobody")
    assert json.loads(b"".join(response.streaming_content)) == []  # type: ignore[attr-defined]
    assert client.get("/audit/export.json?since=never").status_code == 422
    assert client.get("/audit/export.xml").status_code == 404


def test_what_was_chosen_stays_from_page_to_page_and_in_the_export(
    client: Client, auditor: User, synced: FakeCloud
) -> None:
    with transaction.atomic():
        for name in (*(["a"] * 60), "b"):
            audit.record("start", actor="helpdesk", cloud="lab", instance_name=name)
    client.force_login(auditor)
    chosen = "instance=a&action=start&view=entries"

    first = text(client.get(f"/audit/?{chosen}"))
    (following,) = re.findall(r'rel="next" href="([^"]*)"', first)
    second = text(client.get(f"/audit/{html.unescape(following)}"))

    assert "51 to 60 of 60" in second
    for ending in ("csv", "json"):
        assert f'href="/audit/export.{ending}?{html.escape(chosen)}" download' in second
    assert len(rows_of(client, f"?{chosen}")) == 60


def test_an_empty_selection_says_what_to_do_next(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)

    shown = text(client.get("/audit/?person=nobody&view=entries&until=2026-01-01T00:00"))

    assert "No entry matches." in shown
    for name, left in (
        ("Person: nobody", "view=entries&amp;until=2026-01-01T00%3A00"),
        ("Until: 2026-01-01 00:00", "person=nobody&amp;view=entries"),
    ):
        link = shown[: shown.index(f"</span>{name}</span></a>")].rsplit("<a ", 1)[1]
        assert f'href="?{left}"' in link, "each filter can be taken off by itself"
    assert shown.count("Take off:") == 2, "the view is no filter"
    assert '<a href="?view=entries">Show all</a>' in shown, "the view that was chosen stays"
    today = re.findall(r'href="(\?[^"]*)">Today', shown)[0]
    assert client.get(f"/audit/{html.unescape(today)}").status_code == 200, "no end before the beginning"


def test_every_decision_can_be_asked_for_at_once(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)
    assert {row["action"] for row in rows_of(client, "?action=decisions")} == {"confirm"}


def test_a_move_that_others_made_is_one_row(client: Client, auditor: User, synced: FakeCloud) -> None:
    client.force_login(auditor)
    about: dict[str, Any] = {
        "cloud": "lab",
        "instance_uuid": "u-a",
        "instance_name": "a",
        "request_id": "req-1",
    }
    with transaction.atomic():
        audit.record("outside_move", actor="admin", is_outside=True, **about)
    assert "began to move it" in text(client.get("/audit/")).split("<table")[1]
    with transaction.atomic():
        audit.record("outside_move_ended", actor="admin", is_outside=True, **about)
    shown = text(client.get("/audit/")).split("<table")[1]
    assert "began to move it" not in shown
    assert "moved it; that has ended" in shown


def test_moves_are_in_the_order_of_the_times_they_show(
    client: Client, auditor: User, done: Migration
) -> None:
    client.force_login(auditor)
    with transaction.atomic():
        audit.record("start", actor="helpdesk", cloud="lab", instance_uuid="u-a", instance_name="between")
        audit.record("complete", actor=audit.SYSTEM, migration=done)

    page = text(client.get("/audit/?person=helpdesk"))
    shown = page.split("<tbody>")[1]

    assert shown.count("<tr") == 2
    assert "2 moves and other events" in page, "as many as there are rows"
    assert shown.index(done.instance_name) < shown.index("between"), "its newest entry is not helpdesk's"


def test_the_end_of_the_chain_can_be_noted_elsewhere(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)
    last = AuditEvent.objects.order_by("-id").first()
    assert last is not None
    shown = text(client.get("/audit/"))
    assert f"Entry {last.pk}<br>" in shown
    assert last.hash in shown


def test_a_number_with_its_sign_is_that_of_a_move(client: Client, auditor: User, done: Migration) -> None:
    client.force_login(auditor)

    rows = rows_of(client, f"?q=%23{done.pk}")

    assert {"request", "confirm"} <= {row["action"] for row in rows}
    assert {row["migration"] for row in rows if row["migration"]} == {str(done.pk)}


def test_a_decision_made_outside_is_told_with_novas_time_beside_ours(
    client: Client, auditor: User, synced: FakeCloud, waiting: Migration
) -> None:
    synced.confirm_outside(waiting.instance_uuid, "admin")
    follow(synced, 2)
    entry = AuditEvent.objects.get(action="observe_confirm")
    client.force_login(auditor)

    assert "(in the cloud: " in text(client.get(f"/audit/{entry.pk}/"))
    asked = AuditEvent.objects.get(action="request")
    assert "(in the cloud: " not in text(client.get(f"/audit/{asked.pk}/"))
