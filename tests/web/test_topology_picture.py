"""What the topology shows for which address: views, filters, order, opened hosts, totals, moves of others."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from nmigrate import selectors, services
from nmigrate.models import Cloud, Hypervisor, Instance, Migration, OutsideMove
from nmigrate.selectors import Wanted
from tests.fakecloud import FakeCloud
from tests.web.conftest import text
from tests.web.test_topology_pages import fill
from tests.wide import wide_cloud
from webui.templatetags import desk
from webui.templatetags.picture import marked as mark

PAGE = "/clouds/lab/"


def hosts_in(page: str) -> list[str]:
    """The hosts of the picture, as cards or cells, in their order."""
    return re.findall(r'(?:<article|<a class="cell)[^>]*data-host="([^"]+)"', page)


def names(page: str) -> set[str]:
    """The instances that are shown as chips."""
    return set(re.findall(r'<a class="chip [^>]*title="([^":]+):', page))


@pytest.fixture
def seen(client: Client, helpdesk: User, synced: FakeCloud) -> Client:
    client.force_login(helpdesk)
    return client


def test_a_small_cloud_is_cards_and_a_large_one_a_map(seen: Client) -> None:
    assert "<article" in text(seen.get(PAGE))

    fill(instances=0, hosts=selectors.MANY_HOSTS)

    large = text(seen.get(PAGE))
    assert 'class="cell' in large
    assert "<article" not in large


def test_the_view_that_was_chosen_is_kept(seen: Client) -> None:
    assert 'class="cell' in text(seen.get(PAGE, {"view": "map"}))
    assert 'class="cell' in text(seen.get(PAGE))
    assert "<article" in text(seen.get(PAGE, {"view": "cards"}))
    assert "<article" in text(seen.get(PAGE))


def test_what_one_would_get_anyway_is_not_kept_as_a_choice(seen: Client) -> None:
    seen.get(PAGE, {"view": "cards", "show": "trouble"})

    assert "view" not in seen.cookies


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"zone": "nova-1"}, {"compute1", "compute3"}),
        ({"state": "down"}, {"compute4"}),
        ({"state": "off"}, {"compute3"}),
        ({"state": "up"}, {"compute1", "compute2"}),
        ({"q": "COMPUTE2"}, {"compute2"}),
        ({"q": "nova-1"}, {"compute1", "compute3"}),
        ({"q": "vm2"}, {"compute1"}),
        ({"q": "vm2", "zone": "nova"}, set()),
        ({"q": "nothing like this"}, set()),
        ({"zone": "nova-1", "state": "up"}, {"compute1"}),
        ({"state": "nonsense", "sort": "nonsense", "view": "nonsense", "open": "x"}, None),
    ],
)
@pytest.mark.parametrize("view", ["cards", "map"])
def test_filters_leave_the_hosts_that_fit(
    seen: Client, query: dict[str, str], shown: set[str] | None, view: str
) -> None:
    Hypervisor.objects.filter(host="compute4").update(state="down")
    Hypervisor.objects.filter(host="compute3").update(status="disabled", disabled_reason="PSU swap")

    page = text(seen.get(PAGE, {"view": view, **query}))

    assert set(hosts_in(page)) == (shown if shown is not None else {f"compute{n}" for n in range(1, 5)})
    assert ("No host of lab fits all of this." in page) is (shown == set())


def test_a_filter_that_names_an_instance_shows_it_alone(seen: Client) -> None:
    assert names(text(seen.get(PAGE, {"q": "vm2"}))) == {"vm2"}
    assert names(text(seen.get(PAGE, {"q": "compute1"}))) == {"vm1", "vm2"}


def test_the_order_is_trouble_fullness_or_name(seen: Client) -> None:
    Hypervisor.objects.update(zone="one", memory_mb_capacity=100)
    for host, used in (("compute1", 10), ("compute2", 96), ("compute3", 50), ("compute4", 20)):
        Hypervisor.objects.filter(host=host).update(memory_mb_used=used)
    Hypervisor.objects.filter(host="compute4").update(state="down")
    Hypervisor.objects.filter(host="compute3").update(host="compute10", status="disabled")

    def order(sort: str) -> list[str]:
        return hosts_in(text(seen.get(PAGE, {"sort": sort})))

    assert order("") == ["compute4", "compute10", "compute2", "compute1"]
    assert order("full") == ["compute2", "compute10", "compute4", "compute1"]
    assert order("name") == ["compute1", "compute2", "compute4", "compute10"]


def test_a_zone_says_what_all_its_hosts_have_whatever_is_shown(seen: Client) -> None:
    Hypervisor.objects.filter(zone="nova-1").update(memory_mb_capacity=10240, memory_mb_used=5120)
    Hypervisor.objects.filter(host="compute3").update(state="down")

    page = text(seen.get(PAGE, {"zone": "nova-1", "state": "up"}))

    for words in (
        "Memory: 10 of 20 GiB used",
        "2 hosts: 1 up",
        "1 down",
        "2 instances",
        "1 host shown",
    ):
        assert words in page


def test_a_cell_says_how_full_and_what_is_wrong(seen: Client) -> None:
    Hypervisor.objects.filter(host="compute2").update(
        memory_mb_capacity=100, memory_mb_used=91, state="down", forced_down=True
    )
    Instance.objects.filter(name="doem").update(status="ERROR")

    page = text(seen.get(PAGE, {"view": "map"}))

    assert (
        '<span class="hidden"> compute2: declared down, 91% of memory used, 2 instances, one in error</span>'
        in page
    )


def test_names_on_the_map_leave_out_what_all_share(seen: Client) -> None:
    Hypervisor.objects.filter(zone="nova").update(zone="nova-1")
    for n, host in enumerate(Hypervisor.objects.order_by("host")):
        Hypervisor.objects.filter(pk=host.pk).update(host=f"rack-7-hypervisor{n:02}")

    page = text(seen.get(PAGE, {"view": "map"}))

    assert "Each name begins with “rack-7-”." in page
    assert "<b>hypervisor03</b>" in page
    assert 'class="map long"' in page


def test_names_that_fit_are_shown_whole(seen: Client) -> None:
    page = text(seen.get(PAGE, {"view": "map"}))

    assert "Each name begins" not in page
    assert "<b>compute3</b>" in page


def test_an_opened_host_shows_the_rest_of_its_instances(seen: Client) -> None:
    fill(instances=40, host="compute3")
    host = Hypervisor.objects.get(host="compute3")

    closed, opened = text(seen.get(PAGE)), text(seen.get(f"{PAGE}picture/", {"open": host.pk}))
    chips = names(text(seen.get(f"{PAGE}hosts/compute3/chips/")))

    assert "28 more" in closed
    assert len(chips) == 28
    assert names(closed) & chips == set()
    assert names(opened) == names(closed) | chips


def test_an_opened_host_keeps_to_the_filter(seen: Client) -> None:
    fill(instances=40, host="compute3")
    Instance.objects.filter(name__in=[f"app-{n}" for n in range(20)]).update(search="blue")

    chips = names(text(seen.get(f"{PAGE}hosts/compute3/chips/", {"q": "blue"})))

    assert len(chips) == 8
    assert chips < {f"app-{n}" for n in range(20)}


def test_a_host_with_very_many_instances_leads_to_its_page(seen: Client) -> None:
    fill(instances=200, host="compute3")

    assert "88 more on the page of compute3" in text(seen.get(f"{PAGE}hosts/compute3/chips/"))


def test_a_host_of_the_map_opens_with_all_that_its_card_says(seen: Client, asked: Migration) -> None:
    panel = text(seen.get(f"{PAGE}hosts/compute1/panel/"))

    assert names(panel) == {"vm1", "vm2"}
    assert "<meter" in panel
    version = selectors.topology_version(Cloud.objects.get())
    assert seen.get(f"{PAGE}hosts/compute1/panel/", {"v": version}).status_code == 204
    assert "from compute1" in text(seen.get(f"{PAGE}hosts/compute3/panel/"))
    assert seen.get(f"{PAGE}hosts/nowhere/panel/").status_code == 404


def test_a_large_cloud_shows_what_was_asked_for_by_name(seen: Client) -> None:
    fill(instances=200, host="compute1", hosts=selectors.MANY_HOSTS)

    assert names(text(seen.get(PAGE, {"view": "cards", "q": "app-77"}))) == {"app-77"}


@pytest.fixture
def outside(synced: FakeCloud) -> OutsideMove:
    """Somebody else moves vm1."""
    vm1 = Instance.objects.get(name="vm1")
    return OutsideMove.objects.create(
        cloud="lab",
        server_migration_id=7,
        instance_uuid=vm1.uuid,
        instance_name="vm1",
        type="live-migration",
        status="running",
        source_host="compute1",
        dest_host="compute3",
        started_at=timezone.now() - timedelta(minutes=3),
        updated_at=timezone.now(),
    )


def test_a_move_that_others_made_is_drawn_too_and_ends(seen: Client, outside: OutsideMove) -> None:
    cloud = Cloud.objects.get()
    version = selectors.topology_version(cloud)

    page = text(seen.get(PAGE))

    for words in (
        "1 move under way or waiting",
        "moved outside nmigrate",
        "compute1 → compute3",
        "live migration",
    ):
        assert words in page
    assert 'data-from="compute1" data-to="compute3" data-going' in page
    assert hosts_in(text(seen.get(PAGE, {"show": "moving"}))) == ["compute1", "compute3"]
    outside.ended_at = timezone.now()
    outside.save()
    assert selectors.topology_version(cloud) != version
    assert "in flight" not in text(seen.get(PAGE))


def test_a_move_of_others_that_waits_is_drawn_as_one_of_ours_that_waits(
    seen: Client, outside: OutsideMove
) -> None:
    OutsideMove.objects.update(status="finished")
    Instance.objects.filter(name="vm1").update(status="VERIFY_RESIZE", host="compute3")

    page = text(seen.get(PAGE))

    assert 'data-from="compute1" data-to="compute3"><a' in page, "a line, but none that flows"
    assert '<span class="state wait">' in page
    assert "waits for a decision</span>" in page
    assert "live migration outside nmigrate" in page
    assert '<b class="t-wait">moved, waiting for a decision</b>' in page
    assert "Move vm1…" not in page


def test_a_move_of_ours_wins_over_what_was_seen_outside(outside: OutsideMove, asked: Migration) -> None:
    OutsideMove.objects.update(instance_uuid=asked.instance_uuid)
    zones = selectors.topology(Cloud.objects.get(), Wanted()).zones

    moves = [chip.move for zone in zones for card in zone.hosts for chip in card.chips]
    assert asked in moves


def test_the_way_back_is_drawn_backwards(seen: Client, waiting: Migration) -> None:
    assert "data-going" not in text(seen.get(PAGE))

    Migration.objects.update(state="reverting")

    assert 'data-from="compute3" data-to="compute1" data-going' in text(seen.get(PAGE))


def test_only_who_may_ask_is_offered_to_move(seen: Client, auditor: User) -> None:
    assert "Move vm2…" in text(seen.get(PAGE))
    seen.force_login(auditor)

    page = text(seen.get(PAGE))

    assert "Move vm2…" not in page
    assert "<dialog" not in page


def test_the_menu_lists_where_it_may_go_and_leads_to_the_plan(seen: Client, vm2: Instance) -> None:
    Hypervisor.objects.filter(host="compute3").update(state="down")
    url = f"{PAGE}instances/{vm2.uuid}/move-menu/"

    menu = text(seen.get(url))

    assert re.findall(r"\?host=(\w+)", menu) == ["compute2", "compute4"]
    assert f'href="{PAGE}instances/{vm2.uuid}/migrate/?host=compute4"' in menu
    assert "3 hosts, 2 can take it" in menu
    last = menu[menu.index('<span class="name">compute3</span>') :]
    assert menu.index("host=compute4") < menu.index(">compute3<")
    assert last.index("cannot take it") < last.index("compute3 is down. Choose another host.")
    assert re.findall(r"\?host=(\w+)", text(seen.get(url, {"to": "E4"}))) == ["compute4"]
    assert "No other host of lab is called that." in text(seen.get(url, {"to": "compute1"}))
    assert seen.get(f"{PAGE}instances/gone/move-menu/").status_code == 404


def test_the_menu_says_who_must_allow_it_and_of_what_cannot_be_moved_says_why_once(
    seen: Client, vm2: Instance
) -> None:
    url = f"{PAGE}instances/{vm2.uuid}/move-menu/"
    Instance.objects.filter(pk=vm2.pk).update(locked=True)
    assert text(seen.get(url)).count("needs a manager's permission") == 3

    Instance.objects.filter(pk=vm2.pk).update(status="ERROR")
    for query in ({}, {"to": "compute3"}):
        menu = text(seen.get(url, query))
        assert menu.count("vm2 is in error; only a") == 1
        assert "?host=" not in menu


def test_the_menu_asks_no_more_for_more_hosts_and_never_the_cloud(
    client: Client, helpdesk: User, synced: FakeCloud
) -> None:
    client.force_login(helpdesk)
    asked = {}
    for hosts in (10, 200):
        url = f"/clouds/with-{hosts}/instances/{wide_cloud(hosts, f'with-{hosts}').uuid}/move-menu/"
        client.get(url)
        with CaptureQueriesContext(connection) as queries:
            menu = text(client.get(url))
        asked[hosts] = len(queries)
    assert asked[10] == asked[200]
    assert menu.count("?host=") == 30
    assert "cannot take it" not in menu, "those that can stand first"
    assert not synced.calls


def test_a_search_shows_hosts_and_counts_and_marks_what_it_found(seen: Client, vm2: Instance) -> None:
    found = text(seen.get(f"{PAGE}find/", {"q": "compute1"}))
    assert re.search(r"2 instances,\s+1 host<", found)
    assert 'href="/clouds/lab/hosts/compute1/"><span class="name">' in found
    assert "<mark>compute1</mark>" in found

    by_uuid = text(seen.get(f"{PAGE}find/", {"q": vm2.uuid[:8]}))
    assert f"<mark>{vm2.uuid[:8]}</mark>{vm2.uuid[8:]}" in by_uuid


def test_a_mark_never_lets_a_name_become_markup(seen: Client, vm2: Instance) -> None:
    vm2.name = "<b>vm&2</b>"
    vm2.search = vm2.searchable()
    vm2.save()

    found = text(seen.get(f"{PAGE}find/", {"q": "b>v"}))

    assert "&lt;<mark>b&gt;v</mark>m&amp;2&lt;/b&gt;" in found


@pytest.mark.parametrize(
    ("query", "marked"),
    [
        ("cong-thanh", "<mark>CỔNG-Thanh</mark>-Toán"),
        ("toan", "CỔNG-Thanh-<mark>Toán</mark>"),
        ("TOÁN cổng", "<mark>CỔNG</mark>-Thanh-<mark>Toán</mark>"),
        ("10.20.0.14", "<mark>10.20.0.14</mark>"),
    ],
)
def test_what_was_found_is_marked_however_it_was_typed(
    seen: Client, vm2: Instance, query: str, marked: str
) -> None:
    vm2.name, vm2.addresses = "CỔNG-Thanh-Toán", ["192.0.2.7", "10.20.0.14"]
    vm2.search = vm2.searchable()
    vm2.save()

    assert marked in text(seen.get(f"{PAGE}find/", {"q": query}))


@pytest.mark.parametrize(
    ("shown", "words", "marked"),
    [
        ("Straße", ["s"], "<mark>S</mark>tra<mark>ß</mark>e"),
        ("To\u0301an", ["to"], "<mark>To\u0301</mark>an"),
        ("a&b", ["&"], "a<mark>&amp;</mark>b"),
        ("compute4", ["E4"], "comput<mark>e4</mark>"),
        ("vm2", ["\u0301"], "vm2"),
    ],
)
def test_a_mark_takes_whole_letters(shown: str, words: list[str], marked: str) -> None:
    assert mark(shown, words) == marked


def test_nothing_found_here_may_be_found_in_another_cloud(seen: Client) -> None:
    Cloud.objects.create(name="dr")

    assert 'href="/clouds/dr/find/?q=no-such"' in text(seen.get(f"{PAGE}find/", {"q": "no-such"}))


def test_what_is_out_of_service_is_found_so_though_it_is_down_too(seen: Client) -> None:
    Hypervisor.objects.filter(host="compute4").update(status="disabled", state="down")

    assert hosts_in(text(seen.get(PAGE, {"state": selectors.OFF}))) == ["compute4"]
    assert hosts_in(text(seen.get(PAGE, {"state": selectors.DOWN}))) == ["compute4"]


def test_an_instance_whose_move_stopped_half_way_is_trouble(seen: Client, helpdesk: User) -> None:

    Hypervisor.objects.update(state="up")
    assert names(text(seen.get(PAGE, {"show": "trouble"}))) == set()
    doem = Instance.objects.get(name="doem")
    made = services.request_migration(actor=helpdesk, instance=doem, reason="r")
    Migration.objects.filter(pk=made.pk).update(state="stranded")

    assert names(text(seen.get(PAGE, {"show": "trouble"}))) == {"doem"}


def test_no_line_breaks_between_a_number_and_its_unit() -> None:
    assert (desk.gib(2048), desk.size(2**28)) == ("2\N{NO-BREAK SPACE}GiB", "256\N{NO-BREAK SPACE}MiB")
    assert "/ 4\N{NO-BREAK SPACE}GiB ·" in desk.meter("Memory", 2048, 4096, "MiB")
