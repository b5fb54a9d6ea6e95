"""Nova's words for what a server is and does, in plain ones; and which kinds of move start from where."""

from nmigrate.states import Kind

STATUS_WORDS: dict[str, str] = {
    "ACTIVE": "running",
    "SHUTOFF": "stopped",
    "PAUSED": "paused",
    "SUSPENDED": "suspended",
    "ERROR": "in error",
    "SHELVED": "shelved",
    "SHELVED_OFFLOADED": "shelved, on no host",
    "RESCUE": "in rescue mode",
    "BUILD": "being built",
    "REBOOT": "restarting",
    "HARD_REBOOT": "restarting",
    "RESIZE": "being moved or resized",
    "VERIFY_RESIZE": "moved, waiting for a decision",
    "REVERT_RESIZE": "going back to its old host",
    "MIGRATING": "being moved live",
    "PASSWORD": "having its password changed",
    "REBUILD": "being rebuilt",
    "DELETED": "deleted",
    "SOFT_DELETED": "deleted",
}
"""Nova's status words (nova/api/openstack/common.py _STATE_MAP) in plain ones."""

TASK_WORDS: dict[str, str] = {
    "powering-off": "being stopped",
    "powering-on": "being started",
    "resize_prep": "a move is being prepared",
    "resize_migrating": "its disk is being copied",
    "resize_migrated": "its disk has been copied",
    "resize_finish": "being set up on its new host",
    "resize_confirming": "its old host is being tidied up",
    "resize_reverting": "going back to its old host",
    "migrating": "being moved live",
    "rebooting": "restarting",
    "deleting": "being deleted",
    "spawning": "being created",
    "scheduling": "a host is being chosen",
    "networking": "its network is being set up",
    "shelving": "being shelved",
    "shelving_image_pending_upload": "its disk is being stored",
    "shelving_image_uploading": "its disk is being stored",
    "shelving_offloading": "being taken off its host",
    "unshelving": "being brought up again",
    "image_snapshot": "a snapshot of it is being made",
    "image_snapshot_pending": "a snapshot of it is being made",
    "image_pending_upload": "its snapshot is being stored",
    "image_uploading": "its snapshot is being stored",
    "block_device_mapping": "its disk is being prepared",
    "rebuilding": "being built anew",
    "rebuild_block_device_mapping": "its volumes are being attached",
    "rebuild_spawning": "being built anew",
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

INSTEAD: dict[str, str] = {
    "PAUSED": "Ask its owner to unpause it first.",
    "SUSPENDED": "Ask its owner to resume it first.",
    "ERROR": "An operator must repair it first.",
    "SHELVED": "Unshelve it first; it may then come up on another host by itself.",
    "SHELVED_OFFLOADED": "It is on no host, so there is nothing to move: unshelving places it anew.",
    "RESCUE": "Ask its owner to leave rescue mode first.",
    "VERIFY_RESIZE": "An earlier move or resize of it must be confirmed or reverted first.",
}


def status_words(status: str) -> str:
    return STATUS_WORDS.get(status, status.lower().replace("_", " "))


def doing(task_state: str) -> str:
    return TASK_WORDS.get(task_state, task_state.replace("_", " ").replace("-", " "))
