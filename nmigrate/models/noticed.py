"""What was noticed beside the moves asked for here: findings of the watchdog, and moves that others made.

Like the record it copies names as text, and no row of the inventory takes one of these with it.
"""

from django.db import models
from django.db.models import Q

from nmigrate.models.record import Migration
from nmigrate.sentences import SentenceField, say

GRAVEST_FIRST = (
    "wrong_host",
    "broken_outside",
    "source_down",
    "host_down",
    "unread",
    "stalled",
    "unanswered",
    "queued",
    "endless_task",
    "unheld",
    "overdue",
    "stranded",
    "unapproved",
    "undecided_outside",
)
"""The watchdog's rules (watchdog/), as pages list what they find."""
TYPE_LABELS: dict[str, str] = {
    "migration": say("cold migration"),
    "resize": say("change of its size"),
    "live-migration": say("live migration"),
    "evacuation": say("evacuation"),
}
"""Nova's types of a migration record, in the words of our kinds."""


class Finding(models.Model):
    """Something that goes wrong quietly: since when, what it is in plain words, and what to do about it.

    Open while `ended_at` is empty; an ended one is kept, so that a page can say that it passed.
    """

    cloud = models.CharField(max_length=100)
    rule = models.CharField(max_length=40, help_text="the rule of the watchdog that found it")
    migration = models.ForeignKey(
        Migration, on_delete=models.PROTECT, related_name="findings", null=True, blank=True
    )
    instance_uuid = models.CharField(max_length=36, blank=True)
    instance_name = models.CharField(max_length=255, blank=True)
    host = models.CharField(max_length=255, blank=True)
    what = SentenceField(help_text="one plain sentence")
    next_step = SentenceField(blank=True)
    who = models.CharField(max_length=20, blank=True, help_text="the role that can act on it")
    since = models.DateTimeField(help_text="when it was found first")
    seen_at = models.DateTimeField(help_text="when it was found last")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("cloud", "rule", "instance_uuid", "host"),
                condition=Q(ended_at__isnull=True),
                name="one_open_finding_per_subject",
            ),
        )
        indexes = (models.Index(fields=("ended_at",), name="finding_by_end"),)

    def __str__(self) -> str:
        return f"{self.rule} of {self.instance_name or self.host}"


class OutsideMove(models.Model):
    """A move that Nova has a record of and that nobody asked for here."""

    cloud = models.CharField(max_length=100)
    server_migration_id = models.BigIntegerField(help_text="id in Nova's /os-migrations")
    server_migration_uuid = models.CharField(max_length=36, blank=True)
    instance_uuid = models.CharField(max_length=36)
    instance_name = models.CharField(max_length=255, blank=True)
    type = models.CharField(max_length=20, help_text="migration, resize, live-migration or evacuation")
    status = models.CharField(max_length=30, blank=True, help_text="status of Nova's migration record")
    source_host = models.CharField(max_length=255, blank=True)
    dest_host = models.CharField(max_length=255, blank=True)
    user_id = models.CharField(max_length=64, blank=True)
    user_name = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=60, blank=True, help_text="Nova's request id of the order")
    started_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-server_migration_id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("cloud", "server_migration_id"), name="one_row_per_outside_move"),
        )
        indexes = (models.Index(fields=("cloud", "instance_uuid"), name="outside_by_instance"),)

    @property
    def is_active(self) -> bool:
        return self.ended_at is None

    @property
    def type_label(self) -> str:
        return TYPE_LABELS.get(self.type, self.type)

    def __str__(self) -> str:
        return f"{self.type} of {self.instance_name} outside nmigrate"
