"""The search in one cloud: instances by name, UUID, address, project and host; hosts by their names and zone."""

import re
from dataclasses import dataclass, field

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from nmigrate.models import Cloud, Hypervisor, Instance, Migration, Order
from nmigrate.selectors.moves import number_of

HOSTS_FOUND = 8
REQUEST_LENGTH = 8
"""So many letters of a request id are looked for."""
MOVES_FOUND = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; the totals may be more than what is listed."""

    text: str
    instances: list[Instance]
    total: int
    hosts: list[Hypervisor]
    hosts_total: int = 0
    moves: list[Migration] = field(default_factory=list)
    """The newest moves with such a ticket, that number, or that request id of Nova."""
    moves_total: int = 0

    @property
    def words(self) -> list[str]:
        return words_of(self.text)

    @property
    def number(self) -> int:
        """The number of a move, if that is what was typed."""
        return number_of(self.text)


def words_of(text: str) -> list[str]:
    return text.casefold().split()


def holds_every(words: list[str]) -> Q:
    """Instances that hold every word in anything that is known of them."""
    found = Q()
    for word in words:
        found &= Q(search__contains=word)
    return found


def find(cloud: Cloud, text: str, limit: int = 20) -> Found:
    """Instances and hosts that hold every word of `text`; names that begin with it come first; and moves by
    their ticket, their number or a request id of Nova. Six queries."""
    words = words_of(text)
    if not words:
        return Found(text, [], 0, [])
    instances = cloud.instances.filter(holds_every(words))
    hosts = _hosts(cloud, words)
    moves = _moves(cloud, text.strip())
    best = Case(
        When(search__regex=rf"(^|\s){re.escape(words[0])}(\s|$)", then=Value(0)),
        When(search__startswith=words[0], then=Value(1)),
        default=Value(2),
    )
    return Found(
        text,
        list(instances.order_by(best, "name")[:limit]),
        instances.count(),
        list(hosts.order_by("host").defer("inventories", "traits", "aggregates")[:HOSTS_FOUND]),
        hosts.count(),
        list(moves.order_by("-id")[:MOVES_FOUND]),
        moves.count(),
    )


def _moves(cloud: Cloud, text: str) -> QuerySet[Migration]:
    """Those that a request id found have it as `request_found`: no page shows it otherwise."""
    rows = Migration.objects.filter(cloud=cloud.name)
    named = Q(ticket__icontains=text)
    if number := number_of(text):
        named |= Q(pk=number)
    if text.casefold().startswith("req-") and len(text) >= REQUEST_LENGTH:
        ordered = Order.objects.filter(request_id__istartswith=text, migration=OuterRef("pk"))
        own = Case(When(request_id__istartswith=text, then=F("request_id")), default=Value(""))
        rows = rows.annotate(request_found=Coalesce(Subquery(ordered.values("request_id")[:1]), own))
        named |= ~Q(request_found="")
    return rows.filter(named)


def _hosts(cloud: Cloud, words: list[str]) -> QuerySet[Hypervisor]:
    hosts = cloud.hypervisors.all()
    for word in words:
        hosts = hosts.filter(Q(host__icontains=word) | Q(name__icontains=word) | Q(zone__icontains=word))
    return hosts
