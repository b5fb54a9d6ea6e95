"""How far the tour of the demo has come, by what the record says."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth import get_user_model

from nmigrate.models import AuditEvent, Instance, Migration


@dataclass(frozen=True, slots=True)
class Tour:
    """The instance of the tour, its last move, and whether it runs again, or was started, after that move."""

    name: str
    instance: Instance | None
    migration: Migration | None
    is_started: bool
    has_accounts: bool

    @property
    def is_possible(self) -> bool:
        """Only the demo has both: an instance of that name to play with, and an account of each role."""
        return self.instance is not None and self.has_accounts


def tour(name: str, accounts: Iterable[str]) -> Tour:
    """Four queries at most."""
    wanted = list(accounts)
    has_accounts = get_user_model().objects.filter(username__in=wanted).count() == len(wanted)
    instance = Instance.objects.filter(name=name).select_related("cloud").order_by("cloud_id").first()
    if instance is None or not has_accounts:
        return Tour(name, instance, None, is_started=False, has_accounts=has_accounts)
    of_it = {"cloud": instance.cloud_id, "instance_uuid": instance.uuid}
    migration = Migration.objects.filter(**of_it).order_by("-id").first()
    started = AuditEvent.objects.filter(**of_it, action="start")
    is_started = (
        migration is not None
        and migration.ended_at is not None
        and (instance.status == "ACTIVE" or started.filter(at__gte=migration.ended_at).exists())
    )
    return Tour(name, instance, migration, is_started=is_started, has_accounts=has_accounts)
