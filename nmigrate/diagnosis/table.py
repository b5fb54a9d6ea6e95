"""The failure table: patterns in the cloud's words -> why it failed, what to do next, and who can do it.

The first row that matches wins, so that specific rows stand above general ones. `{name}`, `{source}` and `{dest}`
become the instance and the hosts (own.fill): the sentences stand here as they are translated. Nova tells of an
exception that is not its own by its class alone (nova/exception.py `exception_to_dict`), which is why some patterns
are names of classes.
"""

import re
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from nmigrate.diagnosis.cause import HELPDESK, OPERATOR


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    pattern: str
    why: str
    next_step: str
    who: str
    what: str = ""
    """Instead of "could not be moved", where that would be wrong or too little."""


NO_VALID_HOST = "no-valid-host"
ANOTHER = _("Plan it again with another host.")

TABLE: tuple[Row, ...] = (
    Row(
        "ssh",
        r"not able to execute ssh command|Host key verification failed",
        _(
            "{source} and {dest} could not reach each other to copy its disk: the access from host to host is broken."
        ),
        _(
            "An operator must repair the ssh access between the two hosts. Until then no stopped instance can go there."
        ),
        OPERATOR,
    ),
    Row(
        "lvm",
        r"Migration is not supported for LVM backed instances",
        _("Its disk is kept in a way (LVM) that does not allow a move while it is stopped."),
        _("Ask its owner whether it may run, and plan a live move. If not, an operator must move its disk."),
        HELPDESK,
    ),
    Row(
        "shares",
        r"Feature not supported with instances that have shares",
        _("It uses shared folders (shares), and with them it cannot be moved this way."),
        _("Ask its owner to detach them first."),
        HELPDESK,
    ),
    Row(
        "server-group",
        r"Failed to validate instance group policy|instance group policy was violated",
        _("The rules of its server group do not allow it on {dest}."),
        _(
            "Plan it again with a host where no other member of its group runs, or ask an operator to review the group."
        ),
        HELPDESK,
    ),
    Row(
        "port-binding",
        r"Binding failed for port|PortBindingFailed|bindings? failed",
        _("Its network could not be connected on {dest}."),
        _("Plan it again with another host, and tell an operator that the network of {dest} needs repair."),
        HELPDESK,
    ),
    Row(
        "leftover-files",
        r"already exists, it is expected not to exist",
        _("Files of an earlier attempt lie on {dest} and are in the way."),
        _("Plan it again with another host, and ask an operator to clean up {dest}."),
        HELPDESK,
    ),
    Row(
        "older-hypervisor",
        r"requires a newer hypervisor version",
        _(
            "The software of {dest} is older than that of {source}, and a running instance only moves to one as new."
        ),
        _("Plan it again with a newer host, or move it cold: that stops it for a while."),
        HELPDESK,
    ),
    Row(
        "not-shared-storage",
        r"is not on shared storage",
        _("Its disk lies on {source} alone, but the live move was told that the hosts share their disks."),
        _("Plan the live move again and choose “Nova sees for itself” for the disks."),
        HELPDESK,
    ),
    Row(
        "not-local-storage",
        r"is not on local storage|Block migration can not be used with shared storage",
        _("The hosts share their disks, but the live move was told to copy its disk."),
        _("Plan the live move again and choose “Nova sees for itself” for the disks."),
        HELPDESK,
    ),
    Row(
        "cpu",
        r"Unacceptable CPU info|CPU doesn't have compatibility|CPU is incompatible with host CPU",
        _("The processor of {dest} lacks something that {name} uses while it runs."),
        _(
            "Plan it again with a host of the same model as {source}, or move it cold: that stops it for a while."
        ),
        HELPDESK,
    ),
    Row(
        "disk-too-large",
        r"Disk of instance is too large|No space left on device|not enough (?:free )?(?:disk )?space",
        _("Its disk does not fit on {dest}."),
        _("Plan it again with a host that has more free disk."),
        HELPDESK,
    ),
    Row(
        "tunnelled",
        r"Selective block device migration is not supported with tunnelled",
        _("The hosts are set up in an old way that cannot copy its disk live while a volume is attached."),
        _("Move it cold (that stops it for a while), or ask an operator to change that setting."),
        HELPDESK,
    ),
    Row(
        "device",
        r"not explicitly request live-migratable devices|Cannot live migrate VIF with related PCI"
        r"|Cannot live migrate with virtual persistent memory",
        _("It uses a device of its host directly, and that cannot follow while it runs."),
        _("Move it cold: that stops it for a while."),
        HELPDESK,
    ),
    Row(
        "numa",
        r"Instance has an associated NUMA topology",
        _(
            "It is tied to certain processors of its host, and some hosts are too old to move such an instance live."
        ),
        _("An operator must renew the old hosts. Until then it can be moved cold."),
        OPERATOR,
    ),
    Row(
        "special-instance",
        r"not supported for SEV-enabled|vTPM-enabled|vDPA ports|vTPM live migration is not supported"
        r"|not supported for instance with (?:vTPM|vDPA|SEV)",
        _("It has a protected or special device that does not allow this kind of move."),
        _("Plan a cold move, and tell its owner."),
        HELPDESK,
    ),
    Row(
        "still-in-use",
        r"Compute service of \S+ is still in use",
        _("{source} answers again. Evacuation is only for a host that is down."),
        _("Plan it again as a live or a cold move."),
        HELPDESK,
    ),
    Row(
        "no-memory",
        r"Lack of memory",
        _("{dest} has too little free memory for it."),
        _("Plan it again with a host that has more free memory."),
        HELPDESK,
    ),
    Row(
        "no-room",
        r"Insufficient compute resources|ComputeResourcesUnavailable",
        _("{dest} filled up while the move began."),
        _("Plan it again with a host that has more room."),
        HELPDESK,
    ),
    Row(
        "source-down",
        r"Service is unavailable at this time|Compute service of \S+ is unavailable",
        _("{source}, where it is, does not answer."),
        _("An operator must bring {source} back, or evacuate it. Until then it cannot be moved this way."),
        OPERATOR,
    ),
    Row(
        "quota",
        r"[Qq]uota exceeded|[Oo]ver quota|exceeds? .{0,20}quota",
        _("The limits of its project leave no room for this."),
        _("First an operator must raise the project's limits, or its owner must give something up."),
        OPERATOR,
    ),
    Row(
        "unshelve-target",
        r"must be SHELVED_OFFLOADED|is not in the availability zone|requested availability zone is not available"
        r"|only be pinned to its current availability zone|cross_az_attach|are not in the same availability_zone",
        _("The host is not in that zone, or the zone has no host in service."),
        _("Plan it again with another host."),
        HELPDESK,
    ),
    Row(
        "same-or-unknown-host",
        r"host where the server exists|target host can't be the same|Compute host \S+ (?:could not be|not) found"
        r"|Unable to migrate instance \(\S+\) to current host",
        _(
            "The cloud did not take {dest} as its destination: it is there already, or the cloud knows no host of "
            "that name."
        ),
        _("Look where it is now. If it should go elsewhere, plan it again with another host."),
        HELPDESK,
    ),
    Row(
        "locked",
        r"Instance \S+ is locked",
        _("It is locked in the cloud, so that nobody moves it."),
        _("Ask its owner, or an operator where the owner cannot, to unlock it. Then plan it again."),
        HELPDESK,
    ),
    Row(
        "wrong-state",
        r"while it is in (?:vm_state|task_state|power state)|Instance \S+ is not ready|in an invalid state for",
        _(
            "It is doing something else just now, or was stopped, paused or changed since the move was asked for."
        ),
        _("Look at what it does now. Wait until it is at rest, and plan it again."),
        HELPDESK,
    ),
    Row(
        "no-right",
        r"Policy doesn't allow|is not authorized|lacks a right",
        _("nmigrate's own account may not do this in the cloud."),
        _("An operator must give nmigrate's account the right that is missing."),
        OPERATOR,
    ),
    Row(
        "confirm-cleanup",
        r"try hard rebooting|Confirm resize failed",
        _("It is kept on its new host, but its old host could not be tidied up."),
        _(
            "An operator must look at both hosts and bring {name} out of its error. It cannot go back to {source} "
            "any more."
        ),
        OPERATOR,
        _("{name} was moved, but tidying up after it failed."),
    ),
    Row(
        "interrupted",
        r"MessagingTimeout|Timed out waiting for a reply|Timeout while checking if we can live migrate|RemoteError"
        r"|Remote error|MessageDeliveryFailure|DBConnectionError|Keystone\w*Fail|Failed to submit live migration",
        _("The parts of the cloud lost contact with each other during the move."),
        _("An operator must see where {name} really runs before anything else is done with it."),
        OPERATOR,
    ),
    Row(
        "volume",
        r"\bClientException\b|VolumeAttach\w*|Volume \S+ could not be|cinder|os-brick|initialize_connection",
        _("One of its volumes could not be connected on {dest}."),
        _("An operator must look at the volumes of {name} before it is moved or started again."),
        OPERATOR,
    ),
    Row(
        "hypervisor-away",
        r"Connection to the hypervisor is broken|HypervisorUnavailable",
        _("The host that should do it has lost its own hypervisor: nothing can be started or moved there."),
        _("Plan it again with another host, and tell an operator that {dest} or {source} needs repair."),
        HELPDESK,
    ),
    Row(
        "guest-did-not-start",
        r"process exited while connecting to monitor|unexpectedly closed the monitor|Failed to (?:start|define) "
        r"|\blibvirtError\b|libvirt\.libvirtError|Virtual Interface creation failed",
        _("The host could not run it: its hypervisor refused to start or to take it."),
        _("An operator must look at the hypervisor of {dest}; another host may work."),
        OPERATOR,
    ),
    Row(
        "host-command",
        r"\bProcessExecutionError\b|Unexpected error while running command",
        _("A command that one of the hosts runs for a move failed there."),
        _("An operator finds the command and its answer in the log of that host, by the request id below."),
        OPERATOR,
    ),
    Row(
        "image",
        r"Image \S+ (?:is not active|could not be found|is unacceptable)|Can not find requested image|ImageNotFound",
        _("A snapshot of it, or the image that it was made from, is gone or cannot be read."),
        _("An operator must look at that image first."),
        OPERATOR,
    ),
    Row(
        "gone",
        r"Instance \S+ could not be found|InstanceNotFound|404 .*The resource could not be found",
        _("It is no longer there: somebody deleted it in the cloud."),
        _("Nothing is left to move. Ask its owner whether that was meant."),
        HELPDESK,
    ),
    Row(
        NO_VALID_HOST,
        r"No valid host|Exceeded max(?:imum)? (?:scheduling retries|number of retries)|MaxRetriesExceeded",
        _("The cloud found no host for it: those that it may go to are full, out of service or not allowed."),
        _(
            "Plan it again with another host. If that fails too, an operator must look at room, zone and server group."
        ),
        HELPDESK,
    ),
)


def match(said: str) -> Row | None:
    """The row for these words of the cloud's; None when they are not in the table."""
    return next((row for row in TABLE if re.search(row.pattern, said, re.IGNORECASE)), None)
