"""Sentences for people: made and kept in English, shown in the reader's language.

`say("{host} is down. Choose another host.", host="compute1")` is a str, the English sentence, that remembers how it
was made. A template shows it translated (`__html__`), `told()` gives it as text, and `keep()` and `kept()` carry it
through the database, so that what a worker wrote at night is read by everybody in their own language.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import models
from django.utils.formats import number_format
from django.utils.html import escape
from django.utils.translation import gettext, ngettext

Value = str | int | float
MARK = "\x1f"
"""Between the English sentence and how it was made; nobody can type it into a form (ASCII's unit separator)."""


@dataclass(frozen=True, slots=True)
class Made:
    """One translatable piece: the message, what is filled in, and the plural with its number where it has one."""

    message: str
    values: tuple[tuple[str, Value], ...] = ()
    plural: str = ""
    number: int = 0
    part: int = 0
    """Of a message of several sentences: only its last n, or (-n) all but these. 0: all of it."""

    def template(self) -> str:
        """The English message, nothing filled in."""
        message = self.plural if self.plural and self.number != 1 else self.message
        return _part(message, self.part)

    def english(self) -> str:
        return self.template().format(**dict(self.values))

    def translated(self) -> str:
        if not self.message:
            return ""
        message = ngettext(self.message, self.plural, self.number) if self.plural else gettext(self.message)
        return _part(message, self.part).format(**{name: told(value) for name, value in self.values})

    def as_json(self) -> list[Any]:
        values = {name: _value_as_json(value) for name, value in self.values}
        plural = [self.plural, self.number] if self.plural or self.part else []
        return [self.message, values, *plural, *([self.part] if self.part else [])]


Piece = str | Made
"""A literal text, such as the space between two sentences, or something that is translated."""


class Sentence(str):
    """An English text that can be told in another language. Slices and `strip()` give a plain str."""

    pieces: tuple[Piece, ...]

    def __new__(cls, pieces: Iterable[Piece]) -> "Sentence":
        kept_pieces = tuple(pieces)
        made = super().__new__(
            cls, "".join(piece if isinstance(piece, str) else piece.english() for piece in kept_pieces)
        )
        made.pieces = kept_pieces
        return made

    def __add__(self, other: str) -> "Sentence":
        return Sentence((*self.pieces, *_pieces(other)))

    def __radd__(self, other: str) -> "Sentence":
        return Sentence((*_pieces(other), *self.pieces))

    def __html__(self) -> str:
        return str(escape(told(self)))

    def __reduce__(self) -> Any:
        return Sentence, (self.pieces,)


def say(message: str, /, **values: Value) -> Sentence:
    """One sentence, or a word. `{name}` in the message is filled in; a value may itself be a Sentence.

    A number is an amount, and told with the thousands of the reader's language. What only looks like one (the number of
    a migration or an entry, a port, a year) is given as a str.

    The message must be a literal: `manage.py translations` finds it by the name of this function.
    """
    return Sentence((Made(message, tuple(values.items())),))


def say_n(one: str, many: str, number: int, /, **values: Value) -> Sentence:
    """The same with a number, which is also filled in as `{n}`: "one host", "{n} hosts"."""
    return Sentence((Made(one, (("n", number), *values.items()), many, number),))


def join(texts: Iterable[str], separator: str = " ") -> Sentence:
    """Several texts as one; empty ones are left out."""
    pieces: list[Piece] = []
    for text in texts:
        if text:
            pieces += [*([separator] if pieces else []), *_pieces(text)]
    return Sentence(pieces)


def listed(texts: Iterable[str]) -> Sentence:
    """ "a, b and c"."""
    found = list(texts)
    if len(found) < 2:
        return join(found)
    return say("{first} and {last}", first=join(found[:-1], ", "), last=found[-1])


def grouped(value: float, places: int | None = None) -> str:
    """With the decimal mark and the thousands of the language that is active now."""
    return number_format(value, places, use_l10n=True, force_grouping=True)


def told(value: Value) -> str:
    """In the language that is active now; a text that is no Sentence stays as it is."""
    if isinstance(value, int | float):
        return grouped(value)
    if isinstance(value, Sentence):
        return "".join(piece if isinstance(piece, str) else piece.translated() for piece in value.pieces)
    return str(value)


def split(text: str, begins: Callable[[str], bool]) -> tuple[str, str]:
    """In two before the first sentence, but the very first, that `begins` says yes to; both can still be told.

    A message may hold several sentences: its translation must have as many.
    """
    before: list[Piece] = []
    pieces = _pieces(text)
    for place, piece in enumerate(pieces):
        sentences = sentences_of(piece if isinstance(piece, str) else piece.template())
        for at, one in enumerate(sentences):
            is_later = bool(at) or bool(_AN_END.search(str(Sentence(before))))
            if not (is_later and one[:1].isupper() and begins(one)):
                continue
            left, right = _cut(piece, sentences, at)
            if not left and isinstance(before[-1], str):
                before[-1] = before[-1].rstrip()
            halves = Sentence([*before, *left]), Sentence([*right, *pieces[place + 1 :]])
            return halves if isinstance(text, Sentence) else (str(halves[0]), str(halves[1]))
        before.append(piece)
    return text, ""


_AN_END = re.compile(r"[.!?”)] $")


def sentences_of(text: str) -> list[str]:
    """One by one: a blank before a capital letter ends a sentence that has its full stop."""
    found: list[str] = []
    for one in re.split(r"(?<=[.!?”)]) ", text):
        if found and not one[:1].isupper():
            found[-1] += f" {one}"
        else:
            found.append(one)
    return found


def _part(message: str, part: int) -> str:
    if not part:
        return message
    sentences = sentences_of(message)
    return " ".join(sentences[-part:] if part > 0 else sentences[: len(sentences) + part])


def _cut(piece: Piece, sentences: list[str], at: int) -> tuple[list[Piece], list[Piece]]:
    if not at:
        return [], [piece]
    if isinstance(piece, str):
        return [" ".join(sentences[:at])], [" ".join(sentences[at:])]
    last = len(sentences) - at
    return [replace(piece, part=-last)], [replace(piece, part=last)]


def _pieces(text: str) -> tuple[Piece, ...]:
    return text.pieces if isinstance(text, Sentence) else (str(text),)


# -- through the database


def keep(text: str) -> str:
    """The English sentence, and behind it how it was made, as one text for a database or JSON."""
    if not isinstance(text, Sentence) or not any(isinstance(piece, Made) for piece in text.pieces):
        return str(text)
    return str(text) + MARK + json.dumps(_pieces_as_json(text), ensure_ascii=False, separators=(",", ":"))


def kept(text: str) -> str:
    """What `keep` made a text of."""
    plain, mark, made = text.partition(MARK)
    return Sentence(_pieces_from_json(json.loads(made))) if mark else plain


def _pieces_as_json(text: Sentence) -> list[Any]:
    return [piece if isinstance(piece, str) else piece.as_json() for piece in text.pieces]


def _value_as_json(value: Value) -> Any:
    return {"s": _pieces_as_json(value)} if isinstance(value, Sentence) else value


def _pieces_from_json(found: list[Any]) -> list[Piece]:
    return [piece if isinstance(piece, str) else _made_from_json(*piece) for piece in found]


def _made_from_json(
    message: str, values: dict[str, Any], plural: str = "", number: int = 0, part: int = 0
) -> Made:
    filled = {
        name: Sentence(_pieces_from_json(value["s"])) if isinstance(value, dict) else value
        for name, value in values.items()
    }
    return Made(message, tuple(filled.items()), plural, number, part)


class SentenceField(models.TextField):
    """A text of the record: a person's own words, or a Sentence that is read back as one."""

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        return keep(value) if isinstance(value, Sentence) else prepared

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return value if value is None else kept(value)

    def deconstruct(self) -> Any:
        """For the schema it is a text like any other."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


class SentencesField(models.JSONField):
    """Facts of the record among whose texts are Sentences, however deep; they are read back as such."""

    def get_prep_value(self, value: Any) -> Any:
        return _through(keep, super().get_prep_value(value))

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return _through(kept, super().from_db_value(value, expression, connection))

    def deconstruct(self) -> Any:
        """For the schema it is JSON like any other."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


def _through(change: Callable[[str], str], value: Any) -> Any:
    """The same facts, every text of theirs changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _through(change, one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_through(change, one) for one in value]
    return value
