"""Every page is valid HTML by the Nu Html Checker, the validator that the W3C runs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation

from nmigrate import translations
from tests.lab.fixtures import VAR
from tests.web.conftest import text
from tests.web.every import Shown
from tests.web.every import pages as pages

CHECKER = "vnu-jar@26.9.27"
HTMX = ".*Attribute “hx-[a-z-]+” not allowed.*"
"""htmx's own attributes, which no specification of HTML knows; its documentation writes them so."""
FOLDER = VAR / "validator"
JAR = FOLDER / "node_modules/vnu-jar/build/dist/vnu.jar"


@pytest.fixture(scope="session")
def checker() -> list[str]:
    """How the checker is called. It is downloaded once, from npm."""
    npm, java = shutil.which("npm"), shutil.which("java")
    if not npm or not java:
        pytest.skip("the HTML checker needs npm and java: apt-get install npm default-jre-headless")
    if not JAR.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = [
            npm,
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--prefix",
            str(FOLDER),
            CHECKER,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return [java, "-jar", str(JAR)]


@pytest.mark.installs
def test_every_page_is_valid_html(checker: list[str], pages: list[Shown], tmp_path: Path) -> None:
    names = {}
    for language in ("en", *translations.offered()):
        for shown in pages:
            client = Client()
            if shown.user is not None:
                client.force_login(shown.user)
            with translation.override(language):
                page = text(client.get(shown.path, follow=True, headers={"accept-language": language}))
            where = tmp_path / f"{language}-{shown.name}.html"
            where.write_text(page)
            names[where.name] = page
    found = check(checker, tmp_path)
    assert found == []


@pytest.mark.installs
def test_the_checker_finds_what_is_wrong(checker: list[str], tmp_path: Path) -> None:
    """Else the test above could not fail."""
    (tmp_path / "bad.html").write_text(
        "<!doctype html><html lang=en><title>x</title><p><ul><li><div></ul></p>"
    )
    assert any("li" in line or "“p”" in line for line in check(checker, tmp_path))


def check(checker: list[str], folder: Path) -> list[str]:
    files = sorted(str(path) for path in folder.glob("*.html"))
    done = subprocess.run(
        [*checker, "--format", "json", "--errors-only", "--filterpattern", HTMX, *files],
        capture_output=True,
        timeout=300,
        check=False,
    )
    messages = json.loads(done.stderr)["messages"]
    return [
        f"{Path(one.get('url', '')).name}:{one.get('lastLine')}: {one['message']} {one.get('extract', '')[:120]!r}"
        for one in messages
    ]
