"""Every rule of the verdict: a case in which it speaks, how gravely, and one in which it has nothing to say."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.utils import translation

from nmigrate import supposing
from nmigrate.cloud.api import Amount, Hypervisor, Server
from nmigrate.preflight import HOST_RULES, RULES, Abilities, Around, Case, Group, Level, judge, score
from nmigrate.sentences import say, told
from nmigrate.states import Kind
from tests.web.telling import tell_in_brackets, without

ROOM: dict[str, Any] = {
    "vcpus": Amount(total=48, ratio=4.0),
    "memory_mb": Amount(total=196608, reserved=4096),
    "disk_gb": Amount(total=2048, reserved=50),
}
HERE = Hypervisor(
    uuid="1", name="here", host="here", zone="z1", type="QEMU", version=8, traits=("HW_CPU_X86_AVX",), **ROOM
)
THERE = replace(HERE, uuid="2", name="there", host="there")
WEB = Server(
    uuid="u",
    name="web",
    status="ACTIVE",
    host="here",
    zone="z1",
    pin_known=True,
    project_id="p",
    power_state=1,
    vcpus=2,
    memory_mb=4096,
    disk_gb=40,
    image_id="i",
)
NEARLY_FULL = Amount(total=196608, reserved=4096, used=188416)
STOPPED = replace(WEB, status="SHUTOFF", power_state=4)
ON_VOLUME = replace(WEB, image_id="", volumes=("v",))
SHARING = replace(WEB, shares=("s",))
PINNED = replace(WEB, pinned_zone="z1")
ELSEWHERE = replace(THERE, zone="z2")
TPM = ("COMPUTE_SECURITY_TPM_2_0", "COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER")
TPM_THERE = replace(THERE, traits=TPM[:1])
NEWEST = Abilities("lab", "2.104", ("p",))
CASE = Case(WEB, Kind.COLD, THERE, HERE, abilities=NEWEST)
LIVE = replace(CASE, kind=Kind.LIVE)
SHELVE = replace(CASE, kind=Kind.SHELVE, zone="z1")
COPY = replace(CASE, kind=Kind.COPY, zone="z1")
EVACUATE = replace(CASE, kind=Kind.EVACUATE, source=replace(HERE, state="down"))


def spec(**specs: str) -> Server:
    return replace(WEB, extra_specs={name.replace("__", ":"): value for name, value in specs.items()})


def grouped(policy: str, case: Case = CASE, on: str = "there", **group: Any) -> Case:
    return replace(case, around=Around(groups=(Group("g", policy, {on: 1} if on else {}, **group),)))


@dataclass(frozen=True)
class Told:
    """`rule` says something of that level about `case`, and nothing about `fine`."""

    rule: str
    level: Level
    case: Case
    fine: Case = CASE


FORBIDDEN, OURS, AMBER = Level.FORBIDDEN, Level.OURS, Level.AMBER
TOLD = (
    Told("state", FORBIDDEN, replace(CASE, subject=replace(WEB, status="PAUSED"))),
    Told("state", FORBIDDEN, replace(LIVE, subject=STOPPED), LIVE),
    Told("state", FORBIDDEN, replace(EVACUATE, subject=replace(WEB, status="SUSPENDED")), EVACUATE),
    Told("state", OURS, replace(SHELVE, subject=replace(WEB, status="PAUSED")), SHELVE),
    Told("state", OURS, replace(COPY, subject=replace(WEB, status="SUSPENDED")), COPY),
    Told("on_a_host", FORBIDDEN, replace(EVACUATE, subject=replace(WEB, status="ERROR", host="")), EVACUATE),
    Told("on_a_host", FORBIDDEN, replace(CASE, subject=replace(WEB, status="ERROR", host=""))),
    Told("busy", FORBIDDEN, replace(SHELVE, subject=replace(WEB, status="PAUSED", task_state="unpausing"))),
    Told("busy", FORBIDDEN, replace(CASE, subject=replace(WEB, task_state="rebooting"))),
    Told("lock", OURS, replace(CASE, subject=replace(WEB, locked=True, locked_reason="closing"))),
    Told("moving", FORBIDDEN, replace(CASE, around=Around(moving=say("It is being moved.")))),
    Told("power", FORBIDDEN, replace(LIVE, subject=replace(WEB, power_state=4)), LIVE),
    Told("nova_version", FORBIDDEN, replace(CASE, changes_pin=True, abilities=Abilities("lab", "2.96"))),
    Told("names_zone", FORBIDDEN, replace(SHELVE, zone=""), SHELVE),
    Told("copied_root", OURS, replace(COPY, subject=ON_VOLUME), COPY),
    Told("copied_by_us", FORBIDDEN, replace(COPY, abilities=Abilities("lab", "2.104")), COPY),
    Told("copied_volumes", AMBER, replace(COPY, subject=replace(WEB, volumes=("v",))), COPY),
    Told("big_disk", AMBER, replace(LIVE, subject=replace(WEB, disk_gb=500)), LIVE),
    Told("local_beside_volume", AMBER, replace(LIVE, subject=replace(ON_VOLUME, swap_mb=512)), LIVE),
    Told("config_drive", AMBER, replace(LIVE, subject=replace(WEB, config_drive=True)), LIVE),
    Told("passthrough", AMBER, replace(LIVE, subject=spec(pci_passthrough__alias="gpu:1")), LIVE),
    Told(
        "passthrough",
        FORBIDDEN,
        replace(LIVE, subject=spec(pci_passthrough__alias="gpu:1"), abilities=Abilities("lab", "2.96")),
    ),
    Told("vtpm", FORBIDDEN, replace(LIVE, subject=spec(hw__tpm_version="2.0"))),
    Told("vtpm", AMBER, replace(LIVE, subject=spec(hw__tpm_version="2.0", hw__tpm_secret_security="host"))),
    Told("vtpm", FORBIDDEN, replace(SHELVE, subject=spec(hw__tpm_version="2.0")), SHELVE),
    Told("vtpm", FORBIDDEN, replace(EVACUATE, subject=spec(hw__tpm_version="2.0")), EVACUATE),
    Told("vtpm", AMBER, replace(COPY, subject=spec(hw__tpm_version="2.0")), COPY),
    Told("shares", FORBIDDEN, replace(LIVE, subject=SHARING), LIVE),
    Told("shares", FORBIDDEN, replace(SHELVE, subject=SHARING), SHELVE),
    Told("shares", FORBIDDEN, replace(EVACUATE, subject=SHARING), EVACUATE),
    Told("shares", FORBIDDEN, replace(CASE, subject=SHARING, abilities=Abilities("lab", "2.103"))),
    Told("shares", AMBER, replace(CASE, subject=SHARING)),
    Told("shares", AMBER, replace(COPY, subject=SHARING), COPY),
    Told("pinned_processors", AMBER, replace(LIVE, subject=spec(hw__cpu_policy="dedicated")), LIVE),
    Told("pinned_processors", AMBER, replace(CASE, subject=spec(hw__numa_nodes="2"))),
    Told("encrypted_memory", FORBIDDEN, replace(LIVE, subject=spec(hw__mem_encryption="true")), LIVE),
    Told("encrypted_memory", AMBER, replace(CASE, subject=spec(hw__mem_encryption="true"))),
    Told(
        "own_wishes",
        AMBER,
        replace(CASE, subject=spec(resources__CUSTOM_FPGA="1")),
        replace(CASE, subject=spec(resources__VCPU="1")),
    ),
    Told("own_wishes", AMBER, replace(CASE, subject=spec(capabilities__hypervisor_version=">= 8"))),
    Told("source_state", FORBIDDEN, replace(CASE, source=replace(HERE, state="down"))),
    Told("source_state", FORBIDDEN, replace(EVACUATE, source=HERE), EVACUATE),
    Told("source_state", OURS, replace(SHELVE, source=replace(HERE, forced_down=True)), SHELVE),
    Told("live_queue", AMBER, replace(LIVE, around=Around(live_from={"here": 1})), LIVE),
    Told("same_host", FORBIDDEN, replace(CASE, host=HERE)),
    Told("same_host", OURS, replace(SHELVE, host=HERE), SHELVE),
    Told("host_down", FORBIDDEN, replace(CASE, host=replace(THERE, state="down"))),
    Told("host_down", FORBIDDEN, replace(CASE, host=replace(THERE, forced_down=True))),
    Told("host_disabled", FORBIDDEN, replace(CASE, host=replace(THERE, status="disabled"))),
    Told(
        "host_disabled_in_placement",
        FORBIDDEN,
        replace(CASE, host=replace(THERE, traits=("COMPUTE_STATUS_DISABLED",))),
    ),
    Told("host_evacuated", OURS, replace(CASE, around=Around(evacuated=frozenset({"there"})))),
    Told(
        "zone_bound",
        FORBIDDEN,
        replace(CASE, subject=PINNED, host=ELSEWHERE),
        replace(CASE, subject=PINNED, host=ELSEWHERE, changes_pin=True),
    ),
    Told("zone_bound", FORBIDDEN, replace(SHELVE, host=ELSEWHERE), SHELVE),
    Told(
        "zone_bound",
        FORBIDDEN,
        replace(EVACUATE, subject=PINNED, host=ELSEWHERE),
        replace(EVACUATE, host=ELSEWHERE),
    ),
    Told(
        "zone_changed",
        AMBER,
        replace(CASE, subject=PINNED, host=ELSEWHERE, changes_pin=True),
        replace(CASE, subject=PINNED, changes_pin=True),
    ),
    Told(
        "zone_changed",
        AMBER,
        replace(SHELVE, subject=PINNED, host=ELSEWHERE, zone="z2"),
        replace(SHELVE, host=ELSEWHERE, zone="z2"),
    ),
    Told("group_together", FORBIDDEN, grouped("affinity", on="here"), grouped("affinity")),
    Told("group_together", FORBIDDEN, grouped("affinity", on=""), grouped("affinity", SHELVE, on="")),
    Told("group_together", AMBER, grouped("soft-affinity", on="here"), grouped("soft-affinity")),
    Told("group_together", FORBIDDEN, grouped("affinity", COPY, on="here"), COPY),
    Told("group_apart", FORBIDDEN, grouped("anti-affinity"), grouped("anti-affinity", on="here")),
    Told("group_apart", AMBER, grouped("soft-anti-affinity"), grouped("anti-affinity", max_per_host=2)),
    Told(
        "group_apart",
        FORBIDDEN,
        replace(grouped("anti-affinity", COPY, on="there"), host=HERE),
        replace(grouped("anti-affinity", CASE, on="there"), host=HERE),
    ),
    Told("memory", FORBIDDEN, replace(CASE, subject=replace(WEB, memory_mb=192513))),
    Told(
        "memory",
        FORBIDDEN,
        replace(SHELVE, subject=replace(WEB, memory_mb=4097), host=replace(THERE, memory_mb=NEARLY_FULL)),
        replace(SHELVE, subject=replace(WEB, memory_mb=4097), host=replace(HERE, memory_mb=NEARLY_FULL)),
    ),
    Told("vcpus", FORBIDDEN, replace(CASE, subject=replace(WEB, vcpus=193))),
    Told(
        "disk",
        FORBIDDEN,
        replace(CASE, subject=replace(WEB, disk_gb=1990, swap_mb=9000)),
        replace(CASE, subject=replace(ON_VOLUME, disk_gb=5000)),
    ),
    Told("largest", FORBIDDEN, replace(CASE, host=replace(THERE, vcpus=Amount(48, ratio=4.0, max_unit=1)))),
    Told("disk_headroom", AMBER, replace(LIVE, subject=replace(WEB, disk_gb=1900)), LIVE),
    Told("traits", FORBIDDEN, replace(CASE, subject=spec(trait__CUSTOM_SSD="required"))),
    Told(
        "traits",
        FORBIDDEN,
        replace(CASE, subject=spec(trait__HW_CPU_X86_AVX="forbidden")),
        replace(CASE, subject=spec(trait__HW_CPU_X86_AVX="required")),
    ),
    Told("implied", FORBIDDEN, replace(CASE, subject=spec(hw__tpm_version="2.0"))),
    Told("implied", FORBIDDEN, replace(CASE, subject=spec(os__secure_boot="required"))),
    Told(
        "implied",
        FORBIDDEN,
        replace(CASE, subject=spec(hw__tpm_version="2.0"), source=replace(HERE, traits=TPM), host=TPM_THERE),
        replace(CASE, subject=spec(hw__tpm_version="2.0"), host=TPM_THERE),
    ),
    Told("implied", FORBIDDEN, replace(CASE, subject=spec(hw__mem_encryption="true"))),
    Told(
        "processor",
        AMBER,
        replace(LIVE, host=replace(THERE, traits=("HW_CPU_X86_SSE",))),
        replace(LIVE, source=replace(HERE, traits=(*HERE.traits, "HW_CPU_X86_AMD_SEV"))),
    ),
    Told("hypervisor_version", FORBIDDEN, replace(LIVE, host=replace(THERE, version=7)), LIVE),
    Told("hypervisor_type", FORBIDDEN, replace(LIVE, host=replace(THERE, type="ironic")), LIVE),
)


@pytest.mark.parametrize("spoken", TOLD, ids=lambda one: f"{one.rule}-{one.level.word}")
def test_a_rule_speaks_where_it_must_and_only_there(spoken: Told) -> None:
    said = [reason for reason in judge(spoken.case).reasons if reason.rule == spoken.rule]
    silent = [reason for reason in judge(spoken.fine).reasons if reason.rule == spoken.rule]

    assert [reason.level for reason in said] == [spoken.level]
    assert silent == []
    assert said[0].text.endswith(".")
    assert "\n" not in said[0].text


DATA = frozenset(
    {
        "web",
        "here",
        "there",
        "z1",
        "z2",
        "g",
        "closing",
        "QEMU",
        "ironic",
        "HW_CPU_X86_AVX",
        "CUSTOM_SSD",
        "X86_AVX",
    }
    | {"lab", "resources:CUSTOM_FPGA", "capabilities:hypervisor_version", "unpausing"}
)


def test_every_reason_is_told_in_the_language_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why and the advice are pieces by themselves, and none is glued of English words."""
    tell_in_brackets(monkeypatch)
    rest = without(DATA)
    with translation.override("vi"):
        for one in TOLD:
            for reason in judge(one.case).reasons:
                assert [rest(told(text)) for text in (reason.why, reason.advice, reason.text)] == ["", "", ""]
                assert "⟦" in told(reason.why)


