"""Sentences: English to the code and the database, the reader's language on a page."""

import ast
import copy
import json
import pickle
import re
from pathlib import Path

import pytest
from django.db import connection
from django.template import Context, Template
from django.utils import translation
from django.utils.translation import trans_real

from nmigrate.sentences import Sentence, SentencesField, join, keep, kept, listed, say, say_n, split, told

ROOT = Path(__file__).parent.parent
VIETNAMESE = {
    "{host} is down.": "{host} không hoạt động.",
    "running": "đang chạy",
    "{name} is {state}.": "{name} {state}.",
    "{first} and {last}": "{first} và {last}",
    "{host} is too full: {free} {unit} free, {needed} needed.": "{host} quá đầy: còn {free} {unit}, cần {needed}.",
    "{number} seconds": "{number} giây",
    "{host} is down. Choose another host.": "{host} không hoạt động. Hãy chọn máy chủ khác.",
}


@pytest.fixture(autouse=True)
def _few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of a few messages: what the real one says is not this file's matter."""
    with translation.override("vi"):
        catalogue = trans_real.translation("vi")
        monkeypatch.setattr(catalogue, "gettext", lambda message: VIETNAMESE.get(message, message))
        monkeypatch.setattr(
            catalogue,
            "ngettext",
            lambda one, many, n: {"{n} hosts": "{n} máy chủ"}.get(many, one if n == 1 else many),
        )


def test_a_sentence_is_its_english_text() -> None:
    assert say("{host} is down.", host="compute1") == "compute1 is down."
    assert say_n("one host", "{n} hosts", 1) == "one host"
    assert say_n("one host", "{n} hosts", 3) == "3 hosts"


def test_it_is_told_in_the_language_of_the_reader() -> None:
    sentence = say("{name} is {state}.", name="vm2", state=say("running"))
    with translation.override("vi"):
        assert told(sentence) == "vm2 đang chạy."
        assert told(say_n("one host", "{n} hosts", 2)) == "2 máy chủ"
    with translation.override("en"):
        assert told(sentence) == "vm2 is running."


FULL = say(
    "{host} is too full: {free} {unit} free, {needed} needed.",
    host="node2048",
    free=7062,
    unit="GiB",
    needed=1234567,
)


@pytest.mark.parametrize(
    ("sentence", "english", "vietnamese"),
    [
        (FULL, "node2048 is too full: 7,062 GiB free, 1,234,567 needed.",
         "node2048 quá đầy: còn 7.062 GiB, cần 1.234.567."),
        (say_n("one host", "{n} hosts", 1000), "1,000 hosts", "1.000 máy chủ"),
        (say("{number} seconds", number=1234.5), "1,234.5 seconds", "1.234,5 giây"),
        (join([say("{number} seconds", number=999), "1500"]), "999 seconds 1500", "999 giây 1500"),
        (say("{host} is down.", host=FULL), "node2048 is too full: 7,062 GiB free, 1,234,567 needed. is down.",
         "node2048 quá đầy: còn 7.062 GiB, cần 1.234.567. không hoạt động."),
        # What is no amount is a text.
        (say("{host} is down.", host="2048"), "2048 is down.", "2048 không hoạt động."),
    ],
)  # fmt: skip
def test_amounts_have_the_thousands_of_the_reader(sentence: str, english: str, vietnamese: str) -> None:
    for one in (sentence, kept(keep(sentence))):
        with translation.override("en"):
            assert told(one) == english
        with translation.override("vi"):
            assert told(one) == vietnamese


def test_as_it_is_kept_an_amount_is_bare() -> None:
    """So that the entries of the audit trail that are there already still hash to the same."""
    assert str(FULL) == "node2048 is too full: 7062 GiB free, 1234567 needed."
    assert str(kept(keep(FULL))) == str(FULL)


