"""What is broken before users notice: for people, and for the machine that watches this one."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from nmigrate import selectors
from nmigrate.states import LABELS, Perm
from webui import noticed
from webui.access import SignedIn, needs


@require_safe
@needs(Perm.VIEW)
def health(request: SignedIn) -> HttpResponse:
    found = selectors.health()
    states = [(label, found.counts[state]) for state, label in LABELS.items() if found.counts.get(state)]
    findings = noticed.rows(request.user, selectors.findings(), is_health=True)
    clouds = [
        (cloud, found.services.get(cloud.name, 0), found.troubled_services.get(cloud.name, []))
        for cloud in found.clouds
    ]
    context = {
        "health": found,
        "clouds": clouds,
        "states": states,
        "findings": findings,
        "listed": len(findings) + len(found.unreachable),  # as the badge in the bar counts them
        "broken": selectors.broken_instances(),
        "passed": selectors.passed_findings(),
        "is_watched": all(pulse.is_fresh for pulse in found.pulses if pulse.name == "follower"),
    }
    return render(request, "health.html", context)


@require_safe
@needs(Perm.FORCE)
def badge(request: SignedIn) -> HttpResponse:
    """How many findings are open; 204 while the open page still shows the truth."""
    count = selectors.finding_count(request.user)
    if request.GET.get("v") == str(count):
        return HttpResponse(status=204)
    return render(request, "_findings_badge.html", {"findings": count, "may_watch": True})


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 while this process can read its database."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 while a worker and a follower are alive too: without them a click leads nowhere."""
    try:
        silent = [pulse.name for pulse in selectors.pulses() if not pulse.is_alive]
    except DatabaseError:
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    if silent:
        return HttpResponse(
            f"no sign of life from: {', '.join(silent)}\n", status=503, content_type="text/plain"
        )
    return HttpResponse("ok\n", content_type="text/plain")
