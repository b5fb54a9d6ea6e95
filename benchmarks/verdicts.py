"""How long the server takes for the pages that judge: all destinations of an instance, its plan, and the emptying of
a host with fifty instances, with many hosts in the cloud.

    var/.venv/bin/python -m benchmarks.verdicts [--hosts 500] [--times 20]

Builds the cloud in a database that is thrown away afterwards, asks for the page through the whole of Django (session,
middleware, view, template) and prints the median and the slowest. The topology of the same cloud, measured in the same
run, is the yardstick: a slow or busy machine is slow at both. No cloud is called: there is none.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402 - after setup
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402

from nmigrate.models import Instance  # noqa: E402
from tests.wide import wide_cloud  # noqa: E402

CROWD = 50


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what this program is for


def times_of(ask: Callable[[], object], times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each, on the wall and of the processor; once before, so that templates are compiled."""
    ask()
    wall, used = [], []
    for _ in range(times):
        begin, begin_used = time.perf_counter(), time.process_time()
        ask()
        wall.append((time.perf_counter() - begin) * 1000)
        used.append((time.process_time() - begin_used) * 1000)
    return wall, used


def measure(hosts: int, times: int) -> None:
    instance = wide_cloud(hosts)
    crowd = Instance.objects.filter(cloud="wide").exclude(pk=instance.pk).order_by("name").values("pk")
    Instance.objects.filter(pk__in=crowd[:CROWD]).update(
        host=instance.host, zone=instance.zone, pinned_zone=instance.zone
    )
    call_command("setup_roles", verbosity=0)
    user = User.objects.create_user("helpdesk")
    user.groups.add(Group.objects.get(name="helpdesk"))
    client = Client()
    client.force_login(user)
    pages = {
        "destinations": reverse("destinations", args=["wide", instance.uuid]),
        "destinations that can": reverse("destinations", args=["wide", instance.uuid]) + "?only=1",
        "plan": reverse("request_migration", args=["wide", instance.uuid]),
        "emptying": reverse("empty_host", args=["wide", instance.host]),
        "topology": reverse("topology", args=["wide"]),
    }
    medians = {}
    for name, path in pages.items():
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(path)
        queries = len(asked)  # the next request empties the log
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status_code}")
        found, used = times_of(partial(client.get, path), times)
        medians[name] = statistics.median(found)
        say(
            f"{name}: median {medians[name]:.0f} ms, slowest {max(found):.0f} ms, n = {len(found)}; "
            f"{statistics.median(used):.0f} ms of the processor, "
            f"{queries} queries, {len(answer.content) / 1024:.0f} KiB"
        )
    for name in ("destinations", "emptying"):
        say(f"{name} to topology: {medians[name] / medians['topology']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--times", type=int, default=20)
    wanted = parser.parse_args()
    setup_test_environment()
    real = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        measure(wanted.hosts, wanted.times)
    finally:
        connection.creation.destroy_test_db(real, verbosity=0)


if __name__ == "__main__":
    main()
