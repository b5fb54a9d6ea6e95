"""The hosts and instances of the comparison: they differ in everything that the rules look at."""

from dataclasses import dataclass, field
from typing import Any

N1, N2 = "nova-1", "nova-2"

ROOMY = {"vcpus": 48, "memory_mb": 196608, "local_gb": 2048, "hypervisor_version": 8002002}
TPM = [
    f"COMPUTE_SECURITY_TPM_{name}" for name in ("TIS", "2_0", "SECRET_SECURITY_USER", "SECRET_SECURITY_HOST")
]
AMD = "HW_CPU_X86_AMD_SEV"
PCPUS = {
    "PCPU": {"total": 8, "min_unit": 1, "max_unit": 8, "step_size": 1, "allocation_ratio": 1.0, "reserved": 0}
}
SEV = {"MEM_ENCRYPTION_CONTEXT": {**PCPUS["PCPU"], "total": 4, "max_unit": 1}}
HOSTS: dict[str, dict[str, Any]] = {
    "compute1": ROOMY,
    "compute2": {**ROOMY, "traits": [*TPM, AMD], "inventory": {**PCPUS, **SEV}},
    "compute3": {**ROOMY, "vcpus": 64, "memory_mb": 262144, "local_gb": 4096},
    "compute4": {**ROOMY, "vcpus": 16, "memory_mb": 65536, "local_gb": 1024, "traits": ["CUSTOM_SSD"]},
    "h-n1": {**ROOMY, "traits": ["CUSTOM_SSD", *TPM, AMD], "inventory": SEV},
    "h-n2": {**ROOMY, "traits": TPM[:3], "inventory": PCPUS},
    "h-full": {**ROOMY, "memory_mb": 4500},
    "h-nodisk": {**ROOMY, "local_gb": 70},
    "h-fewcpu": {**ROOMY, "vcpus": 2},
    # Room that only `reserved`, the ratios and max_unit decide on: 47 vCPUs, 294,912 MiB, 900 GiB, in small pieces.
    "h-ratio": {
        **ROOMY,
        "inventory": {
            "VCPU": {"allocation_ratio": 1.0, "reserved": 1, "max_unit": 16},
            "MEMORY_MB": {"allocation_ratio": 1.5, "reserved": 0, "max_unit": 65536},
            "DISK_GB": {"allocation_ratio": 0.5, "reserved": 248, "max_unit": 900},
        },
    },
    "h-old": {**ROOMY, "hypervisor_version": 6002000},
    "h-weak": {**ROOMY, "cpu_info": {"model": "Nehalem", "features": ["sse4.2", "pge", "clflush"]}},
    "h-kind": {**ROOMY, "hypervisor_type": "ironic"},
    "h-off": ROOMY,
    "h-shy": ROOMY,
    "h-down": ROOMY,
    "h-forced": ROOMY,
    "h-lost": ROOMY,
    "h-lost-n1": ROOMY,
}
"""compute1 and compute3 are in zone nova-1, h-lost-n1 and h-n1 too; h-n2 is in nova-2, the rest in none."""
ZONES = {N1: ("h-n1", "h-lost-n1"), N2: ("h-n2",)}
OFF = "h-off"
"""Out of service."""
SHY = "h-shy"
"""Out of service for placement only, as while a nova-compute has not noticed yet that it is in service again."""
DOWN = ("h-down", "h-lost", "h-lost-n1")
"""Switched off and declared down."""
FORCED = "h-forced"
"""Declared down, and running."""

