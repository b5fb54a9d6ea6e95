"""Figures: what the desk did over the last days, drawn and in numbers. And the bar of one move."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from nmigrate import selectors
from nmigrate.models import Migration
from nmigrate.selectors import figures as selected
from nmigrate.states import Perm
from webui.access import SignedIn, needs
from webui.pictures import figures as drawn
from webui.pictures import moves

PERIODS = (7, 30, 90)
HOSTS_PER_PAGE = 20
HOST_DAYS = 14


@require_safe
@needs(Perm.VIEW)
def migration_bar(request: SignedIn, pk: int) -> HttpResponse:
    """In what the time of a move went, drawn anew while it goes on."""
    found = get_object_or_404(Migration, pk=pk)
    return render(request, "_phase_bar.html", {"migration": found, "bar": moves.bar(found)})


@require_safe
@needs(Perm.AUDIT)
def figures(request: SignedIn) -> HttpResponse:
    """Of a period and a cloud chosen in the address; what is no choice means the usual one."""
    clouds = selectors.clouds()
    wanted = request.GET.get("cloud", "")
    name = wanted if wanted in {cloud.name for cloud in clouds} else ""
    days = next((days for days in PERIODS if request.GET.get("days") == str(days)), 30)
    chosen = selected.period(days, name)
    found, decisions = selected.moves_of(chosen), selected.decisions_of(chosen)
    page = Paginator(selected.hosts_by_fullness(name), HOSTS_PER_PAGE).get_page(request.GET.get("page"))
    hosts = list(page)
    used = selected.memory_by_day(hosts, HOST_DAYS, chosen.zone)
    context = {
        "period": chosen,
        "periods": PERIODS,
        "figure_clouds": clouds,
        "moves": found,
        "columns": drawn.columns(found, chosen),
        "outcomes": drawn.OUTCOME_WORDS,
        "kinds": drawn.kinds(found),
        "decisions": decisions,
        "distribution": drawn.distribution(decisions),
        "causes": drawn.causes(selected.causes_of(chosen)),
        "page": page,
        "hosts": drawn.host_rows(hosts, used, timezone.localdate(), HOST_DAYS),
        "host_days": HOST_DAYS,
        "may_list": request.user.has_perm(Perm.VIEW),
    }
    return render(request, "figures.html", context)
