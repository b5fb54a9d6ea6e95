"""`manage.py verify_audit`: recomputes the audit trail's chain; exit code 1 when it is broken."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nmigrate import audit


class Command(BaseCommand):
    help = "Check that no entry of the audit trail was changed, removed or inserted since it was written."

    def handle(self, *args: Any, **options: Any) -> None:
        unbroken, sentence = audit.verify()
        if not unbroken:
            raise CommandError(sentence)
        self.stdout.write(sentence)