SMALL = {"ram": 512, "disk": 1, "vcpus": 1}
FLAVORS: dict[str, tuple[dict[str, int], dict[str, str]]] = {
    "r.tiny": (SMALL, {}),
    "r.memory": ({**SMALL, "ram": 98304}, {}),
    "r.edge": ({**SMALL, "ram": 61440}, {}),
    "r.disk": ({**SMALL, "disk": 1200}, {}),
    "r.wide": ({**SMALL, "vcpus": 20}, {}),
    "r.ephemeral": ({**SMALL, "OS-FLV-EXT-DATA:ephemeral": 20}, {}),
    "r.swap": ({**SMALL, "swap": 2048}, {}),
    "r.ssd": (SMALL, {"trait:CUSTOM_SSD": "required"}),
    "r.nossd": (SMALL, {"trait:CUSTOM_SSD": "forbidden"}),
    "r.avx": (SMALL, {"trait:HW_CPU_X86_AVX512F": "required"}),
    "r.nodisk": ({**SMALL, "disk": 0}, {}),
    "r.tpm": (SMALL, {"hw:tpm_version": "2.0"}),
    "r.tpm-host": (SMALL, {"hw:tpm_version": "2.0", "hw:tpm_secret_security": "host"}),
    "r.pinned": ({**SMALL, "vcpus": 2}, {"hw:cpu_policy": "dedicated"}),
    "r.numa": ({**SMALL, "vcpus": 2}, {"hw:numa_nodes": "2"}),
    "r.sev": (SMALL, {"hw:mem_encryption": "true"}),
    "r.new": (SMALL, {"capabilities:hypervisor_version": ">= 8000000"}),
    "r.nomemory": ({**SMALL, "ram": 98304}, {"resources:MEMORY_MB": "256"}),
}
"""Name -> sizes, extra specs."""


@dataclass(frozen=True)
class Guest:
    """How to make one instance."""

    name: str
    host: str
    flavor: str = "r.tiny"
    zone: str = ""
    """Asked for at boot, and so pinned to it."""
    then: tuple[dict[str, Any], ...] = ()
    ends: str = "ACTIVE"
    from_volume: bool = False
    volume: bool = False
    share: bool = False
    """A shared folder is attached to it, as far as Nova knows."""
    config_drive: bool = False
    group: str = ""
    """Policy of a server group of its own."""
    per_host: int = 0
    """The group's rule max_server_per_host."""
    partners: tuple[str, ...] = ()
    """Hosts of the other members of the group; made before it."""
    project: str = "demo"
    image: dict[str, str] = field(default_factory=dict)
    """Properties of an image of its own."""
    slow: str = ""
    """Which of the lab's durations is an hour while the last of `then` begins: it stays under way."""
    found: dict[str, object] = field(default_factory=dict)
    """What its own record in Nova says against all that was done: something went wrong."""

    @property
    def is_heavy(self) -> bool:
        """Whether it takes so much room that two of them would stand in each other's way."""
        return self.flavor in ("r.memory", "r.disk", "r.edge", "r.wide", "r.pinned")


STOP: tuple[dict[str, Any], ...] = ({"os-stop": None},)
LOCK: dict[str, Any] = {"lock": {"locked_reason": "month-end closing"}}
BROKEN: dict[str, Any] = {"os-resetState": {"state": "error"}}
FOREIGN = "foreign"
"""A project in which our account has no role."""
UEFI = {"hw_firmware_type": "uefi", "hw_machine_type": "q35"}


def _ended(name: str, action: str, ends: str, host: str = "compute2", **more: Any) -> Guest:
    return Guest(name, host, then=({action: None},), ends=ends, **more)


