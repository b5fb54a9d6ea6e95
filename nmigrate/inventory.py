"""Copies the cloud into the inventory tables: all of it now and then, what changed since in between.

Two threads of the follower write here. A full read may hold older data than a read of changes made meanwhile,
so no row is ever replaced by one that Nova updated earlier.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from nmigrate.cloud import api
from nmigrate.models import Cloud, Hypervisor, Instance, Service

log = logging.getLogger(__name__)

OVERLAP = timedelta(seconds=30)
"""Each read of changes reaches this far back behind the newest change seen: Nova's clocks may differ a little."""
_COPIED = [
    "name",
    "project_id",
    "user_id",
    "host",
    "hypervisor",
    "zone",
    "pinned_zone",
    "pin_known",
    "status",
    "vm_state",
    "task_state",
    "power_state",
    "locked",
    "locked_reason",
    "flavor",
    "vcpus",
    "memory_mb",
    "disk_gb",
    "ephemeral_gb",
    "swap_mb",
    "extra_specs",
    "image_id",
    "image_properties",
    "scheduler_hints",
    "config_drive",
    "networks",
    "key_name",
    "metadata",
    "description",
    "host_status",
    "progress",
    "fault",
    "created_at",
    "updated_at",
    "launched_at",
]
_LISTS = ("addresses", "volumes", "tags")
_NAMES = ("project_name", "image_name", "search")


class Names:
    """Names of projects, and images, by id, read when an unknown id turns up; they change rarely."""

    def __init__(self) -> None:
        self.projects: dict[str, str] = {}
        self.images: dict[str, api.Image | None] = {}
        self.on_volume: dict[str, bool] = {}
        """UUID of a server whose image is gone -> whether its first disk is a volume, which never changes."""

    def learn(self, cloud: api.Cloud, servers: Iterable[api.Server]) -> None:
        """Read the lists again if a server names somebody unknown; ids that stay unknown are remembered as such."""
        projects = {server.project_id for server in servers if server.project_id not in self.projects}
        if projects:
            self.projects = dict.fromkeys(projects, "") | self.projects | cloud.project_names()
        images = {
            server.image_id for server in servers if server.image_id and server.image_id not in self.images
        }
        if images:
            found = {image.id: image for image in cloud.images()}
            self.images = dict.fromkeys(images, None) | self.images | found
        for server in servers:
            if server.volumes and server.image_id and self.images[server.image_id] is None:
                self._learn_root(cloud, server)

    def _learn_root(self, cloud: api.Cloud, server: api.Server) -> None:
        if server.uuid in self.on_volume:
            return
        try:
            self.on_volume[server.uuid] = server.root_device in cloud.volume_devices(server.uuid)
        except api.NotFound:
            return
        except (api.Unauthorized, api.Refused):
            log.info("%s: this account may not read the volumes of %s", cloud.name, server.uuid)
            self.on_volume[server.uuid] = False

    def starts_from_volume(self, server: api.Server) -> bool:
        """Whether its disk was made of a volume's snapshot, although Nova names an image."""
        image = self.images.get(server.image_id)
        return bool(server.volumes) and (
            self.on_volume.get(server.uuid, False) if image is None else image.holds_volume
        )


