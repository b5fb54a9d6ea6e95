"""Tags for the pages: states, times, bars and chips."""

import re
from datetime import UTC, datetime, timedelta

from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.template import Context
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from nmigrate import selectors
from nmigrate.models import Finding, Hypervisor, Instance, Migration, Order, OutsideMove, Service
from nmigrate.sentences import grouped, say, told
from nmigrate.states import Kind, Perm, State
from webui import noticed, words
from webui.comparison import Row
from webui.times import exact, human, short, time_tag
from webui.words import Look

register = template.Library()


@register.filter
def role_word(name: str) -> str:
    return words.ROLE_WORDS.get(name, name)


@register.filter
def process_word(name: str) -> str:
    return words.PROCESS_WORDS.get(name, name)


@register.filter(name="told")
def told_text(text: str) -> str:
    """A Sentence as text in the reader's language: before any other filter of text, which would take the English."""
    return told(text)


@register.filter
def breakable(text: str) -> SafeString:
    """The same, with leave to break a line after each dot and colon of an address or a host's name."""
    return SafeString(_INSIDE.sub("<wbr>", escape(told(text))))


_INSIDE = re.compile(r"(?<=[.:])(?=[^\s.:])")
"""After a dot or a colon that more follows."""


@register.simple_tag
def administrators() -> list[str]:
    return selectors.administrators()


@register.simple_tag(takes_context=True)
def who_else_operates(context: Context) -> str:
    """Names of operators, for who is none; "" for an operator, or where there is none."""
    user = context["request"].user
    if user.has_perm(Perm.EVACUATE):
        return ""
    names = selectors.who_may(Perm.EVACUATE)
    return say("Operators of this cloud: {names}.", names=", ".join(names)) if names else ""


# ------------------------------------------------------------------------------------------------- the states
def shape(tone: str, css: str = "") -> SafeString:
    """The shape of a tone, from the sprite of _shapes.html; decoration, since a word stands beside it."""
    return format_html('<svg class="shape {}" aria-hidden="true"><use href="#shape-{}"/></svg>', css, tone)


def badge(look: Look) -> SafeString:
    return format_html('<span class="state {}">{}{}</span>', look.tone, shape(look.tone), look.word)


@register.simple_tag
def tone(name: str, word: str) -> SafeString:
    return badge(Look(name, word))


@register.simple_tag
def state(migration: Migration) -> SafeString:
    return badge(words.of_move(migration))


@register.simple_tag
def outside_state(move: OutsideMove) -> SafeString:
    """How a move that others made stands."""
    return badge(words.of_outside(move))


@register.filter
def meaning(migration: Migration) -> str:
    return words.meaning(migration)


@register.filter
def where(migration: Migration) -> str:
    """Where it goes, or where it was to go."""
    if migration.dest_host or migration.asked_host:
        return migration.dest_host or migration.asked_host
    if migration.asked_zone and migration.asked_zone != migration.source_zone:
        return zone_named(migration.asked_zone)
    return say("a host that Nova chooses")


@register.filter
def zone_named(name: str) -> str:
    """ "zone nova"; but "zone-a", which says so itself."""
    return name if _says_zone(name) else say("zone {zone}", zone=name)


@register.filter
def zone_titled(name: str) -> str:
    """The same at the beginning of a line."""
    return name if _says_zone(name) else say("Zone {name}", name=name)


def _says_zone(name: str) -> bool:
    return name.casefold().startswith("zone")


@register.filter
def state_word(value: str) -> str:
    """The word for a state that the record holds as text; another word stays as it is."""
    return words.of_state(value)


@register.simple_tag
def state_of(value: str) -> SafeString:
    """The badge of a state that the record holds as text; another word stays as it is."""
    try:
        return badge(words.of_migration(value))
    except ValueError:
        return format_html("{}", value)


@register.simple_tag
def status(instance: Instance) -> SafeString:
    return badge(words.of_instance(instance))


@register.simple_tag
def host_state(host: Hypervisor | Service) -> SafeString:
    return badge(words.of_host(host))


