"""What Nova, glance and neutron refuse, and what was found to be impossible beforehand, in sentences for people.

The cloud's own words stand beside each sentence, in `said`.
"""

import re

from nmigrate.cloud import api
from nmigrate.sentences import say

QUOTA = r"[Qq]uota exceeded|[Oo]ver quota"
"""Nova answers 403 to this, as if it were a missing right (nova/api/openstack/compute/servers.py)."""

_REFUSALS: tuple[tuple[str, str], ...] = (
    (
        r"Cannot migrate to the host where the server exists|target host can't be the same one",
        say("It is on that host already. Choose another host."),
    ),
    (
        r"Compute host (\S+) (?:could not be|not) found",
        say("The cloud does not know that host. Choose one from the list."),
    ),
    (r"is locked", say("It is locked in the cloud. Ask its owner, or an operator, to unlock it first.")),
    (
        r"Compute service of (\S+) is still in use",
        say(
            "Its host still answers, so it can be moved live or cold. Only a host declared down can be evacuated."
        ),
    ),
    (
        r"Service is unavailable at this time|Compute service of (\S+) is unavailable",
        say(
            "The compute service of its host is down, so Nova cannot move it. An operator must bring it back."
        ),
    ),
    (
        r"availability zone or a host when unshelving",
        say(
            "It is shelved but still on its host. Take it off that host before it is unshelved somewhere else."
        ),
    ),
    (
        r"Host \S+ is not in the availability zone",
        say("That host is in another zone than the one that it is bound to. Choose a host of that zone."),
    ),
    (
        r"requested availability zone is not available",
        say("The cloud has no zone of that name with a host in service. Choose another zone."),
    ),
    (
        r"only be pinned to its current availability zone",
        say("It is not in that zone now, and Nova binds a server only to the zone that it is in."),
    ),
    (
        r"'pinned_availability_zone' was unexpected",
        say(
            "The Nova of this cloud is too old to change the zone that a server is bound to (that needs 2026.2)."
        ),
    ),
    (
        r"already allocated in subnet",
        say(
            "Another network card still has one of these addresses. Wait until that one is gone and try again."
        ),
    ),
    (
        r"is not a valid IP for the specified subnet|Invalid IP",
        say("One of these addresses does not belong to the subnet of that network card."),
    ),
    (
        r"Invalid key_name provided|Key pair '.*' already exists",
        say(
            "Another copy that needs a key pair of the same name is being started at this moment. Try again."
        ),
    ),
    (
        QUOTA,
        say(
            "The quota of its project leaves no room for this. An operator must raise it, or something there must go."
        ),
    ),
    (
        r"Instance group (\S+) could not be found",
        say("Its server group no longer exists. Read the inventory anew and try again."),
    ),
    (
        r"Image \S+ is not active|Can not find requested image|Image \S+ could not be found",
        say("The image of the snapshot is not there, or not ready. Make the snapshot again."),
    ),
    (
        r"in an invalid state for '(abort live migration|force_complete)'|while the migration is in this state",
        say(
            "The live migration is no longer at a point where this is possible. Look again at how far it is."
        ),
    ),
    (
        r"while it is in (?:vm_state|task_state|power state)|Instance \S+ is not ready",
        say(
            "It is doing something else, or is in a state that does not allow this. Wait a moment and look again."
        ),
    ),
)


def plain_refusal(said: str) -> str:
    """A sentence for the refusals that people meet; Nova's own words stand beside it."""
    return known_refusal(said) or say("Nova refused it and said why below. Show that to an operator.")


def known_refusal(said: str) -> str:
    """The sentence for these words of Nova's or neutron's; "" when they are not in the table."""
    return next((sentence for pattern, sentence in _REFUSALS if re.search(pattern, said)), "")


def is_quota(said: str) -> bool:
    return bool(re.search(QUOTA, said))


def is_key_in_use(said: str) -> bool:
    """Whether it was refused because another copy borrowed, or gave back, a key of the same name meanwhile."""
    return bool(re.search(r"Invalid key_name provided|Key pair '.*' already exists", said))


# -- what is found out before or beside a call, in the same words wherever it is met


def no_role(cloud: str, project: str, said: str = "") -> api.Unauthorized:
    """A copy belongs to its original's project, and our account may not act there."""
    return api.Unauthorized(
        say(
            "nmigrate's account has no role in project {project} of {cloud}, where the copy would belong. "
            "An operator must give it the admin role there, or choose another way to move.",
            project=project,
            cloud=cloud,
        ),
        said,
    )


def flavor_is_gone(name: str) -> api.Refused:
    return api.Refused(
        say(
            "Its flavor {name} no longer exists, so no copy with the same size can be made. "
            "Choose another way to move, or ask an operator to make the flavor again.",
            name=name,
        )
    )


def key_is_gone(name: str) -> api.Refused:
    return api.Refused(
        say(
            "Its key pair {name} no longer exists with its owner, so no copy with the same key can be made. "
            "Choose another way to move, or ask the owner to upload the key again.",
            name=name,
        )
    )


def key_was_changed(name: str, request_id: str) -> api.Refused:
    return api.Refused(
        say(
            "The key pair {name} was changed while the copy was started, so the copy was deleted again. Try again.",
            name=name,
        ),
        request_id=request_id,
    )
