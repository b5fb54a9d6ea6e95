"""The hosts and instances of the comparison: they differ in everything that the rules look at."""

from dataclasses import dataclass
from typing import Any

N1 = "nova-1"

ROOMY = {"vcpus": 48, "memory_mb": 196608, "local_gb": 2048, "hypervisor_version": 8002002}
HOSTS: dict[str, dict[str, Any]] = {
    "h-n1": {**ROOMY, "traits": ["CUSTOM_SSD"]},
    "h-full": {**ROOMY, "memory_mb": 4500},
    "h-nodisk": {**ROOMY, "local_gb": 60},
    "h-fewcpu": {**ROOMY, "vcpus": 2},
    "h-old": {**ROOMY, "hypervisor_version": 6002000},
    "h-weak": {**ROOMY, "cpu_info": {"model": "Nehalem", "features": ["sse4.2", "pge", "clflush"]}},
    "h-off": ROOMY,
    "h-down": ROOMY,
    "h-lost": ROOMY,
}
"""Besides the lab's own compute1 and compute3 (zone nova-1), compute2 and compute4 (no zone)."""
IN_ZONE = ("h-n1",)

FLAVORS: dict[str, tuple[dict[str, int], dict[str, str]]] = {
    "r.tiny": ({"ram": 512, "disk": 1, "vcpus": 1}, {}),
    "r.memory": ({"ram": 98304, "disk": 1, "vcpus": 1}, {}),
    "r.disk": ({"ram": 512, "disk": 1200, "vcpus": 1}, {}),
    "r.wide": ({"ram": 512, "disk": 1, "vcpus": 20}, {}),
    "r.ephemeral": ({"ram": 512, "disk": 1, "vcpus": 1, "OS-FLV-EXT-DATA:ephemeral": 20}, {}),
    "r.swap": ({"ram": 512, "disk": 1, "vcpus": 1, "swap": 2048}, {}),
    "r.ssd": ({"ram": 512, "disk": 1, "vcpus": 1}, {"trait:CUSTOM_SSD": "required"}),
    "r.nossd": ({"ram": 512, "disk": 1, "vcpus": 1}, {"trait:CUSTOM_SSD": "forbidden"}),
    "r.avx": ({"ram": 512, "disk": 1, "vcpus": 1}, {"trait:HW_CPU_X86_AVX512F": "required"}),
    "r.nodisk": ({"ram": 512, "disk": 0, "vcpus": 1}, {}),
}
"""Name -> sizes, extra specs."""


@dataclass(frozen=True)
class Guest:
    """How to make one instance; made again whenever an attempt has changed it."""

    name: str
    host: str
    flavor: str = "r.tiny"
    zone: str = ""
    """Asked for at boot, and so pinned to it."""
    then: tuple[dict[str, Any], ...] = ()
    ends: str = "ACTIVE"
    from_volume: bool = False
    volume: bool = False
    config_drive: bool = False
    group: str = ""
    """Policy of a server group with one other member, on compute2."""


STOP: tuple[dict[str, Any], ...] = ({"os-stop": None},)
LOCK: dict[str, Any] = {"lock": {"locked_reason": "month-end closing"}}


def _ended(name: str, action: str, ends: str, **more: Any) -> Guest:
    return Guest(name, "compute2", then=({action: None},), ends=ends, **more)


GUESTS: tuple[Guest, ...] = (
    Guest("plain", "compute2"),
    Guest("stopped", "compute2", then=STOP, ends="SHUTOFF"),
    _ended("paused", "pause", "PAUSED"),
    _ended("suspended", "suspend", "SUSPENDED"),
    _ended("shelved", "shelve", "SHELVED_OFFLOADED"),
    _ended("rescued", "rescue", "RESCUE"),
    Guest("broken", "compute2", then=({"os-resetState": {"state": "error"}},), ends="ERROR"),
    Guest("waiting", "compute2", then=({"migrate": {"host": "compute4"}},), ends="VERIFY_RESIZE"),
    Guest("locked", "compute2", then=(LOCK,)),
    Guest("locked-stopped", "compute2", then=(*STOP, LOCK), ends="SHUTOFF"),
    Guest("pinned", "compute1", zone=N1),
    Guest("pinned-stopped", "compute1", zone=N1, then=STOP, ends="SHUTOFF"),
    Guest("unpinned-n1", "compute1"),
    Guest("unpinned-n1-stopped", "compute3", then=STOP, ends="SHUTOFF"),
    Guest("memory", "compute2", "r.memory"),
    Guest("memory-stopped", "compute3", "r.memory", then=STOP, ends="SHUTOFF"),
    Guest("disk", "compute2", "r.disk"),
    Guest("disk-stopped", "compute3", "r.disk", then=STOP, ends="SHUTOFF"),
    Guest("wide", "compute2", "r.wide"),
    Guest("ephemeral", "compute2", "r.ephemeral"),
    Guest("swap", "compute2", "r.swap"),
    Guest("ssd", "compute4", "r.ssd"),
    Guest("nossd", "compute2", "r.nossd"),
    Guest("avx", "compute2", "r.avx"),
    Guest("nodisk-volume", "compute2", "r.nodisk", from_volume=True),
    Guest("volume-root", "compute2", from_volume=True),
    Guest("volume-root-stopped", "compute2", from_volume=True, then=STOP, ends="SHUTOFF"),
    Guest("volume-root-config", "compute2", from_volume=True, config_drive=True),
    Guest("data-volume", "compute2", volume=True),
    Guest("config-drive", "compute2", config_drive=True),
    Guest("apart", "compute4", group="anti-affinity"),
    Guest("apart-if-possible", "compute4", group="soft-anti-affinity"),
    Guest("together", "compute2", group="affinity"),
    Guest("together-if-possible", "compute2", group="soft-affinity"),
    Guest("on-old", "h-old"),
    Guest("on-weak", "h-weak"),
    Guest("on-weak-stopped", "h-weak", then=STOP, ends="SHUTOFF"),
    Guest("on-off", "h-off"),
)
LOST: tuple[Guest, ...] = (
    Guest("lost", "h-lost"),
    Guest("lost-stopped", "h-lost", then=STOP, ends="SHUTOFF"),
    Guest("lost-volume", "h-lost", from_volume=True),
    Guest("lost-nossd", "h-lost", "r.nossd"),
)
"""On a host that then goes down; one of each for every destination, since an evacuation uses it up."""
