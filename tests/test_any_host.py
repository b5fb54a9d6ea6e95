"""Where no host is named, a move is judged by every host that Nova's scheduler may take."""

from dataclasses import replace
from typing import Any

import pytest
from django.utils import translation

from nmigrate.any_host import MAY_LEAVE, NO_HOST, NO_HOST_HERE, OF_ALL, PERHAPS_BOUND, judge_any
from nmigrate.cloud.api import Hypervisor
from nmigrate.preflight import HOST_RULES, Around, Case, Group, Level, Reason
from nmigrate.sentences import told
from nmigrate.states import Kind
from tests.preflight.test_rules import DATA, HERE, NEARLY_FULL, NEWEST, PINNED, STOPPED, WEB
from tests.web.telling import tell_in_brackets, without

FREE = replace(WEB, pinned_zone=None)
HIDDEN = replace(WEB, pin_known=False)
APART = Around(groups=(Group("g", "anti-affinity", {"there": 1}),))
NONE = "It is bound to zone z1, and of its hosts none can take it."
ORDER = "An operator must make room, or bring a host back."


def host(name: str = "there", **changes: Any) -> Hypervisor:
    return replace(HERE, uuid=name, name=name, host=name, **changes)


def judged(case: Case, *others: Hypervisor) -> Reason | None:
    """What is said of the hosts, and nothing else is."""
    reasons = judge_any(case, [HERE, *others]).reasons
    assert len(reasons) < 2, reasons
    return reasons[0] if reasons else None


def case(subject: Any = PINNED, kind: Kind = Kind.COLD, **changes: Any) -> Case:
    down = replace(HERE, state="down")
    return Case(subject, kind, source=down if kind is Kind.EVACUATE else HERE, abilities=NEWEST, **changes)


FULL = host("full", memory_mb=NEARLY_FULL)
BIG = replace(PINNED, memory_mb=4097)
OFF = {"status": "disabled", "disabled_reason": "psu"}
AWAY = host("away", zone="z2")


