"""Every page of the application with life in it: each state of a move, long names, trouble, nothing at all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from nmigrate import audit, inventory, moves, services, watchdog
from nmigrate.models import Cloud, Finding, Hypervisor, Instance, Migration, Order, OutsideMove, Visit
from nmigrate.sentences import say
from nmigrate.states import ACTIVE, Kind, State
from tests.fakecloud import FakeCloud
from tests.web.browsing import LONG
from tests.web.test_health_pages import beat
from tests.wide import wide_cloud

LAB, GIB = "/clouds/lab/", 2**30
UNSENT = {State.ASKING, State.QUEUED, State.SENDING, State.DECLINED, State.CANCELLED}
ARRIVED = {State.WAITING, State.CONFIRMING, State.REVERTING, State.DONE, State.REVERTED}
NOVA_STATUS = {
    State.RUNNING: "migrating",
    State.WAITING: "finished",
    State.CONFIRMING: "confirming",
    State.REVERTING: "reverting",
    State.DONE: "confirmed",
    State.REVERTED: "reverted",
    State.FAILED: "error",
    State.ABORTED: "cancelled",
}


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
    waiting: Migration,
    asking: Migration,
) -> list[Shown]:
    newcomer = person("", "newcomer")
    vm1, doem = Instance.objects.get(name="vm1"), Instance.objects.get(name="doem")
    in_state = {state: _clone(able, waiting, state) for state in State}
    by_kind = {kind: _clone(able, waiting, State.RUNNING, kind=kind) for kind in Kind}
    copy = able.add("web-copy", "compute2", "ACTIVE").uuid
    copied = _clone(able, waiting, State.WAITING, kind=Kind.COPY, copy_uuid=copy, image_id="image-1")
    stalled = _clone(able, waiting, State.RUNNING, kind=Kind.LIVE)
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


def _clone(cloud: FakeCloud, like: Migration, state: State, **changes: object) -> Migration:
    """Such a move of an instance of its own, in that state, with what is known of it by then."""
    kind = Kind(str(changes.get("kind", Kind.LIVE if state == State.ABORTED else like.kind)))
    runs = kind in (Kind.LIVE, Kind.EVACUATE)
    to_host, to_zone = ("compute2", "nova") if kind in (Kind.SHELVE, Kind.COPY) else ("compute3", "nova-1")
    has_arrived = state in ARRIVED
    is_back = state not in (State.WAITING, State.CONFIRMING, State.REVERTING, State.DONE)
    server = cloud.add(
        f"web-{state}-{kind}",
        "compute1" if is_back or kind == Kind.COPY else to_host,
        ("ACTIVE" if runs else "SHUTOFF")
        if is_back or kind == Kind.COPY or state == State.DONE
        else "VERIFY_RESIZE",
        pinned_zone=like.before.get("pinned_zone"),
    )
    inventory.read_changes(cloud, inventory.Names())
    now = timezone.now()
    fields = {
        field.attname: getattr(like, field.attname) for field in Migration._meta.fields if field.name != "id"
    }
    before = like.before | ({"status": "ACTIVE", "power_state": 1} if runs else {})
    there = before | {"host": to_host, "zone": to_zone}
    fields |= {
        "instance_uuid": server.uuid,
        "instance_name": server.name,
        "kind": kind,
        "state": state,
        "asked_host": to_host,
        "asked_zone": to_zone,
        "dest_host": to_host,
        "dest_zone": to_zone,
        "before": before,
        "after": {} if state in ACTIVE and not has_arrived else before if is_back else there,
        "stranded_in": State.RUNNING if state == State.STRANDED else "",
        "step": "",
        "is_held": has_arrived and state in ACTIVE,
        "request_id": f"req-{server.uuid}" if state not in UNSENT else "",
        "server_migration_id": 1000 + Migration.objects.count() if state not in UNSENT else None,
        "nova_status": NOVA_STATUS.get(state, "") if kind in (Kind.COLD, Kind.LIVE) else "",
        "accepted_at": like.accepted_at if state not in UNSENT else None,
        "waiting_since": like.waiting_since if has_arrived else None,
        "ended_at": None if state in ACTIVE else now,
        "decide_by": now + timedelta(hours=3) if state == State.WAITING else None,
    }
    if kind == Kind.COPY:
        fields["original_after"] = "delete"
    move = Migration.objects.create(**fields | changes)
    _order(move, State(state))
    if kind == like.kind and state not in UNSENT:
        for seen in like.observations.order_by("id"):
            if has_arrived or seen.status != "VERIFY_RESIZE":
                move.observations.create(
                    at=seen.at, nova_status=seen.nova_status, status=seen.status, task_state=seen.task_state,
                    host=seen.host,
                )  # fmt: skip
    return move


def _order(move: Migration, state: State) -> None:
    """The calls that it made so far, and the step that it is at."""
    phases = [State.RUNNING, state] if state in (State.CONFIRMING, State.REVERTING) else [State.RUNNING]
    steps = [] if state in UNSENT else [step for phase in phases for step in moves.route(move, phase)]
    if state in (State.RUNNING, State.STRANDED, State.FAILED):
        steps = steps[:2] if state == State.STRANDED else steps[:1]
    elif state in (State.CONFIRMING, State.REVERTING):
        steps = steps[: len(moves.route(move, State.RUNNING)) + 1]
    last = {
        State.RUNNING: Order.State.ACCEPTED, State.CONFIRMING: Order.State.ACCEPTED,
        State.REVERTING: Order.State.ACCEPTED, State.STRANDED: Order.State.FAILED,
        State.FAILED: Order.State.FAILED, State.ABORTED: Order.State.FAILED,
    }.get(state, Order.State.DONE)  # fmt: skip
    at = move.accepted_at or move.requested_at
    for number, step in enumerate(steps, 1):
        is_last = number == len(steps)
        Order.objects.create(
            cloud=move.cloud, instance_uuid=move.instance_uuid, instance_name=move.instance_name, migration=move,
            action=step, state=last if is_last else Order.State.DONE, asked_by_name="helpdesk", created_at=at,
            enqueued_at=at, claimed_at=at, answered_at=at,
            ended_at=None if is_last and last is Order.State.ACCEPTED else at,
            problem=say("No room.") if is_last and last is Order.State.FAILED else "",
        )  # fmt: skip
    if steps and (state in ACTIVE or state == State.FAILED) and state != State.WAITING:
        Migration.objects.filter(pk=move.pk).update(step=steps[-1])
        move.step = steps[-1]


def _spoil(cloud: FakeCloud, failed: Migration, vm1: Instance, waiting: Migration) -> None:
    """Long texts, a locked instance, a host that is down, a cloud that cannot be reached."""
    words = {"failure": "No room.", "next_step": "Choose another.", "nova_said": "No valid host " * 20}
    Migration.objects.filter(pk=failed.pk).update(cause="room", ticket="y" * 100, **words)
    Instance.objects.filter(pk=vm1.pk).update(name=LONG, locked=True, locked_reason="z" * 200)
    due = timezone.now() + timedelta(minutes=10)
    Migration.objects.filter(pk=waiting.pk).update(decide_by=due, reason=("because " * 40).strip())
    Hypervisor.objects.filter(cloud="lab", host="compute4").update(state="down")
    with transaction.atomic():
        audit.record("hold_removed", actor="m" * 60, is_outside=True, migration=waiting, reason="the lock was taken off; it is put back")
    Cloud.objects.create(
        name="dr",
        problem=say("{cloud} cannot be reached. It is tried again by itself.", cloud="dr"),
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
