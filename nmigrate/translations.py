"""The catalogues of locale/: which messages the code and the templates have, and which of them are translated.

For developers (it needs Babel): `manage.py translations` and the test that no message lacks its translation.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

KEYWORDS = {
    "say": None,
    "say_n": (1, 2),
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
# Folders and files that speak to whoever sits at the terminal; some have a `say` of their own, which prints.
NOT_FOR_PEOPLE = tuple(
    f"nmigrate/{name}"
    for name in (
        "bootstrap.py",
        "demo.py",
        "lab/",
        "management/",
        "migrations/",
        "prepare.py",
        "supervise.py",
        "translations.py",
    )
)
Found = tuple[str | tuple[str, ...], str | None, str, int]
"""Message (or singular and plural), context, file, line."""


def languages() -> list[str]:
    """Every language that there is a catalogue of, whether it is complete and so offered or not."""
    return sorted(path.name for path in (Path(settings.BASE_DIR) / "locale").iterdir() if path.is_dir())


def offered() -> list[str]:
    """Those that people can choose, beside the English of the code."""
    return [code for code, _ in settings.LANGUAGES if code != "en"]


def extracted() -> Iterator[Found]:
    """Every message of the code and the templates."""
    root = Path(settings.BASE_DIR)
    for path in sorted([*root.glob("nmigrate/**/*.py"), *root.glob("webui/**/*.py")]):
        name = path.relative_to(root).as_posix()
        if not name.startswith(NOT_FOR_PEOPLE):
            yield from _messages(path.read_text(), name)
    for path in sorted(root.glob("templates/**/*.html")):
        name = path.relative_to(root).as_posix()
        # What templatize makes of a template is not indented as Python would have it.
        code = "\n".join(line.lstrip() for line in templatize(path.read_text(), origin=name).splitlines())
        yield from _messages(code, name)


def _messages(code: str, name: str) -> Iterator[Found]:
    for line, function, messages, _ in extract_python(io.BytesIO(code.encode()), KEYWORDS, [], {}):
        found: Any = messages  # the types of Babel tell less than it gives
        given: list[str | None] = list(found) if isinstance(found, tuple | list) else [found]
        context = str(given.pop(0)) if function in ("pgettext", "npgettext") else None
        if function in ("say_n", "ngettext", "npgettext"):
            given = given[:2]
            if all(given):
                yield tuple(str(one) for one in given), context, name, line
        elif given[0]:
            yield str(given[0]), context, name, line


def catalogue_path(language: str) -> Path:
    return Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES/django.po"


def read(language: str) -> Catalog:
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The catalogue with exactly the messages that there are now; what was translated stays so."""
    old, new = read(language), Catalog(locale=language, project="nmigrate", charset="utf-8", fuzzy=False)
    for message, context, name, _ in extracted():
        before = old.get(message[0] if isinstance(message, tuple) else message, context)
        translation = before.string if before is not None and not before.fuzzy else None
        new.add(message, translation, locations=[(name, 0)], context=context)
    return new


def write(language: str, catalogue: Catalog) -> None:
    """Both files: what people edit, and what the application reads."""
    path = catalogue_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, width=110, sort_output=True, omit_header=False, include_lineno=False)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, read(language))  # in the order of the readable one


def untranslated(catalogue: Catalog) -> list[str]:
    """The messages that lack their translation."""
    return [str(message.id) for message in catalogue if message.id and not _is_whole(message.string)]


def _is_whole(string: object) -> bool:
    return all(string) if isinstance(string, (tuple, list)) else bool(string)
