"""The audit trail: how an entry is added, and how anybody can check that none was changed since.

Each entry's hash is SHA-256 over the previous entry's hash and this entry's fields as canonical JSON (sorted
keys, UTF-8, times in UTC with microseconds). Ids run without a gap, and the last id and hash stand in
AuditChain, so that a cut-off end is found too.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from nmigrate.models import AuditChain, AuditEvent, Migration
from nmigrate.models.record import SYSTEM as SYSTEM
from nmigrate.sentences import Sentence, keep, say

GENESIS = "0" * 64
SOMEBODY = say("somebody outside nmigrate")
NOVA_ITSELF = say("Nova itself (resize_confirm_window)")
"""The actors of what was done past this application and whose author is not known, or is no person."""
OTHERS: dict[str, str] = {str(name): name for name in (SOMEBODY, NOVA_ITSELF)}
"""By the English words that the record keeps of them."""

_HASHED = tuple(
    field.attname
    for field in AuditEvent._meta.concrete_fields
    if field.attname not in ("hash", "previous_hash")
)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return keep(value) if isinstance(value, Sentence) else value


def entry_hash(event: AuditEvent) -> str:
    """What `event.hash` must be, given its fields and `previous_hash`."""
    content = {name: _plain(getattr(event, name)) for name in _HASHED}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256((event.previous_hash + text).encode()).hexdigest()


def record(
    action: str,
    *,
    actor: User | str,
    migration: Migration | None = None,
    is_outside: bool = False,
    **fields: Any,
) -> AuditEvent:
    """Add one entry, inside the transaction of what it tells of: both are kept, or neither.

    With `migration` its instance, hosts, ticket and request id are copied; `fields` override them.
    Raises TransactionManagementError outside a transaction (select_for_update).
    """
    about: dict[str, Any] = {}
    if migration is not None:
        about = {
            "cloud": migration.cloud,
            "instance_uuid": migration.instance_uuid,
            "instance_name": migration.instance_name,
            "migration_id": migration.pk,
            "from_host": migration.source_host,
            "to_host": migration.dest_host or migration.asked_host,
            "ticket": migration.ticket,
        }
    chain = AuditChain.objects.select_for_update().get(pk=1)
    event = AuditEvent(
        id=chain.last_id + 1,
        at=timezone.now(),
        # A name is kept as plain text: as such it is read back, and hashed.
        actor=str(actor) if isinstance(actor, str) else actor.get_username(),
        is_outside=is_outside,
        action=action,
        previous_hash=chain.last_hash,
        **{**about, **fields},
    )
    event.hash = entry_hash(event)
    event.save(force_insert=True)
    chain.last_id, chain.last_hash = event.id, event.hash
    chain.save(update_fields=["last_id", "last_hash"])
    return event


def verify() -> tuple[bool, str]:
    """Recompute the whole chain. Returns (unbroken, one sentence that says what was found where).

    Needs no transaction, and so blocks nobody: the end of the chain is read first, and what lies before it must
    not change.
    """
    chain = AuditChain.objects.get(pk=1)
    previous, expected = GENESIS, 1
    for event in AuditEvent.objects.filter(id__lte=chain.last_id).order_by("id").iterator(chunk_size=2000):
        if event.id != expected:
            return False, say("The chain is broken: entry {number} is missing.", number=str(expected))
        if event.previous_hash != previous:
            return False, say(
                "The chain is broken: entry {number} does not follow the entry before it.",
                number=str(event.id),
            )
        if event.hash != entry_hash(event):
            return False, say(
                "The chain is broken: entry {number} was changed after it was written.", number=str(event.id)
            )
        previous, expected = event.hash, expected + 1
    if expected - 1 != chain.last_id or previous != chain.last_hash:
        return (
            False,
            say(
                "The chain is broken: it ends at entry {last}, but {written} were written.",
                last=str(expected - 1),
                written=chain.last_id,
            ),
        )
    newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    chain.refresh_from_db()  # after the look at the newest: an entry added meanwhile is not past the end
    if newest > chain.last_id:
        return False, say(
            "The chain is broken: there are entries after number {last}, its end.", last=str(chain.last_id)
        )
    return True, say(
        "The chain of {number} entries is unbroken: none was changed, removed or inserted.",
        number=expected - 1,
    )
