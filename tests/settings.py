"""The settings of the tests: the real ones, with an environment of their own, whatever the shell has set.

A PostgreSQL for the tests is named by NMIGRATE_TEST_DATABASE_URL.
"""

import os

# What says where the tests may work, and on what, is kept.
_KEPT = ("NMIGRATE_TEST", "NMIGRATE_LAB", "NMIGRATE_VAR_DIR")
for _name in [name for name in os.environ if name.startswith("NMIGRATE_") and not name.startswith(_KEPT)]:
    del os.environ[_name]
os.environ["NMIGRATE_SECRET_KEY"] = "tests-only-" + "0123456789" * 5
os.environ["NMIGRATE_INSECURE_HTTP"] = "1"
os.environ["NMIGRATE_CLOUDS"] = "lab"
if _url := os.environ.get("NMIGRATE_TEST_DATABASE_URL"):
    os.environ["NMIGRATE_DATABASE_URL"] = _url
# Playwright's sync API runs an event loop in the tests' thread, and Django then refuses the ORM there.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

from nmigrate.settings import *  # noqa: E402, F403
from nmigrate.settings import DATABASES, LOGGING, NMIGRATE_VAR_DIR, SQLITE_OPTIONS, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and real worker processes open it too. One per run: two runs may overlap.
    _folder = NMIGRATE_VAR_DIR / "test-db"
    _folder.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["NAME"] = str(_folder / "unused.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(_folder / f"{os.getpid()}.sqlite3")}
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS | {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
    }
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
# The real hasher takes 0.3 s for each user that a test creates.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING["root"]["level"] = "WARNING"
