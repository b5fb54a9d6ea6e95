"""Every message has its translation, with the same things filled in; the compiled file is up to date."""

import ast
import io
import re
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo

from nmigrate import translations
from nmigrate.diagnosis.explain import says_what_to_do
from nmigrate.sentences import sentences_of

LANGUAGES = translations.languages()
ROOT = Path(__file__).parents[1]
FILLED_IN = re.compile(r"\{\w*\}|%\(\w+\)[sd]|%[sd]|</?\w+[^>]*>")


def test_no_message_of_a_language_that_is_offered_lacks_its_translation() -> None:
    for language in translations.offered():
        assert translations.untranslated(translations.updated(language)) == []


def test_a_language_that_is_not_complete_is_not_offered() -> None:
    incomplete = {code for code in LANGUAGES if translations.untranslated(translations.updated(code))}
    assert incomplete.isdisjoint(translations.offered())


def test_no_message_hides_in_an_f_string() -> None:
    """Before Python 3.12 Babel sees an f-string as one piece, and nothing of what is called in it."""
    hidden = []
    for path in [*ROOT.glob("nmigrate/**/*.py"), *ROOT.glob("webui/**/*.py")]:
        strings = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.JoinedStr)]
        calls = [one for string in strings for one in ast.walk(string) if isinstance(one, ast.Call)]
        hidden += [
            f"{path}:{call.lineno}"
            for call in calls
            if isinstance(call.func, ast.Name) and call.func.id in translations.KEYWORDS
        ]
    assert hidden == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_left_of_a_message_that_is_gone(language: str) -> None:
    there = {str(message.id) for message in translations.updated(language) if message.id}
    assert [str(one.id) for one in translations.read(language) if one.id and str(one.id) not in there] == []


def test_a_no_before_the_start_has_one_word_and_a_no_at_the_end_another() -> None:
    """ "Not approved" and "rejected": whoever reads a third looks for a third thing that may have happened."""
    said = [str(message.id) for message in translations.updated(LANGUAGES[0]) if message.id]
    others = re.compile(r"\b(declin|disapprov|den(y|ied)\b|turn(ed|s)? down)", re.IGNORECASE)

    assert [one for one in said if others.search(one)] == []
    assert "Do not approve, or reject, the chosen" in said


def _forms(text: object) -> list[str]:
    """One text, or one for each number."""
    return [str(one) for one in text] if isinstance(text, (list, tuple)) else [str(text or "")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_fills_in_the_same(language: str) -> None:
    wrong = []
    for message in translations.read(language):
        ids = _forms(message.id)
        strings = _forms(message.string)
        wanted = sorted(FILLED_IN.findall(ids[-1])) if ids[0] else []
        wrong += [s for s in strings if ids[0] and s and sorted(FILLED_IN.findall(s)) != wanted]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_with_its_advice_has_as_many_sentences_in_every_language(language: str) -> None:
    """After a failure the page shows them apart: why, and what to do."""
    wrong, places = [], ("nmigrate/cloud/", "nmigrate/preflight/", "nmigrate/objecting", "nmigrate/calls")
    for message in translations.read(language):
        sentences = sentences_of(str(message.id))
        is_ours = any(name.startswith(places) for name, _ in message.locations)
        if is_ours and message.string and any(says_what_to_do(one) for one in sentences[1:]):
            wrong += [message.id] if len(sentences_of(str(message.string))) != len(sentences) else []
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_file_is_that_of_the_readable_one(language: str) -> None:
    fresh = io.BytesIO()
    write_mo(fresh, translations.read(language))
    assert translations.catalogue_path(language).with_suffix(".mo").read_bytes() == fresh.getvalue()


def test_the_extraction_sees_code_and_templates() -> None:
    """Else the test above could pass with nothing extracted."""
    files = {name for _, _, name, _ in translations.extracted()}
    assert "nmigrate/states.py" in files
    assert "templates/login.html" in files
