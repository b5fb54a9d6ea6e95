"""Times as words and as HTML: how long ago, how long still, and the exact moment in the reader's zone."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from nmigrate.sentences import say


def human(span: timedelta) -> str:
    """ "4 s", "6 min", "2 h 5 min", "1 day", "3 days": the two units that matter."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return say("{n} s", n=seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10 and seconds % 60:
        return say("{n} min {m} s", n=minutes, m=seconds % 60)
    if hours < 1:
        return say("{n} min", n=minutes)
    if days < 1:
        return say("{n} h {m} min", n=hours, m=minutes % 60) if minutes % 60 else say("{n} h", n=hours)
    if days < 3 and hours % 24:
        return say("{n} d {m} h", n=days, m=hours % 24)
    return say("1 day") if days == 1 else say("{n} days", n=days)


def _unit(seconds: int) -> int:
    """The smaller of the two units that `human` tells it in, in seconds."""
    if seconds < 600:
        return 1
    return 60 if seconds < 86400 else 3600 if seconds < 3 * 86400 else 86400


def clocked(start: datetime, end: datetime) -> timedelta:
    """How long from one to the other by a clock that shows whole seconds, as the pages do."""
    return end.replace(microsecond=0) - start.replace(microsecond=0)


def adding_up(spans: Iterable[timedelta]) -> list[timedelta]:
    """The parts of a time, so that what `human` tells of them makes what it tells of all: each cut to its unit, and
    those that lose most by it told as one more, as far as that is needed."""
    seconds = [int(span.total_seconds()) for span in spans]
    units = [_unit(number) for number in seconds]
    told = [number - number % unit for number, unit in zip(seconds, units, strict=True)]
    whole = sum(seconds)
    whole -= whole % _unit(whole)
    for place in sorted(range(len(told)), key=lambda place: told[place] - seconds[place]):
        if sum(told) < whole:
            told[place] += units[place]
    return [timedelta(seconds=number) for number in told]


def exact(at: datetime) -> str:
    form = pgettext("a moment, as Django's date filter has it", "d M Y, H:i:s")
    return f"{dateformat.format(timezone.localtime(at), form)} ({timezone.get_current_timezone_name()})"


def short(at: datetime) -> str:
    """The time of day, with the date when it was not today."""
    local = timezone.localtime(at)
    if local.date() == timezone.localtime().date():
        return f"{local:%H:%M:%S}"
    form = pgettext("a moment of this year, as Django's date filter has it", "d M, H:i:s")
    return dateformat.format(local, form)


def day_of_year(day: date) -> str:
    """ "3 Nov" """
    return dateformat.format(day, pgettext("a day, as Django's date filter has it", "j M"))


def day_and_year(day: date) -> str:
    """ "3 Nov 2026" """
    return dateformat.format(day, pgettext("a day, as Django's date filter has it", "j M Y"))


def time_tag(at: datetime, text: str, mode: str) -> SafeString:
    return format_html(
        '<time datetime="{}" data-mode="{}" title="{}">{}</time>',
        at.astimezone(UTC).isoformat(timespec="milliseconds"),
        mode,
        exact(at),
        text,
    )
