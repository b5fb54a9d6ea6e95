"""One instance: what it is, where it is, what moved it, and how to ask for the next move."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2s
from typing import Any

from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from nmigrate import advisor, any_host, selectors, services
from nmigrate import destinations as judged
from nmigrate.errors import Conflict
from nmigrate.models import Cloud, Instance, Migration, Order, OutsideMove
from nmigrate.preflight import Level
from nmigrate.preflight.words import doing
from nmigrate.scene import by_name, scene_of
from nmigrate.sentences import say
from nmigrate.states import Perm
from nmigrate.ways import Way
from webui import noticed, plan, toasts, unsent
from webui.access import SignedIn, needs
from webui.forms import NoteForm

LIKELY = 20
"""So many hosts are looked at first, when it is judged whether an instance can be moved."""


@require_safe
@needs(Perm.VIEW)
def instance(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    known, found = find_instance(cloud, uuid)
    if found is None:
        return gone(request, known, uuid)
    return render(request, "instance.html", _page(request, known, found) | unsent.note(request))


@require_safe
@needs(Perm.VIEW)
def status(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    """The part of the page that changes; 204 while the open page still shows the truth."""
    known, found = find_instance(cloud, uuid)
    if found is None:
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    context = _status(request, known, found)
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "_instance_now.html", context)


@require_POST
@needs(Perm.OPERATE)
def start_instance(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    return _order(request, cloud, uuid, services.start_instance)


@require_POST
@needs(Perm.STOP)
def stop_instance(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    return _order(request, cloud, uuid, services.stop_instance, is_noted=True)


@require_POST
@needs(Perm.UNLOCK)
def unlock_instance(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    return _order(request, cloud, uuid, services.unlock_instance, is_noted=True)


def _order(
    request: SignedIn, cloud: str, uuid: str, service: Callable[..., Order], *, is_noted: bool = False
) -> HttpResponse:
    """One small order; who comes too late sees the true state, and the note that they had typed."""
    known, found = find_instance(cloud, uuid)
    if found is None:
        return gone(request, known, uuid)
    form = NoteForm(request.POST)
    if not form.is_valid():
        about = {"form": form, "noted_at": service.__name__}
        context = _page(request, known, found) | about | {"conflict": form.errors["comment"][0]}
        return render(request, "instance.html", context, status=422)
    noted = {"note": form.cleaned_data["comment"]} if is_noted else {}
    try:
        service(actor=request.user, instance=found, **noted)
    except Conflict as conflict:
        about = {"form": form, "noted_at": service.__name__}
        context = _page(request, known, found) | about | {"conflict": conflict.sentence}
        return render(request, "instance.html", context, status=409)
    toasts.done(request, service, found.name)
    return redirect("instance", cloud=cloud, uuid=found.uuid)


def find_instance(cloud: str, uuid: str) -> tuple[Cloud, Instance | None]:
    known = get_object_or_404(Cloud, name=cloud)
    if "\0" in uuid:  # PostgreSQL refuses to look for it
        return known, None
    return known, known.instances.filter(uuid=uuid.lower()).first()


def gone(request: SignedIn, cloud: Cloud, uuid: str) -> HttpResponse:
    """Unknown, or deleted a moment ago: say so, and show what the record still knows of it."""
    context = {
        "cloud": cloud,
        "uuid": uuid,
        "history": selectors.instance_past(cloud.name, uuid.lower().replace("\0", "")),
        "may_audit": request.user.has_perm(Perm.AUDIT),
    }
    return render(request, "instance_gone.html", context, status=404)


def _page(request: SignedIn, cloud: Cloud, instance: Instance) -> dict[str, Any]:
    return _status(request, cloud, instance) | {
        "history": selectors.instance_past(cloud.name, instance.uuid),
        "may_audit": request.user.has_perm(Perm.AUDIT),
    }


def _status(request: SignedIn, cloud: Cloud, instance: Instance) -> dict[str, Any]:
    """What is true of it now, and what this person may do about it."""
    move = services.active_migration(cloud.name, instance.uuid)
    order = selectors.last_power_order(cloud.name, instance.uuid)
    is_ordered = order is not None and order.state in (*Order.OPEN, Order.State.ACCEPTED)
    findings = selectors.findings_of_instance(cloud.name, instance.uuid)
    copying = selectors.kept_copies(cloud.name, [instance.uuid]).get(instance.uuid)
    outside = None if move else next(iter(selectors.outside_in_flight(cloud.name, [instance.uuid])), None)
    waits_outside = not move and _waits_outside(instance, outside)
    ways, least = ([], Level.FORBIDDEN) if move or waits_outside else _ways_now(request, cloud, instance)
    is_free = not move and not is_ordered and not instance.task_state
    can_move = least < Level.FORBIDDEN
    can_be_ordered = is_free and not instance.locked
    return {
        "cloud": cloud,
        "instance": instance,
        "move": move,
        "is_copy": bool(move and move.copy_uuid == instance.uuid),
        "outside": outside,
        "findings": noticed.rows(request.user, findings, page_of=instance),
        "original_of": copying if copying and copying.instance_uuid == instance.uuid else None,
        "copy_of": copying if copying and copying.copy_uuid == instance.uuid else None,
        "is_host_down": selectors.is_host_down(instance),
        "waits_outside": waits_outside,
        "waits_too_long": any(one.rule == "undecided_outside" for one in findings),
        "order": order,
        "is_ordered": is_ordered,
        "order_failed": order if order and _has_failed(order, instance) else None,
        "ways": ways,
        "shared_objections": plan.shared_objections(ways),
        "shared_warnings": plan.shared_warnings(ways),
        "is_askable": any(way.is_askable for way in ways),
        "is_stuck": bool(ways) and not is_ordered and not can_move,
        "needs_permission": least is Level.OURS and not any(way.is_askable for way in ways),
        "is_evacuation": any(way.key == "evacuate" for way in ways),
        "may_move": request.user.has_perm(Perm.REQUEST) and not is_ordered and can_move,
        "may_start": request.user.has_perm(Perm.OPERATE) and can_be_ordered and instance.status == "SHUTOFF",
        "may_stop": request.user.has_perm(Perm.STOP) and can_be_ordered and instance.status == "ACTIVE",
        "may_unlock": request.user.has_perm(Perm.UNLOCK) and is_free and instance.locked,
        "unlock_after": _unlock_after(instance)
        if request.user.has_perm(Perm.UNLOCK) and not move and not is_ordered
        else "",
        "is_busy": bool(move or outside or is_ordered or instance.task_state),
        "version": _version(
            instance,
            order,
            move,
            ways,
            least,
            [one.pk for one in findings],
            outside and (outside.pk, outside.status, outside.dest_host),
        ),
    }


def _unlock_after(instance: Instance) -> str:
    """When who may unlock it can do so, while the cloud is busy with it."""
    if not instance.locked or not instance.task_state:
        return ""
    return say("You can unlock it here once this is over: {what}.", what=doing(instance.task_state))


def _waits_outside(instance: Instance, outside: OutsideMove | None) -> bool:
    """Whether others moved it and have not decided on that: the page says so once, and offers no way to move it."""
    return instance.status == "VERIFY_RESIZE" and (outside is None or outside.status == "finished")


def _ways_now(request: SignedIn, cloud: Cloud, instance: Instance) -> tuple[list[Way], Level]:
    """How it could be moved now, wherever Nova puts it; ways to a host that is named are told where one is chosen,
    and only how little speaks against the best of all is told here.

    Mostly one of the roomiest hosts can take it, so that the others are read only where none of those can: this page
    is asked for again and again, and a cloud may have thousands.
    """
    known = cloud.hypervisors.defer("aggregates")
    room = F("memory_mb_capacity") - F("memory_mb_used")
    usable = known.exclude(host=instance.host).filter(state="up", status="enabled", forced_down=False)
    if instance.pinned_zone:
        usable = usable.filter(zone=instance.pinned_zone)
    likely = [*known.filter(host=instance.host)[:1], *usable.order_by(-room, "host")[:LIKELY]]
    may_evacuate = request.user.has_perm(Perm.EVACUATE)
    scene = scene_of(instance, likely)
    ways = advisor.ways(scene, advisor.Target(), may_evacuate=may_evacuate)
    is_askable = any(way.is_askable for way in ways)
    if not is_askable or any(
        reason.rule in any_host.NO_HOST_RULES for way in ways for reason in way.verdict.reasons
    ):
        scene = replace(scene, hosts=by_name(known))
        ways = advisor.ways(scene, advisor.Target(), may_evacuate=may_evacuate)
        is_askable = any(way.is_askable for way in ways)
    least = min(way.verdict.level for way in ways)
    # Off a host that is down only an evacuation is offered here, as on the plan.
    if not is_askable and (scene.source is None or scene.source.is_up):
        least = judged.matrix(scene, may_evacuate=may_evacuate).least
    return ways, least


def _version(
    instance: Instance, order: Order | None, move: Migration | None, ways: list[Way], *others: object
) -> str:
    seen = (instance.status, instance.task_state, instance.host, instance.locked, instance.locked_reason)
    orders = (order and (order.pk, order.state), move and (move.pk, move.version))
    return hash_of(seen, instance.fault, orders, [way.objections for way in ways], *others)


def _has_failed(order: Order, instance: Instance) -> bool:
    """Whether it came to nothing, and what was wanted is still not so."""
    is_failed = order.state in (Order.State.REFUSED, Order.State.LOST, Order.State.FAILED)
    wanted = {
        Order.Action.START: instance.status == "ACTIVE",
        Order.Action.STOP: instance.status == "SHUTOFF",
        Order.Action.UNLOCK: not instance.locked,
    }
    return is_failed and not wanted[Order.Action(order.action)]


def hash_of(*parts: object) -> str:
    """A short text that changes with its parts, the same in every process (Python's own hash is not)."""
    return blake2s(repr(parts).encode(), digest_size=8).hexdigest()
