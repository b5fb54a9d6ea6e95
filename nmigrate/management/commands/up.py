"""`manage.py up`: everything that one machine needs for real clouds, in the foreground."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from nmigrate import prepare
from nmigrate.supervise import Supervisor, programs


class Command(BaseCommand):
    help = (
        "Runs and supervises the web server, the workers and the follower for the clouds of NMIGRATE_CLOUDS."
    )

    # prepare.database() makes the tables that the checks would miss.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.NMIGRATE_CLOUDS:
            raise CommandError(
                "NMIGRATE_CLOUDS is empty; name clouds of your clouds.yaml, for example NMIGRATE_CLOUDS=prod."
            )
        bind = settings.NMIGRATE_BIND
        prepare.check_address(bind, "set NMIGRATE_BIND to another address")
        started = time.monotonic()
        prepare.database()
        prepare.static_files()
        self.stdout.write(f"database and static files ready in {time.monotonic() - started:.1f} s")
        if settings.SECURE_SSL_REDIRECT and not settings.NMIGRATE_BEHIND_PROXY:
            self.stderr.write(
                "Pages are given over https only: "
                "put a proxy that ends TLS in front and set NMIGRATE_BEHIND_PROXY=1."
            )
        with Supervisor(programs(bind), heartbeat_limit=settings.NMIGRATE_HEARTBEAT_LIMIT) as supervisor:
            if supervisor.run(until=lambda: prepare.web_answers(bind)):
                self.stdout.write("nmigrate listens on {}:{}".format(*bind))
                self.stdout.flush()
                supervisor.run()
            self.stdout.write("stopping")
        self.stdout.write("stopped")
