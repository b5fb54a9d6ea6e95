"""Where an instance can go: every kind of move to every host, judged from the inventory."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from nmigrate import destinations as judged
from nmigrate import services
from nmigrate.models import Cloud
from nmigrate.scene import scene_of
from nmigrate.sentences import told
from nmigrate.states import Kind, Perm
from webui import verdicts
from webui.access import SignedIn, needs
from webui.views.instances import find_instance, gone


@require_safe
@needs(Perm.VIEW)
def destinations(request: SignedIn, cloud: str, uuid: str) -> HttpResponse:
    known, found = find_instance(cloud, uuid)
    if found is None:
        return gone(request, known, uuid)
    move = services.active_migration(known.name, found.uuid)
    text = request.GET.get("q", "").replace("\0", "")[:200].strip()
    only_good = bool(request.GET.get("only"))
    matrix = judged.matrix(scene_of(found), may_evacuate=request.user.has_perm(Perm.EVACUATE))
    may_ask = request.user.has_perm(Perm.REQUEST) and move is None
    context = {
        "cloud": known,
        "instance": found,
        "move": move,
        "page": verdicts.page(known, found, matrix, may_ask=may_ask, text=text, only_good=only_good),
        "may_ask": may_ask,
        "text": text,
        "only_good": only_good,
    }
    return render(request, "destinations.html", context)


@require_safe
@needs(Perm.REQUEST)
def no_landing(request: SignedIn, cloud: str, uuid: str) -> JsonResponse:
    """Host -> why it cannot take this instance in any way, for the picture while the instance is dragged over it."""
    known = get_object_or_404(Cloud, name=cloud)
    instance = get_object_or_404(known.instances, uuid=uuid)
    matrix = judged.matrix(scene_of(instance), may_evacuate=request.user.has_perm(Perm.EVACUATE))
    usual = Kind.COLD if instance.status == "SHUTOFF" else Kind.LIVE
    return JsonResponse(
        {row.host.host: told(why) for row in matrix.rows if (why := judged.why_not(row, usual))}
    )
