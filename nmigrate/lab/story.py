"""The instances that the demo begins with: the story's own four, and a life around them.

Looks first what is there, so that a seed that was cut off goes on where it was.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nmigrate.lab.base import IMAGE, NETWORK
from nmigrate.lab.client import Client
from nmigrate.lab.errors import LabError
from nmigrate.lab.records import SECONDS, wait

Say = Callable[[str], None]
ClientOf = Callable[[str], Client]
WORKERS = 6


@dataclass(frozen=True)
class Guest:
    """An instance to boot, and what to do with it afterwards."""

    name: str
    host: str | None
    flavor: str = "m1.small"
    project: str = "demo"
    zone: str | None = None  # asked for at boot, and so pinned to it
    then: tuple[dict[str, Any], ...] = ()  # actions, each after the one before
    ends: str = "ACTIVE"
    volumes: tuple[int, ...] = ()  # sizes in GB, attached
    root_volume: int = 0  # size in GB: boots from a volume
    config_drive: bool = False
    group: str | None = None  # server group with anti-affinity
    metadata: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


STOP: dict[str, Any] = {"os-stop": None}
PAUSE: dict[str, Any] = {"pause": None}
SUSPEND: dict[str, Any] = {"suspend": None}
SHELVE: dict[str, Any] = {"shelve": None}
FAIL: dict[str, Any] = {"os-resetState": {"state": "error"}}
N1 = "nova-1"
EU = "Zahlungsverkehr-EU"
VN = "cổng-thanh-toán"


def lock(reason: str) -> dict[str, Any]:
    """Lock with a reason that people read."""
    return {"lock": {"locked_reason": reason}}


GUESTS = (
    Guest("vm1", "compute3", zone=N1, then=(STOP,), ends="SHUTOFF", metadata={"owner": "lab"}),
    Guest("vm2", "compute1", zone=N1, then=(STOP,), ends="SHUTOFF", metadata={"owner": "lab"}),
    # the zone `nova` is asked for by host only: no aggregate defines it, and it would bind to nothing
    Guest("doem", "compute2", then=(STOP,), ends="SHUTOFF"),
    Guest("demo_zone", "compute4"),
    Guest("web-01", "compute1", "m1.medium", zone=N1, group="web", tags=("web", "prod")),
    Guest("web-02", "compute3", "m1.medium", zone=N1, group="web", tags=("web", "prod")),
    Guest("web-03", "compute2", "m1.medium", group="web", tags=("web", "prod")),
    Guest("jenkins-agent-7", "compute4", "m1.tiny", metadata={"ci": "yes"}, config_drive=True),
    Guest("build-cache", "compute4", "m1.tiny", then=(STOP,), ends="SHUTOFF"),
    Guest("test-einzelplatz", "compute2", "m1.tiny", then=(PAUSE,), ends="PAUSED"),
    Guest(
        "billing-db-primary",
        "compute1",
        "m1.medium",
        "billing",
        N1,
        volumes=(200, 50),
        metadata={"backup": "daily", "tier": "gold"},
        tags=("db", "pci-dss"),
        then=(lock("month-end closing: no moves before the 3rd, ask finance-it"),),
    ),
    Guest("billing-db-replica", "compute2", "m1.medium", "billing", volumes=(200,), tags=("db",)),
    Guest("billing-api", "compute3", "m1.small", "billing", N1, tags=("api", "prod")),
    Guest("billing-reports-2019", None, "m1.small", "billing", then=(SHELVE,), ends="SHELVED_OFFLOADED"),
    Guest(
        "billing-import-nightly-batch-runner-for-partner-settlement-files-region-europe-02",
        "compute4",
        "m1.small",
        "billing",
        then=(STOP,),
        ends="SHUTOFF",
    ),
    Guest("«Öffentlich» Prüfstand Süd", "compute1", "m1.small", EU),
    Guest("zv-eu-gateway-a", "compute3", "m1.medium", EU, N1, root_volume=40, tags=("sepa",)),
    Guest("zv-eu-gateway-b", "compute2", "m1.medium", EU, config_drive=True, tags=("sepa",)),
    Guest("zv-eu-clearing-defekt", "compute2", "m1.small", EU, then=(FAIL,), ends="ERROR"),
    Guest(
        "zv-eu-archiv",
        "compute3",
        "m1.small",
        EU,
        N1,
        then=(STOP, lock("Beweissicherung – nicht starten")),
        ends="SHUTOFF",
    ),
    Guest("cổng-thanh-toán-01", "compute1", "m1.small", VN, N1, metadata={"owner": "đội thanh toán"}),
    Guest("cổng-thanh-toán-02", "compute3", "m1.small", VN, N1),
    Guest("決済-db-1", "compute4", "m1.medium", VN, volumes=(20,)),
    Guest("đối-soát-cuối-ngày", "compute2", "m1.tiny", VN, then=(SUSPEND,), ends="SUSPENDED"),
    # compute2 is not in the zone: refused by the scheduler, as an instance without a host
    Guest("cổng-thanh-toán-thử-nghiệm", "compute2", "m1.tiny", VN, N1, ends="ERROR"),
)


def seed(client_of: ClientOf, state: Path, say: Say) -> None:
    """Boot all guests, several at a time; `client_of` gives a client of a project, `state` is the lab's folder.

    Takes some seconds.
    """
    admin = client_of("admin")
    have = {
        server["name"]: server for server in admin.pages("nova", "/servers/detail?all_tenants=1", "servers")
    }
    clients = {project: client_of(project) for project in sorted({guest.project for guest in GUESTS})}
    flavors = {one["name"]: one["id"] for one in admin.get("nova", "/flavors")["flavors"]}
    image = admin.get("glance", f"/v2/images?name={IMAGE}")["images"][0]["id"]
    network = admin.get("neutron", f"/v2.0/networks?name={NETWORK}")["networks"][0]["id"]
    groups = {
        (guest.project, guest.group): server_group(clients[guest.project], guest.group)
        for guest in GUESTS
        if guest.group
    }
    say(f"booting {len(GUESTS)} instances")

    def play(guest: Guest) -> None:
        client = clients[guest.project]
        server = have.get(guest.name)
        if server is None:
            body = boot_body(guest, flavors[guest.flavor], image, network)
            if guest.group:
                body["os:scheduler_hints"] = {"group": groups[guest.project, guest.group]}
            server = client.post("nova", "/servers", body)["server"]
        finish(client, guest, server["id"], state)

    with ThreadPoolExecutor(WORKERS) as pool:
        # those that have the most to do first
        order = sorted(
            GUESTS, key=lambda guest: -(len(guest.then) + 2 * len(guest.volumes) + guest.root_volume)
        )
        for _ in pool.map(play, order):
            pass


def boot_body(guest: Guest, flavor: str, image: str, network: str) -> dict[str, Any]:
    """What POST /servers wants."""
    server: dict[str, Any] = {
        "name": guest.name,
        "flavorRef": flavor,
        "networks": [{"uuid": network}],
        "metadata": guest.metadata,
        "tags": list(guest.tags),
        "config_drive": guest.config_drive,
    }
    if guest.host:
        server["host"] = guest.host
    if guest.zone:
        server["availability_zone"] = guest.zone
    if guest.root_volume:
        server["block_device_mapping_v2"] = [
            {
                "boot_index": 0,
                "uuid": image,
                "source_type": "image",
                "destination_type": "volume",
                "volume_size": guest.root_volume,
            }
        ]
    else:
        server["imageRef"] = image
    return {"server": server}


def finish(client: Client, guest: Guest, server: str, state: Path) -> None:
    """Volumes and actions; those that an earlier, cut-off seed has done are left out."""
    status = wait(state, server, "ACTIVE", guest.ends)
    attached = 0
    if guest.volumes:
        booted = client.get("nova", f"/servers/{server}")["server"]
        attached = len(booted["os-extended-volumes:volumes_attached"])
    for number, size in list(enumerate(guest.volumes, 1))[attached:]:
        attach_volume(client, server, f"{guest.name}-data-{number}", size)
    for action in guest.then:
        if "lock" in action:
            client.post("nova", f"/servers/{server}/action", action)
        elif status == "ACTIVE":
            client.post("nova", f"/servers/{server}/action", action)
            status = wait(state, server, guest.ends)


def attach_volume(client: Client, server: str, name: str, size: int) -> None:
    """A new volume of `size` GB, attached."""
    project = client.project_id()
    volume = client.post("cinder", f"/{project}/volumes", {"volume": {"name": name, "size": size}})["volume"][
        "id"
    ]
    end = time.monotonic() + SECONDS
    while client.get("cinder", f"/{project}/volumes/{volume}")["volume"]["status"] != "available":
        if time.monotonic() > end:
            raise LabError(f"volume {name} did not become available within {SECONDS} s")
        time.sleep(0.2)
    client.post(
        "nova", f"/servers/{server}/os-volume_attachments", {"volumeAttachment": {"volumeId": volume}}
    )


def server_group(client: Client, name: str) -> str:
    """The id of the server group of that name, whose members must not share a host."""
    found = [one for one in client.get("nova", "/os-server-groups")["server_groups"] if one["name"] == name]
    if found:
        return str(found[0]["id"])
    body = {"server_group": {"name": name, "policy": "anti-affinity"}}
    return str(client.post("nova", "/os-server-groups", body)["server_group"]["id"])
