"""Every page of the application with life in it: each state of a move, long names, trouble, nothing at all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.utils import timezone

from nmigrate import services, watchdog
from nmigrate.models import Cloud, Finding, Instance, Migration, OutsideMove, Visit
from nmigrate.sentences import say
from nmigrate.states import Kind, State
from tests.fakecloud import FakeCloud
from tests.web.browsing import LONG
from tests.web.lived import lives
from tests.web.test_health_pages import beat
from tests.wide import wide_cloud

LAB, GIB = "/clouds/lab/", 2**30


@dataclass(frozen=True, slots=True)
class Shown:
    """One page as one person sees it."""

    name: str
    path: str
    user: User | None


@pytest.fixture
def pages(
    able: FakeCloud,
    person: Callable[..., User],
    helpdesk: User,
    manager: User,
    operator: User,
    auditor: User,
    settings: LazySettings,
) -> list[Shown]:
    settings.NMIGRATE_CLOUDS = ["lab", "dr", "wide"]  # so that lists tell of which cloud a move is
    newcomer = person("", "newcomer")
    vm1, doem = Instance.objects.get(name="vm1"), Instance.objects.get(name="doem")
    lived = lives(able, helpdesk, manager, operator)
    in_state, by_kind, copied, stalled = lived.in_state, lived.by_kind, lived.copied, lived.stalled
    waiting, asking = lived.vm2, lived.demo
    assert copied is not None
    assert stalled is not None
    assert waiting is not None
    assert asking is not None
    failed = in_state[State.FAILED]
    _spoil(able, failed, vm1, waiting)
    _measure(by_kind[Kind.LIVE])
    _find(helpdesk, doem, vm1, waiting, stalled)
    wide = wide_cloud(70)
    aside = services.request_migration(
        actor=helpdesk, instance=_locked("vm-00001"), reason="it is old", sets_aside=["lock"]
    )
    Visit.objects.create(user=operator, seen_at=timezone.now(), before=timezone.now() - timedelta(days=1))
    instances, moves = f"{LAB}instances/", "/migrations/"
    here, gone = f"{instances}{doem.uuid}/", f"{instances}gone/"
    found = [
        *(Shown(f"move-{state.value}", f"{moves}{move.pk}/", manager) for state, move in in_state.items()),
        *(Shown(f"moving-{kind.value}", f"{moves}{move.pk}/", helpdesk) for kind, move in by_kind.items()),
        Shown("moving-live-stalled", f"{moves}{stalled.pk}/", helpdesk),
        *(Shown(f"half-way-{name}", f"{moves}{in_state[State.STRANDED].pk}/", user)
          for name, user in (("helpdesk", helpdesk), ("operator", operator))),
    ]  # fmt: skip
    for name, path, user in (
        ("mine-manager", "/mine/", manager),
        ("mine-helpdesk", "/mine/", helpdesk),
        ("mine-operator", "/mine/", operator),
        ("mine-auditor", "/mine/", auditor),
        ("no-role", "/", newcomer),
        ("sign-in", "/login/", None),
        ("guide-helpdesk", "/guide/", helpdesk),
        ("guide-manager", "/guide/", manager),
        ("guide-operator", "/guide/", operator),
        ("guide-auditor", "/guide/", auditor),
        ("words", "/guide/words/", helpdesk),
        ("tour", "/tour/", helpdesk),
        ("components", "/components/", operator),
        ("clouds", "/clouds/", operator),
        ("topology", LAB, helpdesk),
        ("topology-heat", f"{LAB}?view=map", operator),
        ("topology-trouble", f"{LAB}?show=trouble", operator),
        ("topology-nothing", f"{LAB}?q=nothing-like-this", helpdesk),
        ("topology-wide", "/clouds/wide/", operator),
        ("unreachable", "/clouds/dr/", operator),
        ("find", f"{LAB}find/?q=vm", helpdesk),
        ("find-nothing", f"{LAB}find/?q=nothing-like-this", helpdesk),
        ("host", f"{LAB}hosts/compute1/", operator),
        ("host-down", f"{LAB}hosts/compute4/", helpdesk),
        ("empty-host", f"{LAB}hosts/compute1/empty/", operator),
        ("empty-host-down", f"{LAB}hosts/compute4/empty/", operator),
        ("empty-host-wide", "/clouds/wide/hosts/" + wide.host + "/empty/", operator),
        ("no-host", f"{LAB}hosts/nowhere/", helpdesk),
        ("instance", here, helpdesk),
        ("instance-long", f"{instances}{vm1.uuid}/", operator),
        ("instance-moving", f"{instances}{waiting.instance_uuid}/", manager),
        ("no-instance", gone, helpdesk),
        ("destinations", f"{here}destinations/", helpdesk),
        ("destinations-locked", f"{instances}{vm1.uuid}/destinations/", manager),
        ("destinations-wide", f"/clouds/wide/instances/{wide.uuid}/destinations/", operator),
        ("plan", f"{here}migrate/", helpdesk),
        ("plan-zone", f"{here}migrate/?zone=nova-1", helpdesk),
        ("plan-locked", f"{instances}{vm1.uuid}/migrate/", helpdesk),
        ("plan-moving", f"{instances}{asking.instance_uuid}/migrate/", helpdesk),
        ("plan-wide", f"/clouds/wide/instances/{wide.uuid}/migrate/", operator),
        ("migrations", moves, manager),
        ("migrations-outside", f"{moves}?made=outside", manager),
        ("migrations-nothing", f"{moves}?instance=nothing-like-this", manager),
        ("move-asking-helpdesk", f"{moves}{asking.pk}/", helpdesk),
        ("move-waiting-long", f"{moves}{waiting.pk}/", helpdesk),
        ("approvals", "/approvals/", manager),
        ("approve", f"{moves}{asking.pk}/decide/", manager),
        ("approve-override", f"{moves}{aside.pk}/decide/", manager),
        ("decide", f"{moves}{waiting.pk}/decide/", manager),
        ("decide-copy", f"{moves}{copied.pk}/decide/", manager),
        ("decided", f"{moves}{failed.pk}/decide/", manager),
        ("audit", "/audit/", auditor),
        ("audit-entries", "/audit/?view=entries", auditor),
        ("audit-bypasses", "/audit/?outside=on", auditor),
        ("audit-bad-filter", "/audit/?since=never", auditor),
        ("audit-nothing", "/audit/?q=nothing-like-this", auditor),
        ("audit-entry", "/audit/1/", auditor),
        ("audit-forbidden", "/audit/", helpdesk),
        ("figures", "/figures/", manager),
        ("health", "/health/", operator),
        ("health-helpdesk", "/health/", helpdesk),
        ("no-page", "/nowhere/", helpdesk),
    ):
        found.append(Shown(name, path, user))
    return found


def _spoil(cloud: FakeCloud, failed: Migration, vm1: Instance, waiting: Migration) -> None:
    """Long texts, a locked instance, a host that is down, a cloud that cannot be reached."""
    Migration.objects.filter(pk=failed.pk).update(ticket="y" * 100, nova_said="No valid host " * 20)
    Instance.objects.filter(pk=vm1.pk).update(name=LONG, locked=True, locked_reason="z" * 200)
    due = timezone.now() + timedelta(minutes=10)
    Migration.objects.filter(pk=waiting.pk).update(decide_by=due, reason=("because " * 40).strip())
    Cloud.objects.create(
        name="dr",
        problem=say("{cloud} cannot be reached. nmigrate keeps trying.", cloud="dr"),
        problem_said="refused",
    )


def _locked(name: str) -> Instance:
    Instance.objects.filter(name=name).update(locked=True, locked_reason="z" * 200)
    return Instance.objects.get(name=name)


def _measure(live: Migration) -> None:
    """A live move with two minutes of figures."""
    start = timezone.now().timestamp() - 60
    samples = [[start + 5 * n, (2 - 0.1 * n) * GIB] for n in range(11)]
    figures = {
        "total": 2 * GIB, "remaining": GIB, "processed": GIB, "samples": samples, "least": samples[-1],
        "read_at": start + 55,
    }  # fmt: skip
    Migration.objects.filter(pk=live.pk).update(progress=figures, nova_status="running")


def _find(helpdesk: User, doem: Instance, vm1: Instance, waiting: Migration, stalled: Migration) -> None:
    """What the watchdog finds, and moves that others made."""
    now, hour = timezone.now(), timedelta(hours=1)
    beat("worker")
    Instance.objects.filter(pk=vm1.pk).update(task_state="image_uploading", updated_at=now - hour)
    at, left = now.timestamp(), 2 * GIB
    samples = [[at - 400, left], [at, left]]
    figures = {"total": 2 * left, "remaining": left, "processed": 4 * left, "samples": samples}
    Migration.objects.filter(pk=stalled.pk).update(
        progress={**figures, "least": samples[0], "read_at": at}, nova_status="running"
    )
    Migration.objects.filter(pk=waiting.pk).update(decide_by=now - timedelta(minutes=1))
    watchdog.judge("lab")
    Finding.objects.create(
        cloud="lab", rule="host_down", host="h" * 80, what="z " * 90, next_step="y " * 40, who="operator",
        since=now, seen_at=now,
    )  # fmt: skip
    for number, status in ((800, "error"), (801, "completed"), (802, "running")):
        OutsideMove.objects.create(
            cloud="lab", server_migration_id=number, instance_uuid=doem.uuid, instance_name=doem.name,
            type="live-migration", status=status, source_host="compute2", dest_host="compute4",
            user_name="m" * 40, started_at=now - hour, ended_at=None if status == "running" else now,
        )  # fmt: skip
    for number in reversed(range(30)):
        state = ("done", "failed", "reverted", "declined")[number % 4]
        since = now - timedelta(days=number)
        Migration.objects.create(
            cloud="lab", instance_uuid=f"past-{number}", instance_name=f"past-{number}", kind=Kind.COLD,
            source_host="compute1", dest_host="compute3", state=state, reason="disk errors",
            requested_by=helpdesk, requested_at=since,
            requested_by_name="helpdesk", waiting_since=since, ended_at=since,
            **({"failure": "No room at all.", "cause": "room"} if state == "failed" else {}),
        )  # fmt: skip
