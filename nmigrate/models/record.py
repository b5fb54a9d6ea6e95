"""The record: what was asked, decided, sent and seen. Evidence; it outlives every row of the inventory.

Instances, hosts and people are copied as text, so that a row can be read when they are gone.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from nmigrate import moves
from nmigrate.moves import ACTION_LABELS, Action
from nmigrate.sentences import SentenceField, SentencesField, join, kept, say
from nmigrate.states import ACTIVE, INITIAL, KIND_LABELS, LABELS, MEANINGS, TERMINAL, Kind, Perm, State


def _choices(labels: dict[State, str]) -> list[tuple[str, str]]:
    return [(state.value, label) for state, label in labels.items()]


BLOCK_LABELS = [
    ("", say("Nova sees for itself")),
    ("block", say("copy the disks")),
    ("shared", say("shared disks")),
]
ORIGINAL_LABELS = [(moves.DELETE_ORIGINAL, say("deleted")), (moves.KEEP_ORIGINAL, say("left stopped"))]


class Migration(models.Model):
    """One move that somebody asked for. Its state changes in `services.transition` and nowhere else."""

    cloud = models.CharField(max_length=100)
    instance_uuid = models.CharField(max_length=36)
    instance_name = models.CharField(max_length=255)
    project_name = models.CharField(max_length=255, blank=True)
    kind = models.CharField(
        max_length=20, choices=[(kind.value, label) for kind, label in KIND_LABELS.items()]
    )
    state = models.CharField(max_length=12, choices=_choices(LABELS), default=INITIAL.value)
    version = models.BigIntegerField(
        default=1, help_text="grows with every change; what an open page compares"
    )

    reason = models.TextField()
    ticket = models.CharField(max_length=100, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_by_name = models.CharField(max_length=150)
    requested_at = models.DateTimeField()

    source_host = models.CharField(max_length=255)
    source_zone = models.CharField(max_length=255, blank=True)
    asked_host = models.CharField(max_length=255, blank=True, help_text="empty: let the scheduler choose")
    asked_zone = models.CharField(max_length=255, blank=True, help_text="the zone, where one was asked for")
    changes_pin = models.BooleanField(
        default=False, help_text="its zone's pin is cleared for the move and set again after it"
    )
    block = models.CharField(
        max_length=6, blank=True, choices=BLOCK_LABELS, help_text="how a live move treats the disks"
    )
    original_after = models.CharField(
        max_length=10, blank=True, choices=ORIGINAL_LABELS, help_text="the original, once its copy is kept"
    )
    same_addresses = models.BooleanField(
        default=False, help_text="the copy gets the original's addresses once that is gone"
    )
    dest_host = models.CharField(max_length=255, blank=True, help_text="where Nova put it")
    dest_zone = models.CharField(max_length=255, blank=True)
    before = models.JSONField(default=dict, help_text="the instance as it was when the order was sent")
    after = models.JSONField(default=dict, help_text="the instance as it is on its new host, and at the end")

    step = models.CharField(
        max_length=20, blank=True, choices=[(a.value, label) for a, label in ACTION_LABELS.items()]
    )
    stranded_in = models.CharField(max_length=12, blank=True, help_text="the state in which a step failed")
    copy_uuid = models.CharField(max_length=36, blank=True, help_text="the copy of a snapshot and boot")
    image_id = models.CharField(max_length=36, blank=True, help_text="the snapshot that it was booted from")
    is_held = models.BooleanField(default=False, help_text="locked by us until the decision")
    lock_before = models.JSONField(default=dict, help_text="the lock that was there before ours")
    progress = models.JSONField(
        default=dict, help_text="memory of a live move in bytes, while somebody looks"
    )
    watched_at = models.DateTimeField(null=True, blank=True, help_text="when somebody last looked at it")

    server_migration_id = models.BigIntegerField(
        null=True, blank=True, help_text="id in Nova's /os-migrations"
    )
    server_migration_uuid = models.CharField(max_length=36, blank=True)
    request_id = models.CharField(max_length=60, blank=True, help_text="Nova's request id of the order")
    nova_status = models.CharField(max_length=30, blank=True, help_text="status of Nova's migration record")

    accepted_at = models.DateTimeField(null=True, blank=True)
    waiting_since = models.DateTimeField(null=True, blank=True)
    decide_by = models.DateTimeField(null=True, blank=True, help_text="until when somebody must decide")
    reminded_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    is_decided_outside = models.BooleanField(default=False)
    failure = SentenceField(blank=True, help_text="what happened, in plain words")
    why = SentenceField(blank=True, help_text="why it did, in plain words")
    next_step = SentenceField(blank=True, help_text="what to do about it")
    nova_said = models.TextField(blank=True, help_text="Nova's own words")
    evidence = models.JSONField(
        default=list, help_text="the same one by one: said, step, host and Nova's request id"
    )
    cause = models.CharField(
        max_length=60,
        blank=True,
        db_index=True,
        help_text="row of the failure table, or a mark of unknown words",
    )
    next_step_by = models.CharField(max_length=20, blank=True, help_text="the role that can do the next step")
    verdict = SentencesField(default=dict, help_text="what was judged when it was asked for")
    verdict_at_start = SentencesField(default=dict, help_text="what fresh data said just before it was sent")
    overrides = models.JSONField(
        default=list, help_text="rules of our own that its approval sets aside; never one of Nova's"
    )
    remark = SentenceField(blank=True, help_text="something to know about a move that did not fail")

    NO_FAILURE: ClassVar[dict[str, Any]] = {
        "failure": "",
        "why": "",
        "next_step": "",
        "next_step_by": "",
        "cause": "",
        "nova_said": "",
        "evidence": [],
    }
    """All that a failure has written, taken back: for a move that goes on, or came to a good end after all."""

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        permissions = [
            (Perm.VIEW.split(".")[1], "Can see the clouds and every migration"),
            (Perm.REQUEST.split(".")[1], "Can ask for migrations"),
            (Perm.APPROVE.split(".")[1], "Can confirm or reject migrations"),
            (
                Perm.OPERATE.split(".")[1],
                "Can start instances, abort live moves, say how a half-done one goes on",
            ),
            (Perm.STOP.split(".")[1], "Can stop instances: downtime that nobody approves"),
            (Perm.UNLOCK.split(".")[1], "Can unlock instances"),
            (Perm.FORCE.split(".")[1], "Can finish a live move by pausing its instance"),
            (Perm.EVACUATE.split(".")[1], "Can evacuate instances from a host that is down"),
            (Perm.AUDIT.split(".")[1], "Can read and export the audit trail"),
        ]
        constraints = (
            models.UniqueConstraint(
                fields=("cloud", "instance_uuid"),
                condition=Q(state__in=sorted(state.value for state in ACTIVE)),
                name="one_active_migration_per_instance",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="migration_has_a_reason"),
        )
        indexes = (
            models.Index(fields=("state",), name="migration_by_state"),
            models.Index(fields=("cloud", "instance_uuid"), name="migration_by_instance"),
        )

    def __str__(self) -> str:
        return f"migration {self.pk} of {self.instance_name}"

    @property
    def is_active(self) -> bool:
        return self.state not in TERMINAL

    @property
    def has_arrived(self) -> bool:
        return self.waiting_since is not None

    @property
    def is_decided_on(self) -> bool:
        """Whether it ends with a manager's decision."""
        return self.kind in moves.DECIDED

    @property
    def sets_aside(self) -> list[dict[str, str]]:
        """What our own rules said against it when it was asked for (rule, text): only an approval lets it start."""
        return [reason for reason in self.verdict.get("reasons", ()) if reason["level"] == "ours"]

    @property
    def proofs(self) -> list[dict[str, str]]:
        """`evidence` for a page: a step that Nova has no name of is a Sentence."""
        return [{**row, "step": kept(row["step"])} for row in self.evidence]

    @property
    def meaning(self) -> str:
        if self.state == State.ASKING and self.sets_aside:
            first = say("A rule of nmigrate speaks against it, so a manager must allow it before it starts:")
            told = (one["text"] for one in self.verdict.get("reasons", ()) if one["level"] == "ours")
            return join([first, *told])
        return MEANINGS[State(self.state)]

    @property
    def kind_label(self) -> str:
        return KIND_LABELS[Kind(self.kind)]


