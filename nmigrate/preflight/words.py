"""Nova's words for what a server is and does, in plain ones; and which kinds of move start from where."""

from nmigrate.preflight.subjects import Subject
from nmigrate.sentences import say
from nmigrate.states import Kind

STATUS_WORDS: dict[str, str] = {
    "ACTIVE": say("running"),
    "SHUTOFF": say("stopped"),
    "PAUSED": say("paused"),
    "SUSPENDED": say("suspended"),
    "ERROR": say("in error"),
    "SHELVED": say("shelved"),
    "SHELVED_OFFLOADED": say("shelved, on no host"),
    "RESCUE": say("in rescue mode"),
    "BUILD": say("being built"),
    "REBOOT": say("restarting"),
    "HARD_REBOOT": say("restarting"),
    "RESIZE": say("being moved or resized"),
    "VERIFY_RESIZE": say("moved, waiting for a decision"),
    "REVERT_RESIZE": say("going back to its old host"),
    "MIGRATING": say("being moved live"),
    "PASSWORD": say("having its password changed"),
    "REBUILD": say("being rebuilt"),
    "DELETED": say("deleted"),
    "SOFT_DELETED": say("deleted"),
}
"""Nova's status words (nova/api/openstack/common.py _STATE_MAP) in plain ones."""

TASK_WORDS: dict[str, str] = {
    "powering-off": say("being stopped"),
    "powering-on": say("being started"),
    "resize_prep": say("a move is being prepared"),
    "resize_migrating": say("its disk is being copied"),
    "resize_migrated": say("its disk has been copied"),
    "resize_finish": say("being set up on its new host"),
    "resize_confirming": say("its old host is being tidied up"),
    "resize_reverting": say("going back to its old host"),
    "migrating": say("being moved live"),
    "rebooting": say("restarting"),
    "deleting": say("being deleted"),
    "spawning": say("being created"),
    "scheduling": say("a host is being chosen"),
    "networking": say("its network is being set up"),
    "shelving": say("being shelved"),
    "shelving_image_pending_upload": say("its disk is being stored"),
    "shelving_image_uploading": say("its disk is being stored"),
    "shelving_offloading": say("being taken off its host"),
    "unshelving": say("being brought up again"),
    "image_snapshot": say("a snapshot of it is being made"),
    "image_snapshot_pending": say("a snapshot of it is being made"),
    "image_pending_upload": say("its snapshot is being stored"),
    "image_uploading": say("its snapshot is being stored"),
    "block_device_mapping": say("its disk is being prepared"),
    "rebuilding": say("being built anew"),
    "rebuild_block_device_mapping": say("its volumes are being attached"),
    "rebuild_spawning": say("being built anew"),
}
"""What Nova is doing to a server (nova/compute/task_states.py), in plain words."""

MOVABLE: dict[Kind, tuple[str, ...]] = {
    Kind.COLD: ("ACTIVE", "SHUTOFF"),
    Kind.LIVE: ("ACTIVE", "PAUSED"),
    Kind.SHELVE: ("ACTIVE", "SHUTOFF"),
    Kind.COPY: ("ACTIVE", "SHUTOFF"),
    Kind.EVACUATE: ("ACTIVE", "SHUTOFF", "ERROR"),
}
"""The states of a server from which each kind of move starts. For the first two and the last Nova's own
(nova/compute/api.py)."""

LOSING = ("PAUSED", "SUSPENDED")
"""States from which Nova also shelves and copies, though what is in the memory is lost: only we object."""

ZONE_MICROVERSION = {"pin": "2.104", "see": "2.96"}
"""From where Nova changes a pinned zone (2026.2), and from where it tells one (2024.1)."""


# What to do, as several rules say it.
ANOTHER_HOST = say("Choose another host.")
BETTER_ANOTHER = say("Better choose another host.")
IF_IT_FAILS_ANOTHER = say("If it fails, choose another host.")
IF_IT_FAILS_COLD = say("If it fails, move it cold.")
MOVE_COLD = say("Move it cold.")
NOTHING_RUNS = say("Move it cold: nothing runs that could be interrupted.")
ANOTHER_WAY = say("Choose another way.")
UNTIL_OVER = say("Wait until that is over.")
A_MOMENT = say("Wait a moment and try again.")
ANOTHER_KIND = say("Choose another kind of move.")
REVIEW_GROUP = say("Ask an operator to review the group.")


def owner_of(subject: Subject) -> str:
    """Whom to ask: the people of its project, whom a person at the desk can find by its name."""
    if subject.project_name:
        return say("its owner (project {project})", project=subject.project_name)
    return say("its owner")


def instead(subject: Subject) -> str:
    """What to do first about a state from which it cannot be moved."""
    owner = owner_of(subject)
    return {
        "PAUSED": say("Ask {owner} to unpause it first.", owner=owner),
        "SUSPENDED": say("Ask {owner} to resume it first.", owner=owner),
        "ERROR": say("An operator must repair it first."),
        "SHELVED": say("Unshelve it first; it may then come up on another host by itself."),
        "SHELVED_OFFLOADED": say("It is on no host, so there is nothing to move: unshelving places it anew."),
        "RESCUE": say("Ask {owner} to leave rescue mode first.", owner=owner),
        "VERIFY_RESIZE": say("An earlier move or resize of it must be confirmed or reverted first."),
    }.get(subject.status, say("Wait until that is over and try again."))


def status_words(status: str) -> str:
    return STATUS_WORDS.get(status, status.lower().replace("_", " "))


def doing(task_state: str) -> str:
    return TASK_WORDS.get(task_state, task_state.replace("_", " ").replace("-", " "))