def _fields(server: api.Server, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = {name: getattr(server, name) for name in _COPIED}
    found["image_properties"] = dict(server.image_properties)
    found |= {name: list(getattr(server, name)) for name in _LISTS}
    found["project_name"] = names.projects.get(server.project_id) or server.project_id
    image = names.images.get(server.image_id)
    if image:
        found["image_properties"] |= {f"trait:{trait}": "required" for trait in image.traits}
    if names.starts_from_volume(server):
        found["image_id"], image = "", None
    found["image_name"] = image.name if image else ""
    return found


def store_servers(cloud: str, servers: list[api.Server], names: Names) -> bool:
    """Insert, update and delete rows for these servers. Returns whether anything was different."""
    have = {row.uuid: row for row in Instance.objects.filter(cloud=cloud, uuid__in=[s.uuid for s in servers])}
    new, changed, gone = [], [], []
    for server in servers:
        row = have.get(server.uuid)
        if server.is_deleted:
            if row is not None:
                gone.append(row.pk)
            continue
        if row is None:
            row = Instance(cloud_id=cloud, uuid=server.uuid, **_fields(server, names))
            row.search = row.searchable()
            new.append(row)
            continue
        if row.updated_at and server.updated_at and row.updated_at > server.updated_at:
            continue
        fields = _fields(server, names)
        if (
            any(getattr(row, name) != value for name, value in fields.items())
            or row.search != row.searchable()
        ):
            for name, value in fields.items():
                setattr(row, name, value)
            row.search = row.searchable()
            changed.append(row)
    with transaction.atomic():
        Instance.objects.bulk_create(new, ignore_conflicts=True)
        Instance.objects.bulk_update(changed, [*_COPIED, *_LISTS, *_NAMES], batch_size=200)
        if gone:
            Instance.objects.filter(pk__in=gone).delete()
        if new or changed or gone:
            Cloud.objects.filter(name=cloud).update(version=F("version") + 1)
    return bool(new or changed or gone)


def read_all_servers(cloud: api.Cloud, names: Names) -> None:
    """Read every server, page by page, and forget those that are no longer there."""
    before = set(Instance.objects.filter(cloud=cloud.name).values_list("uuid", flat=True))
    newest: datetime | None = None
    seen: set[str] = set()
    for servers in _pages(cloud.servers(), 100):
        names.learn(cloud, servers)
        store_servers(cloud.name, servers, names)
        seen.update(server.uuid for server in servers)
        newest = max([newest, *(s.updated_at for s in servers)], key=_time)
    gone = before - seen
    now = timezone.now()
    with transaction.atomic():
        if gone:
            Instance.objects.filter(cloud=cloud.name, uuid__in=gone).delete()
        row = Cloud.objects.select_for_update().get(pk=cloud.name)
        row.servers_cursor = max(row.servers_cursor, newest, key=_time) or now
        row.full_synced_at = row.synced_at = now
        row.version += 1
        row.save(update_fields=["servers_cursor", "full_synced_at", "synced_at", "version"])


def _pages(servers: Iterator[api.Server], size: int) -> Iterator[list[api.Server]]:
    """itertools.batched, which Python 3.11 lacks."""
    while page := list(islice(servers, size)):
        yield page


def _time(value: datetime | None) -> float:
    return value.timestamp() if value else 0.0


def read_changes(cloud: api.Cloud, names: Names) -> list[api.ServerMigration]:
    """Two list calls: servers, then server migrations, both since the last read. Returns the latter.

    In this order: a migration that says "finished" is then never older than the server beside it.
    """
    row = Cloud.objects.get(pk=cloud.name)
    servers = list(cloud.servers(changes_since=row.servers_cursor - OVERLAP if row.servers_cursor else None))
    names.learn(cloud, [server for server in servers if not server.is_deleted])
    migrations = cloud.server_migrations(
        changes_since=row.migrations_cursor - OVERLAP if row.migrations_cursor else None
    )
    store_servers(cloud.name, servers, names)
    Cloud.objects.filter(pk=cloud.name).update(
        servers_cursor=max([row.servers_cursor, *(s.updated_at for s in servers)], key=_time),
        migrations_cursor=max([row.migrations_cursor, *(m.updated_at for m in migrations)], key=_time),
        synced_at=timezone.now(),
    )
    return migrations


def read_hosts(cloud: api.Cloud, *, exact: bool = False) -> None:
    """Hypervisors with their capacity, and the services; rows of what is gone are deleted."""
    services = cloud.services()
    hypervisors = cloud.hypervisors(exact=exact)
    changed = False
    with transaction.atomic():
        for found in hypervisors:
            fields: dict[str, Any] = {
                "name": found.name,
                "host": found.host,
                "zone": found.zone,
                "state": found.state,
                "status": found.status,
                "disabled_reason": found.disabled_reason,
                "forced_down": found.forced_down,
                "type": found.type,
                "version": found.version,
                "traits": list(found.traits),
                "aggregates": list(found.aggregates),
                "service_seen_at": found.service_seen_at,
            }
            for name in ("vcpus", "memory_mb", "disk_gb"):
                amount: api.Amount = getattr(found, name)
                fields[f"{name}_capacity"], fields[f"{name}_used"] = amount.capacity, amount.used
            if exact:
                fields["inventories"] = {
                    name: {
                        "total": a.total,
                        "reserved": a.reserved,
                        "ratio": a.ratio,
                        "used": a.used,
                        "max_unit": a.max_unit,
                    }
                    for name, a in (
                        ("VCPU", found.vcpus),
                        ("MEMORY_MB", found.memory_mb),
                        ("DISK_GB", found.disk_gb),
                    )
                }
            changed |= _update(Hypervisor, cloud.name, found.uuid, fields, quiet=("service_seen_at",))
        for service in services:
            fields = {
                name: getattr(service, name)
                for name in [
                    "binary",
                    "host",
                    "zone",
                    "state",
                    "status",
                    "disabled_reason",
                    "forced_down",
                    "seen_at",
                ]
            }
            changed |= _update(Service, cloud.name, service.uuid, fields, quiet=("seen_at",))
        for model, uuids in (
            (Hypervisor, {row.uuid for row in hypervisors}),
            (Service, {row.uuid for row in services}),
        ):
            deleted, _ = model.objects.filter(cloud=cloud.name).exclude(uuid__in=uuids).delete()
            changed |= bool(deleted)
        if changed:
            Cloud.objects.filter(name=cloud.name).update(version=F("version") + 1)


def read_server_groups(cloud: api.Cloud) -> None:
    """Which groups each instance is in, with their rule; only rows that differ are written."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for group in cloud.server_groups():
        for member in group.members:
            groups.setdefault(member, []).append(
                {
                    "uuid": group.uuid,
                    "name": group.name,
                    "policy": group.policy,
                    "max_per_host": group.max_per_host,
                }
            )
    concerned = Instance.objects.filter(cloud=cloud.name).filter(Q(uuid__in=groups) | ~Q(server_groups=[]))
    changed = []
    for row in concerned.only("uuid", "server_groups"):
        if row.server_groups != groups.get(row.uuid, []):
            row.server_groups = groups.get(row.uuid, [])
            changed.append(row)
    if changed:
        with transaction.atomic():
            Instance.objects.bulk_update(changed, ["server_groups"], batch_size=200)
            Cloud.objects.filter(name=cloud.name).update(version=F("version") + 1)


SHARES_AT_A_TIME = 20
"""Instances whose shared folders are read in one round: Nova tells them one at a time."""
SHARES_GOOD_FOR = timedelta(minutes=10)


def read_shares(cloud: api.Cloud) -> None:
    """The shared folders of those instances whose were not read for longest; nothing where the cloud has none."""
    if not cloud.has_shares():
        return
    old = timezone.now() - SHARES_GOOD_FOR
    due = (
        Instance.objects.filter(cloud=cloud.name)
        .filter(Q(shares_read_at=None) | Q(shares_read_at__lt=old))
        .order_by(F("shares_read_at").asc(nulls_first=True), "pk")
    )
    changed = False
    for row in due.only("uuid", "shares")[:SHARES_AT_A_TIME]:
        shares = list(known_shares(cloud, row.uuid))
        changed |= row.shares != shares
        Instance.objects.filter(pk=row.pk).update(shares=shares, shares_read_at=timezone.now())
    if changed:
        Cloud.objects.filter(name=cloud.name).update(version=F("version") + 1)


def known_shares(cloud: api.Cloud, uuid: str) -> tuple[str, ...]:
    """A server's shared folders as far as this account may know: none where it may not."""
    try:
        return cloud.shares_of(uuid)
    except (api.Unauthorized, api.Refused) as error:
        log.info("%s: the shares of %s cannot be read (%s)", cloud.name, uuid, error.said)
        return ()


def read_own_projects(cloud: api.Cloud) -> None:
    """Where our account may act: the advisor offers a copy only there."""
    found = sorted(cloud.own_projects())
    Cloud.objects.filter(pk=cloud.name).exclude(own_projects=found).update(
        own_projects=found, version=F("version") + 1
    )


def _update(
    model: type[Hypervisor] | type[Service],
    cloud: str,
    uuid: str,
    fields: dict[str, Any],
    *,
    quiet: tuple[str, ...],
) -> bool:
    """Write one row if it differs. Returns whether a page would show it; `quiet` fields alone do not count."""
    row = model.objects.filter(cloud=cloud, uuid=uuid).first()
    if row is None:
        model.objects.create(cloud_id=cloud, uuid=uuid, **fields)
        return True
    different = {name for name, value in fields.items() if getattr(row, name) != value}
    if different:
        for name in different:
            setattr(row, name, fields[name])
        row.save(update_fields=different)
    return bool(different - set(quiet))


def note_reachable(cloud: api.Cloud) -> None:
    """The cloud answered: say what it speaks, and end a problem if there was one."""
    versions = cloud.versions()
    Cloud.objects.filter(pk=cloud.name).exclude(
        problem="", nova_newest=versions.newest, nova_used=versions.used
    ).update(
        problem="",
        problem_said="",
        problem_since=None,
        nova_newest=versions.newest,
        nova_used=versions.used,
        version=F("version") + 1,
    )


def note_problem(cloud: str, error: api.CloudError) -> None:
    """The cloud did not answer, or not well: the last known picture stays, and pages say why it grows old."""
    row = Cloud.objects.get(pk=cloud)
    if row.problem != error.sentence:
        log.warning("%s: %s (%s)", cloud, error, error.said)
        Cloud.objects.filter(pk=cloud).update(
            problem=error.sentence,
            problem_said=error.said[:2000],
            problem_since=row.problem_since or timezone.now(),
            version=F("version") + 1,
        )