@register.simple_tag
def meter(label: str, used: int, capacity: int, unit: str = "") -> SafeString:
    """A bar for what is used of a capacity. Memory comes in MiB and is shown in GiB."""
    # So exact that what the hosts of a zone have makes what the zone has.
    shown_used, shown_capacity = (_amount(value, unit, whole_from=1000) for value in (used, capacity))
    unit_word = unit and "\N{NO-BREAK SPACE}GiB"
    if not capacity:
        return format_html(
            '<span class="meter"><span>{}</span><span class="soft">{}</span><span></span></span>',
            label,
            say("not reported"),
        )
    return format_html(
        '<span class="meter"><span>{}</span><meter min="0" max="{}" low="{}" high="{}" optimum="0" value="{}" '
        'aria-label="{}"></meter><span>{} / {}{} · {}%</span></span>',
        label,
        capacity,
        capacity * selectors.FILLING // 100,
        capacity * selectors.NEARLY_FULL // 100,
        min(used, capacity),
        say(
            "{what}: {used} of {capacity}{unit} used",
            what=label,
            used=shown_used,
            capacity=shown_capacity,
            unit=unit_word,
        ),
        shown_used,
        shown_capacity,
        unit_word,
        selectors.percent(used, capacity),
    )


def _amount(value: int, unit: str, whole_from: int = 10) -> str:
    if unit != "MiB":
        return _number(value)
    gib = round(value / 1024, 1)
    return _number(gib, 0 if gib >= whole_from or gib == int(gib) else 1)


def _number(value: float, places: int = 0) -> str:
    """With the decimal point and the thousands of the reader's language."""
    return grouped(round(value, places), places)


register.filter("grouped", grouped)


@register.filter
def gib(value: int) -> str:
    """MiB as GiB, without a needless decimal; no line breaks before the unit."""
    return f"{_amount(value, 'MiB')}\N{NO-BREAK SPACE}GiB"


@register.filter
def size(value: float) -> str:
    """Bytes as MiB or GiB; no line breaks before the unit."""
    mib = value / 2**20
    return (
        f"{_number(mib)}\N{NO-BREAK SPACE}MiB"
        if mib < 1000
        else f"{_number(mib / 1024, 1)}\N{NO-BREAK SPACE}GiB"
    )


@register.filter
def power(value: object) -> str:
    return words.of_power(value)


@register.filter
def ordered_word(order: Order) -> str:
    """ "being started": an order that is on its way."""
    return {
        "start": say("being started"),
        "stop": say("being stopped"),
    }.get(order.action, say("being unlocked"))


@register.filter
def wanted_word(order: Order) -> str:
    return {"start": say("started"), "stop": say("stopped")}.get(order.action, say("unlocked"))


# -------------------------------------------------------------------------------------------------- the times
@register.simple_tag
def ago(at: datetime | None) -> SafeString | str:
    """ "4 min ago", kept up to date by static/js/desk.js; the exact time in the reader's zone on hover."""
    return time_tag(at, say("{age} ago", age=human(timezone.now() - at)), "ago") if at else say("never")


@register.simple_tag
def since(at: datetime | None) -> SafeString | str:
    """How long something has lasted: "2 h 5 min"."""
    return time_tag(at, human(timezone.now() - at), "since") if at else ""


@register.simple_tag
def due(migration: Migration) -> SafeString | str:
    """The countdown to a decision: "decision due in 3 h 20 min"; it stands out when it is near, and more when over."""
    if migration.decide_by is None or migration.state != State.WAITING:
        return ""
    left = migration.decide_by - timezone.now()
    look = words.BAD if left <= timedelta(0) else words.WARN if selectors.is_due(migration) else words.WAIT
    text = (
        say("decision due in {age}", age=human(left))
        if left > timedelta(0)
        else say("overdue for {age}", age=human(-left))
    )
    time = time_tag(migration.decide_by, text, "left")
    return format_html('<span class="state {}">{}{}</span>', look, shape(look), time)


@register.filter
def as_before(rows: list[Row]) -> int:
    """How many of what is compared did not change."""
    return sum(row.is_same for row in rows)


@register.filter
def is_due(migration: Migration) -> bool:
    return selectors.is_due(migration)