GUESTS: tuple[Guest, ...] = (
    Guest("plain", "compute2"),
    Guest("stopped", "compute2", then=STOP, ends="SHUTOFF"),
    _ended("paused", "pause", "PAUSED"),
    _ended("suspended", "suspend", "SUSPENDED"),
    _ended("shelved", "shelve", "SHELVED_OFFLOADED"),
    _ended("rescued", "rescue", "RESCUE"),
    Guest("broken", "compute2", then=(BROKEN,), ends="ERROR"),
    Guest("waiting", "compute2", then=({"migrate": {"host": "compute4"}},), ends="VERIFY_RESIZE"),
    Guest("locked", "compute2", then=(LOCK,)),
    Guest("crashed", "compute2", found={"power_state": 6}),
    Guest("stuck", "compute2", found={"task_state": "powering-off"}),
    Guest(
        "moving-live",
        "compute3",
        then=({"os-migrateLive": {"host": "h-n1", "block_migration": "auto"}},),
        ends="MIGRATING",
        slow="live_migration_seconds",
    ),
    Guest(
        "moving-cold",
        "compute4",
        then=({"migrate": {"host": "compute2"}},),
        ends="RESIZE",
        slow="cold_migrate_seconds",
    ),
    Guest(
        "snapped",
        "compute4",
        then=({"createImage": {"name": "a snapshot that lasts"}},),
        ends="ACTIVE",
        slow="snapshot_seconds",
    ),
    Guest("beside-moving", "compute3"),
    Guest("pinned", "compute1", zone=N1),
    Guest("pinned-default", "compute2", zone="nova"),
    Guest("pinned-n2", "h-n2", zone=N2),
    Guest("unpinned-n1", "compute1"),
    Guest("memory", "compute2", "r.memory"),
    Guest("edge", "h-ratio", "r.edge"),
    Guest("disk", "compute2", "r.disk"),
    Guest("wide", "compute2", "r.wide"),
    Guest("ephemeral", "compute2", "r.ephemeral"),
    Guest("swap", "compute2", "r.swap"),
    Guest("swap-volume", "compute2", "r.swap", from_volume=True),
    Guest("ssd", "compute4", "r.ssd"),
    Guest("nossd", "compute2", "r.nossd"),
    Guest("avx", "compute2", "r.avx", then=STOP, ends="SHUTOFF"),
    Guest("tpm", "compute2", "r.tpm"),
    Guest("tpm-host", "compute2", "r.tpm-host"),
    Guest("own-processors", "compute2", "r.pinned"),
    Guest("numa", "compute2", "r.numa"),
    Guest("encrypted", "compute2", "r.sev", image=UEFI),
    Guest("wants-new", "compute2", "r.new"),
    Guest("other-amount", "compute2", "r.nomemory", then=STOP, ends="SHUTOFF"),
    Guest("image-trait", "compute4", then=STOP, ends="SHUTOFF", image={"trait:CUSTOM_SSD": "required"}),
    Guest("volume-root", "compute2", from_volume=True),
    Guest("volume-root-config", "compute2", from_volume=True, config_drive=True),
    Guest("data-volume", "compute2", volume=True),
    Guest("shared-folder", "compute2", share=True),
    Guest("shared-folder-stopped", "compute2", then=STOP, ends="SHUTOFF", share=True),
    Guest("config-drive", "compute2", config_drive=True),
    Guest("apart", "compute4", group="anti-affinity", partners=("compute2", "compute3")),
    Guest(
        "apart-by-two",
        "compute4",
        group="anti-affinity",
        per_host=2,
        partners=("compute2", "compute1", "compute1"),
    ),
    Guest("apart-if-possible", "compute4", group="soft-anti-affinity", partners=("compute2", "h-n1")),
    Guest("together", "compute2", group="affinity", partners=("compute2",)),
    Guest("together-alone", "compute2", group="affinity", then=STOP, ends="SHUTOFF"),
    Guest("together-if-possible", "compute2", group="soft-affinity", partners=("compute2", "compute1")),
    Guest("foreign", "compute2", project=FOREIGN),
    Guest("on-old", "h-old"),
    Guest("on-weak", "h-weak"),
    Guest("on-kind", "h-kind"),
    Guest("on-off", OFF),
    Guest("on-forced", FORCED),
    Guest("lost", "h-lost"),
    Guest("lost-stopped", "h-lost", then=STOP, ends="SHUTOFF"),
    _ended("lost-paused", "pause", "PAUSED", "h-lost"),
    _ended("lost-suspended", "suspend", "SUSPENDED", "h-lost"),
    Guest("lost-broken", "h-lost", then=(BROKEN,), ends="ERROR"),
    Guest("lost-locked", "h-lost", then=(LOCK,)),
    Guest("lost-volume", "h-lost", from_volume=True),
    Guest("lost-shared-folder", "h-lost", share=True),
    Guest("lost-nossd", "h-lost", "r.nossd"),
    Guest("lost-memory", "h-lost", "r.memory"),
    Guest("lost-apart", "h-lost", group="anti-affinity", partners=("compute2",)),
    Guest("lost-pinned", "h-lost-n1", zone=N1),
    Guest("lost-unpinned", "h-lost-n1"),
)
