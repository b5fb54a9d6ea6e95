"""A cloud with many hosts, straight in the inventory's tables, that differ in what the verdict looks at."""

from uuid import NAMESPACE_DNS, uuid5

from django.utils import timezone

from nmigrate.models import Cloud, Hypervisor, Instance, Service

FEATURES = [
    f"HW_CPU_X86_{name}" for name in ("AVX", "AVX2", "AESNI", "BMI", "BMI2", "F16C", "FMA3", "SHA", "SSE")
]
ABLE = [
    f"COMPUTE_{name}" for name in ("NODE", "ACCELERATORS", "DEVICE_TAGGING", "RESCUE_BFV", "TRUSTED_CERTS")
]
ZONES = ("zone-a", "zone-b", "zone-c")
PER_HOST = 4
GIB = 1024


def wide_cloud(hosts: int, name: str = "wide") -> Instance:
    """Hosts in three zones, some down, out of service, full, or with an older processor or hypervisor; four instances
    on each. Returns a running one that is bound to its zone and in a server group of twenty."""
    cloud = Cloud.objects.create(
        name=name,
        nova_newest="2.104",
        nova_used="2.104",
        synced_at=timezone.now(),
        full_synced_at=timezone.now(),
        own_projects=["p"],
    )
    Hypervisor.objects.bulk_create(_host(cloud, number) for number in range(hosts))
    Service.objects.bulk_create(
        [
            *(_compute_service(cloud, _host(cloud, number)) for number in range(hosts)),
            *(_own_service(cloud, binary) for binary in ("nova-conductor", "nova-scheduler")),
        ]
    )
    Instance.objects.bulk_create(
        _instance(cloud, number % hosts, number) for number in range(hosts * PER_HOST)
    )
    return Instance.objects.get(cloud=cloud, name="vm-00000")


def _host(cloud: Cloud, number: int) -> Hypervisor:
    host = host_name(number)
    odd = number % 20 if number else -1  # the first, where it is, is well
    return Hypervisor(
        cloud=cloud,
        uuid=str(uuid5(NAMESPACE_DNS, host)),
        name=f"{host}.example",
        host=host,
        zone=ZONES[number % 3],
        state="down" if odd == 3 else "up",
        status="disabled" if odd == 5 else "enabled",
        disabled_reason="maintenance on Sunday" if odd == 5 else "",
        type="QEMU",
        version=8000000 if odd == 7 else 9000000,
        vcpus_capacity=256,
        vcpus_used=number % 200,
        memory_mb_capacity=512 * GIB,
        memory_mb_used=511 * GIB if odd == 9 else number * 7919 % (480 * GIB),
        disk_gb_capacity=8000,
        disk_gb_used={11: 7950, 17: 7600}.get(odd) or number * 13 % 6000,
        inventories={
            "VCPU": {"max_unit": 64},
            "MEMORY_MB": {"max_unit": 512 * GIB},
            "DISK_GB": {"max_unit": 8000},
        },
        traits=FEATURES[: 6 if odd in (13, 14) else None] + ABLE,
    )


def _compute_service(cloud: Cloud, host: Hypervisor) -> Service:
    return Service(
        cloud=cloud,
        uuid=str(uuid5(NAMESPACE_DNS, f"nova-compute.{host.host}")),
        binary="nova-compute",
        host=host.host,
        zone=host.zone,
        state=host.state,
        status=host.status,
        disabled_reason=host.disabled_reason,
        seen_at=timezone.now(),
    )


def _own_service(cloud: Cloud, binary: str) -> Service:
    return Service(
        cloud=cloud,
        uuid=str(uuid5(NAMESPACE_DNS, f"{binary}.{cloud.name}")),
        binary=binary,
        host="control",
        zone="internal",
        state="up",
        status="enabled",
        seen_at=timezone.now(),
    )


def host_name(number: int) -> str:
    return f"node-{number:03}.rack{number // 40 + 1}"


def _instance(cloud: Cloud, host: int, number: int) -> Instance:
    group = {"uuid": "group-of-twenty", "name": "apart", "policy": "anti-affinity", "max_per_host": 1}
    made = Instance(
        cloud=cloud,
        uuid=str(uuid5(NAMESPACE_DNS, f"vm-{number}")),
        name=f"vm-{number:05}",
        project_id="p",
        project_name="shop",
        host=host_name(host),
        zone=ZONES[host % 3],
        pinned_zone=ZONES[host % 3],
        pin_known=True,
        status="ACTIVE",
        power_state=1,
        flavor="m1.large",
        vcpus=4,
        memory_mb=8 * GIB,
        disk_gb=80,
        image_id="image",
        config_drive=True,
        server_groups=[group] if number < 20 else [],
    )
    made.search = made.searchable()
    return made
