"""A catalogue that puts every message in brackets, and what a page has outside of them."""

import re
from collections.abc import Callable, Iterable
from html.parser import HTMLParser

import pytest
from django.utils import translation
from django.utils.translation import trans_real

from nmigrate.sentences import Sentence

OPEN, CLOSE = "⟦", "⟧"
_FILLED_IN = re.compile(r"\{\w+\}|%\(\w+\)[sd]")
_ATTRIBUTES = ("alt", "aria-label", "data-label", "placeholder", "title")
_SILENT = ("pre", "script", "style", "code")
"""Elements whose text is nobody's sentence, as is what has the class `mono` or says translate="no"."""
_VOID = ("br", "hr", "img", "input", "link", "meta", "use")
_MARKED = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
_NO_WORDS = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|req-\S+|\b[0-9a-f]{64}\b|(?<!\w)[\d.:/+-]+(?:T[\d.:]+Z?)?(?!\w)"
    r"|\b(?:nmigrate|migrate|Nova|UUID|UTC|GiB|MiB|vCPU)\b"
)
"""Ids, numbers, times, units and names that are the same in every language."""
_WORD = re.compile(r"[^\W\d_]{2,}")


def bracketed(message: str) -> str:
    """The message as its own translation. What is filled in stands outside of the brackets: it is looked at, too."""
    return OPEN + _FILLED_IN.sub(lambda found: CLOSE + found.group() + OPEN, message) + CLOSE


def tell_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on Vietnamese is English in brackets; what is not translated stands outside of them."""
    with translation.override("vi"):
        catalogue = trans_real.translation("vi")
    monkeypatch.setattr(catalogue, "gettext", bracketed)
    monkeypatch.setattr(catalogue, "ngettext", lambda one, many, n: bracketed(one if n == 1 else many))


def is_made(text: str) -> bool:
    """Whether every word of this text is told in the reader's language, but for what is filled in."""
    pieces = text.pieces if isinstance(text, Sentence) else (text,)
    return not any(isinstance(piece, str) and _WORD.search(piece) for piece in pieces)


def unmarked(html: str, data: Iterable[str] = (), parts: Iterable[str] = ()) -> list[str]:
    """The texts and labels of a page that are neither in brackets nor `data`: names, hosts, a person's own words.

    `parts`: ids, classes or aria-labelledby of elements that are not looked into.
    """
    page = _Texts(without(frozenset(data)), frozenset(parts))
    page.feed(html.replace("<wbr>", ""))
    page.close()
    return page.found


def without(data: frozenset[str]) -> Callable[[str], str]:
    """What is left of a text when the marked parts and the data are taken away; "" when that is no word."""
    own_words = sorted(data, key=len, reverse=True)

    def rest(text: str) -> str:
        text = _MARKED.sub(" ", text)
        for own in own_words:
            text = re.sub(rf"(?<!\w){re.escape(own)}(?!\w)", " ", text)
        text = _NO_WORDS.sub(" ", text)
        return " ".join(text.split()) if _WORD.search(text) else ""

    return rest


class _Texts(HTMLParser):
    """Collects texts, bracket by bracket: a message may hold elements, so that its brackets lie in different texts."""

    def __init__(self, rest: Callable[[str], str], parts: frozenset[str]) -> None:
        super().__init__()
        self.found: list[str] = []
        self._rest, self._parts, self._is_open = rest, parts, False
        self._within: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        names = {*has.get("class", "").split(), has.get("id", ""), has.get("aria-labelledby", "")}
        is_silent = (
            tag in _SILENT or has.get("translate") == "no" or "mono" in names or bool(names & self._parts)
        )
        if tag not in _VOID:
            self._within.append((tag, is_silent))
        for name, value in attrs:
            if name in _ATTRIBUTES:
                self._note(value or "", f"{name}: ")
            else:  # an address inside a message: its brackets end and begin there
                self._follow(value or "")

    def handle_endtag(self, tag: str) -> None:
        if any(tag == one for one, _ in self._within):
            while self._within.pop()[0] != tag:
                pass  # an element that HTML lets stay open

    def handle_data(self, data: str) -> None:
        whole = (OPEN if self._is_open else "") + data
        self._follow(data)
        if not any(is_silent for _, is_silent in self._within):
            self._note(whole + (CLOSE if self._is_open else ""))

    def _follow(self, text: str) -> None:
        for one in text:
            if one in (OPEN, CLOSE):
                self._is_open = one == OPEN

    def _note(self, text: str, where: str = "") -> None:
        left = self._rest(text)
        if left:
            self.found.append(where + left)
