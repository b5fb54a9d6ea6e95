"""What nmigrate supposes by itself after a refusal without a reason is told in the reader's language."""

from dataclasses import replace

import pytest
from django.utils import translation

from nmigrate.diagnosis import NO_VALID_HOST, Cause, own_cause
from nmigrate.models import Instance, Migration
from nmigrate.sentences import told
from nmigrate.supposing import supposed
from tests.fakecloud import FakeCloud
from tests.web.telling import tell_in_brackets, without

DATA = frozenset({"vm2", "nova", "nova-1", "compute1", "compute2", "compute3", "compute4"})


def cause_of(cloud: FakeCloud, instance: Instance, host: str = "") -> Cause:
    move = Migration(
        cloud="lab", kind="cold", source_host=instance.host, asked_host=host, instance_name=instance.name
    )
    return supposed(cloud, move, instance, own_cause(NO_VALID_HOST, name=instance.name))


def out_of_service(cloud: FakeCloud, *names: str) -> None:
    for name in names:
        cloud.hosts[name] = replace(cloud.hosts[name], status="disabled", disabled_reason="")


@pytest.fixture(autouse=True)
def _brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    tell_in_brackets(monkeypatch)


def whole(text: str) -> str:
    """What of it is told in no bracket."""
    with translation.override("vi"):
        assert "⟦" in told(text)
        return without(DATA)(told(text))


def test_of_the_host_that_was_named(synced: FakeCloud, vm2: Instance) -> None:
    out_of_service(synced, "compute3")
    found = cause_of(synced, vm2, "compute3")

    assert found.why == "Most likely: compute3 is out of service."
    assert found.next_step == "Plan it again with another host."
    assert (whole(found.why), whole(found.next_step)) == ("", "")


@pytest.mark.parametrize(
    ("pinned", "words"),
    [
        (None, "Most likely: no host can take it now. All of them are out of service."),
        (
            "nova-1",
            (
                "Most likely: no host can take it now. It is bound to zone nova-1, and of its hosts none can take it. "
                "compute3 is out of service."
            ),
        ),
    ],
)
def test_of_every_host(synced: FakeCloud, vm2: Instance, pinned: str | None, words: str) -> None:
    out_of_service(synced, "compute2", "compute3", "compute4")
    vm2.pinned_zone = pinned
    found = cause_of(synced, vm2)

    assert (found.why, found.who) == (words, "operator")
    assert found.next_step.startswith("An operator must make room")
    assert (whole(found.why), whole(found.next_step)) == ("", "")


def test_another_zone_that_can_take_it_is_told_of_first(synced: FakeCloud, vm2: Instance) -> None:
    out_of_service(synced, "compute3")
    found = cause_of(synced, vm2)

    assert found.why.endswith("of its hosts none can take it. compute3 is out of service.")
    assert found.who == "helpdesk"
    assert found.next_step == (
        "Plan it again as a move to zone nova, where a host can take it. To keep it in its own zone, an operator must "
        "make room on a host or bring one back."
    )
    assert (whole(found.why), whole(found.next_step)) == ("", "")


def test_what_is_in_error_is_sent_to_no_other_zone(synced: FakeCloud, vm2: Instance) -> None:
    out_of_service(synced, "compute3")
    vm2.status = "ERROR"
    assert cause_of(synced, vm2).who == "operator"


def test_of_no_host_where_nothing_is_found(synced: FakeCloud, vm2: Instance) -> None:
    for found in (cause_of(synced, vm2), cause_of(synced, vm2, "compute3")):
        assert found.why.startswith("The cloud refused, though nmigrate sees nothing against")
        assert whole(found.why) == ""
    vm2.pin_known = False
    assert whole(cause_of(synced, vm2, "compute4").why) == ""


def test_of_a_group_that_lets_two_of_its_members_be_on_one_host(synced: FakeCloud, vm2: Instance) -> None:
    group = {"uuid": "g", "name": "apart", "policy": "anti-affinity", "max_per_host": 2}
    Instance.objects.filter(name="vm1").update(host="compute3", server_groups=[group])
    Instance.objects.filter(pk=vm2.pk).update(server_groups=[group])
    vm2.refresh_from_db()
    assert "keeps its members apart" not in cause_of(synced, vm2, "compute3").why

    Instance.objects.filter(pk=vm2.pk).update(server_groups=[group | {"max_per_host": 1}])
    vm2.refresh_from_db()
    assert "keeps its members apart" in cause_of(synced, vm2, "compute3").why
