"""Emptying a host: what is proposed for each of its instances, asking for what is chosen, and what became of it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from nmigrate import emptying, selectors, services
from nmigrate.emptying import Proposal
from nmigrate.models import Cloud, Hypervisor, Instance, Migration
from nmigrate.sentences import keep, kept
from nmigrate.services.requests import needs_approval_of
from nmigrate.states import Perm
from nmigrate.ways import BAD, DISK
from webui import unsent
from webui.access import SignedIn, needs
from webui.forms import EmptyForm

ASKED = "emptied"
"""Where the session holds what was asked for last, of the last few hosts."""
REMEMBERED = 5
PER_PAGE = 50
"""So many instances are proposed for, and asked for, at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """One instance on the page. `pick`: what its box stands for, "" where nothing can be chosen."""

    proposal: Proposal
    pick: str
    is_picked: bool
    must_ask: bool
    lost: str
    """What the move loses for good."""


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one that was chosen: its move, or why there is none."""

    uuid: str
    instance: Instance | None
    migration: Migration | None
    problem: str


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Perm.REQUEST)
def empty_host(request: SignedIn, cloud: str, host: str) -> HttpResponse:
    known = get_object_or_404(Cloud, name=cloud)
    source = known.hypervisors.filter(host=host).first()
    if source is None:
        return render(request, "host_gone.html", {"cloud": known, "host": host}, status=404)
    if request.method != "POST":
        typed = unsent.taken(request)
        picked = typed.getlist("pick") if typed else None
        return _show(request, known, source, EmptyForm(initial=typed.dict()), picked, typed=typed)
    form = EmptyForm(request.POST)
    if not form.is_valid():
        return _show(request, known, source, form, request.POST.getlist("pick"), status=422)
    asked = services.empty_host(
        actor=request.user,
        host=source,
        picks=form.picks(),
        reason=form.cleaned_data["reason"],
        ticket=form.cleaned_data["ticket"],
    )
    lines = [[one.pick.uuid, one.migration.pk if one.migration else 0, keep(one.problem)] for one in asked]
    others = [one for one in request.session.get(ASKED, []) if one["of"] != [cloud, host]]
    request.session[ASKED] = [*others, {"of": [cloud, host], "asked": lines}][-REMEMBERED:]
    return redirect("emptied", cloud=cloud, host=host)


@require_safe
@needs(Perm.REQUEST)
def emptied(request: SignedIn, cloud: str, host: str) -> HttpResponse:
    """What became of each that was chosen last, followed; a page of its own: to load it anew asks for nothing."""
    known = get_object_or_404(Cloud, name=cloud)
    found = next((one for one in request.session.get(ASKED, []) if one["of"] == [cloud, host]), None)
    is_poll = request.headers.get("HX-Request") == "true"
    if found is None:
        return HttpResponse(status=204) if is_poll else redirect("host", cloud=cloud, host=host)
    migrations = Migration.objects.in_bulk([pk for _, pk, _ in found["asked"]])
    version = f"{sum(one.version for one in migrations.values())}"
    if is_poll and request.GET.get("v") == version:
        return HttpResponse(status=204)
    instances = {one.uuid: one for one in known.instances.filter(uuid__in=[one[0] for one in found["asked"]])}
    lines = [
        Line(uuid, instances.get(uuid), migrations.get(pk), kept(problem))
        for uuid, pk, problem in found["asked"]
    ]
    moves = [line.migration for line in lines if line.migration]
    context = {
        "cloud": known,
        "host": host,
        "lines": lines,
        "version": version,
        "made": len(moves),
        "is_moving": any(move.is_active for move in moves),
    }
    return render(request, "emptied.html", context)


def _show(
    request: SignedIn,
    cloud: Cloud,
    source: Hypervisor,
    form: EmptyForm,
    picked: Collection[str] | None = None,
    *,
    status: int = 200,
    typed: object = None,
) -> HttpResponse:
    """`picked`: the boxes that were ticked before; None: those are ticked whose move harms nobody."""
    page = Paginator(selectors.host_instances(cloud, source.host), PER_PAGE).get_page(request.GET.get("page"))
    may_evacuate = request.user.has_perm(Perm.EVACUATE)
    found = emptying.proposals(cloud, source, page, may_evacuate=may_evacuate)
    rows = [_row(proposal, picked) for proposal in found]
    context: dict[str, Any] = {
        "cloud": cloud,
        "host": source,
        "page": page,
        "rows": rows,
        "form": form,
        "unsent": typed,
        "can_pick": sum(bool(row.pick) for row in rows),
        "is_evacuation": not source.is_up,
        "may_evacuate": may_evacuate,
        "counts": _counts(found),
        "held": selectors.moves_that_hold_room(cloud, source.host),
    }
    return render(request, "empty_host.html", context, status=status)


def _row(proposal: Proposal, picked: Collection[str] | None) -> Row:
    way, instance = proposal.way, proposal.instance
    if way is None:
        return Row(proposal, "", is_picked=False, must_ask=False, lost="")
    same = f"{instance.uuid}/{way.kind}/"  # the host that is proposed may be another by now
    pick = f"{same}{way.host}"
    return Row(
        proposal,
        pick,
        is_picked=proposal.is_harmless if picked is None else any(one.startswith(same) for one in picked),
        must_ask=needs_approval_of(way.kind, runs=instance.status != "SHUTOFF"),
        lost=next((cost.text for cost in way.costs if cost.name == DISK and cost.tone == BAD), ""),
    )


def _counts(found: Collection[Proposal]) -> dict[str, int]:
    """How many fare in which way, for the sentence above them."""
    return {
        "on": sum(one.is_harmless for one in found),
        "down": sum(one.goes_down for one in found),
        "moving": sum(one.move is not None for one in found),
        "stuck": sum(one.way is None and one.move is None for one in found),
    }
