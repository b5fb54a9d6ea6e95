"""The simulated processors: what they lack stops a live migration, as with libvirt, and placement knows it."""

import pytest

from nmigrate.lab import Lab
from tests.contract.stage import LabStage

pytestmark = pytest.mark.lab


def test_a_guest_does_not_go_live_to_a_lesser_processor(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(lab.clouds_yaml))
    stage = LabStage(lab, "2.104")
    lab.set_host("compute4", cpu_info={"model": "Nehalem", "features": ["sse4.2"]}, traits=["CUSTOM_OLD"])
    try:
        host = next(one for one in stage.cloud.hypervisors(exact=True) if one.host == "compute4")
        assert {"HW_CPU_X86_SSE42", "CUSTOM_OLD"} <= set(host.traits)
        assert "HW_CPU_X86_AVX512F" not in host.traits
        uuid = stage.boot("busy", "compute2", "ACTIVE")
        request_id = stage.cloud.live_migrate(uuid, "compute4")
        stage.until(lambda: stage.cloud.action(uuid, request_id).message == "Error")
        said = " ".join(event.details for event in stage.cloud.action(uuid, request_id).events)
        assert "Unacceptable CPU info: CPU doesn't have compatibility." in said
        assert stage.cloud.server(uuid).host == "compute2"
    finally:
        lab.set_host("compute4", cpu_info={}, traits=[])
        stage.clear()
