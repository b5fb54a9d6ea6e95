"""Small forms: they clean what a person typed, and never save."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from nmigrate.models import Migration
from nmigrate.models.record import BLOCK_LABELS, ORIGINAL_LABELS
from nmigrate.moves import DELETE_ORIGINAL
from nmigrate.selectors import AuditFilter, MigrationFilter
from nmigrate.selectors.figures import Outcome
from nmigrate.sentences import say
from nmigrate.services import Pick
from nmigrate.states import KIND_LABELS, LABELS, Kind, State
from webui.pictures.figures import OUTCOME_WORDS

REASON_LIMIT = 2000
OFF_A_HOST = (Kind.LIVE, Kind.COLD, Kind.EVACUATE)
DECIDABLE = (State.ASKING, State.WAITING)


def _reason() -> forms.CharField:
    return forms.CharField(
        max_length=REASON_LIMIT,
        widget=forms.Textarea,
        error_messages={
            "required": _("Say why it is moved: the manager and the audit trail need a reason."),
            "max_length": _("A reason may have up to %(limit_value)d characters."),
        },
    )


def _ticket() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=100,
        error_messages={"max_length": _("A ticket may have up to %(limit_value)d characters.")},
    )


class MoveForm(forms.Form):
    """Where to, by which way, why, and for which ticket. Whether that is possible is the service's business."""

    to = forms.CharField(required=False, max_length=300)
    host = forms.CharField(required=False, max_length=255)
    zone = forms.CharField(required=False, max_length=255)
    way = forms.CharField(
        max_length=20, error_messages={"required": _("Choose how it is moved: one of the ways.")}
    )
    block = forms.ChoiceField(required=False, choices=BLOCK_LABELS)
    original_after = forms.ChoiceField(required=False, choices=ORIGINAL_LABELS)
    same_addresses = forms.BooleanField(required=False)
    reason = _reason()
    ticket = _ticket()

    def clean(self) -> None:
        data = self.cleaned_data
        if (
            data.get("way") == Kind.COPY
            and data.get("same_addresses")
            and data.get("original_after") != DELETE_ORIGINAL
        ):
            self.add_error(
                "same_addresses",
                _("They are free only once the original is deleted: choose that above, or untick this."),
            )

    def rules_set_aside(self) -> set[str]:
        """Rules of our own that the page said speak against the chosen way, each as "cold:lock"."""
        names = self.data.getlist("set_aside") if isinstance(self.data, QueryDict) else []
        found = (name.partition(":") for name in names)
        return {rule for way, _, rule in found if way == self.cleaned_data["way"]}


class HostPicks(forms.MultipleChoiceField):
    """The ticked boxes: "UUID/live/compute3" is that instance, moved live to that host."""

    def valid_value(self, value: str) -> bool:
        uuid, kind, host = [*value.split("/"), "", "", ""][:3]
        return kind in OFF_A_HOST and all(0 < len(part) < 256 and "\0" not in part for part in (uuid, host))


class EmptyForm(forms.Form):
    """Which instances leave a host, as the page proposed it, and why."""

    pick = HostPicks(
        error_messages={
            "required": _("Choose at least one instance."),
            "invalid_choice": _("What was chosen cannot be read. Load the page again and choose anew."),
        }
    )
    reason = _reason()
    ticket = _ticket()

    def picks(self) -> list[Pick]:
        parts = (pick.split("/") for pick in self.cleaned_data["pick"])
        return [Pick(uuid, Kind(kind), host) for uuid, kind, host, *_ in parts]


class NoteForm(forms.Form):
    """What a person says with a decision, or when they withdraw a request."""

    comment = forms.CharField(
        required=False,
        max_length=REASON_LIMIT,
        widget=forms.Textarea,
        error_messages={"max_length": _("A comment may have up to %(limit_value)d characters.")},
    )


class RetryForm(NoteForm):
    """The note, and the host to which the step shall lead; "" for the one of before."""

    host = forms.CharField(required=False, max_length=255)


class Picks(forms.MultipleChoiceField):
    """The ticked boxes: "42.waiting" is migration 42 as it was when the page was drawn."""

    def valid_value(self, value: str) -> bool:
        number, _, state = value.partition(".")
        return number.isascii() and number.isdigit() and len(number) < 19 and state in DECIDABLE


class TogetherForm(forms.Form):
    """Several decisions with one comment."""

    pick = Picks(
        error_messages={
            "required": _("Choose at least one of those with a box in front."),
            "invalid_choice": _("What was chosen cannot be read. Load the page again and choose anew."),
        }
    )
    answer = forms.ChoiceField(
        choices=[("yes", "yes"), ("no", "no")],
        error_messages=dict.fromkeys(("required", "invalid_choice"), _("Press one of the two buttons.")),
    )
    comment = forms.CharField(
        required=False,
        max_length=REASON_LIMIT,
        widget=forms.Textarea,
        error_messages={"max_length": _("A comment may have up to %(limit_value)d characters.")},
    )

    def clean(self) -> None:
        comment = self.cleaned_data.get("comment")  # not there when it is too long
        if self.cleaned_data.get("answer") == "no" and comment is not None and not comment.strip():
            self.add_error("comment", _("Say why not: who asked reads it, and the audit trail keeps it."))

    def migrations(self) -> list[Migration]:
        """What was chosen, in the state in which the page showed it: the services then refuse what has gone on
        since, instead of making another decision than the person meant."""
        seen = dict(pick.split(".", 1) for pick in self.cleaned_data["pick"])
        found = list(Migration.objects.filter(pk__in=seen).order_by("id"))
        for migration in found:
            migration.state = seen[str(migration.pk)]
        return found


