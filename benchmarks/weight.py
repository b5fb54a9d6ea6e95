"""How heavy the topology is, and how long the server needs for it: 4 hosts and 500, in one run.

    var/.venv/bin/python -m benchmarks.weight [--hosts 500] [--instances 10000] [--rounds 15]

Makes a database of its own in a temporary folder, with the static files as `manage.py up` serves them, and asks the
application itself, without a network. Prints for each view: the server's processor time (median and slowest), how many
times that of the small cloud it is, and what a first visit loads, compressed: the page, its style sheets, scripts and
the icon. Ends with status 1 when the home page of the large cloud weighs 100 kB or more.
"""

import argparse
import gzip
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

LIMIT = 100_000
"""Bytes; the home page of the large cloud with everything that it loads must stay below."""


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what this program is for


def start(folder: str) -> None:
    """Django with settings of its own, an empty database and the static files in this folder."""
    for name in [name for name in os.environ if name.startswith("NMIGRATE_")]:
        del os.environ[name]
    os.environ |= {
        "NMIGRATE_VAR_DIR": folder,
        "NMIGRATE_SECRET_KEY": "benchmark-only-" + "0123456789" * 5,
        "NMIGRATE_INSECURE_HTTP": "1",
        "NMIGRATE_CLOUDS": "small,large",
        "NMIGRATE_ALLOWED_HOSTS": "testserver",
        "NMIGRATE_LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "nmigrate.settings",
    }
    import django
    from django.core.management import call_command

    django.setup()
    for command in ("migrate", "setup_roles"):
        call_command(command, verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)


def fill(name: str, hosts: int, instances: int, moves: int) -> None:
    """A cloud with hosts of different fullness, a few of them down or out of service, and moves under way."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from nmigrate.models import Cloud, Hypervisor, Instance, Migration

    now = timezone.now()
    cloud = Cloud.objects.create(name=name, synced_at=now, version=1)
    user = User.objects.get(username="helpdesk")
    zones = max(hosts // 100, 2)
    made = Hypervisor.objects.bulk_create(
        Hypervisor(
            cloud=cloud,
            uuid=str(uuid4()),
            name=f"rack{n // 20:02}-node{n % 20:02}.{name}.example.org",
            host=f"rack{n // 20:02}-node{n % 20:02}",
            zone=f"zone-{n % zones + 1}",
            state="down" if n % 61 == 7 else "up",
            status="disabled" if n % 43 == 5 else "enabled",
            disabled_reason="PSU swap on Sunday" if n % 43 == 5 else "",
            vcpus_capacity=192,
            vcpus_used=n * 37 % 190,
            memory_mb_capacity=786_432,
            memory_mb_used=786_432 * (n * 53 % 100) // 100,
            disk_gb_capacity=4000,
            disk_gb_used=n * 71 % 3600,
        )
        for n in range(hosts)
    )
    rows = []
    for n in range(instances):
        host = made[n % hosts]
        row = Instance(
            cloud=cloud,
            uuid=str(uuid4()),
            name=f"{('web', 'db', 'cache', 'ci-runner', 'billing')[n % 5]}-{n:05}",
            host=host.host,
            zone=host.zone,
            status="ERROR" if n % 997 == 3 else "SHUTOFF" if n % 9 == 1 else "ACTIVE",
            host_status="DOWN" if host.state == "down" else "UP",
            project_name=f"project-{n % 40}",
            addresses=[f"10.{n // 65536}.{n // 256 % 256}.{n % 256}"],
            vcpus=2,
            memory_mb=4096,
        )
        row.search = row.searchable()
        rows.append(row)
    Instance.objects.bulk_create(rows, batch_size=500)
    Migration.objects.bulk_create(
        Migration(
            cloud=name,
            instance_uuid=rows[n].uuid,
            instance_name=rows[n].name,
            kind="cold" if n % 2 else "live",
            state=("running", "waiting", "asking")[n % 3],
            reason="benchmark",
            requested_by=user,
            requested_by_name=user.username,
            requested_at=now,
            source_host=rows[n].host,
            dest_host="" if n % 3 == 2 else made[(n + hosts // 2) % hosts].host,
        )
        for n in range(moves)
    )


def ask(client: Any, path: str) -> Any:
    """The answer. An error page would be small and quick, and is no measurement."""
    answer = client.get(path, headers={"accept-encoding": "gzip"})
    if answer.status_code not in (200, 204):
        raise SystemExit(f"{path} answers {answer.status_code}.")
    return answer


def weigh(client: Any, path: str) -> dict[str, int]:
    """Bytes as they go over the wire: the page and each file that it names. Nothing of it comes from elsewhere."""
    page = ask(client, path).content
    html = gzip.decompress(page).decode()
    found = {"page": len(page)}
    for url in re.findall(r'<(?:link|script)[^>]*(?:href|src)="([^"]+)"', html):
        if not url.startswith("/static/"):
            raise SystemExit(f"{path} loads {url}, which is not a file of its own.")
        found[url.rpartition("/")[2]] = on_disk(url)
    return found


def on_disk(url: str) -> int:
    """A static file's size as whitenoise sends it: its compressed twin, where there is one."""
    from django.conf import settings

    file = Path(settings.STATIC_ROOT) / url.removeprefix("/static/")
    twin = file.with_name(file.name + ".gz")
    return (twin if twin.exists() else file).stat().st_size


