"""Tags for the topology: an instance as a chip, a host as a cell of the map, a move in flight, what a search found.

Those of which a page may hold hundreds are built here, not in templates of their own.
"""

import re
import zlib
from itertools import groupby

from django import template
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from nmigrate import selectors
from nmigrate.models import Instance, Migration
from nmigrate.models.inventory import without_accents
from nmigrate.progress import progress
from nmigrate.selectors import Chip, Flight, HostCard
from nmigrate.sentences import join, say, say_n, told
from webui import words
from webui.templatetags.desk import badge, shape, state, where
from webui.words import Look

register = template.Library()

_OF_WHAT = {
    selectors.VCPU: lambda n: say("{n}% of vCPU used", n=n),
    selectors.MEMORY: lambda n: say("{n}% of memory used", n=n),
    selectors.DISK: lambda n: say("{n}% of disk used", n=n),
}
_OUTSIDE = {
    "migration": say("cold migration"),
    "live-migration": say("live migration"),
    "evacuation": say("evacuation"),
    "resize": say("change of size"),
}


@register.simple_tag
def chip(value: Chip, cloud: str, may_move: bool = False) -> SafeString:
    """An instance in one line: shape, name, and where it goes if it moves; beside it what moves it elsewhere."""
    instance, move = value.instance, value.move
    url = reverse("instance", args=(cloud, instance.uuid))
    look = words.of_instance(instance)
    css, extra, mover = "", SafeString(""), SafeString("")
    if move is not None:
        look, css = words.of_migration(move.state), "moving"
        extra = format_html('<b class="t-{}">{}</b>', look.tone, _where(move, look, instance))
    elif instance.status == "VERIFY_RESIZE":  # moved by others, who have to decide: as one of ours that waits
        css, extra = "moving", format_html('<b class="t-{}">{}</b>', look.tone, look.word)
    else:
        extra = format_html('<span class="hidden">, {}</span>', look.word)
        if may_move:
            mover = format_html(
                '<a class="to" id="t-{0}" href="{1}migrate/" data-uuid="{0}" title="{2}">'
                '<svg class="shape" aria-hidden="true"><use href="#shape-busy"/></svg>'
                '<span class="hidden">{2}</span></a>',
                instance.uuid,
                url,
                say("Move {name}…", name=instance.name),
            )
    if instance.locked and not move:
        extra += format_html('{}<span class="hidden">, {}</span>', shape("lock", "t-warn"), say("locked"))
    if value.is_noticed:
        extra += format_html(
            '{}<span class="hidden">, {}</span>', shape(words.WARN, "t-warn"), say("needs a look")
        )
    return format_html(
        '<li><a class="chip {}" id="i-{}" href="{}" title="{}: {}">{}<span>{}</span>{}</a>{}</li>',
        css,
        instance.uuid,
        url,
        instance.name,
        look.word,
        shape(look.tone, f"t-{look.tone}"),
        instance.name,
        extra,
        mover,
    )


def _where(move: Migration, look: Look, instance: Instance) -> str:
    """What the chip says of the move: where it goes while it goes; else how it stands."""
    if instance.uuid == move.copy_uuid:
        return say("the copy, {state}", state=look.word)
    to = move.dest_host or move.asked_host
    return f"→ {to}" if to and move.state in ("queued", "sending", "running") else look.word


@register.simple_tag
def cell(card: HostCard, cloud: str, shared: str) -> SafeString:
    """A host as one small cell: how full by a number and a height, trouble by a shape. The whole name is in the
    text that is read aloud, and appears over the cell."""
    host = card.hypervisor
    look = words.of_host(host)
    shown = host.host.removeprefix(shared) or host.host
    signs = SafeString("")
    if look.tone != words.OK:
        signs += shape(look.tone, f"t-{look.tone}")
    elif card.broken:
        signs += shape(words.BAD, "t-bad")
    if card.arriving or card.leaving:
        signs += shape(words.BUSY, "t-busy")
    fill = card.fill
    return format_html(
        '<li><a class="cell f{} {}" id="h-{}" data-host="{}" href="{}" title="{}"><b>{}</b>'
        '<span>{}%</span>{}<span class="hidden"> {}</span></a></li>',
        min(fill, 100) // 5,
        _level(card, fill),
        host.pk,
        host.host,
        reverse("host", args=(cloud, host.host)),
        (text := told(_of_cell(card, look))),
        shown,
        fill,
        signs,
        text,
    )


