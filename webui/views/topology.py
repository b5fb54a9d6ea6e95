"""The home page: zones, hypervisors and instances of one cloud, and the search in it."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from nmigrate import selectors
from nmigrate.models import Cloud, Hypervisor
from nmigrate.selectors import Chip
from nmigrate.states import Perm
from webui.access import SignedIn, needs
from webui.forms import Show

INSTANCES_PER_PAGE = 50


@require_safe
@needs(Perm.VIEW)
def home(request: SignedIn) -> HttpResponse:
    first = next(iter(selectors.clouds()), None)
    if first is None:
        return render(request, "no_cloud.html")
    return redirect("topology", cloud=first.name)


@require_safe
@needs(Perm.VIEW)
def topology(request: SignedIn, cloud: str) -> HttpResponse:
    known = get_object_or_404(Cloud, name=cloud)
    picture = selectors.topology(known, _show(request))
    return render(request, "topology.html", {"cloud": known, "picture": picture, "choices": Show.choices})


@require_safe
@needs(Perm.VIEW)
def picture(request: SignedIn, cloud: str) -> HttpResponse:
    """The part of the topology that changes; 204 while the open page still shows the truth."""
    known = get_object_or_404(Cloud, name=cloud)
    if request.GET.get("v") == selectors.topology_version(known):
        return HttpResponse(status=204)
    context = {"cloud": known, "picture": selectors.topology(known, _show(request))}
    response = render(request, "_topology.html", context)
    response.headers["HX-Trigger"] = "approvals-changed"
    return response


@require_safe
@needs(Perm.VIEW)
def freshness(request: SignedIn, cloud: str) -> HttpResponse:
    return render(request, "_freshness.html", {"cloud": get_object_or_404(Cloud, name=cloud)})


@require_safe
@needs(Perm.VIEW)
def find(request: SignedIn, cloud: str) -> HttpResponse:
    known = get_object_or_404(Cloud, name=cloud)
    text = request.GET.get("q", "").replace("\0", "")[:200].strip()
    found = selectors.find(known, text)
    return render(request, "find.html", {"cloud": known, "found": found, "query": text, "is_find_page": True})


@require_safe
@needs(Perm.VIEW)
def host(request: SignedIn, cloud: str, host: str) -> HttpResponse:
    known = get_object_or_404(Cloud, name=cloud)
    hypervisor = known.hypervisors.filter(host=host).first()
    if hypervisor is None:
        return render(request, "host_gone.html", {"cloud": known, "host": host}, status=404)
    page = Paginator(selectors.host_instances(known, host), INSTANCES_PER_PAGE).get_page(
        request.GET.get("page")
    )
    moves = selectors.moves_of_instances(cloud, [row.uuid for row in page])
    chips = [Chip(row, moves.get(row.uuid)) for row in page]
    may_evacuate = request.user.has_perm(Perm.EVACUATE) and not hypervisor.is_up
    context = {
        "cloud": known,
        "host": hypervisor,
        "page": page,
        "chips": chips,
        "notes": _notes(hypervisor, may_evacuate=may_evacuate),
        "may_evacuate": may_evacuate,
    }
    return render(request, "host.html", context)


def _show(request: SignedIn) -> str:
    wanted = request.GET.get("show", "")
    return wanted if wanted in Show.values else Show.ALL


def _notes(host: Hypervisor, *, may_evacuate: bool) -> list[str]:
    """What a person should know about this host before they touch it."""
    notes = []
    if not host.is_up:
        notes.append("It does not answer. Nothing can be moved off it by a cold or live migration.")
        notes.append(
            f"Once you are certain that {host.host} is off, its instances can be built anew elsewhere: evacuated."
            if may_evacuate
            else "An operator brings it back, or evacuates its instances: builds them anew elsewhere."
        )
    if not host.is_enabled:
        because = f": “{host.disabled_reason}”" if host.disabled_reason else "."
        notes.append(f"It is out of service{because} The scheduler places nothing on it.")
    return notes
