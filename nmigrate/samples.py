"""Keeps how full the hosts were: every ten minutes for a day, then every hour, for two weeks.

At 500 hosts that are some 230,000 rows; each round writes one row for each host and deletes what is too old, in
a number of queries that does not grow with the hosts.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from nmigrate.models import HostSample, Hypervisor

EVERY = timedelta(minutes=10)
HOURLY = timedelta(hours=1)
CLOSE = timedelta(days=1)
"""For how long every sample is kept; of older ones, one an hour."""
KEPT = timedelta(days=14)
FIELDS = (
    "vcpus_used",
    "vcpus_capacity",
    "memory_mb_used",
    "memory_mb_capacity",
    "disk_gb_used",
    "disk_gb_capacity",
)


def note_hosts(cloud: str) -> bool:
    """Write a sample of every host when the last one is old enough. Returns whether it was.

    Called after each read of the hosts; mostly it asks one question and leaves.
    """
    now = timezone.now()
    last = HostSample.objects.filter(cloud=cloud).order_by("-at").values_list("at", flat=True).first()
    if last is not None and now - last < EVERY:
        return False
    of_cloud = HostSample.objects.filter(cloud=cloud)
    is_kept = not of_cloud.filter(is_kept=True, at__gt=now - HOURLY).exists()
    rows = [
        HostSample(
            cloud=cloud,
            hypervisor=host.uuid,
            host=host.host,
            at=now,
            is_kept=is_kept,
            **{name: getattr(host, name) for name in FIELDS},
        )
        for host in Hypervisor.objects.filter(cloud=cloud)
    ]
    with transaction.atomic():
        HostSample.objects.bulk_create(rows, batch_size=500)
        of_cloud.filter(Q(at__lt=now - KEPT) | Q(at__lt=now - CLOSE, is_kept=False)).delete()
    return True
