"""Two halves: inventory (a cache of the cloud that any sync may delete) and record (evidence that stays)."""

from nmigrate.models.inventory import Cloud, Hypervisor, Instance, Service
from nmigrate.models.noticed import Finding, OutsideMove
from nmigrate.models.people import Visit
from nmigrate.models.process import Heartbeat, Lease
from nmigrate.models.record import Approval, AuditChain, AuditEvent, Migration, Observation, Order
from nmigrate.models.samples import HostSample

__all__ = [
    "Approval",
    "AuditChain",
    "AuditEvent",
    "Cloud",
    "Finding",
    "Heartbeat",
    "HostSample",
    "Hypervisor",
    "Instance",
    "Lease",
    "Migration",
    "Observation",
    "Order",
    "OutsideMove",
    "Service",
    "Visit",
]
