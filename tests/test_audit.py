"""The audit trail: append-only in the database, chained, and any tampering found."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from nmigrate import audit
from nmigrate.models import AuditChain, AuditEvent
from tests.conftest import guard_the_trail, unguard_the_trail


@pytest.fixture
def five(db: None) -> list[AuditEvent]:
    return [audit.record("note", actor="somebody", reason=f"Grund {n}: ổn") for n in range(5)]


def tamper(sql: str) -> None:
    """What somebody with the database's own tools could do: drop the guard, change a row, put it back."""
    unguard_the_trail()
    with connection.cursor() as cursor:
        cursor.execute(sql)
    guard_the_trail()


def test_chain_of_honest_entries_is_unbroken(five: list[AuditEvent]) -> None:
    assert audit.verify() == (
        True,
        "The chain of 5 entries is unbroken: none was changed, removed or inserted.",
    )
    call_command("verify_audit", verbosity=0)


@pytest.mark.parametrize(
    "change",
    [
        lambda: AuditEvent.objects.filter(id=2).update(reason="nothing"),
        lambda: AuditEvent.objects.filter(id=2).delete(),
        lambda: AuditEvent.objects.all().delete(),
    ],
)
def test_database_refuses_to_change_or_delete_an_entry(
    five: list[AuditEvent], change: Callable[[], object]
) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change()
    assert audit.verify()[0]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE nmigrate_auditevent SET reason='other' WHERE id=3", "entry 3 was changed"),
        ("UPDATE nmigrate_auditevent SET actor='other' WHERE id=1", "entry 1 was changed"),
        ("DELETE FROM nmigrate_auditevent WHERE id=3", "entry 3 is missing"),
        ("DELETE FROM nmigrate_auditevent WHERE id=5", "ends at entry 4, but 5 were written"),
    ],
)
def test_tampering_past_the_guard_is_found_and_named(five: list[AuditEvent], sql: str, words: str) -> None:
    tamper(sql)
    unbroken, sentence = audit.verify()
    assert not unbroken
    assert words in sentence
    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit")


def test_rewritten_entry_with_a_fresh_hash_breaks_the_link_after_it(five: list[AuditEvent]) -> None:
    event = five[1]
    event.reason = "rewritten"
    tamper(
        f"UPDATE nmigrate_auditevent SET reason='rewritten', hash='{audit.entry_hash(event)}' WHERE id={event.id}"
    )
    assert audit.verify() == (False, "The chain is broken: entry 3 does not follow the entry before it.")


def test_entry_rolls_back_with_what_it_tells_of(db: None) -> None:
    def fail() -> None:
        audit.record("note", actor="somebody")
        raise RuntimeError

    with pytest.raises(RuntimeError), transaction.atomic():
        fail()
    assert AuditEvent.objects.count() == 0
    assert AuditChain.objects.get().last_id == 0


def test_names_of_people_are_kept_as_text(helpdesk: User) -> None:
    event = audit.record("note", actor=helpdesk)
    helpdesk.username = "renamed"
    helpdesk.save()
    event.refresh_from_db()
    assert event.actor == "helpdesk"