def times(client: Any, path: str, rounds: int) -> list[float]:
    """Milliseconds of the processor for each round, after one that warms it up: what else the machine does meanwhile
    does not count, and SQLite works in this process too."""
    ask(client, path)
    found = []
    for _ in range(rounds):
        began = time.process_time()
        ask(client, path)
        found.append((time.process_time() - began) * 1000)
    return found


def measure(hosts: int, instances: int, rounds: int) -> int:
    """Print it all; the weight of the large cloud's home page in bytes."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    user = User.objects.create_user("helpdesk", password="x")  # noqa: S106
    user.groups.add(Group.objects.get(name="helpdesk"))
    fill("small", 4, 24, 2)
    fill("large", hosts, instances, 20)
    client = Client()
    client.force_login(user)
    heaviest = 0
    for view in ("map", "cards"):
        small = statistics.median(times(client, f"/clouds/small/?view={view}", rounds))
        large = times(client, f"/clouds/large/?view={view}", rounds)
        median = statistics.median(large)
        weights = weigh(client, f"/clouds/large/?view={view}")
        total = sum(weights.values())
        heaviest = max(heaviest, total)
        say(
            f"{view}, {hosts} hosts, {instances} instances: server median {median:.0f} ms, slowest {max(large):.0f} ms"
        )
        say(f"  {median / small:.1f} times that of 4 hosts ({small:.0f} ms); {median / hosts:.2f} ms a host")
        say(
            f"  first load {total / 1000:.1f} kB compressed: "
            + ", ".join(f"{k} {v}" for k, v in weights.items())
        )
    for words, path in (
        ("a host is opened", "/clouds/large/hosts/rack00-node03/chips/"),
        ("find", "/clouds/large/find/?q=db-0"),
        ("filter", "/clouds/large/?view=map&q=project-7"),
        ("nothing new (204)", f"/clouds/large/picture/?v={version()}"),
    ):
        found = times(client, path, rounds)
        say(
            f"{words}: server median {statistics.median(found):.0f} ms, slowest {max(found):.0f} ms, n = {rounds}"
        )
    return heaviest


def version() -> str:
    from nmigrate import selectors
    from nmigrate.models import Cloud

    return selectors.topology_version(Cloud.objects.get(name="large"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--hosts", type=int, default=500)
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start(folder)
        heaviest = measure(asked.hosts, asked.instances, asked.rounds)
    if heaviest >= LIMIT:
        sys.exit(f"{heaviest} bytes: the limit is {LIMIT}.")


if __name__ == "__main__":
    main()
