"""What is kept of a person beside their account: when they were here, and in which language."""

from django.conf import settings
from django.db import models


class Visit(models.Model):
    """The last time that a person looked at their work, so that they can be told what has changed since.

    A visit goes on while they look; after a pause the next look begins a new one, and `before` keeps when the one
    before it ended. Written every few minutes at most (services.note_visit).
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="visit")
    seen_at = models.DateTimeField(help_text="the last look of this visit")
    before = models.DateTimeField(
        null=True, blank=True, help_text="the end of the visit before; empty: the first"
    )

    language = models.CharField(
        max_length=10, blank=True, help_text="in which they read the pages; mails to them are in it"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user_id} at {self.seen_at:%Y-%m-%d %H:%M}"