@register.filter
def at_end(migration: Migration) -> str:
    """What happens when nobody decides in time."""
    is_over = migration.decide_by is not None and migration.decide_by <= timezone.now()
    if settings.NMIGRATE_DECISION_AT_END != "revert":
        return (
            say("It goes on waiting.") if is_over else say("If nobody decides by then, it goes on waiting.")
        )
    if migration.kind == Kind.COPY:
        return (
            say("The copy is dropped now.")
            if is_over
            else say("If nobody decides by then, the copy is dropped.")
        )
    host = migration.source_host
    return (
        say("It goes back to {host} now.", host=host)
        if is_over
        else say("If nobody decides by then, it goes back to {host}.", host=host)
    )


@register.simple_tag
def urgency(finding: Finding, since: datetime | None) -> SafeString:
    """How grave a finding is, and whether it is new to who was here last at `since`."""
    tone = noticed.tone(finding)
    is_new = since is not None and finding.since >= since
    word = {
        (True, True): say("urgent, new"),
        (True, False): say("urgent"),
        (False, True): say("needs a look, new"),
        (False, False): say("needs a look"),
    }[tone == words.BAD, is_new]
    return badge(Look(tone, word))


@register.filter
def is_of_processes(finding: Finding) -> bool:
    """Whether the health page tells more of it."""
    return noticed.is_of_processes(finding)


@register.filter
def and_back(migration: Migration) -> str:
    """After where it went: that it came, or comes, back from there; else ""."""
    is_back = migration.state in (State.REVERTING, State.REVERTED) and migration.waiting_since
    return say(", and back") if is_back and migration.kind != Kind.COPY else ""


@register.filter
def zones(migration: Migration) -> str:
    """From zone to zone, where it leaves its own; "" where it stays."""
    to = migration.dest_zone or migration.asked_zone
    if not to or to == migration.source_zone:
        return ""
    return say("zone {before} → zone {now}", before=migration.source_zone, now=to)


@register.filter
def who_acts(finding: Finding, user: User) -> str:
    """Who can take the next step, said to the person who looks."""
    return noticed.who_acts(user, finding)


@register.filter
def other_zone(migration: Migration) -> str:
    """That it is in a zone that nobody had asked for; "" when it is not."""
    before, now = migration.source_zone, migration.dest_zone
    if not now or now == before or migration.asked_zone or migration.asked_host:
        return ""
    if migration.state in (State.REVERTED, State.FAILED):
        return ""
    return say(
        "Nova, which chose the host, took it from zone {before} to zone {now}.", before=before, now=now
    )


@register.simple_tag
def clock(at: datetime | None) -> SafeString | str:
    """The time of day, with the date when it was not today."""
    return time_tag(at, short(at), "clock") if at is not None else ""


@register.simple_tag
def stamp(at: datetime | None) -> SafeString | str:
    """Local time first, UTC below it: what an auditor needs to see."""
    if at is None:
        return ""
    local, utc = timezone.localtime(at), at.astimezone(UTC)
    machine, shown = utc.isoformat(timespec="milliseconds"), f"{local:%Y-%m-%d %H:%M:%S}"
    if local.utcoffset() == utc.utcoffset():
        return format_html(
            '<time datetime="{}" class="stamp">{}<span class="utc"> UTC</span></time>', machine, shown
        )
    return format_html(
        '<time datetime="{}" class="stamp">{}<span class="hint">{} UTC</span></time>',
        machine,
        shown,
        f"{utc:%H:%M:%S}" if local.date() == utc.date() else f"{utc:%m-%d %H:%M:%S}",
    )


@register.filter
def duration(span: timedelta | None) -> str:
    return human(span) if span is not None else ""


@register.filter
def span_since(end: datetime | None, start: datetime | None) -> str:
    return human(end - start) if end and start else ""


@register.simple_tag
def zone_name() -> str:
    return timezone.get_current_timezone_name()


@register.filter
def exact_time(at: datetime) -> str:
    return exact(at)


@register.filter
def utc_iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# -------------------------------------------------------------------------------------------------- the rest
@register.filter
def action_word(action: str) -> str:
    """An audit action as words: the state table's label, or the action's own name."""
    return words.of_action(action)


@register.filter
def person(name: str) -> str:
    """Whom an entry of the record names."""
    return words.of_person(name)


@register.filter
def is_sentence(text: object) -> bool:
    """Whether an exception's text was written for the person: ours end with a full stop."""
    return str(text).endswith(".")
