"""Pictures of the page of a failure as a helpdesk person sees it, for somebody to look at.

NMIGRATE_TEST_PICTURES=1 python3 manage.py test tests/causes -m lab   writes var/pictures/causes/*.png: every case in
light on a desk; =all also in the dark and on a phone.
"""

import os
from pathlib import Path

from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Browser, Route

from nmigrate.models import Migration
from tests.lab.fixtures import VAR
from tests.web.browsing import DESK, PHONE

WANTED = os.environ.get("NMIGRATE_TEST_PICTURES", "")
FOLDER = VAR / "pictures" / "causes"
HOST = "http://nmigrate.test"


def take(browser: Browser, user: User, move: Migration, name: str) -> None:
    """The page without a server: Django's test client fetches it, and the browser is given that."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    client = Client()
    client.force_login(user)
    html = client.get(f"/migrations/{move.pk}/").content
    looks = [("", DESK, "light")]
    if WANTED == "all":
        looks += [("-dark", DESK, "dark"), ("-phone", PHONE, "light")]
    for suffix, viewport, scheme in looks:
        context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.route("**/*", lambda route: _answer(html, route))
        page.goto(f"{HOST}/migrations/{move.pk}/")
        page.screenshot(path=FOLDER / f"{name}{suffix}.png")
        context.close()


def _answer(html: bytes, route: Route) -> None:
    """No query in here: the browser's own loop has another connection to the database."""
    path = route.request.url.removeprefix(HOST)
    if path.startswith("/static/"):
        found = finders.find(path.removeprefix("/static/").partition("?")[0])
        if found:
            route.fulfill(path=Path(str(found)))
        else:
            route.abort()
    elif route.request.is_navigation_request():
        route.fulfill(status=200, content_type="text/html; charset=utf-8", body=html)
    else:
        route.fulfill(status=204)