class Approval(models.Model):
    """One decision on a migration, before it starts or at its end. Nobody decides on what they asked for themselves;
    the database holds that too. A decision made outside has no user of ours, only a name from Nova."""

    APPROVE, DECLINE, CONFIRM, REJECT = "approve", "decline", "confirm", "reject"
    WORDS = (
        (APPROVE, say("approved")),
        (DECLINE, say("did not approve")),
        (CONFIRM, say("confirmed")),
        (REJECT, say("rejected")),
    )

    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="approvals")
    decision = models.CharField(max_length=10, choices=WORDS)
    comment = SentenceField(blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decided_by_name = models.CharField(max_length=255)
    decided_at = models.DateTimeField()
    is_outside = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")),
                name="approver_is_not_requester",
            ),
            models.CheckConstraint(
                condition=Q(is_outside=True) | Q(decided_by__isnull=False), name="inside_decision_has_a_user"
            ),
        )

    def __str__(self) -> str:
        return f"{self.decision} of {self.migration}"


class Order(models.Model):
    """One call that changes something in Nova, from the wish to the answer.

    A worker claims it (queued -> sent) in the transaction that stores what Nova knew before (`known`), and only
    then posts. If nobody hears the answer, the follower compares Nova's list of actions with `known`: something
    new of ours means that it arrived. Nothing is ever posted a second time.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting to be sent")
        SENT = "sent", _("being sent")
        ACCEPTED = "accepted", _("accepted by Nova")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")
        LOST = "lost", _("never reached Nova")
        FAILED = "failed", _("accepted, then failed")

    Action = Action

    OPEN = (State.QUEUED, State.SENT)

    cloud = models.CharField(max_length=100)
    instance_uuid = models.CharField(max_length=36)
    instance_name = models.CharField(max_length=255)
    migration = models.ForeignKey(
        Migration, on_delete=models.PROTECT, related_name="orders", null=True, blank=True
    )
    action = models.CharField(max_length=20, choices=[(a.value, label) for a, label in ACTION_LABELS.items()])
    args = models.JSONField(default=dict, help_text="what the call is made with: zone, block, mark ...")
    host = models.CharField(
        max_length=255, blank=True, help_text="the destination, where the action takes one"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        help_text="empty: nmigrate itself",
    )
    asked_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    enqueued_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    known = models.JSONField(
        default=dict, help_text="request ids and migration ids that Nova had before the call"
    )
    request_id = models.CharField(max_length=60, blank=True)
    problem = SentenceField(blank=True, help_text="one plain sentence")
    said = models.TextField(blank=True, help_text="Nova's own words")

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("cloud", "instance_uuid"),
                condition=Q(state__in=("queued", "sent")),
                name="one_open_order_per_instance",
            ),
        )
        indexes = (models.Index(fields=("state",), name="order_by_state"),)

    def __str__(self) -> str:
        return f"{self.action} of {self.instance_name}"


class Observation(models.Model):
    """Something Nova was seen to report about a migration: its status, the instance's task, its host."""

    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="observations")
    at = models.DateTimeField()
    nova_status = models.CharField(max_length=30, blank=True)
    status = models.CharField(max_length=30, blank=True)
    task_state = models.CharField(max_length=60, blank=True)
    host = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.status}/{self.task_state} at {self.at:%H:%M:%S}"


