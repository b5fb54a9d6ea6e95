"""`manage.py follow`: reads the clouds and follows every migration. One of the processes of `manage.py up`."""

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from nmigrate import follower


class Command(BaseCommand):
    help = "Follow the clouds of NMIGRATE_CLOUDS: the inventory, every migration, what others do."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()

        def end(signum: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        follower.run(stop)