def test_the_parts_of_a_score_are_told_in_the_language_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    tell_in_brackets(monkeypatch)
    rest = without(DATA)
    unknown = replace(CASE, source=None, host=replace(ELSEWHERE, zone="", traits=("HW_CPU_X86_SSE",)))
    cases = [*(one.case for one in TOLD), unknown, replace(CASE, host=replace(ELSEWHERE, version=1))]
    with translation.override("vi"):
        parts = {told(part.text) for case in cases for part in score(case).parts}
    assert len(parts) > 12
    assert {part for part in parts if rest(part) or "⟦" not in part} == set()


def test_every_advice_to_choose_a_host_is_another_after_the_failure() -> None:
    """Then the move is planned anew."""
    told_after = {reason.advice for one in TOLD for reason in judge(one.case).reasons}
    hosts = {rule.__name__ for rule in HOST_RULES}
    chosen = {
        reason.advice
        for one in TOLD
        for reason in judge(one.case).reasons
        if reason.rule in hosts - {"zone_bound"}
        and (reason.level is FORBIDDEN or reason.rule == "processor")
        and reason.advice.startswith("Choose ")
    }
    assert chosen <= set(supposing.AGAIN) <= told_after


def test_every_rule_is_told_of() -> None:
    assert {rule.__name__ for rule in RULES} == {one.rule for one in TOLD}