def _level(card: HostCard, fill: int) -> str:
    """How the cell is coloured; the same bounds as a bar's."""
    if not card.hypervisor.is_up:
        return "down"
    return "high" if card.is_full else "mid" if fill >= selectors.FILLING else ""


def _of_cell(card: HostCard, look: Look) -> str:
    what, share = max(card.shares.items(), key=lambda pair: pair[1])
    says = [look.word if look.tone != words.OK else "", _OF_WHAT[what](share)]
    says.append(say_n("one instance", "{n} instances", card.total))
    if card.broken:
        says.append(say_n("one in error", "{n} in error", card.broken))
    if card.arriving:
        says.append(say_n("one on its way here", "{n} on their way here", len(card.arriving)))
    if card.leaving:
        says.append(say_n("one leaving", "{n} leaving", card.leaving))
    return say("{host}: {facts}", host=card.hypervisor.host, facts=join(says, ", "))


@register.filter
def zone_id(name: str) -> str:
    """A name for its section that survives a refresh; a zone may be called anything."""
    return f"z-{zlib.crc32(name.encode()):08x}"


@register.simple_tag
def flight_state(flight: Flight) -> SafeString:
    if flight.move is not None:
        return state(flight.move)
    if flight.outside is None or flight.is_going:
        return badge(Look(words.BUSY, say("moved outside nmigrate")))
    return badge(words.of_outside(flight.outside))


@register.filter
def flight_kind(flight: Flight) -> str:
    if flight.move is not None:
        return flight.move.kind_label
    if flight.outside is None:
        return ""
    kind, person = _OUTSIDE.get(flight.outside.type, flight.outside.type), flight.outside.user_name
    if not flight.is_going:  # then the badge beside it says how it stands
        kind = say("{kind} outside nmigrate", kind=kind)
    return say("{kind}, by {person}", kind=kind, person=person) if person else kind


@register.filter
def flight_to(flight: Flight) -> str:
    if flight.move is not None:
        return where(flight.move)
    return flight.to or say("a host that Nova chooses")


@register.filter
def flight_percent(flight: Flight) -> int | None:
    """How much of its memory a live move has copied, where somebody has looked just now."""
    found = progress(flight.move) if flight.move is not None else None
    return found.percent if found else None


@register.filter
def line_from(flight: Flight) -> str:
    """Where its line begins; one that goes back is drawn the other way round."""
    return flight.to if flight.is_returning else flight.source


@register.filter
def line_to(flight: Flight) -> str:
    return flight.source if flight.is_returning else flight.to


@register.filter
def marked(text: object, searched: list[str]) -> SafeString:
    """The text with what was searched for marked in it."""
    if not searched:  # as mostly, on pages with hundreds of names
        return conditional_escape(str(text))
    letters, folded, places = list[str](), "", list[int]()
    for letter in str(text):  # as it is searched: in small letters, and without accents, too
        piece = without_accents(letter.casefold())
        if letters and not piece:
            letters[-1] += letter  # an accent of its own
            continue
        letters.append(letter)
        folded += piece
        places += [len(letters) - 1] * len(piece)
    sought = sorted({without_accents(word.casefold()) for word in searched} - {""}, key=len, reverse=True)
    matches = re.finditer("|".join(map(re.escape, sought)), folded) if sought else ()
    found = {place for match in matches for place in places[match.start() : match.end()]}
    parts = [
        format_html("<mark>{}</mark>" if is_found else "{}", "".join(letters[place] for place in group))
        for is_found, group in groupby(range(len(letters)), found.__contains__)
    ]
    return mark_safe("".join(parts))  # noqa: S308 - each part is escaped


@register.filter
def holds_any(text: object, searched: list[str]) -> bool:
    """Whether this, such as a UUID or an address, is why it was found."""
    plain = without_accents(str(text).casefold())
    return any(without_accents(word) in plain for word in searched)
