"""Times as words and as HTML: how long ago, how long still, and the exact moment in the reader's zone."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from nmigrate.sentences import say


def human(span: timedelta) -> str:
    """ "4 s", "6 min", "2 h 5 min", "3 days": the two units that matter."""
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
    return say("{n} days", n=days)


def exact(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%d %b %Y, %H:%M:%S} ({timezone.get_current_timezone_name()})"


def time_tag(at: datetime, text: str, mode: str) -> SafeString:
    return format_html(
        '<time datetime="{}" data-mode="{}" title="{}">{}</time>',
        at.astimezone(UTC).isoformat(),
        mode,
        exact(at),
        text,
    )