@pytest.mark.parametrize(
    ("wanted", "others", "text"),
    [
        (
            case(around=APART),
            [host(), AWAY],
            f"{NONE} Its server group g keeps its members apart, and one is on there. Choose another zone.",
        ),
        (
            case(around=APART),
            [host()],
            (
                f"{NONE} Its server group g keeps its members apart, "
                "and one is on there. Ask an operator to review the group."
            ),
        ),
        (case(), [], f"It is bound to zone z1, and there is no other host in it. {ORDER}"),
        (case(), [AWAY], "It is bound to zone z1, and there is no other host in it. Choose another zone."),
        (case(FREE), [], f"There is no other host. {ORDER}"),
        (case(FREE), [host("a", state="down")], f"No host can take it now. a is down. {ORDER}"),
        (
            case(FREE),
            [host("a", state="down"), host("b", forced_down=True)],
            f"No host can take it now. All of them are down. {ORDER}",
        ),
        (
            case(BIG),
            [host("a", state="down"), host("b", **OFF), FULL, host("d", state="down"), host("e", **OFF)],
            (
                f"{NONE} a is down. b is out of service (“psu”). full "
                f"is too full: 4096 MiB of memory free, 4097 needed. The other 2 are no better. {ORDER}"
            ),
        ),
        (
            case(kind=Kind.LIVE),
            [host(version=7), AWAY],
            f"{NONE} The hypervisor of there is older than that of here. Move it cold.",
        ),
        (
            case(replace(PINNED, status="ERROR"), Kind.EVACUATE),
            [host(state="down"), AWAY],
            f"{NONE} there is down. {ORDER}",
        ),
        (
            case(FREE, Kind.SHELVE, zone="z2"),
            [host(), replace(AWAY, state="down")],
            "No host of zone z2 can take it. away is down. Choose another zone.",
        ),
        (
            case(FREE, zone="z2"),
            [host(), replace(AWAY, state="down")],
            "No host of zone z2 can take it. away is down. Choose another zone.",
        ),
    ],
)
def test_why_no_host_can_take_it(
    wanted: Case, others: list[Hypervisor], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = judged(wanted, *others)

    assert said is not None
    assert (said.level, said.text) == (Level.FORBIDDEN, text)
    assert said.rule == (
        NO_HOST_HERE if AWAY in others and wanted.kind is not Kind.EVACUATE else NO_HOST
    ) or (wanted.zone)
    tell_in_brackets(monkeypatch)
    with translation.override("vi"):
        assert without(DATA | {"full", "away", "psu"})(told(said.text)) == ""


@pytest.mark.parametrize(
    ("wanted", "others"),
    [
        (case(around=APART), [host(), host("roomy")]),
        (case(FREE, around=APART), [host(), AWAY]),
        (case(around=Around(evacuated=frozenset({"there"}))), [host()]),  # a rule of our own
        (case(kind=Kind.LIVE), [host(traits=("HW_CPU_X86_SSE",))]),  # only a warning
        (case(kind=Kind.SHELVE, zone="z1"), []),  # Nova takes the same host again
        (case(HIDDEN), [host(), replace(AWAY, state="down")]),
        (case(FREE, changes_pin=False, zone="z1"), [host(state="down"), AWAY]),  # Nova takes no zone
        (case(replace(FREE, status="ERROR"), Kind.EVACUATE), [host(state="down"), AWAY]),
    ],
)
def test_nothing_is_said_against_it_where_one_can(wanted: Case, others: list[Hypervisor]) -> None:
    said = judged(wanted, *others)
    assert said is None or said.rule == MAY_LEAVE


@pytest.mark.parametrize("kind", [Kind.LIVE, Kind.COLD, Kind.EVACUATE])
def test_that_it_may_leave_its_zone_is_known_before(kind: Kind) -> None:
    said = judged(case(FREE, kind), host(), AWAY)
    assert said is not None
    assert (said.rule, said.level) == (MAY_LEAVE, Level.AMBER)
    assert "may choose a host outside zone z1" in said.why
    assert said.advice == "To keep it in zone z1, choose a host there."
    full_here = judged(case(FREE, kind), host(state="down"), AWAY)
    assert full_here is not None
    assert full_here.advice == ""
    full = host("away", zone="z2", memory_mb=NEARLY_FULL)
    for subject, other in ((PINNED, AWAY), (HIDDEN, AWAY), (replace(FREE, memory_mb=4097), full)):
        assert judged(case(subject, kind), host(), other) is None


def test_of_hosts_that_are_not_known_nothing_is_said() -> None:
    assert judge_any(case(), []).reasons == ()


@pytest.mark.parametrize("kind", [Kind.LIVE, Kind.COLD, Kind.EVACUATE])
def test_where_the_cloud_hides_the_pin_it_is_only_a_warning(kind: Kind) -> None:
    said = judged(case(HIDDEN, kind), host(state="down"), AWAY)

    assert said is not None
    assert (said.rule, said.level) == (PERHAPS_BOUND, Level.AMBER)
    assert "does not tell whether it is bound to that zone" in said.why


def test_what_forbids_it_anywhere_is_said_alone() -> None:
    reasons = judge_any(case(STOPPED, Kind.LIVE), [HERE, host(state="down")]).reasons
    assert [reason.rule for reason in reasons] == ["state"]


def test_a_lock_does_not_hide_that_another_zone_could_take_it() -> None:
    locked = case(replace(PINNED, locked=True))
    assert [reason.rule for reason in judge_any(locked, [HERE, AWAY]).reasons] == [NO_HOST_HERE, "lock"]


def test_a_zone_that_no_way_leads_to_is_not_advised() -> None:
    """An old Nova cannot free it, a vTPM cannot be shelved, and no account of ours may copy it."""
    subject = replace(PINNED, extra_specs={"hw:tpm_version": "2.0"})
    old = replace(case(subject), abilities=replace(NEWEST, nova_used="2.96", own_projects=()))
    able = ("COMPUTE_SECURITY_TPM_2_0",)
    said = judged(old, host(state="down", traits=able), replace(AWAY, traits=able))
    assert said is not None
    assert (said.rule, said.advice) == (NO_HOST, ORDER)


def test_what_is_said_of_several_hosts_at_once_is_named_by_its_rule() -> None:
    assert set(OF_ALL) <= {rule.__name__ for rule in HOST_RULES}