def test_the_number_of_something_is_filled_in_as_a_text() -> None:
    """Else migration 1234 would be told as 1,234."""
    found = []
    for file in (*(ROOT / "nmigrate").rglob("*.py"), *(ROOT / "webui").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("say", "say_n"):
                filled_in = [ast.unparse(one.value) for one in node.keywords]
                found += [
                    f"{file}:{node.lineno}" for one in filled_in if re.search(r"\.(pk|id|migration_id)$", one)
                ]
    assert found == []


def test_a_template_shows_it_translated_and_escaped() -> None:
    page = Template("{{ it }}|{{ them|join:' ' }}")
    it = say("{host} is down.", host="<b>")
    with translation.override("vi"):
        shown = page.render(Context({"it": it, "them": [it, say("running")]}))
    assert shown == "&lt;b&gt; không hoạt động.|&lt;b&gt; không hoạt động. đang chạy"


def test_sentences_joined_stay_sentences() -> None:
    both = join(["", say("{host} is down.", host="a"), "", say("running")])
    assert both == "a is down. running"
    with translation.override("vi"):
        assert told(both) == "a không hoạt động. đang chạy"
        assert told("– " + both + "!") == "– a không hoạt động. đang chạy!"
        assert told(listed(["a", "b", say("running")])) == "a, b và đang chạy"


def test_it_comes_back_from_the_database_as_it_went() -> None:
    sentence = join([say("{name} is {state}.", name="vm2", state=say("running")), say_n("one", "{n}", 4)])
    back = kept(keep(sentence))
    assert isinstance(back, Sentence)
    assert back == sentence
    assert back.pieces == sentence.pieces
    assert keep(back) == keep(sentence)
    assert keep(sentence).startswith("vm2 is running. 4\x1f")


ONE = say("{host} is down. Choose another host.", host="vm 2. Choose")
TWO = join([say("{host} is down.", host="a"), say("Choose another host.")])


@pytest.mark.parametrize(
    ("text", "english", "vietnamese"),
    [
        (ONE, ("vm 2. Choose is down.", "Choose another host."),
         ("vm 2. Choose không hoạt động.", "Hãy chọn máy chủ khác.")),
        (TWO, ("a is down.", "Choose another host."), ("a không hoạt động.", "Choose another host.")),
        ("It is down. It hurts. Choose one.", ("It is down. It hurts.", "Choose one."),
         ("It is down. It hurts.", "Choose one.")),
        (say("{host} is down.", host="a"), ("a is down.", ""), ("a không hoạt động.", "")),
        (say("Choose another host."), ("Choose another host.", ""), ("Choose another host.", "")),
    ],
)  # fmt: skip
def test_a_text_is_split_before_a_sentence_and_both_parts_are_told(
    text: str, english: tuple[str, str], vietnamese: tuple[str, str]
) -> None:
    parts = split(text, lambda one: one.startswith("Choose"))
    assert parts == english
    with translation.override("vi"):
        assert (told(parts[0]), told(parts[1])) == vietnamese
        assert tuple(told(kept(keep(part))) for part in parts) == vietnamese


def test_a_persons_own_words_stay_their_own() -> None:
    assert keep("running") == "running"
    assert type(kept("running")) is str
    with translation.override("vi"):
        assert told("running") == "running"


def test_it_can_be_copied_and_sent_to_another_process() -> None:
    sentence = say("{host} is down.", host="a")
    assert pickle.loads(pickle.dumps(sentence)).pieces == sentence.pieces  # noqa: S301
    assert copy.deepcopy(sentence).pieces == sentence.pieces


def test_sentences_among_facts_go_through_the_database_as_such() -> None:
    """Numbers and the person's own words stay what they are."""
    field = SentencesField()
    facts = {
        "level": "ours",
        "points": 7,
        "reasons": [{"text": say("{host} is down.", host="compute1")}, None],
    }

    stored = json.dumps(field.get_prep_value(facts))
    read = field.from_db_value(stored, None, connection)

    assert read == facts
    with translation.override("vi"):
        assert told(read["reasons"][0]["text"]) == "compute1 không hoạt động."
    assert type(read["level"]) is str
