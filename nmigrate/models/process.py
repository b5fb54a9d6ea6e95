"""What the processes of this application tell each other: who is alive, and who holds a job."""

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a process: "worker" (written by a task that ran) or "follower"."""

    name = models.CharField(primary_key=True, max_length=60)
    at = models.DateTimeField()
    pid = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"


class Lease(models.Model):
    """A job that only one process may do at a time; taken over when it has expired."""

    name = models.CharField(primary_key=True, max_length=60)
    holder = models.CharField(max_length=120)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} held by {self.holder}"
