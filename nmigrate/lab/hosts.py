"""The simulated hosts of the lab, their zones and what they can carry.

computes.json in the lab's folder gives each host's vcpus, memory_mb, local_gb, hypervisor_version and, if
wanted, cpu_info (model, vendor, features ...) and traits (CUSTOM_...); a host reads it anew each time it reports
its resources. A guest moves live only to a host whose processor has every feature of the one it is on.
"""

DEFAULT_HOSTS: dict[str, dict[str, int]] = {
    "compute1": {"vcpus": 48, "memory_mb": 196608, "local_gb": 2048, "hypervisor_version": 8002002},
    "compute2": {"vcpus": 48, "memory_mb": 196608, "local_gb": 2048, "hypervisor_version": 8002002},
    "compute3": {"vcpus": 64, "memory_mb": 262144, "local_gb": 4096, "hypervisor_version": 8002002},
    "compute4": {"vcpus": 16, "memory_mb": 65536, "local_gb": 1024, "hypervisor_version": 8002002},
}
# the rest are in the zone `nova`, which is the name for no zone: no aggregate defines it
ZONES = {"nova-1": ["compute1", "compute3"]}
