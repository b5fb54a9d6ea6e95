"""Read settings from the environment; a bad value stops the start with one sentence that names the variable.

Nothing here depends on Django, so that settings.py, manage.py and the tests can all use it.
An empty value means the same as no value: `NMIGRATE_CLOUDS= manage.py up` is the way to unset it.
"""

import os
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


class BadSetting(SystemExit):
    """A setting that cannot be used.

    A SystemExit, because Python then prints the sentence without a traceback and ends with status 1, in
    manage.py, gunicorn and qcluster alike.
    """


def refuse(name: str, why: str) -> NoReturn:
    """Stop the start: `why` completes the sentence that the variable's name begins."""
    raise BadSetting(f"{name} {why}")


class Env:
    """The environment, read by type. Values are not quoted in errors where they may hold a password."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ = os.environ if environ is None else environ

    def text(self, name: str, default: str = "") -> str:
        return self.environ.get(name, "").strip() or default

    def words(self, name: str, default: str = "") -> tuple[str, ...]:
        """A comma list, in the order given, without empty parts."""
        return tuple(part.strip() for part in self.text(name, default).split(",") if part.strip())

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value in TRUE:
            return True
        if value in FALSE:
            return False
        refuse(name, f"is {value!r}; it must be 1 or 0.")

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self.text(name)
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            refuse(name, f"is {value!r}; it must be a whole number from {least} to {most}.")
        return int(value)

    def seconds(self, name: str, default: float, *, least: float, most: float) -> float:
        value = self.text(name)
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        # Written so that nan, which compares false with everything, is refused too.
        if not least <= number <= most:
            refuse(name, f"is {value!r}; it must be a number of seconds from {least:g} to {most:g}.")
        return number

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        for choice in choices:
            if value.lower() == choice.lower():
                return choice
        refuse(name, f"is {value!r}; it must be one of {', '.join(choices)}.")

    def microversion(self, name: str, default: str, *, least: tuple[int, int], most: tuple[int, int]) -> str:
        value = self.text(name, default)
        major, dot, minor = value.partition(".")
        numeric = dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()
        if not numeric or not least <= (int(major), int(minor)) <= most:
            lo, hi = (".".join(map(str, version)) for version in (least, most))
            refuse(name, f"is {value!r}; it must be a Nova microversion from {lo} to {hi}.")
        return f"{int(major)}.{int(minor)}"

    def time_zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        try:
            ZoneInfo(value)
        except Exception:  # ZoneInfo raises five different exceptions for five kinds of bad name
            if value != "UTC":  # a machine without tzdata can still do UTC
                refuse(name, f"is {value!r}; it must be a time zone's name such as Europe/Berlin or UTC.")
        return value

    def address(self, name: str, default: str) -> tuple[str, int]:
        """HOST:PORT, with an IPv6 host in brackets. Port 0 is refused: nobody could find it again."""
        value = self.text(name, default)
        try:
            parts = urlsplit(f"//{value}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or not port or parts.path or parts.query or parts.username:
            refuse(name, f"is {value!r}; it must be an address and a port such as 127.0.0.1:8000.")
        return host, port

    def mail_server(self, name: str) -> dict[str, Any]:
        """smtp:// or smtps://, with user and password where the server wants them; {} when there is none.

        Returns host, port, user, password and security: "" plain on this machine, "tls" (STARTTLS) or "ssl".
        """
        value = self.text(name)
        if not value:
            return {}
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in ("smtp", "smtps") or not host or parts.path not in ("", "/"):
            refuse(
                name, "must look like smtp://user:password@mail.example.org:587 or smtps://mail.example.org."
            )
        is_local = host in ("localhost", "127.0.0.1", "::1")
        return {
            "host": host,
            "port": port or (465 if parts.scheme == "smtps" else 25 if is_local else 587),
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "security": "ssl" if parts.scheme == "smtps" else "" if is_local else "tls",
        }

    def origins(self, name: str) -> tuple[str, ...]:
        values = self.words(name)
        for value in values:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
                refuse(name, f"has {value!r}; each part must look like https://nmigrate.example.com.")
        return tuple(value.rstrip("/") for value in values)
