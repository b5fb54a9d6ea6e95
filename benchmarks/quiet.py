"""Whether the watchdog keeps quiet while all goes as it should: normal moves for an hour, and no finding expected.

    var/.venv/bin/python -m benchmarks.quiet [--minutes 60] [--at-once 3]

Runs the whole application (`manage.py up`) with the watchdog's default thresholds on a real Nova, and lets people move
instances all the time: cold with confirm and reject, of stopped and running ones, live, live stopped on the way, by
shelving; and an administrator moves some past the application. Decisions take people a moment. Prints how many moves
of each kind ended how, how many of those made outside were seen, and every finding. Ends with status 1 if there is one.
"""

import argparse
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nmigrate.lab import Lab
from tests.lab.fixtures import VAR, free_block
from tests.lab.fixtures import boot as boot_server
from tests.story.desk import Desk

PEOPLE_THINK = (1.0, 20.0)
"""Seconds, from and to, that a person takes to decide."""
PATIENCE = 180.0
"""Seconds until a move that does not end is given up here; it is counted."""


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)  # noqa: T201 - what this program is for


class Mover(threading.Thread):
    """One after the other, moves of the instances that are this thread's own."""

    def __init__(self, lab: Lab, uuids: list[str], ends: float, seed: int) -> None:
        super().__init__(name=f"mover {seed}")
        self.admin = lab.client()
        self.uuids = uuids
        self.ends = ends
        self.dice = random.Random(seed)  # noqa: S311 - no secret
        self.counts: Counter[str] = Counter()
        self.outside: list[int] = []

    def run(self) -> None:
        from django.db import connection

        ways = {
            "cold, confirmed": self.cold_confirmed,
            "cold, rejected": self.cold_rejected,
            "live": self.live,
            "live, stopped on the way": self.live_stopped,
            "shelved into the other zone": self.shelve,
            "withdrawn before its approval": self.withdrawn,
            "outside, cold": self.outside_cold,
            "outside, live": self.outside_live,
        }
        while time.monotonic() < self.ends:
            word = self.dice.choice(list(ways))
            uuid = self.dice.choice(self.uuids)
            try:
                came_to = ways[word](uuid)
            except Exception as error:  # one that cannot be asked for is counted, and the next is tried
                came_to = f"not made ({error})"
            self.counts[f"{word}: {came_to}"] += 1
            if not came_to.startswith("as it should"):
                say(f"{word} of {uuid}: {came_to}")
            time.sleep(self.dice.uniform(0.5, 4))
        connection.close()

    # -- what people do

    def think(self) -> None:
        time.sleep(self.dice.uniform(*PEOPLE_THINK))

    def cold_confirmed(self, uuid: str) -> str:
        return self.cold(uuid, "confirm", "done")

    def cold_rejected(self, uuid: str) -> str:
        return self.cold(uuid, "reject", "reverted")

    def cold(self, uuid: str, decision: str, end: str) -> str:
        from nmigrate import services
        from nmigrate.states import Kind

        move = self.ask(uuid, Kind.COLD)
        if move.state == "asking":
            self.think()
            services.approve_migration(actor=person("manager"), migration=move)
        if not wait(lambda: state(move) in ("waiting", "failed")) or move.state != "waiting":
            return f"{move.state} {move.failure}"
        self.think()
        move.refresh_from_db()
        act = services.confirm_migration if decision == "confirm" else services.reject_migration
        act(actor=person("manager"), migration=move, comment="looked at it")
        return self.end_of(move, end)

    def live(self, uuid: str) -> str:
        from nmigrate.states import Kind

        self.make("ACTIVE", uuid)
        return self.end_of(self.ask(uuid, Kind.LIVE), "done")

    def live_stopped(self, uuid: str) -> str:
        from nmigrate import services
        from nmigrate.states import Kind

        self.make("ACTIVE", uuid)
        move = self.ask(uuid, Kind.LIVE)
        wait(lambda: state(move) != "running" or move.nova_status in ("running", "queued"), 30)
        if move.state == "running":
            services.abort_migration(actor=person("helpdesk"), migration=move)
        return self.end_of(move, "aborted", "done")

    def shelve(self, uuid: str) -> str:
        from nmigrate import services
        from nmigrate.states import Kind

        zone = "nova" if self.instance(uuid).zone == "nova-1" else "nova-1"
        move = self.ask(uuid, Kind.SHELVE, zone=zone)
        if move.state == "asking":
            self.think()
            services.approve_migration(actor=person("manager"), migration=move)
        return self.end_of(move, "done")

    def withdrawn(self, uuid: str) -> str:
        from nmigrate import services
        from nmigrate.states import Kind

        self.make("ACTIVE", uuid)
        move = self.ask(uuid, Kind.COLD)
        self.think()
        services.cancel_migration(actor=person("helpdesk"), migration=move)
        return self.end_of(move, "cancelled")

    # -- what an administrator does past the application

    def outside_cold(self, uuid: str) -> str:
        self.act(uuid, {"migrate": None})
        if not self.becomes(uuid, "VERIFY_RESIZE"):
            return "no VERIFY_RESIZE"
        self.think()
        self.act(uuid, {self.dice.choice(("confirmResize", "revertResize")): None})
        return self.seen_outside(uuid)

    def outside_live(self, uuid: str) -> str:
        self.make("ACTIVE", uuid)
        self.act(uuid, {"os-migrateLive": {"host": None, "block_migration": "auto"}})
        time.sleep(2)
        return self.seen_outside(uuid)

    def seen_outside(self, uuid: str) -> str:
        """Until Nova and the application both call it over."""
        from nmigrate.models import OutsideMove

        if not self.becomes(uuid, "ACTIVE", "SHUTOFF"):
            return "it does not come to rest"
        rows = self.admin.get("nova", f"/os-migrations?instance_uuid={uuid}")["migrations"]
        number = max(row["id"] for row in rows)
        self.outside.append(number)
        noted = OutsideMove.objects.filter(server_migration_id=number, ended_at__isnull=False)
        return "as it should" if wait(noted.exists, 60) else "not seen by the application"

    # -- and the rest

    def act(self, uuid: str, body: dict[str, object]) -> None:
        self.admin.post("nova", f"/servers/{uuid}/action", body)

    def becomes(self, uuid: str, *statuses: str) -> bool:
        def is_so() -> bool:
            server = self.admin.get("nova", f"/servers/{uuid}")["server"]
            return server["status"] in statuses and not server["OS-EXT-STS:task_state"]

        return wait(is_so)

    def make(self, status: str, uuid: str) -> None:
        """Start it, past the application: no move, and no finding either."""
        if self.instance(uuid).status != status:
            self.act(uuid, {"os-start": None})
        wait(lambda: self.instance(uuid).status == status)

    def instance(self, uuid: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a model, before Django is set up
        from nmigrate.models import Instance

        wait(lambda: Instance.objects.filter(uuid=uuid, task_state="").exists())
        return Instance.objects.get(uuid=uuid)

    def ask(self, uuid: str, kind: object, **wanted: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
        from nmigrate import services

        return services.request_migration(
            actor=person("helpdesk"),
            instance=self.instance(uuid),
            kind=kind,  # type: ignore[arg-type]
            reason="an hour of normal moves",
            **wanted,  # type: ignore[arg-type]
        )

    def end_of(self, move, *ends: str) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
        wait(lambda: state(move) not in ("queued", "sending", "running", "confirming", "reverting"))
        return "as it should" if move.state in ends else f"{move.state} {move.failure} {move.nova_said}"


def state(move) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    move.refresh_from_db()
    return str(move.state)


def person(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    from django.contrib.auth.models import User

    return User.objects.get(username=name)


def wait(done: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


@contextmanager
def application(lab: Lab) -> Iterator[Desk]:
    """`manage.py up`, and this process with the same settings and the same database."""
    desk = Desk(lab, "quiet")
    for name in [name for name in os.environ if name.startswith(("NMIGRATE_", "DJANGO_"))]:
        del os.environ[name]
    try:
        desk.first_start()
        os.environ.update(desk.env() | {"DJANGO_SETTINGS_MODULE": "nmigrate.settings"})
        import django

        django.setup()
        yield desk
    finally:
        desk.stop()


def report(movers: list[Mover]) -> int:
    from nmigrate import audit
    from nmigrate.models import AuditEvent, Finding, OutsideMove

    counts = sum((mover.counts for mover in movers), Counter[str]())
    made = {number for mover in movers for number in mover.outside}
    for word, count in sorted(counts.items()):
        say(f"{count:5} {word}")
    seen = OutsideMove.objects.filter(server_migration_id__in=made)
    told = AuditEvent.objects.filter(action="outside_move").count()
    ended = AuditEvent.objects.filter(action="outside_move_ended").count()
    say(
        f"outside: {len(made)} made, {seen.count()} seen, {OutsideMove.objects.count() - seen.count()} that nobody "
        f"made; {told} entries of their beginning, {ended} of their end"
    )
    say(audit.verify()[1])
    findings = list(Finding.objects.order_by("id"))
    for row in findings:
        say(f"FINDING {row.rule} {row.since:%H:%M:%S} - {row.ended_at}: {row.what}")
    say(f"{sum(counts.values())} moves, {len(findings)} findings")
    return len(findings)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--at-once", type=int, default=3, help="how many moves are under way at a time")
    wanted = parser.parse_args()
    lab = Lab(VAR / "quiet-lab", free_block(7), VAR / ".venv-lab")
    lab.install(say)
    lab.wipe()
    try:
        lab.up(say)
        lab.behaviour(shared_storage=True)
        with application(lab):
            ends = time.monotonic() + wanted.minutes * 60
            movers = []
            for number in range(wanted.at_once):
                uuids = [
                    str(boot_server(lab, f"quiet-{number}-{one}", stopped=bool(one)).id) for one in range(2)
                ]
                movers.append(Mover(lab, uuids, ends, number))
            say(f"{wanted.minutes:g} minutes of moves begin")
            for mover in movers:
                mover.start()
            while any(mover.is_alive() for mover in movers):
                time.sleep(60)
                so_far = sum(sum(mover.counts.values()) for mover in movers)
                from nmigrate.models import Finding

                say(f"{so_far} moves so far, {Finding.objects.count()} findings")
            return 1 if report(movers) else 0
    finally:
        lab.down()


if __name__ == "__main__":
    sys.exit(main())
