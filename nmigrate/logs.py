"""How a log line looks: text for people, or one JSON object per line for a collector. UTC, to stderr."""

import datetime
import json
import logging
from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def utc(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TextFormatter(logging.Formatter):
    def formatTime(  # noqa: N802 - logging's name
        self,
        record: logging.LogRecord,
        datefmt: str | None = None,  # noqa: ARG002 - part of the signature
    ) -> str:
        return utc(record)


class JsonFormatter(logging.Formatter):
    """One line per record: time, level, logger, pid, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": utc(record),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def config(level: str, *, as_json: bool) -> dict[str, Any]:
    """The LOGGING setting. HTTP libraries stay at INFO or above: at DEBUG they would log request headers."""
    quiet = "INFO" if level == "DEBUG" else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "()": "nmigrate.logs.TextFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            },
            "json": {"()": "nmigrate.logs.JsonFormatter"},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json" if as_json else "text"},
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own handlers print nothing unless DEBUG and mail errors to ADMINS: ours replace them.
            "django": {"handlers": [], "level": quiet, "propagate": True},
            "django.server": {"handlers": [], "level": quiet, "propagate": True},
            # At import django-q2 adds a handler of its own to a logger that has none.
            # At INFO it has two lines for each task, and there is a heartbeat every few seconds.
            "django-q": {
                "handlers": ["stderr"],
                "level": "WARNING" if level == "INFO" else quiet,
                "propagate": False,
            },
            **{name: {"level": quiet} for name in ("openstack", "keystoneauth", "urllib3", "stevedore")},
        },
    }
