"""One instance: what it is, where it is, what moved it, and how to ask for the next move."""

from hashlib import blake2s
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from nmigrate import preflight, selectors, services
from nmigrate.errors import Conflict
from nmigrate.models import Cloud, Instance, Order
from nmigrate.states import Perm
from webui.access import SignedIn, needs


@require_safe
@needs(Perm.VIEW)
def instance(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    known, found = find_instance(cloud, uuid)
    if found is None:
        return gone(request, known, uuid)
    return render(request, "instance.html", _page(request, known, found))


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
    return render(request, "_instance_status.html", context)


@require_POST
@needs(Perm.OPERATE)
def start_instance(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    known, found = find_instance(cloud, uuid)
    if found is None:
        return gone(request, known, uuid)
    try:
        services.start_instance(actor=request.user, instance=found)
    except Conflict as conflict:
        context = _page(request, known, found) | {"conflict": str(conflict)}
        return render(request, "instance.html", context, status=409)
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
        "history": selectors.instance_history(cloud.name, uuid.lower().replace("\0", "")),
        "may_audit": request.user.has_perm(Perm.AUDIT),
    }
    return render(request, "instance_gone.html", context, status=404)


def _page(request: SignedIn, cloud: Cloud, instance: Instance) -> dict[str, Any]:
    history = selectors.instance_history(cloud.name, instance.uuid)
    return _status(request, cloud, instance) | {
        "history": history,
        "may_audit": request.user.has_perm(Perm.AUDIT),
    }


def _status(request: SignedIn, cloud: Cloud, instance: Instance) -> dict[str, Any]:
    """What is true of it now, and what this person may do about it."""
    move = services.active_migration(cloud.name, instance.uuid)
    start = selectors.last_start(cloud.name, instance.uuid)
    is_starting = bool(start and (start.state in Order.OPEN or start.state == Order.State.ACCEPTED))
    objections = preflight.instance_objections(instance)
    may_request, may_operate = request.user.has_perm(Perm.REQUEST), request.user.has_perm(Perm.OPERATE)
    is_stopped = instance.status == "SHUTOFF" and not instance.task_state
    seen = (instance.status, instance.task_state, instance.host, instance.locked, instance.fault)
    orders = (start and (start.pk, start.state), move and (move.pk, move.version))
    return {
        "cloud": cloud,
        "instance": instance,
        "move": move,
        "start": start,
        "is_starting": is_starting,
        "start_failed": start if start and _has_failed(start) and is_stopped else None,
        "objections": [] if move else objections,
        "may_move": may_request and not move and not objections and not is_starting,
        "may_start": may_operate and not move and is_stopped and not instance.locked and not is_starting,
        "is_busy": bool(move or is_starting or instance.task_state),
        "version": f"{hash_of(seen, orders)}",
    }


def _has_failed(order: Order) -> bool:
    return order.state in (Order.State.REFUSED, Order.State.LOST, Order.State.FAILED)


def hash_of(*parts: object) -> str:
    """A short text that changes with its parts, the same in every process (Python's own hash is not)."""
    return blake2s(repr(parts).encode(), digest_size=8).hexdigest()
