"""From what Nova said about a failed move to plain words: what happened, and what to do next.

A table: the first row whose pattern stands in Nova's words wins. The words come from the instance action's
events (`details`, 2.84), which hold the reason that "No valid host was found" hides; then the server's fault.
"""

import re
from dataclasses import dataclass

from nmigrate.cloud import api


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a move failed: `what` happened, the `next_step`, and Nova's own words."""

    what: str
    next_step: str
    said: str


@dataclass(frozen=True, slots=True)
class Row:
    pattern: str
    what: str
    next_step: str


TABLE: tuple[Row, ...] = (
    Row(
        r"not able to execute ssh command|Host key verification failed",
        "The two hosts could not speak to each other to copy the disk.",
        "An operator must repair the ssh access between the compute hosts.",
    ),
    Row(
        r"Migration is not supported for LVM backed instances",
        "Its disk is on LVM, and such an instance cannot be moved cold.",
        "Ask an operator about a live block migration.",
    ),
    Row(
        r"Failed to validate instance group policy",
        "The rules of its server group do not allow it on that host.",
        "Choose a host where no other member of its group runs, or ask an operator to look at the group.",
    ),
    Row(
        r"Binding failed for port|PortBindingFailed",
        "The network of the destination host could not be connected to it.",
        "Choose another host, and tell an operator that the network of that one needs repair.",
    ),
    Row(
        r"already exists, it is expected not to exist",
        "Files of an earlier attempt lie on the destination host.",
        "Choose another host, and tell an operator to clean up.",
    ),
    Row(
        r"requires a newer hypervisor version",
        "The destination's hypervisor is older than the one it runs on now.",
        "Choose a host with a newer hypervisor.",
    ),
    Row(
        r"is not on shared storage",
        "Its disk lies on its host alone, and the live move was told that the hosts share it.",
        "Ask again and let Nova see for itself how to treat the disk.",
    ),
    Row(
        r"is not on local storage|Block migration can not be used with shared storage",
        "The hosts share its disk, and the live move was told to copy it.",
        "Ask again and let Nova see for itself how to treat the disk.",
    ),
    Row(
        r"Unacceptable CPU info|CPU doesn't have compatibility",
        "The processor of the destination lacks something that it uses now.",
        "Choose a host of the same model, or move it cold.",
    ),
    Row(
        r"Disk of instance is too large",
        "Its disk does not fit on the destination.",
        "Choose a host with more free disk.",
    ),
    Row(
        r"not explicitly request live-migratable devices|Cannot live migrate VIF with related PCI",
        "It uses a device of its host directly, which cannot be moved while it runs.",
        "Move it cold.",
    ),
    Row(
        r"Compute service of \S+ is still in use",
        "Its host answers again, so it cannot be evacuated.",
        "Move it live or cold.",
    ),
    Row(
        r"Lack of memory",
        "The destination has too little free memory.",
        "Choose a host with more free memory.",
    ),
    Row(
        r"Service is unavailable at this time",
        "The compute service of the host that it was on is down.",
        "An operator must bring that host back; until then it cannot be moved this way.",
    ),
    Row(
        r"No valid host",
        "Nova found no host that can take it: the hosts that it may go to are full, out of service or not allowed.",
        "Plan it again with a named host. If that fails too, an operator must look at room, zone and server group.",
    ),
)


def explain_move(instance_name: str, action: api.Action | None, fault: str, asked_host: str) -> Cause:
    """The cause of a failed move. `action` with its events if Nova still has it; `fault` if the server has one."""
    lines = []
    if action is not None:
        failed = [event for event in action.events if event.result not in ("", "Success")]
        # The innermost step failed first and knows best; the conductor only repeats it.
        for event in sorted(failed, key=lambda event: event.name.startswith("conductor_")):
            where = f" on {event.host}" if event.host else ""
            lines.append(f"{event.name}{where}: {event.result}. {event.details}".strip())
        if not lines and action.message:
            lines.append(f"{action.action}: {action.message}")
    if fault:
        lines.append(f"fault: {fault}")
    said = "\n".join(lines)
    for row in TABLE:
        if re.search(row.pattern, said, re.IGNORECASE):
            what = row.what
            if row.pattern == "No valid host" and asked_host:
                what = (
                    f"Nova says that {asked_host} cannot take {instance_name}: "
                    "no room, out of service or not allowed."
                )
            return Cause(what, row.next_step, said)
    what = f"Nova gave up the move of {instance_name}"
    what += " with the words below." if said else " and did not say why."
    return Cause(what, "Show this page to an operator; try another host meanwhile.", said)
