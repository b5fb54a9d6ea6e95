"""How full the hosts were: what the inventory forgets with every read, kept for some days."""

from django.db import models


class HostSample(models.Model):
    """One hypervisor at one moment. All of a cloud are written together, with the same `at`.

    The host is copied as text, as in the record: what was on a host that is gone can still be seen.
    """

    cloud = models.CharField(max_length=100)
    hypervisor = models.CharField(max_length=36, help_text="its UUID")
    host = models.CharField(max_length=255)
    at = models.DateTimeField()
    is_kept = models.BooleanField(
        default=False, help_text="one an hour, which stays when those between are deleted"
    )
    vcpus_used = models.IntegerField()
    vcpus_capacity = models.IntegerField(help_text="(total - reserved) x ratio, from placement")
    memory_mb_used = models.IntegerField(help_text="MiB")
    memory_mb_capacity = models.IntegerField(help_text="MiB")
    disk_gb_used = models.IntegerField(help_text="GiB")
    disk_gb_capacity = models.IntegerField(help_text="GiB")

    class Meta:
        ordering = ("at", "id")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("cloud", "hypervisor", "at"), name="one_sample_per_moment"),
        )
        indexes = (models.Index(fields=("cloud", "at"), name="sample_by_time"),)

    def __str__(self) -> str:
        return f"{self.host} at {self.at:%Y-%m-%d %H:%M}"
