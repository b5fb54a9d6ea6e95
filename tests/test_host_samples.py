"""How full hosts were: taken every ten minutes, thinned to hours after a day, forgotten after two weeks."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from nmigrate.models import HostSample, Hypervisor
from nmigrate.samples import note_hosts
from tests.fakecloud import FakeCloud

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def note(at: datetime) -> bool:
    with time_machine.travel(at, tick=False):
        return note_hosts("lab")


def test_every_host_is_noted_together_and_not_again_for_ten_minutes(synced: FakeCloud) -> None:
    assert note(NOW)
    assert not note(NOW + timedelta(minutes=9))
    assert note(NOW + timedelta(minutes=10))

    assert HostSample.objects.filter(at=NOW).count() == Hypervisor.objects.count() == 4
    row, host = HostSample.objects.filter(host="compute1").first(), Hypervisor.objects.get(host="compute1")
    assert row is not None
    assert (row.memory_mb_used, row.memory_mb_capacity) == (host.memory_mb_used, host.memory_mb_capacity)


def test_of_each_hour_one_sample_outlives_the_day_and_none_two_weeks(synced: FakeCloud) -> None:
    for minutes in range(0, 180, 10):
        note(NOW + timedelta(minutes=minutes))
    assert HostSample.objects.filter(host="compute1").count() == 18

    note(NOW + timedelta(days=2))
    assert HostSample.objects.filter(host="compute1").count() == 3 + 1

    note(NOW + timedelta(days=14, minutes=90))
    assert HostSample.objects.filter(host="compute1").order_by("at").first().at == NOW + timedelta(hours=2)  # type: ignore[union-attr]


@pytest.mark.parametrize("hosts", [0, 300])
def test_the_queries_do_not_grow_with_the_hosts(
    synced: FakeCloud,
    hosts: int,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    Hypervisor.objects.bulk_create(
        Hypervisor(cloud_id="lab", uuid=f"u{n}", name=f"h{n}", host=f"h{n}", state="up", status="enabled")
        for n in range(hosts)
    )

    # Two looks, the hosts, a transaction with the rows and the deletion. SQLite takes 83 rows of twelve values at once.
    with django_assert_max_num_queries(7 + hosts // 83):
        assert note(NOW)
    with django_assert_num_queries(1):
        assert not note(NOW)
