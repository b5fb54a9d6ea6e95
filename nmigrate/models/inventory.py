"""A cache of the clouds. Any sync may change or delete these rows; nothing of the record refers to them.

Field names are those of `nmigrate.cloud.api`, so that a rule can judge a fresh Server or a cached Instance.
"""

import unicodedata
from typing import Any

from django.db import models

from nmigrate.sentences import SentenceField


class Cloud(models.Model):
    """One cloud of NMIGRATE_CLOUDS: can it be reached, how old is our picture of it, where the sync stands."""

    name = models.CharField(primary_key=True, max_length=100)
    problem = SentenceField(blank=True, help_text="one plain sentence; empty while the cloud answers")
    problem_said = models.TextField(blank=True, help_text="the cloud's own words behind it")
    problem_since = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True, help_text="when we last read it successfully")
    full_synced_at = models.DateTimeField(null=True, blank=True)
    servers_cursor = models.DateTimeField(null=True, blank=True, help_text="changes-since of the next read")
    migrations_cursor = models.DateTimeField(null=True, blank=True)
    nova_newest = models.CharField(max_length=10, blank=True, help_text="newest microversion it speaks")
    nova_used = models.CharField(max_length=10, blank=True, help_text="microversion we speak with it")
    own_projects = models.JSONField(
        default=list,
        help_text="ids of the projects that our account may act in: only there can it boot copies",
    )
    version = models.BigIntegerField(default=0, help_text="grows when anything a page shows has changed")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Hypervisor(models.Model):
    """One hypervisor, with its compute service and its capacity from placement."""

    cloud = models.ForeignKey(Cloud, on_delete=models.CASCADE, related_name="hypervisors")
    uuid = models.CharField(max_length=36)
    name = models.CharField(max_length=255, help_text="hypervisor_hostname")
    host = models.CharField(max_length=255, help_text="host of its nova-compute service; what a move names")
    zone = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=10)
    status = models.CharField(max_length=10)
    disabled_reason = models.TextField(blank=True)
    forced_down = models.BooleanField(default=False)
    type = models.CharField(max_length=60, blank=True)
    version = models.IntegerField(default=0)
    vcpus_capacity = models.IntegerField(default=0, help_text="(total - reserved) x ratio, from placement")
    vcpus_used = models.IntegerField(default=0)
    memory_mb_capacity = models.IntegerField(default=0, help_text="MiB")
    memory_mb_used = models.IntegerField(default=0, help_text="MiB")
    disk_gb_capacity = models.IntegerField(default=0, help_text="GiB")
    disk_gb_used = models.IntegerField(default=0, help_text="GiB")
    inventories = models.JSONField(default=dict, help_text="total, reserved, ratio, used by resource class")
    traits = models.JSONField(default=list)
    aggregates = models.JSONField(default=list)
    service_seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("zone", "host")
        constraints = (models.UniqueConstraint(fields=("cloud", "uuid"), name="one_hypervisor_per_uuid"),)
        indexes = (models.Index(fields=("cloud", "host"), name="hypervisor_by_host"),)

    def __str__(self) -> str:
        return self.host

    @property
    def max_units(self) -> dict[str, int]:
        """Resource class -> the most that one instance may take; nothing or 0: not known."""
        return {name: row.get("max_unit", 0) for name, row in self.inventories.items()}

    @property
    def is_up(self) -> bool:
        return self.state == "up" and not self.forced_down

    @property
    def is_enabled(self) -> bool:
        return self.status == "enabled"


class Service(models.Model):
    """One Nova service process (scheduler, conductor, compute)."""

    cloud = models.ForeignKey(Cloud, on_delete=models.CASCADE, related_name="services")
    uuid = models.CharField(max_length=36)
    binary = models.CharField(max_length=60)
    host = models.CharField(max_length=255)
    zone = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=10)
    status = models.CharField(max_length=10)
    disabled_reason = models.TextField(blank=True)
    forced_down = models.BooleanField(default=False)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("binary", "host")
        constraints = (models.UniqueConstraint(fields=("cloud", "uuid"), name="one_service_per_uuid"),)

    def __str__(self) -> str:
        return f"{self.binary} on {self.host}"


class Instance(models.Model):
    """One instance as Nova last told it."""

    cloud = models.ForeignKey(Cloud, on_delete=models.CASCADE, related_name="instances")
    uuid = models.CharField(max_length=36)
    name = models.CharField(max_length=255)
    project_id = models.CharField(max_length=64, blank=True)
    project_name = models.CharField(max_length=255, blank=True)
    user_id = models.CharField(max_length=64, blank=True)
    host = models.CharField(max_length=255, blank=True)
    hypervisor = models.CharField(max_length=255, blank=True)
    zone = models.CharField(max_length=255, blank=True)
    pinned_zone = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - null: not pinned
    pin_known = models.BooleanField(default=False)
    status = models.CharField(max_length=30)
    vm_state = models.CharField(max_length=30, blank=True)
    task_state = models.CharField(max_length=60, blank=True)
    power_state = models.IntegerField(default=0)
    locked = models.BooleanField(default=False)
    locked_reason = models.TextField(blank=True)
    flavor = models.CharField(max_length=255, blank=True)
    vcpus = models.IntegerField(default=0)
    memory_mb = models.IntegerField(default=0)
    disk_gb = models.IntegerField(default=0)
    ephemeral_gb = models.IntegerField(default=0)
    swap_mb = models.IntegerField(default=0)
    extra_specs = models.JSONField(default=dict)
    image_id = models.CharField(max_length=36, blank=True)
    image_name = models.CharField(max_length=255, blank=True)
    image_properties = models.JSONField(default=dict, help_text="of the image it was booted from (2.98)")
    scheduler_hints = models.JSONField(default=dict, help_text="given when it was booted (2.100)")
    config_drive = models.BooleanField(default=False)
    addresses = models.JSONField(default=list)
    networks = models.JSONField(default=dict)
    volumes = models.JSONField(default=list)
    shares = models.JSONField(default=list, help_text="ids of its shared folders, read one by one")
    shares_read_at = models.DateTimeField(null=True, blank=True)
    server_groups = models.JSONField(default=list)
    key_name = models.CharField(max_length=255, blank=True)
    metadata = models.JSONField(default=dict)
    tags = models.JSONField(default=list)
    description = models.TextField(blank=True)
    host_status = models.CharField(max_length=30, blank=True)
    progress = models.IntegerField(default=0)
    fault = models.TextField(blank=True)
    created_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)
    launched_at = models.DateTimeField(null=True, blank=True)
    search = models.TextField(blank=True, help_text="name, UUID, addresses, project and host, case-folded")

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("cloud", "uuid"), name="one_instance_per_uuid"),)
        indexes = (models.Index(fields=("cloud", "host"), name="instance_by_host"),)

    def __str__(self) -> str:
        return self.name

    def searchable(self) -> str:
        """The text a person may search in; kept in `search` because SQLite folds only ASCII case itself."""
        words: list[Any] = [self.name, self.uuid, self.project_name, self.host, *self.addresses]
        text = "\n".join(str(word) for word in words if word).casefold()
        plain = without_accents(text)
        return text if plain == text else f"{text}\n{plain}"


def without_accents(text: str) -> str:
    """As somebody types it whose keyboard lacks them. `text` is in lower case."""
    apart = unicodedata.normalize("NFD", text)
    return "".join(one for one in apart if not unicodedata.combining(one)).translate(_NO_ACCENT)


_NO_ACCENT = str.maketrans({"đ": "d", "ø": "o", "ł": "l", "ı": "i"})
"""Letters that Unicode does not take apart."""
