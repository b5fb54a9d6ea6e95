"""Every setting, from the environment. A bad value stops the start with one sentence naming the variable.

The NMIGRATE_* names are Django settings of the same name: domain code reads `settings.NMIGRATE_CLOUDS`.
The README's table lists them; this file is what it is made from.
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url

from nmigrate import logs
from nmigrate.env import Env, refuse

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent
# Everything that the project writes is in this one folder; the variable moves it, for a read-only checkout.
NMIGRATE_VAR_DIR = Path(env.text("NMIGRATE_VAR_DIR", str(BASE_DIR / "var"))).absolute()

# ------------------------------------------------------------------------------------------- who may see what
DEBUG = env.flag("NMIGRATE_DEBUG")
# Cookies without Secure and no redirect to https: for the demo on 127.0.0.1, and for nothing else.
NMIGRATE_INSECURE_HTTP = env.flag("NMIGRATE_INSECURE_HTTP")
# Only behind a proxy of ours that sets X-Forwarded-Proto itself; otherwise any visitor could claim https.
NMIGRATE_BEHIND_PROXY = env.flag("NMIGRATE_BEHIND_PROXY")

SECRET_KEY = env.text("NMIGRATE_SECRET_KEY")
if not SECRET_KEY and DEBUG:
    SECRET_KEY = "debug-only-and-known-to-everybody-who-reads-this-file"  # noqa: S105
if not SECRET_KEY:
    refuse(
        "NMIGRATE_SECRET_KEY",
        "is not set; make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'",
    )
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5:
    refuse("NMIGRATE_SECRET_KEY", "is too short; it must be at least 50 random characters.")

ALLOWED_HOSTS = list(env.words("NMIGRATE_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]"))
CSRF_TRUSTED_ORIGINS = list(env.origins("NMIGRATE_CSRF_TRUSTED_ORIGINS"))

# ------------------------------------------------------------------------------------------------- the clouds
# Names of entries in clouds.yaml, which openstacksdk finds (OS_CLIENT_CONFIG_FILE says where).
NMIGRATE_CLOUDS = env.words("NMIGRATE_CLOUDS")
if len(set(NMIGRATE_CLOUDS)) < len(NMIGRATE_CLOUDS):
    refuse("NMIGRATE_CLOUDS", "names a cloud twice.")
# 2.93 came with Zed (2022), the oldest Nova that we support; 2.104 with 2026.2, the newest that was tried.
NMIGRATE_MAX_MICROVERSION = env.microversion(
    "NMIGRATE_MAX_MICROVERSION", "2.104", least=(2, 93), most=(2, 104)
)
NMIGRATE_API_TIMEOUT = env.seconds("NMIGRATE_API_TIMEOUT", 30, least=1, most=600)
# The follower's pace while something moves, and while nothing does; and how often it copies everything anew.
NMIGRATE_FOLLOW_SECONDS = env.seconds("NMIGRATE_FOLLOW_SECONDS", 1, least=0.1, most=60)
NMIGRATE_IDLE_SECONDS = env.seconds("NMIGRATE_IDLE_SECONDS", 5, least=0.1, most=600)
NMIGRATE_FULL_SYNC_SECONDS = env.seconds("NMIGRATE_FULL_SYNC_SECONDS", 600, least=10, most=86400)

# ---------------------------------------------------------------------------------------------- the decisions
# A move that takes down a running instance needs a manager's approval before it starts.
NMIGRATE_APPROVE_DOWNTIME = env.flag("NMIGRATE_APPROVE_DOWNTIME", default=True)
# How long a move may wait for its decision (0: for ever), how long before that end managers are reminded, and
# what happens at it: nothing, or the instance is sent back.
NMIGRATE_DECISION_SECONDS = env.seconds("NMIGRATE_DECISION_SECONDS", 86400, least=0, most=31_536_000)
NMIGRATE_REMIND_SECONDS = env.seconds("NMIGRATE_REMIND_SECONDS", 7200, least=0, most=31_536_000)
NMIGRATE_DECISION_AT_END = env.choice("NMIGRATE_DECISION_AT_END", "nothing", ("nothing", "revert"))

# Managers with an address are reminded by mail, too, where there is a mail server; the address of the pages stands
# in the mail.
_mail = env.mail_server("NMIGRATE_MAIL_URL")
NMIGRATE_MAIL = bool(_mail)
if _mail:
    EMAIL_HOST, EMAIL_PORT = _mail["host"], _mail["port"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["user"], _mail["password"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["security"] == "tls", _mail["security"] == "ssl"
    EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("NMIGRATE_MAIL_FROM", "nmigrate@localhost")
NMIGRATE_PAGES_URL = next(iter(env.origins("NMIGRATE_PAGES_URL")), "")

# ---------------------------------------------------------------------------------------------- the watchdog
# After how many seconds it says that something goes wrong quietly: a live move whose memory does not get less, a
# move that Nova took and has not begun, a task of Nova's that does not end, something that waits for a person (a
# move stopped half-way, or one outside nmigrate that nobody decides on), and silence (an order without an answer,
# a cloud that cannot be read, a lock that is gone).
NMIGRATE_WATCH_STALLED_SECONDS = env.seconds("NMIGRATE_WATCH_STALLED_SECONDS", 300, least=1, most=86400)
NMIGRATE_WATCH_QUEUED_SECONDS = env.seconds("NMIGRATE_WATCH_QUEUED_SECONDS", 600, least=1, most=86400)
NMIGRATE_WATCH_TASK_SECONDS = env.seconds("NMIGRATE_WATCH_TASK_SECONDS", 1800, least=1, most=604_800)
NMIGRATE_WATCH_PERSON_SECONDS = env.seconds("NMIGRATE_WATCH_PERSON_SECONDS", 3600, least=1, most=604_800)
NMIGRATE_WATCH_SILENT_SECONDS = env.seconds("NMIGRATE_WATCH_SILENT_SECONDS", 120, least=1, most=86400)

# ---------------------------------------------------------------------------------------------- the processes
NMIGRATE_BIND = env.address("NMIGRATE_BIND", "127.0.0.1:8000")
NMIGRATE_WEB_WORKERS = env.whole("NMIGRATE_WEB_WORKERS", 2, least=1, most=64)
NMIGRATE_WEB_THREADS = env.whole("NMIGRATE_WEB_THREADS", 4, least=1, most=64)
NMIGRATE_WORKERS = env.whole("NMIGRATE_WORKERS", 2, least=1, most=32)
# A worker or follower that has not written its heartbeat for so many seconds is replaced by `manage.py up`.
NMIGRATE_HEARTBEAT_LIMIT = env.seconds("NMIGRATE_HEARTBEAT_LIMIT", 90, least=5, most=3600)

# ---------------------------------------------------------------------------------------------------- Django
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    # Before staticfiles: runserver then serves files as whitenoise does in production.
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "django_htmx",
    "nmigrate",
    "webui",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Pages and the export; static files are compressed on disk. Its random padding answers BREACH (Django 4.2).
    "django.middleware.gzip.GZipMiddleware",
    "webui.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    # The language of the switch (a cookie), else the browser's, else English.
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webui.middleware.LocalTimeZone",
    "webui.middleware.DesignedRefusal",
]

ROOT_URLCONF = "nmigrate.urls"
WSGI_APPLICATION = "nmigrate.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/mine/"
LOGOUT_REDIRECT_URL = "/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Those that are complete: tests/test_translations.py fails when a message lacks its translation.
LANGUAGES = [("en", "English"), ("vi", "Tiếng Việt")]
LANGUAGE_CODE = "en"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
NUMBER_GROUPING = 3  # for Vietnamese too, whose formats in Django leave it out
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
# Times are stored and logged in UTC. NMIGRATE_TIME_ZONE is how a page shows them to who chose nothing else.
USE_TZ = True
TIME_ZONE = "UTC"
NMIGRATE_TIME_ZONE = env.time_zone("NMIGRATE_TIME_ZONE", "UTC")

# -------------------------------------------------------------------------------------------------- database
SQLITE_OPTIONS: dict[str, Any] = {
    # Readers do not wait for the writer, and a commit does not wait for the disk at each step.
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    # A transaction that reads and then writes would otherwise fail at once with "database is locked".
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
}


def database(url: str) -> dict[str, Any]:
    """DATABASES["default"] from a URL. The URL may hold a password, so that no error quotes it."""
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60))
    except Exception:  # dj_database_url raises its own, ValueError and KeyError, each quoting the URL
        found = {}
    engine = found.get("ENGINE", "")
    if engine not in ("django.db.backends.sqlite3", "django.db.backends.postgresql") or not found["NAME"]:
        refuse(
            "NMIGRATE_DATABASE_URL",
            "must look like sqlite:////srv/nmigrate/db.sqlite3 or postgres://user:password@host:5432/name.",
        )
    if engine == "django.db.backends.postgresql":
        return found | {"CONN_HEALTH_CHECKS": True}
    # An absolute path stays what it is.
    return found | {"NAME": str(BASE_DIR / found["NAME"]), "OPTIONS": SQLITE_OPTIONS}


DATABASES = {
    "default": database(env.text("NMIGRATE_DATABASE_URL", f"sqlite:///{NMIGRATE_VAR_DIR}/db.sqlite3"))
}

# ----------------------------------------------------------------------------------------------- task queue
Q_CLUSTER = {
    "name": "nmigrate",
    "label": "Task queue",
    # The queue is a table of the same database: a task commits or rolls back with the state it belongs to.
    "orm": "default",
    "workers": NMIGRATE_WORKERS,
    # A task is one short step. What a worker has taken is locked for `retry` from then on, so that one task
    # waiting in memory behind another of 60 s must still be far from 300.
    "timeout": 60,
    "retry": 300,
    "queue_limit": 1,
    "bulk": 1,
    # A task that raised is not run again by the queue: our own state table decides what is tried again.
    "ack_failures": True,
    "max_attempts": 1,
    # -1 keeps no rows of tasks that went well (failures are kept); our record is the one that counts.
    "save_limit": -1,
    "catch_up": False,
    "recycle": 500,
    "poll": 0.2,
    "sync": False,
}

# ---------------------------------------------------------------------------------------------- static files
STATIC_URL = "/static/"
STATIC_ROOT = NMIGRATE_VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

# -------------------------------------------------------------------------------------------------- security
HTTPS = not (DEBUG or NMIGRATE_INSECURE_HTTP)
SECURE_SSL_REDIRECT = HTTPS
# Health checks come from the machine itself, without TLS, and show nothing secret.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# security.W021 asks for HSTS preload: browsers would keep the operator's domain on their list for months.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if NMIGRATE_BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
# htmx sends the token that base.html carries, so that no script needs to read the cookie.
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "webui.views.errors.page_too_old"
SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# --------------------------------------------------------------------------------------------------- logging
NMIGRATE_LOG_LEVEL = env.choice("NMIGRATE_LOG_LEVEL", "INFO", logs.LEVELS)
NMIGRATE_LOG_JSON = env.flag("NMIGRATE_LOG_JSON")
LOGGING = logs.config(NMIGRATE_LOG_LEVEL, as_json=NMIGRATE_LOG_JSON)

# A clouds.yaml in the current directory would win over the one that the operator has written, whoever put it
# there; a relative path would depend on where the process was started.
if "OS_CLIENT_CONFIG_FILE" in os.environ and not Path(os.environ["OS_CLIENT_CONFIG_FILE"]).is_absolute():
    refuse("OS_CLIENT_CONFIG_FILE", "must be an absolute path.")
