"""The failure table: patterns in Nova's words -> what happened, what to do next, and who can do it.

The first row that matches wins, so that specific rows stand above general ones.
"""

import re
from dataclasses import dataclass

HELPDESK, OPERATOR = "helpdesk", "operator"


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    pattern: str
    what: str
    next_step: str
    who: str


TABLE: tuple[Row, ...] = (
    Row(
        "ssh",
        r"not able to execute ssh command|Host key verification failed",
        "The two hosts could not speak to each other to copy the disk.",
        "An operator must repair the ssh access between the compute hosts.",
        OPERATOR,
    ),
    Row(
        "lvm",
        r"Migration is not supported for LVM backed instances",
        "Its disk is on LVM, and such an instance cannot be moved cold.",
        "Ask for a live move that copies the disk, or show this page to an operator.",
        HELPDESK,
    ),
    Row(
        "server-group",
        r"Failed to validate instance group policy",
        "The rules of its server group do not allow it on that host.",
        "Choose a host where no other member of its group runs, or ask an operator to look at the group.",
        HELPDESK,
    ),
    Row(
        "port-binding",
        r"Binding failed for port|PortBindingFailed",
        "The network of the destination host could not be connected to it.",
        "Choose another host, and tell an operator that the network of that one needs repair.",
        HELPDESK,
    ),
    Row(
        "leftover-files",
        r"already exists, it is expected not to exist",
        "Files of an earlier attempt lie on the destination host.",
        "Choose another host, and tell an operator to clean up.",
        HELPDESK,
    ),
    Row(
        "older-hypervisor",
        r"requires a newer hypervisor version",
        "The destination's hypervisor is older than the one it runs on now.",
        "Choose a host with a newer hypervisor.",
        HELPDESK,
    ),
    Row(
        "not-shared-storage",
        r"is not on shared storage",
        "Its disk lies on its host alone, and the live move was told that the hosts share it.",
        "Ask again and let Nova see for itself how to treat the disk.",
        HELPDESK,
    ),
    Row(
        "not-local-storage",
        r"is not on local storage|Block migration can not be used with shared storage",
        "The hosts share its disk, and the live move was told to copy it.",
        "Ask again and let Nova see for itself how to treat the disk.",
        HELPDESK,
    ),
    Row(
        "cpu",
        r"Unacceptable CPU info|CPU doesn't have compatibility",
        "The processor of the destination lacks something that it uses now.",
        "Choose a host of the same model, or move it cold.",
        HELPDESK,
    ),
    Row(
        "disk-too-large",
        r"Disk of instance is too large",
        "Its disk does not fit on the destination.",
        "Choose a host with more free disk.",
        HELPDESK,
    ),
    Row(
        "tunnelled",
        r"Selective block device migration is not supported with tunnelled",
        "The hosts are set up in an old way that cannot copy its disk while it uses a volume.",
        "Move it cold, or ask an operator to change that setting.",
        HELPDESK,
    ),
    Row(
        "device",
        r"not explicitly request live-migratable devices|Cannot live migrate VIF with related PCI",
        "It uses a device of its host directly, which cannot be moved while it runs.",
        "Move it cold.",
        HELPDESK,
    ),
    Row(
        "numa",
        r"Instance has an associated NUMA topology",
        "It is tied to processors of its host, and some hosts are too old to move such an instance live.",
        "An operator must renew the old hosts. Until then move it cold.",
        OPERATOR,
    ),
    Row(
        "special-instance",
        r"not supported for SEV-enabled|vTPM-enabled|vDPA ports|vTPM live migration is not supported",
        "It has a protected or special device that does not allow this kind of move.",
        "Try a cold move, and tell its owner.",
        HELPDESK,
    ),
    Row(
        "still-in-use",
        r"Compute service of \S+ is still in use",
        "Its host answers again, so it cannot be evacuated.",
        "Move it live or cold.",
        HELPDESK,
    ),
    Row(
        "no-memory",
        r"Lack of memory",
        "The destination has too little free memory.",
        "Choose a host with more free memory.",
        HELPDESK,
    ),
    Row(
        "source-down",
        r"Service is unavailable at this time|Compute service of \S+ is unavailable",
        "The compute service of the host that it was on is down.",
        "An operator must bring that host back; until then it cannot be moved this way.",
        OPERATOR,
    ),
    Row(
        "unshelve-target",
        r"must be SHELVED_OFFLOADED|is not in the availability zone|requested availability zone is not available",
        "It cannot be started again in that zone or on that host.",
        "Choose a zone and a host that belong together.",
        HELPDESK,
    ),
    Row(
        "same-or-unknown-host",
        r"host where the server exists|target host can't be the same|Compute host \S+ (?:could not be|not) found",
        "It is on that host already, or the cloud does not know that host.",
        "Choose another host from the list.",
        HELPDESK,
    ),
    Row(
        "locked",
        r"Instance \S+ is locked",
        "It is locked in the cloud.",
        "Ask its owner to unlock it.",
        HELPDESK,
    ),
    Row(
        "wrong-state",
        r"while it is in (?:vm_state|task_state|power state)|Instance \S+ is not ready",
        "It is doing something else, or is in a state that does not allow this.",
        "Wait a moment and look again.",
        HELPDESK,
    ),
    Row(
        "no-right",
        r"Policy doesn't allow",
        "The account of nmigrate may not do this in the cloud.",
        "An operator must give it the right that is missing.",
        OPERATOR,
    ),
    Row(
        "confirm-cleanup",
        r"try hard rebooting",
        "It was kept on its new host, but the old host could not be cleaned up.",
        "An operator must look at both hosts and restart it. It cannot go back.",
        OPERATOR,
    ),
    Row(
        "interrupted",
        r"MessagingTimeout|Timed out waiting for a reply|RemoteError|MessageDeliveryFailure",
        "The parts of the cloud lost contact with each other. It may still run.",
        "An operator must see where it runs before its state is put right.",
        OPERATOR,
    ),
    Row(
        "no-valid-host",
        r"No valid host",
        "Nova found no host that can take it: the hosts that it may go to are full, out of service or not allowed.",
        "Plan it again with a named host. If that fails too, an operator must look at room, zone and server group.",
        HELPDESK,
    ),
)


def match(said: str) -> Row | None:
    """The row for these words of the cloud's; None when they are not in the table."""
    return next((row for row in TABLE if re.search(row.pattern, said, re.IGNORECASE)), None)