@pytest.mark.parametrize("kind", Kind)
def test_nothing_speaks_against_a_plain_move(kind: Kind) -> None:
    case = {Kind.SHELVE: SHELVE, Kind.COPY: COPY, Kind.EVACUATE: EVACUATE}.get(kind, replace(CASE, kind=kind))

    assert judge(case).level is Level.GREEN


def test_a_verdict_is_as_grave_as_its_gravest_reason_and_tells_it_first() -> None:
    locked = replace(WEB, locked=True, config_drive=True)
    case = replace(LIVE, subject=locked, host=replace(THERE, state="down"))

    verdict = judge(case)

    assert [reason.level for reason in verdict.reasons] == [FORBIDDEN, OURS, AMBER]
    assert verdict.level is FORBIDDEN


def test_the_host_with_more_room_and_a_like_processor_scores_higher() -> None:
    busy = replace(THERE, memory_mb=replace(ROOM["memory_mb"], used=150000))
    weak = replace(THERE, traits=("HW_CPU_X86_SSE",))

    best = score(CASE).points

    assert best > score(replace(CASE, host=busy)).points
    assert best > score(replace(CASE, host=weak)).points
    assert best > score(replace(CASE, host=ELSEWHERE)).points
    assert best <= sum(part.of for part in score(CASE).parts) == 100
