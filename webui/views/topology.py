"""The home page: zones, hypervisors and instances of one cloud, and the search in it."""

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from nmigrate import selectors
from nmigrate.destinations import matrix
from nmigrate.models import Cloud, Hypervisor
from nmigrate.scene import scene_of
from nmigrate.selectors import Chip
from nmigrate.sentences import say
from nmigrate.states import Perm
from webui.access import SignedIn, needs
from webui.menu import menu
from webui.picture import VIEW_COOKIE, Choices, query_of, query_of_state, view_to_keep, wanted_of

INSTANCES_PER_PAGE = 50
YEAR = 365 * 24 * 3600


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
    picture = selectors.topology(known, wanted_of(request))
    context = _context(request, known) | {"picture": picture, "query_string": query_of(picture.wanted)}
    response = render(request, "topology.html", context | {"choices": Choices()})
    if view := view_to_keep(request, picture):
        response.set_cookie(
            VIEW_COOKIE, view, YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
        )
    return response


@require_safe
@needs(Perm.VIEW)
def picture(request: SignedIn, cloud: str) -> HttpResponse:
    """The part of the topology that changes; 204 while the open page still shows the truth."""
    known = get_object_or_404(Cloud, name=cloud)
    if request.GET.get("v") == selectors.topology_version(known):
        return HttpResponse(status=204)
    drawn = selectors.topology(known, wanted_of(request))
    context = _context(request, known) | {"picture": drawn, "query_string": query_of(drawn.wanted)}
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
    uuids = [one.uuid for one in found.instances]
    copying = selectors.moves_of_instances(known.name, uuids).items()
    context = {
        "cloud": known,
        "found": found,
        "copies": selectors.kept_copies(known.name, uuids)
        | {uuid: move for uuid, move in copying if move.copy_uuid},
        "query": text,
        "of_state": query_of_state(text),
        "near": _near(request, text)
        if text and not found.total + found.hosts_total + found.moves_total
        else {},
        "others": [one for one in selectors.clouds() if one.name != known.name],
        "is_find_page": True,
    }
    return render(request, "find.html", context)


def _near(request: SignedIn, text: str) -> dict[str, bool]:
    """Which lists hold the same words, where the inventory has nothing: what is gone is still in the record."""
    trail = selectors.AuditFilter(text=text)
    return {
        "moves": selectors.migrations(selectors.MigrationFilter(instance=text)).exists(),
        "trail": request.user.has_perm(Perm.AUDIT) and selectors.audit_trail(trail).exists(),
    }


@require_safe
@needs(Perm.VIEW)
def host_chips(request: SignedIn, cloud: str, host: str) -> HttpResponse:
    """The instances that a card shows once it is opened."""
    known, hypervisor = _host(cloud, host)
    card = selectors.host_card(known, hypervisor, wanted_of(request))
    return render(request, "_host_chips.html", _context(request, known) | {"card": card, "host": hypervisor})


@require_safe
@needs(Perm.VIEW)
def host_panel(request: SignedIn, cloud: str, host: str) -> HttpResponse:
    """One host with all that its card says, beside the map; 204 while the open panel still shows the truth."""
    known, hypervisor = _host(cloud, host)
    version = selectors.topology_version(known)
    if request.GET.get("v") == version:
        return HttpResponse(status=204)
    card = selectors.host_card(known, hypervisor, wanted_of(request))
    context = _context(request, known) | {"card": card, "host": hypervisor, "version": version}
    return render(request, "_host_panel.html", context)


@require_safe
@needs(Perm.REQUEST)
def move_menu(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    """Where an instance may go, to choose from while one types; each leads to the plan of its move."""
    known = get_object_or_404(Cloud, name=cloud)
    instance = get_object_or_404(known.instances, uuid=uuid)
    text = request.GET.get("to", "").replace("\0", "")[:200].strip()
    hosts = list(known.hypervisors.defer("aggregates"))
    judged = matrix(scene_of(instance, hosts), may_evacuate=request.user.has_perm(Perm.EVACUATE))
    found = menu(instance, hosts, judged, text)
    context = {"cloud": known, "instance": instance, "menu": found, "text": text}
    return render(request, "_move_menu.html", context)


@require_safe
@needs(Perm.VIEW)
def host(request: SignedIn, cloud: str, host: str) -> HttpResponse:
    known = get_object_or_404(Cloud, name=cloud)
    hypervisor = known.hypervisors.filter(host=host).first()
    if hypervisor is None:
        return render(request, "host_gone.html", {"cloud": known, "host": host}, status=404)
    version = selectors.topology_version(known)
    # The open page still shows the truth.
    if request.headers.get("HX-Request") and request.GET.get("v") == version:
        return HttpResponse(status=204)
    page = Paginator(selectors.host_instances(known, host), INSTANCES_PER_PAGE).get_page(
        request.GET.get("page")
    )
    moves = selectors.moves_of_instances(cloud, [row.uuid for row in page])
    chips = [Chip(row, moves.get(row.uuid)) for row in page]
    may_evacuate = request.user.has_perm(Perm.EVACUATE) and not hypervisor.is_up
    context = {
        "cloud": known,
        "host": hypervisor,
        "version": version,
        "page": page,
        "chips": chips,
        "notes": _notes(hypervisor, may_evacuate=may_evacuate),
        "may_evacuate": may_evacuate,
        "may_move": request.user.has_perm(Perm.REQUEST) and hypervisor.is_up,
        "held": selectors.moves_that_hold_room(known, host),
        "leaving": selectors.leaving_count(known, host),
    }
    return render(request, "host.html", context)


def _context(request: SignedIn, cloud: Cloud) -> dict[str, object]:
    """What every part of the picture needs to know: whose it is, and whether they may ask for moves."""
    return {"cloud": cloud, "may_move": request.user.has_perm(Perm.REQUEST)}


def _host(cloud: str, host: str) -> tuple[Cloud, Hypervisor]:
    """404 for a host that the cloud does not have."""
    known = get_object_or_404(Cloud, name=cloud)
    hypervisor = known.hypervisors.filter(host=host).first()
    if hypervisor is None:
        raise Http404
    return known, hypervisor


def _notes(host: Hypervisor, *, may_evacuate: bool) -> list[str]:
    """What a person should know about this host before they touch it."""
    notes: list[str] = []
    if not host.is_up:
        notes.append(
            say("It was declared down. Nothing can be moved off it by a cold or live migration.")
            if host.forced_down
            else say("It does not answer. Nothing can be moved off it by a cold or live migration.")
        )
        notes.append(
            say(
                "Once you are certain that {host} is off, its instances can be built anew elsewhere: evacuated.",
                host=host.host,
            )
            if may_evacuate
            else say("An operator brings it back, or evacuates its instances: builds them anew elsewhere.")
        )
    if not host.is_enabled:
        notes.append(
            say(
                "It is out of service: “{reason}”. The scheduler places nothing on it.",
                reason=host.disabled_reason,
            )
            if host.disabled_reason
            else say("It is out of service. The scheduler places nothing on it.")
        )
    return notes