class MigrationFilterForm(forms.Form):
    """The list of migrations, as the address bar says it."""

    cloud = forms.CharField(required=False, max_length=100, label=_("Cloud"))
    state = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=[
            ("", say("any state")),
            ("active", say("under way or waiting")),
            ("open", say("waits for a manager")),
            ("person", say("waits for a person")),
            *((state.value, label) for state, label in LABELS.items()),
            *((one.value, OUTCOME_WORDS[one]) for one in (Outcome.RETURNED, Outcome.BACK, Outcome.DROPPED)),
        ],
        error_messages={"invalid_choice": _("There is no such state. Choose one from the list.")},
    )
    kind = forms.ChoiceField(
        required=False,
        label=_("Kind"),
        choices=[("", say("any kind")), *((kind.value, label) for kind, label in KIND_LABELS.items())],
        error_messages={"invalid_choice": _("There is no such kind of move. Choose one from the list.")},
    )
    person = forms.CharField(required=False, max_length=150, label=_("Person"))
    instance = forms.CharField(required=False, max_length=255, label=_("Instance or ticket"))
    source = forms.CharField(required=False, max_length=255, label=_("From host"))
    made = forms.ChoiceField(
        required=False,
        label=_("Origin"),
        choices=[("", say("asked for here")), ("outside", say("made outside nmigrate"))],
        error_messages={"invalid_choice": _("There is no such list. Choose one of the two.")},
    )

    since = forms.CharField(required=False, max_length=10, label=_("Since"))
    until = forms.CharField(required=False, max_length=10, label=_("Until"))
    cause = forms.CharField(required=False, max_length=60, label=_("Why it failed"))

    def clean_since(self) -> datetime | None:
        return _midnight(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        """The end of that day."""
        return _midnight(self.cleaned_data["until"], days_later=1)

    def clean(self) -> None:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until <= since:
            self.add_error("until", _("The end must be later than the beginning."))

    def wanted(self) -> MigrationFilter:
        return MigrationFilter(**{key: value for key, value in self.cleaned_data.items() if key != "made"})


class AuditFilterForm(forms.Form):
    """The audit trail, as the address bar says it. Times are in the reader's own zone."""

    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    person = forms.CharField(required=False, max_length=255, label=_("Person"))
    instance = forms.CharField(required=False, max_length=255, label=_("Instance"))
    host = forms.CharField(required=False, max_length=255, label=_("Host"))
    action = forms.CharField(required=False, max_length=40, label=_("Action"))
    since = forms.CharField(required=False, max_length=40, label=_("From"))
    until = forms.CharField(required=False, max_length=40, label=_("Until"))
    cloud = forms.CharField(required=False, max_length=100, label=_("Cloud"))
    outside = forms.BooleanField(required=False, label=_("Only what was done outside nmigrate"))
    view = forms.ChoiceField(
        required=False, choices=[("", _("Move by move")), ("entries", _("Every entry"))], label=_("View")
    )
    migration = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        label=_("Migration"),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), _("A migration is a number, such as 42.")
        ),
    )

    def clean_since(self) -> datetime | None:
        return _moment(self.cleaned_data["since"])

    def clean_until(self) -> datetime | None:
        return _moment(self.cleaned_data["until"])

    def clean(self) -> None:
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until <= since:
            self.add_error("until", _("The end must be later than the beginning."))

    def wanted(self) -> AuditFilter:
        data = self.cleaned_data
        return AuditFilter(
            person=data["person"],
            instance=data["instance"],
            host=data["host"],
            action=data["action"],
            since=data["since"],
            until=data["until"],
            text=data["q"],
            migration=data["migration"],
            is_outside=data["outside"],
            cloud=data["cloud"],
        )


def _midnight(text: str, days_later: int = 0) -> datetime | None:
    """ "2026-11-22": the beginning of that day in the reader's zone."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise forms.ValidationError(_("Write the day as 2026-11-22.")) from error
    if not 1970 < day.year < 9999:
        raise forms.ValidationError(_("Choose a year between 1971 and 9998."))
    return timezone.make_aware(datetime.combine(day + timedelta(days=days_later), time.min))


def _moment(text: str) -> datetime | None:
    """ "2026-11-22T14:05" or "2026-11-22" in the reader's zone, or with an offset of its own."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise forms.ValidationError(_("Write the time as 2026-11-22 14:05.")) from error
    if not 1970 < moment.year < 9999:  # the ends of the calendar cannot be turned into UTC
        raise forms.ValidationError(_("Choose a year between 1971 and 9998."))
    return moment if moment.tzinfo else timezone.make_aware(moment)
