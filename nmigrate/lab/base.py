"""What a lab has before anybody boots an instance: accounts, catalog, flavors, an image, a network, zones.

Each step looks first, so that a start that was cut off goes on where it was.
"""

from typing import Any
from urllib.parse import quote

from nmigrate.lab.client import ApiError, Client
from nmigrate.lab.configuration import ENDPOINTS, PASSWORD, REGION, url
from nmigrate.lab.hosts import ZONES

PROJECTS = ("demo", "billing", "Zahlungsverkehr-EU", "cổng-thanh-toán")
USERS = {"demo": "member", "demomgr": "manager", "demoread": "reader"}
# name -> memory in MB, disk in GB, vcpus
FLAVORS = {"m1.tiny": (512, 1, 1), "m1.small": (2048, 20, 1), "m1.medium": (4096, 40, 2)}
IMAGE = "cirros"
NETWORK = "public"
CIDR = "10.20.0.0/16"


def find_or_create(client: Client, kind: str, name: str, **values: Any) -> str:
    """The id of Keystone's project, user, role or service of that name."""
    found = client.get("keystone", f"/{kind}s?name={quote(name)}")[f"{kind}s"]
    if found:
        return str(found[0]["id"])
    created = client.post("keystone", f"/{kind}s", {kind: {"name": name, **values}})
    return str(created[kind]["id"])


def seed_identity(client: Client) -> None:
    """Projects, accounts, roles and the catalog: what the other services need to start."""

    def grant(project: str, user: str, role: str) -> None:
        role_id = find_or_create(client, "role", role)
        client.call("PUT", "keystone", f"/projects/{project}/users/{user}/roles/{role_id}")

    service = find_or_create(client, "project", "service", domain_id="default")
    account = find_or_create(client, "user", "svc", domain_id="default", password=PASSWORD)
    for role in ("admin", "service"):
        grant(service, account, role)
    admin = client.get("keystone", "/users?name=admin")["users"][0]["id"]
    projects = {name: find_or_create(client, "project", name, domain_id="default") for name in PROJECTS}
    for project in projects.values():
        grant(project, admin, "admin")
    for user, role in USERS.items():
        user_id = find_or_create(
            client, "user", user, domain_id="default", password=PASSWORD, default_project_id=projects["demo"]
        )
        grant(projects["demo"], user_id, role)
    for name, (kind, path) in ENDPOINTS.items():
        name_service(client, name, kind, url(name, client.port) + path)


def name_service(client: Client, name: str, kind: str, address: str) -> None:
    """Name a service and where it is in the catalog, unless it is there."""
    service_id = find_or_create(client, "service", name, type=kind)
    endpoints = client.get("keystone", f"/endpoints?service_id={service_id}")["endpoints"]
    for interface in {"public", "internal", "admin"} - {one["interface"] for one in endpoints}:
        endpoint = {
            "service_id": service_id,
            "interface": interface,
            "region_id": REGION,
            "url": address,
        }
        client.post("keystone", "/endpoints", {"endpoint": endpoint})


def seed_image_and_network(client: Client) -> None:
    """The image and the network, by the two services that are there first."""
    images = client.get("glance", f"/v2/images?name={IMAGE}")["images"]
    if images and images[0]["status"] != "active":  # a start was cut off between the image and its data
        client.call("DELETE", "glance", f"/v2/images/{images[0]['id']}")
        images = []
    if not images:
        image = {
            "name": IMAGE,
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "public",
            "os_distro": "cirros",
        }
        image_id = client.post("glance", "/v2/images", image)["id"]
        client.call("PUT", "glance", f"/v2/images/{image_id}/file", b"an image of the lab\n")
    networks = client.get("neutron", f"/v2.0/networks?name={NETWORK}")["networks"]
    if not networks:
        network = {"name": NETWORK, "shared": True}
        networks = [client.post("neutron", "/v2.0/networks", {"network": network})["network"]]
    if not networks[0]["subnets"]:
        subnet = {
            "name": f"{NETWORK}-subnet",
            "network_id": networks[0]["id"],
            "ip_version": 4,
            "cidr": CIDR,
            "enable_dhcp": False,
        }
        client.post("neutron", "/v2.0/subnets", {"subnet": subnet})


def seed_compute(client: Client) -> None:
    """Flavors, and the aggregates that make zones."""
    flavors = {flavor["name"] for flavor in client.get("nova", "/flavors")["flavors"]}
    for name, (ram, disk, vcpus) in FLAVORS.items():
        if name not in flavors:
            flavor = {"name": name, "ram": ram, "disk": disk, "vcpus": vcpus}
            client.post("nova", "/flavors", {"flavor": flavor})
    aggregates = {one["name"]: one for one in client.get("nova", "/os-aggregates")["aggregates"]}
    for zone, hosts in ZONES.items():
        name = f"zone-{zone}"
        if name not in aggregates:
            body = {"aggregate": {"name": name, "availability_zone": zone}}
            aggregates[name] = client.post("nova", "/os-aggregates", body)["aggregate"]
        for host in hosts:
            try:
                path = f"/os-aggregates/{aggregates[name]['id']}/action"
                client.post("nova", path, {"add_host": {"host": host}})
            except ApiError as error:
                if error.status != 409:  # 409: it is in there already
                    raise
