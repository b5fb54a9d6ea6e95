"""Sentences: English to the code and the database, the reader's language on a page."""

import copy
import json
import pickle

import pytest
from django.db import connection
from django.template import Context, Template
from django.utils import translation
from django.utils.translation import trans_real

from nmigrate.sentences import Sentence, SentencesField, join, keep, kept, listed, say, say_n, split, told

VIETNAMESE = {
    "{host} is down.": "{host} không hoạt động.",
    "running": "đang chạy",
    "{name} is {state}.": "{name} {state}.",
    "{first} and {last}": "{first} và {last}",
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
