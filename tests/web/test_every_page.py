"""Every page in each theme, language and width: no accessibility error, nothing too wide, nothing blocked, valid HTML.

NMIGRATE_TEST_PICTURES=1 python3 manage.py test tests/web/test_every_page.py   also takes a picture of each, into
var/pictures/pages/<language>-<theme>-<width>/, for somebody to look at; NMIGRATE_TEST_PAGES=audit,plan tries only those
whose name begins so.
"""

import os

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from nmigrate import translations
from tests.lab.fixtures import VAR
from tests.web.browsing import complaints, too_wide
from tests.web.every import Shown
from tests.web.every import pages as pages

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("committed")]

HEIGHT = 900
WIDTHS = (320, 360, 768, 1440)  # 320: what WCAG 2.2 asks for (1.4.10), a desk at 400 per cent
ONLY = tuple(os.environ.get("NMIGRATE_TEST_PAGES", "").split(","))
IS_TAKING = bool(os.environ.get("NMIGRATE_TEST_PICTURES"))
LOOKS = [(theme, language) for language in ("en", *translations.offered()) for theme in ("light", "dark")]


@pytest.mark.parametrize(("theme", "language"), LOOKS)
def test_every_page(
    chromium: Browser, live_server: LiveServer, pages: list[Shown], theme: str, language: str
) -> None:
    context = chromium.new_context(
        viewport={"width": 1440, "height": HEIGHT},
        color_scheme="dark" if theme == "dark" else "light",
        locale={"en": "en-GB", "vi": "vi-VN"}[language],
        timezone_id="Asia/Ho_Chi_Minh",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    blocked: list[str] = []
    page.on("console", lambda message: blocked.append(message.text) if "Security" in message.text else None)
    page.on(
        "request",
        lambda request: blocked.append(request.url) if not request.url.startswith(live_server.url) else None,
    )
    wrong: list[str] = []
    sessions: dict[User | None, str] = {}
    for shown in [one for one in pages if one.name.startswith(ONLY)]:
        page.goto("about:blank")  # what the page before asks for by itself must not be asked as somebody else
        _be(context, shown.user, sessions, live_server)
        page.goto(live_server.url + shown.path)
        assert page.locator("html").get_attribute("lang") == language
        # On the phone in the dark, on a desk in the light: what axe sees depends on each.
        for width in WIDTHS if theme == "light" else reversed(WIDTHS):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            wrong += [f"{shown.name}: {too_wide(page)} px too wide at {width}"] if too_wide(page) > 0 else []
            if IS_TAKING:
                _take(page, f"{language}-{theme}-{width}", shown.name)
        wrong += [f"{shown.name}: {complaint}" for complaint in complaints(page)]
    context.close()
    assert wrong == []
    assert blocked == []


def _be(
    context: BrowserContext, user: User | None, sessions: dict[User | None, str], server: LiveServer
) -> None:
    context.clear_cookies()
    if user is None:
        return
    if user not in sessions:
        client = Client()
        client.force_login(user)
        sessions[user] = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": sessions[user], "url": server.url}])


def _take(page: Page, folder: str, name: str) -> None:
    where = VAR / "pictures" / "pages" / folder
    where.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=where / f"{name}.png", full_page=True)
