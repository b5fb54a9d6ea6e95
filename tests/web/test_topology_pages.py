"""The topology, the search in it, the page of a host, and how the number of queries stays the same."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import audit, selectors, services
from nmigrate.models import Cloud, Hypervisor, Instance, Migration, Order
from tests.fakecloud import FakeCloud
from tests.web.conftest import text


def test_it_shows_zones_hosts_and_instances_with_their_states(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)

    shown = text(client.get("/clouds/lab/"))

    for words in ("nova-1", "compute1", "compute4", "vm2", "demo_zone", "4 hosts", "as of"):
        assert words in shown
    assert 'title="vm2: stopped"' in shown
    assert 'title="demo_zone: running"' in shown


def test_the_topology_begins_with_the_first_cloud(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    client.force_login(helpdesk)

    assert client.get("/clouds/").headers["Location"] == "/clouds/lab/"


@pytest.mark.parametrize(("language", "mark"), [("en", ","), ("vi", ".")])
def test_thousands_are_grouped_as_the_language_has_them(
    client: Client, helpdesk: User, synced: FakeCloud, language: str, mark: str
) -> None:
    vm1 = Instance.objects.get(name="vm1")
    values = {field.attname: getattr(vm1, field.attname) for field in Instance._meta.concrete_fields}
    Instance.objects.bulk_create(
        Instance(**values | {"id": None, "uuid": str(uuid4()), "name": f"many-{number}"})
        for number in range(1200)
    )
    everywhere = Instance.objects.count()
    on_host = Instance.objects.filter(host=vm1.host).count()
    client.force_login(helpdesk)

    def shown(address: str) -> str:
        return text(client.get(address, headers={"Accept-Language": language}))

    def figure(number: int) -> str:
        return f"1{mark}{number % 1000:03} "

    assert figure(everywhere) in shown("/clouds/lab/")
    assert figure(on_host) in shown(f"/clouds/lab/hosts/{vm1.host}/?page=2")
    assert figure(1201) in shown("/clouds/lab/find/?q=vm1")


def test_before_any_cloud_was_read_the_page_says_so(client: Client, helpdesk: User) -> None:
    client.force_login(helpdesk)
    assert "No cloud has been read yet" in text(client.get("/clouds/"))

    Cloud.objects.create(name="lab")

    shown = text(client.get("/clouds/lab/"))
    assert "Reading lab for the first time" in shown
    assert 'class="stack-wide unread"' in shown  # nothing to choose from: no filters


def test_a_cloud_that_cannot_be_reached_keeps_its_last_picture(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    Cloud.objects.update(
        problem="lab cannot be reached.", problem_since=timezone.now(), problem_said="refused"
    )
    client.force_login(helpdesk)

    shown = text(client.get("/clouds/lab/"))

    assert "lab cannot be reached." in shown
    assert "the last picture that nmigrate could read" in shown
    assert "vm2" in shown


def test_a_move_is_drawn_on_both_hosts(client: Client, helpdesk: User, asked: Migration) -> None:
    client.force_login(helpdesk)

    shown = text(client.get("/clouds/lab/"))

    assert "1 move under way or waiting" in shown
    assert "→ compute3" in shown
    assert "from compute1" in shown


@pytest.mark.parametrize(
    ("query", "is_shown"),
    [
        ("", True),
        ("?q=compute3", True),
        ("?q=compute1", True),
        ("?show=moving", True),
        ("?q=nothing-like-this", False),
        ("?q=compute4", False),
        ("?show=trouble", False),
        ("?state=down", False),
    ],
)
def test_a_filter_leaves_the_moves_from_and_to_what_is_shown_and_counts_the_others(
    client: Client, helpdesk: User, asked: Migration, query: str, is_shown: bool
) -> None:
    Hypervisor.objects.filter(host="compute4").update(state="down")
    client.force_login(helpdesk)

    shown = text(client.get(f"/clouds/lab/{query}"))

    assert ("1 move under way or waiting" in shown) is is_shown
    others = '<a id="elsewhere" href="/clouds/lab/">1 move elsewhere is not shown</a>'
    assert (others in shown) is not is_shown


def test_only_what_is_locked_is_shown_where_it_is(client: Client, helpdesk: User, asked: Migration) -> None:
    """What comes to a host is shown there in advance, but a lock is told where it is."""
    Instance.objects.filter(uuid=asked.instance_uuid).update(locked=True)
    Instance.objects.filter(name="vm1").update(host="compute3", locked=True)
    locked, other = Instance.objects.get(uuid=asked.instance_uuid), Instance.objects.get(name="doem")
    client.force_login(helpdesk)
    assert "from compute1" in text(client.get("/clouds/lab/?view=cards"))

    shown = text(client.get("/clouds/lab/?view=cards&show=locked"))

    assert f'id="i-{locked.uuid}"' in shown
    assert f'id="i-{other.uuid}"' not in shown
    assert "from compute1" not in shown


def test_a_card_counts_what_the_filters_hide(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    client.force_login(helpdesk)
    on_it = Instance.objects.filter(host="compute1").count()

    assert "The filters hide" not in text(client.get("/clouds/lab/?view=cards"))
    shown = text(client.get("/clouds/lab/?view=cards&q=vm2"))

    assert f"The filters hide {on_it - 1} instance" in shown


def test_a_move_of_what_is_on_no_host_is_shown_with_it(
    client: Client, helpdesk: User, asked: Migration
) -> None:
    Migration.objects.filter(pk=asked.pk).update(source_host="gone", asked_host="")
    Instance.objects.filter(uuid=asked.instance_uuid).update(host="")
    client.force_login(helpdesk)

    assert "1 move under way or waiting" in text(client.get("/clouds/lab/?q=vm2"))


def test_the_picture_answers_204_until_something_has_changed(
    client: Client, helpdesk: User, synced: FakeCloud, vm2: Instance
) -> None:
    client.force_login(helpdesk)
    version = selectors.topology_version(Cloud.objects.get())
    assert client.get("/clouds/lab/picture/", {"v": version}).status_code == 204

    client.post(f"/clouds/lab/instances/{vm2.uuid}/migrate/", {"way": "cold", "reason": "x"})

    assert client.get("/clouds/lab/picture/", {"v": version}).status_code == 200


@pytest.mark.parametrize(
    ("show", "seen", "unseen"),
    [
        ("everything", ("vm1", "broken", "compute3"), ()),
        ("trouble", ("broken", "compute4"), ("vm1", "compute3")),
        ("moving", ("vm2", "compute3"), ("vm1", "broken", "compute4")),
        ("locked", ("vm1", "compute1"), ("vm2", "broken", "compute3", "compute4")),
        ("nonsense", ("vm1", "broken", "compute3"), ()),
    ],
)
def test_it_can_show_only_what_matters(
    client: Client,
    helpdesk: User,
    asked: Migration,
    show: str,
    seen: tuple[str, ...],
    unseen: tuple[str, ...],
) -> None:
    Instance.objects.filter(name="doem").update(name="broken", status="ERROR")
    Instance.objects.filter(name="vm1").update(locked=True)
    Hypervisor.objects.filter(host="compute4").update(state="down")
    client.force_login(helpdesk)

    shown = text(client.get("/clouds/lab/picture/", {"show": show}))
    zones = shown[shown.index('class="zone"') :]

    for word in seen:
        assert word in zones
    for word in unseen:
        assert f">{word}<" not in zones


@pytest.mark.parametrize("query", ["VM2", "vm", "compute1", "demo", "10.20.0"])
def test_an_instance_is_found_by_any_part_of_what_is_known_of_it(
    client: Client, helpdesk: User, synced: FakeCloud, query: str
) -> None:
    client.force_login(helpdesk)

    found = text(client.get("/clouds/lab/find/", {"q": query}))

    assert ">vm2<" in re.sub("</?mark>", "", found)
    assert "<mark>" in found


@pytest.mark.parametrize(
    ("query", "label"),
    [
        ("10.20.0.7", "address <mark>10.20.0.7</mark>"),
        ("du an", "project <mark>Dự</mark> <mark>Án</mark> 7"),
        ("vm2 compute1", "host <mark>compute1</mark>"),
    ],
)
def test_a_hit_says_by_what_it_was_found(
    client: Client, helpdesk: User, synced: FakeCloud, vm2: Instance, query: str, label: str
) -> None:
    vm2.addresses, vm2.project_name = ["10.20.0.7", "192.0.2.5"], "Dự Án 7"
    vm2.search = vm2.searchable()
    vm2.save()
    client.force_login(helpdesk)

    found = text(client.get("/clouds/lab/find/", {"q": query}))
    by_uuid = text(client.get("/clouds/lab/find/", {"q": vm2.uuid[:13]}))

    hit = found[found.index('id="results"') :]
    assert label in hit
    for other in ("address ", "project ", "host "):
        assert label.startswith(other) == (other in hit), "only what found it has a name"
    assert f'UUID <span class="mono"><mark>{vm2.uuid[:13]}</mark>{vm2.uuid[13:]}' in by_uuid


@pytest.mark.parametrize("word", ["LOCKED", "bị khóa", "bị khoá", "bi khoa"])
def test_a_word_of_a_state_leads_to_the_topology_that_shows_it(
    client: Client, helpdesk: User, synced: FakeCloud, word: str
) -> None:
    client.force_login(helpdesk)

    found = client.get("/clouds/lab/find/", {"q": word}, headers={"Accept-Language": "vi"})

    assert 'id="by-state" href="/clouds/lab/?show=locked"' in text(found)
    assert 'href="/clouds/lab/?state=off"' in text(client.get("/clouds/lab/find/", {"q": "out of service"}))
    assert "by-state" not in text(client.get("/clouds/lab/find/", {"q": "vm2"}))


def test_a_search_without_a_hit_keeps_what_was_typed_and_says_where_the_same_words_are(
    client: Client, helpdesk: User, auditor: User, synced: FakeCloud, asked: Migration
) -> None:
    Migration.objects.filter(pk=asked.pk).update(instance_name="gone & away")
    client.force_login(helpdesk)
    nowhere, gone = (
        text(client.get("/clouds/lab/find/", {"q": words})) for words in ("nothing like this", "gone & away")
    )

    assert 'name="q" value="nothing like this"' in nowhere
    for what in ("name", "UUID", "address", "project", "host", "ticket", "number", "request id"):
        assert what in nowhere[nowhere.index("data-found") :]
    assert "near-" not in nowhere
    assert 'id="near-moves" href="/migrations/?instance=gone%20%26%20away"' in gone
    assert "near-trail" not in text(client.get("/clouds/lab/find/", {"q": "disk errors"}))
    client.force_login(auditor)
    assert 'id="near-trail" href="/audit/?q=disk%20errors"' in text(
        client.get("/clouds/lab/find/", {"q": "disk errors"})
    )


def test_an_instance_is_found_by_its_uuid_and_beyond_ascii(
    client: Client, helpdesk: User, synced: FakeCloud, vm2: Instance
) -> None:
    other = Instance.objects.get(name="vm1")
    other.name = "CỔNG-Thanh-Toán"
    other.search = other.searchable()
    other.save()
    client.force_login(helpdesk)

    assert ">vm2<" in text(client.get("/clouds/lab/find/", {"q": vm2.uuid.upper()[:13]}))
    assert "CỔNG" in text(client.get("/clouds/lab/find/", {"q": "cổng-thanh"}))


def test_what_is_meant_to_the_letter_comes_first(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    for name, address in (("vm1", "10.0.0.71"), ("vm2", "10.0.0.7")):
        one = Instance.objects.get(name=name)
        one.addresses = [address]
        one.search = one.searchable()
        one.save()
    client.force_login(helpdesk)

    found = text(client.get("/clouds/lab/find/", {"q": "10.0.0.7"}))

    assert found.index(">vm2<") < found.index(">vm1<")


def test_a_move_is_found_by_its_ticket_its_number_and_novas_request_id(
    client: Client, helpdesk: User, manager: User, synced: FakeCloud, vm2: Instance
) -> None:
    move = services.request_migration(actor=helpdesk, instance=vm2, reason="disk errors", ticket="OPS-311")
    Migration.objects.filter(pk=move.pk).update(request_id="req-0f1e", ended_at=timezone.now(), state="done")
    sent = dict.fromkeys(("created_at", "enqueued_at"), timezone.now())
    Order.objects.create(
        cloud="lab",
        instance_uuid=vm2.uuid,
        migration=move,
        action="confirm",
        request_id="req-77aa",
        state="done",
        **sent,
    )
    client.force_login(manager)

    found = text(client.get("/clouds/lab/find/", {"q": "ops-3"}))
    assert "ticket <mark>OPS-3</mark>11" in found
    found = text(client.get("/clouds/lab/find/", {"q": f"#{move.pk}"}))
    assert f"<mark>migration {move.pk}</mark>" in found
    for query in ("ops-3", f"#{move.pk}", str(move.pk), "REQ-0f1e", "req-77aa"):
        assert f'href="/migrations/{move.pk}/"' in text(client.get("/clouds/lab/find/", {"q": query})), query
    for asked in ("REQ-0f1e", "req-77aa"):
        found = text(client.get("/clouds/lab/find/", {"q": asked}))
        assert f"<mark>{asked.lower()}</mark>" in found, "a row shows no request id but that which found it"
    for number in range(6):
        Migration.objects.create(
            cloud="lab", instance_uuid=f"u{number}", instance_name="n", ticket="CHG-118", reason="r", state="done",
            requested_by=helpdesk, requested_by_name="helpdesk", requested_at=timezone.now(), source_host="compute1",
        )  # fmt: skip
    found = text(client.get("/clouds/lab/find/", {"q": "CHG-118"}))
    assert "All 6 moves" in found
    assert "Show these in the topology" not in found
    assert (
        len(re.findall(r'id="instance-\d', text(client.get("/migrations/", {"instance": f"#{move.pk}"}))))
        == 1
    )
    Order.objects.update(request_id="req-77aa-55bb")
    assert f'href="/migrations/{move.pk}/"' in text(client.get("/clouds/lab/find/", {"q": "req-77aa"}))
    for query in ("#0", "req-0f1", "req-", "9" * 30):
        assert "/migrations/" not in text(client.get("/clouds/lab/find/", {"q": query})).split("<main")[1], (
            query
        )


@pytest.mark.parametrize("query", ["", "  ", "%", "\0", "no such thing", "x" * 5000, "'; drop table"])
def test_odd_searches_find_nothing_and_break_nothing(
    client: Client, helpdesk: User, synced: FakeCloud, query: str
) -> None:
    client.force_login(helpdesk)

    response = client.get("/clouds/lab/find/", {"q": query})

    assert response.status_code == 200
    assert ">vm2<" not in text(response)


def test_a_host_lists_all_its_instances_in_pages(client: Client, helpdesk: User, synced: FakeCloud) -> None:
    fill(instances=120, host="compute1")
    client.force_login(helpdesk)

    first, last = (text(client.get("/clouds/lab/hosts/compute1/", {"page": page})) for page in ("1", "99"))

    assert "1 to 50 of 122" in first
    assert "101 to 122 of 122" in last


def fill(instances: int, host: str = "", hosts: int = 0) -> None:
    """That many more instances and hosts in the lab's inventory."""
    cloud = Cloud.objects.get(name="lab")
    Hypervisor.objects.bulk_create(
        Hypervisor(
            cloud=cloud,
            uuid=str(uuid4()),
            name=f"h{n}",
            host=f"h{n}",
            zone=f"z{n % 5}",
            state="up",
            status="enabled",
        )
        for n in range(hosts)
    )
    rows = [
        Instance(
            cloud=cloud,
            uuid=str(uuid4()),
            name=f"app-{n}",
            host=host or f"compute{n % 4 + 1}",
            status="ACTIVE",
        )
        for n in range(instances)
    ]
    for row in rows:
        row.search = row.searchable()
    Instance.objects.bulk_create(rows)