SYSTEM = "nmigrate"
"""The actor of what this application does by itself."""


class AuditEvent(models.Model):
    """One entry of the audit trail. Inserted by `audit.record` only; the database refuses UPDATE and DELETE.

    `hash` is SHA-256 over the entry before and this entry's content, so that a changed, missing or inserted
    entry is found by `manage.py verify_audit`.
    """

    id = models.BigIntegerField(primary_key=True, help_text="1, 2, 3 ... without a gap")
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=255, db_index=True, help_text="a user name, or who else it was")
    is_outside = models.BooleanField(default=False, help_text="done past this application")
    action = models.CharField(max_length=40, db_index=True)
    cloud = models.CharField(max_length=100, blank=True)
    instance_uuid = models.CharField(max_length=36, blank=True, db_index=True)
    instance_name = models.CharField(max_length=255, blank=True)
    migration_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    from_host = models.CharField(max_length=255, blank=True)
    to_host = models.CharField(max_length=255, blank=True)
    state_before = models.CharField(max_length=12, blank=True)
    state_after = models.CharField(max_length=12, blank=True)
    reason = SentenceField(blank=True, help_text="the person's reason or comment, or what was seen")
    ticket = models.CharField(max_length=100, blank=True)
    request_id = models.CharField(max_length=60, blank=True, help_text="Nova's request id")
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.id} {self.action} by {self.actor}"

    @property
    def is_quoted(self) -> bool:
        """Whether the reason is what a person typed here, and not what nmigrate saw."""
        return not self.is_outside and self.actor != SYSTEM


class AuditChain(models.Model):
    """The end of the chain: one row, locked while an entry is added, so that the chain cannot fork."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last_id = models.BigIntegerField(default=0)
    last_hash = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.last_id} entries"
