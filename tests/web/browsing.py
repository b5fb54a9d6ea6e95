"""Pages in a real browser: opening one as somebody, and what is wrong with it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
LONG = "billing-database-primary-eu-central-production-replica-cổng-thanh-toán-" + "x" * 60
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1440, "height": 900}

Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, live_server: LiveServer) -> Iterator[Open]:
    """open_page(user, path, phone=False, dark=False, js=True): a page as that person, or nobody, sees it."""
    contexts: list[BrowserContext] = []

    def opened(
        user: User | None, path: str, *, phone: bool = False, dark: bool = False, js: bool = True
    ) -> Page:
        context = chromium.new_context(
            viewport=PHONE if phone else DESK,  # type: ignore[arg-type]  # a plain dict is what it wants
            color_scheme="dark" if dark else "light",
            timezone_id="Asia/Ho_Chi_Minh",
            java_script_enabled=js,
        )
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto(live_server.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()


def complaints(page: Page) -> list[str]:
    """What axe finds, as "rule: where"."""
    page.evaluate(AXE.read_text())  # not a script tag: the page's own policy forbids that
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]


def too_wide(page: Page) -> int:
    """By how many pixels the page must be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
