"""Every write that a person causes, and `transition`, the one place where a migration changes state."""

from nmigrate.services.decisions import (
    Asides,
    Result,
    approve_migration,
    asides,
    confirm_migration,
    decide_together,
    decline_migration,
    reject_migration,
    why_not_decide,
)
from nmigrate.services.emptying import Asked, Pick, empty_host
from nmigrate.services.placing import hosts_named, place_order
from nmigrate.services.power import start_instance, stop_instance, unlock_instance
from nmigrate.services.requests import (
    abort_migration,
    active_migration,
    cancel_migration,
    force_migration,
    permitted_actions,
    request_migration,
)
from nmigrate.services.stranded import go_back, leave_migration, retry_migration
from nmigrate.services.transitions import Actor, decided_meanwhile, transition
from nmigrate.services.visits import note_visit

__all__ = [
    "Actor",
    "Asides",
    "Asked",
    "Pick",
    "Result",
    "abort_migration",
    "active_migration",
    "approve_migration",
    "asides",
    "cancel_migration",
    "confirm_migration",
    "decide_together",
    "decided_meanwhile",
    "decline_migration",
    "empty_host",
    "force_migration",
    "go_back",
    "hosts_named",
    "leave_migration",
    "note_visit",
    "permitted_actions",
    "place_order",
    "reject_migration",
    "request_migration",
    "retry_migration",
    "start_instance",
    "stop_instance",
    "transition",
    "unlock_instance",
    "why_not_decide",
]
