"""What must be done before the web server and the workers start: what `up` and `demo` share."""

import errno
import fcntl
import hashlib
import http.client
import socket
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import CommandError


def check_address(bind: tuple[str, int], remedy: str) -> None:
    """Raise CommandError with one sentence when nobody could listen there; `remedy` says what to do."""
    host, port = bind
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the server does it: a port that only lingers after a close is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise CommandError(f"{host} is not an address that this machine knows; {remedy}.") from None
    except OSError as error:
        why = {
            errno.EADDRINUSE: f"Port {port} of {host} is taken by another program",
            errno.EADDRNOTAVAIL: f"{host} is not an address of this machine",
            errno.EACCES: f"Port {port} may only be used by root",
        }.get(error.errno or 0, f"Nobody can listen on port {port} of {host} ({error.strerror})")
        raise CommandError(f"{why}; {remedy}.") from None


def database() -> None:
    """Bring the database's tables and the roles up to date. Raises CommandError if it cannot be reached."""
    from django.db import DatabaseError

    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        Path(settings.DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("setup_roles", verbosity=0)
    except DatabaseError as error:
        words = " ".join(str(error).split())
        raise CommandError(f"The database of NMIGRATE_DATABASE_URL cannot be used: {words}") from None


def static_files() -> None:
    """Copy, compress and name the static files by content, unless that has been done for these very files.

    It takes seconds, and a start should not.
    """
    root = Path(settings.STATIC_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    mark = root / ".made-from"
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = static_fingerprint()
        if mark.exists() and mark.read_text() == wanted:
            return
        mark.unlink(missing_ok=True)
        call_command("collectstatic", verbosity=0, interactive=False)
        mark.write_text(wanted)


def static_fingerprint() -> str:
    """Stands for the name, size and time of every static file, and for how they are stored."""
    lines = [settings.STORAGES["staticfiles"]["BACKEND"]]
    for finder in get_finders():
        for name, storage in finder.list([]):
            stat = Path(storage.path(name)).stat()
            lines.append(f"{name} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def web_answers(bind: tuple[str, int]) -> bool:
    """Does the web server give any answer that is not its own failure?"""
    host, port = bind
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to connect, not to listen
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", settings.LOGIN_URL, headers={"User-Agent": "nmigrate start"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