def fill_the_record(rows: int, user: User) -> None:
    now = timezone.now()
    Migration.objects.bulk_create(
        Migration(
            cloud="lab",
            instance_uuid=str(uuid4()),
            instance_name=f"app-{n}",
            kind="cold",
            state="waiting",
            reason="r",
            requested_by=user,
            requested_by_name="helpdesk",
            requested_at=now,
            waiting_since=now,
            source_host="compute1",
            dest_host="compute3",
        )
        for n in range(rows)
    )
    with transaction.atomic():
        for n in range(rows // 10):
            audit.record("request", actor="helpdesk", instance_name=f"app-{n}")


LISTS = (
    "/clouds/lab/",
    "/clouds/lab/?view=map",
    "/clouds/lab/?view=cards&open=1&open=2",
    "/clouds/lab/?show=trouble",
    "/mine/",
    "/clouds/lab/?q=app&state=up&sort=full",
    "/clouds/lab/hosts/compute1/chips/",
    "/clouds/lab/hosts/compute1/panel/",
    "/clouds/lab/?show=moving",
    "/clouds/lab/find/?q=app",
    "/clouds/lab/find/?q=nothing-like-this",
    "/clouds/lab/hosts/compute1/",
    "/migrations/",
    "/approvals/",
    "/audit/",
    "/health/",
)


def test_a_page_asks_the_database_as_often_for_1000_rows_as_for_10(
    client: Client, manager: User, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(manager)
    client.get("/mine/")  # notes the visit
    client.get("/audit/")  # checks the chain, and remembers that for a minute

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        return len(asked)

    fill(instances=10, hosts=2)
    fill_the_record(10, helpdesk)
    few = {path: queries(path) for path in LISTS}
    fill(instances=990, hosts=100)
    fill_the_record(990, helpdesk)

    assert {path: queries(path) for path in LISTS} == few


def test_a_large_cloud_shows_only_what_matters_on_each_card(
    client: Client, helpdesk: User, synced: FakeCloud, person: Callable[..., User]
) -> None:
    fill(instances=200, host="compute1", hosts=selectors.MANY_HOSTS)
    Instance.objects.filter(name="app-7").update(status="ERROR")
    client.force_login(helpdesk)

    shown = text(client.get("/clouds/lab/?view=cards"))

    assert 'title="app-7: in error"' in shown
    assert 'title="app-8' not in shown
    assert "201 more" in shown


def test_the_page_of_a_host_follows_and_leaves_its_figures_alone(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)

    page = text(client.get("/clouds/lab/hosts/compute1/"))

    asked = re.search(r'id="host" class="stack-wide" data-poll hx-get="([^"]+)" hx-select="#host"', page)
    assert asked
    polled = page[page.index('id="host"') : page.index('id="how-full"')]
    assert polled.count("</div>") == polled.count("<div") + 1, (
        "the figures, which may lie open, are not in it"
    )
    poll = {"HX-Request": "true"}
    assert client.get(asked[1], headers=poll).status_code == 204
    services.request_migration(actor=helpdesk, instance=Instance.objects.get(name="vm2"), reason="old")
    assert "1 move off this host is not over yet" in text(client.get(asked[1], headers=poll))
