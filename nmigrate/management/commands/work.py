"""`manage.py work`: django-q2's qcluster, made ready for being killed at any moment."""

import importlib
import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from nmigrate.supervise import die_with_parent


class Command(BaseCommand):
    help = "Runs the workers (qcluster). `manage.py up` starts it; start it alone to look at it."

    def handle(self, *args: Any, **options: Any) -> None:
        # Loaded once here, before the workers are forked: 10 to 18 MB for each of them instead of 35.
        importlib.import_module("openstack.compute.v2._proxy")
        free_taken_tasks()
        # kill -9 of q2's main process or sentinel leaves orphans that go on executing tasks without a guard.
        # The kernel ends them instead.
        os.register_at_fork(after_in_child=die_with_parent)
        call_command("qcluster")


def free_taken_tasks() -> int:
    """Give back what workers that are gone had taken; returns how many tasks.

    The queue itself would leave them locked for Q_CLUSTER's `retry` (300 s): orders that nobody sends, and
    a heartbeat that nobody writes, so that the new workers would be taken for dead as well. Where another
    machine works on the same queue its tasks may then run twice, which each of our tasks bears.
    """
    from django_q.models import OrmQ

    now = timezone.now()
    return OrmQ.objects.filter(lock__gt=now).update(lock=now)
