"""Planning a move: where to, by which way, and why; and asking for it."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from nmigrate import advisor, services
from nmigrate.errors import Conflict
from nmigrate.models import Approval, Cloud, Instance, Migration
from nmigrate.selectors import number_of
from nmigrate.states import Perm
from webui import plan, unsent
from webui.access import SignedIn, needs
from webui.forms import MoveForm
from webui.views.instances import find_instance, gone


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Perm.REQUEST)
def request_migration(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    known, found = find_instance(cloud, uuid)
    if found is None:
        return gone(request, known, uuid)
    if request.method != "POST" or "look" in request.POST:  # without a script a button shows the ways
        kept = unsent.taken(request)
        data = request.POST if request.method == "POST" else kept or request.GET
        form = MoveForm(initial=_of_before(found, data.dict()))
        return _show(request, known, found, form, kept=kept)
    form = MoveForm(request.POST)
    if not form.is_valid():
        return _show(request, known, found, form, status=422)
    try:
        migration = _ask(request, known, found, form)
    except Conflict as conflict:
        return _show(request, known, found, form, status=409, conflict=conflict.sentence)
    return redirect("migration", pk=migration.pk)


def _before(instance: Instance, given: Mapping[str, Any]) -> Migration | None:
    """The move of it that is planned "again"."""
    number = number_of(str(given.get("again", "")))
    mine = Migration.objects.filter(cloud=instance.cloud_id, instance_uuid=instance.uuid)
    return mine.filter(pk=number).first() if number else None


def _said_no(instance: Instance, given: Mapping[str, Any]) -> Approval | None:
    """Why it was not allowed before: who plans it again should know."""
    before = _before(instance, given)
    no = (Approval.DECLINE, Approval.REJECT)
    return before.approvals.filter(decision__in=no).exclude(comment="").last() if before else None


def _of_before(instance: Instance, given: dict[str, Any]) -> dict[str, Any]:
    """What was asked for in the move that is planned "again"; what the address or the form says goes before."""
    before = _before(instance, given)
    if before is None:
        return given
    asked = {"reason": before.reason, "ticket": before.ticket, "block": before.block}
    asked["way"] = f"unpin-{before.kind}" if before.changes_pin else before.kind
    if not {"to", "host", "zone"} & given.keys():
        asked |= {"host": before.asked_host, "zone": "" if before.asked_host else before.asked_zone}
    if before.original_after:
        asked["original_after"] = before.original_after
    return asked | given


def _ask(request: SignedIn, cloud: Cloud, instance: Instance, form: MoveForm) -> Migration:
    data = form.cleaned_data
    target = plan.target_of(form.data)
    plan.check_target(cloud, target)
    way = plan.way_to(request.user, instance, target, data["way"])
    return services.request_migration(
        actor=request.user,
        instance=instance,
        kind=way.kind,
        host=target.host,
        zone=target.zone,
        changes_pin=way.changes_pin,
        block=data["block"],
        original_after=data["original_after"],
        same_addresses=data["same_addresses"],
        sets_aside=form.rules_set_aside(),
        reason=data["reason"],
        ticket=data["ticket"],
    )


def _show(
    request: SignedIn,
    cloud: Cloud,
    instance: Instance,
    form: MoveForm,
    *,
    status: int = 200,
    conflict: str = "",
    kept: object = None,
) -> HttpResponse:
    """The page with everything that was typed, whatever became of it."""
    move = services.active_migration(cloud.name, instance.uuid)
    target = plan.target_of(form.data if form.is_bound else form.initial)
    problem = ""
    try:
        plan.check_target(cloud, target)
    except Conflict as unknown:
        target, problem = advisor.Target(), unknown.sentence
    way = str(form["way"].value() or "")
    shown = plan.plan(request.user, cloud, instance, target, way)
    if not shown.leads_somewhere and target != advisor.Target():  # the same page, wherever one comes from
        shown = plan.plan(request.user, cloud, instance, advisor.Target(), way)
    is_evacuation = any(card.way.kind == "evacuate" for card in shown.cards)
    may_ask = not move and shown.may_ask
    # Off a host that is down nothing but an evacuation is offered to who has not chosen where to, and come for it.
    is_stuck = not may_ask and (not shown.leads_somewhere or (is_evacuation and not shown.value))
    context: dict[str, Any] = {
        "cloud": cloud,
        "instance": instance,
        "form": form,
        "plan": shown,
        "move": move,
        "conflict": conflict or problem,
        "unsent": kept,
        "said_no": _said_no(instance, request.GET),
        "may_ask": may_ask,
        "is_stuck": is_stuck and not conflict,
        "is_evacuation": is_evacuation,
        "needs_permission": shown.needs_permission,
    }
    return render(request, "plan.html", context, status=status)
