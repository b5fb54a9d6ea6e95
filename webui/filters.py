"""The filters of a list that are set: what each is called, what it asks for, and the address without it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django import forms
from django.http import QueryDict


@dataclass(frozen=True, slots=True)
class SetFilter:
    label: str
    value: str
    """In words; "" of one that is only on or off."""
    without: str
    """The query that leaves it out and keeps all others."""


def set_filters(
    form: forms.Form, asked: QueryDict, words: Mapping[str, Callable[[str], str]]
) -> list[SetFilter]:
    """Of a form that is valid. `words`: how the values of a field are told, where the form does not know."""
    found = []
    for field in form:
        if field.name == "view" or not form.cleaned_data.get(field.name):
            continue
        value = str(asked[field.name])
        rest = asked.copy()
        for name in (field.name, "page"):
            rest.pop(name, None)
        if isinstance(field.field, forms.BooleanField):
            value = ""
        elif isinstance(field.field, forms.ChoiceField):
            value = dict(field.field.choices)[value]  # type: ignore[arg-type]  # ours are plain pairs
        elif field.name in words:
            value = words[field.name](value)
        found.append(SetFilter(str(field.label), value, rest.urlencode()))
    return found
