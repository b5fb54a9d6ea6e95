"""What the worker may be asked to do. Each takes ids only, may run twice, and may die anywhere."""

import os

from django.utils import timezone

from nmigrate import deadlines, orders
from nmigrate.cloud import connect
from nmigrate.models import Heartbeat, Migration, Order


def send_order(order_id: int) -> None:
    """Send one order to Nova. If this dies before the claim, the follower enqueues it again; after the claim,
    the follower looks in Nova whether it arrived. It is never posted twice."""
    orders.send_order(order_id, connect(Order.objects.only("cloud").get(pk=order_id).cloud))


def remind_managers(migration_id: int) -> None:
    """Mail those who can decide. If this dies, the reminder stands in the pages all the same."""
    deadlines.mail_managers(Migration.objects.get(pk=migration_id))


def beat() -> None:
    """A sign of life of the workers. If this dies, the supervisor sees the row grow old and replaces them."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"at": timezone.now(), "pid": os.getpid()})
