"""How each row of the failure table is brought about on a real Nova, through nmigrate's own request.

What must happen between nmigrate's last look and its order is told to `scene.late`; what the hypervisor does wrong
is told to the lab's driver, with libvirt's own exceptions and sentences.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nmigrate import services
from nmigrate.cloud.openstack import OpenStackCloud
from nmigrate.lab.hosts import DEFAULT_HOSTS
from nmigrate.models import Instance, Migration
from nmigrate.states import Kind, State
from tests.causes.conftest import Scene
from tests.contract.stage import parts

Play = Callable[[Scene], Migration]


@dataclass(frozen=True)
class Case:
    """`row` of the failure table; `cause`, `who` and words that the page must say."""

    name: str
    row: str
    cause: str
    who: str
    why: str
    next_step: str
    state: State
    play: Play


CASES: list[Case] = []
H, O = "helpdesk", "operator"  # noqa: E741  # as the table calls them


def case(
    row: str, cause: str, who: str, why: str, next_step: str, state: State = State.FAILED
) -> Callable[[Play], Play]:
    def add(play: Play) -> Play:
        CASES.append(Case(play.__name__, row, cause, who, why, next_step, state, play))
        return play

    return add


def live(scene: Scene, name: str, host: str = "compute3", **wanted: Any) -> Migration:
    return scene.ask(scene.boot(name, "compute1", "ACTIVE"), Kind.LIVE, host=host, **wanted)


def cold(scene: Scene, name: str, host: str = "compute3", **wanted: Any) -> Migration:
    return scene.ask(scene.boot(name, "compute1"), Kind.COLD, host=host, **wanted)


# -- the checks before a live move


@case("9", "cpu", H, "The processor of compute3 lacks something", "same model as compute1, or move it cold")
def cpu(scene: Scene) -> Migration:
    reason = (
        "CPU doesn't have compatibility.\n\n0\n\nRefer to http://libvirt.org/html/libvirt-libvirt-host.html"
    )
    scene.fail(
        "compute3", "check_can_live_migrate_destination", {"raises": "InvalidCPUInfo", "reason": reason}
    )
    return scene.play(live(scene, "crm-db"))


@case("6", "not-shared-storage", H, "Its disk lies on compute1 alone", "“Nova sees for itself”")
def not_shared_storage(scene: Scene) -> Migration:
    return scene.play(live(scene, "crm-db", block="shared"))


@case("7", "not-local-storage", H, "The hosts share their disks", "“Nova sees for itself”")
def not_local_storage(scene: Scene) -> Migration:
    scene.lab.behaviour(shared_storage=True)
    return scene.play(live(scene, "crm-db", block="block"))


@case("11", "disk-too-large", H, "Its disk does not fit on compute3", "more free disk")
def disk_too_large(scene: Scene) -> Migration:
    reason = (
        "Unable to migrate: Disk of instance is too large(available on destination host:1024 < need:20480)"
    )
    scene.fail("compute1", "check_can_live_migrate_source", reason)
    return scene.play(live(scene, "crm-db"))


@case("12", "tunnelled", H, "cannot copy its disk live while a volume is attached", "Move it cold")
def tunnelled(scene: Scene) -> Migration:
    reason = (
        "Cannot block migrate instance 1b2e with mapped volumes. Selective block device migration is not "
    )
    reason += "supported with tunnelled block migrations."
    scene.fail("compute1", "check_can_live_migrate_source", reason)
    return scene.play(live(scene, "crm-db"))


@case("5", "server-group", H, "rules of its server group do not allow it on compute3", "no other member")
def group_found_late(scene: Scene) -> Migration:
    reason = (
        "Failed to validate instance group policy due to: Anti-affinity instance group policy was violated"
    )
    scene.fail("compute3", "check_can_live_migrate_destination", reason)
    return scene.play(live(scene, "crm-db"))


# -- "No valid host", and what is behind it


@case(
    "10",
    "older-hypervisor",
    H,
    "Most likely: The hypervisor of compute3 is older",
    "newer host",
)
def older_hypervisor(scene: Scene) -> Migration:
    move = live(scene, "crm-db")
    scene.late.before["live_migrate"] = lambda: scene.lab.set_host("compute3", hypervisor_version=7000000)
    try:
        return scene.play(move)
    finally:
        scene.lab.set_host("compute3", **DEFAULT_HOSTS["compute3"])


@case("4", "too-full", H, "Most likely: compute3 is too full", "another host")
def too_full(scene: Scene) -> Migration:
    move = cold(scene, "crm-db")
    scene.late.before["migrate"] = lambda: scene.lab.set_host("compute3", memory_mb=4200)
    try:
        return scene.play(move)
    finally:
        scene.lab.set_host("compute3", **DEFAULT_HOSTS["compute3"])


@case("2", "host-out-of-service", H, "Most likely: compute3 is out of service (“psu”)", "another host")
def out_of_service(scene: Scene) -> Migration:
    move = live(scene, "crm-db")
    scene.late.before["live_migrate"] = lambda: scene.stage.out_of_service("compute3", True)
    try:
        return scene.play(move)
    finally:
        scene.stage.out_of_service("compute3", False)


@case(
    "2",
    "host-out-of-service",
    H,
    "no host can take it now. It is bound to zone nova-1",
    "as a move to zone nova, where a host can take it",
)
def nowhere_to_go(scene: Scene) -> Migration:
    move = scene.ask(scene.boot("crm-db", "compute1", zone="nova-1"), Kind.COLD)
    scene.late.before["migrate"] = lambda: scene.stage.out_of_service("compute3", True)
    try:
        return scene.play(move)
    finally:
        scene.stage.out_of_service("compute3", False)


@case("2", "host-down", H, "Most likely: compute3 is down", "another host")
def destination_down(scene: Scene) -> Migration:
    move = cold(scene, "crm-db")
    scene.late.before["migrate"] = lambda: scene.stage.forced_down("compute3", True)
    try:
        return scene.play(move)
    finally:
        scene.stage.forced_down("compute3", False)


@case(
    "3",
    "zone-bound",
    H,
    "Most likely: crm-db is bound to zone nova-1 and compute2 is in zone nova",
    "its own zone",
)
def bound_to_its_zone(scene: Scene) -> Migration:
    move = cold(scene, "crm-db", "compute2")
    scene.late.before["migrate"] = lambda: scene.stage.cloud.pin_zone(move.instance_uuid, "nova-1")
    return scene.play(move)


@case("5", "server-group", H, "keeps its members apart, and one is on compute3", "another host")
def apart_from_its_group(scene: Scene) -> Migration:
    body = {"server_group": {"name": "crm-apart", "policy": "anti-affinity"}}
    group = scene.stage.member_admin.post("nova", "/os-server-groups", body)["server_group"]["id"]
    mine, other = in_group(scene, "crm-db", "compute1", group), in_group(scene, "crm-db-2", "compute2", group)
    move = scene.ask(mine, Kind.LIVE, host="compute3")

    def meet() -> None:
        scene.stage.cloud.live_migrate(other.uuid, "compute3")
        scene.stage.until(lambda: scene.stage.cloud.server(other.uuid).host == "compute3")
        scene.stage.until(lambda: not scene.stage.cloud.server(other.uuid).task_state)

    scene.late.before["live_migrate"] = meet
    return scene.play(move)


def in_group(scene: Scene, name: str, host: str, group: str) -> Instance:
    from nmigrate import inventory

    server = {"name": name, "host": host, **parts(scene.lab)}
    body = {"server": server, "os:scheduler_hints": {"group": group}}
    uuid = str(scene.stage.member_admin.post("nova", "/servers", body)["server"]["id"])
    scene.stage.booted.append(uuid)
    scene.stage.until(lambda: scene.stage._at_rest(uuid, "ACTIVE"))
    scene.read()
    inventory.read_server_groups(scene.stage.cloud)
    return Instance.objects.get(uuid=uuid)


@case(
    "30",
    "port-binding",
    H,
    "Most likely: its network could not be connected on compute3",
    "network of compute3",
)
def port_binding_live(scene: Scene) -> Migration:
    scene.fail("compute3", "bind_port", "no agent")
    return scene.play(live(scene, "crm-db"))


@case("30", "port-binding", O, "Its network could not be connected on compute3", "bring it out of its error")
def port_binding_cold(scene: Scene) -> Migration:
    scene.fail("compute3", "finish_migration", {"raises": "PortBindingFailed", "port_id": "5f1c"})
    return scene.play(cold(scene, "crm-db"))


# -- on the way


@case("31", "leftover-files", H, "Files of an earlier attempt lie on compute3", "clean up compute3")
def leftover_files(scene: Scene) -> Migration:
    path = "/var/lib/nova/instances/1b2e"
    scene.fail("compute3", "pre_live_migration", {"raises": "DestinationDiskExists", "path": path})
    return scene.play(live(scene, "crm-db"))


@case("28", "ssh", O, "compute1 and compute3 could not reach each other", "repair the ssh access")
def ssh_between_the_hosts(scene: Scene) -> Migration:
    reason = "not able to execute ssh command: Unexpected error while running command.\nExit code: 255\n"
    reason += "Stderr: 'Host key verification failed.'"
    told = {"raises": "ResizeError", "reason": reason, "rollback": True}
    scene.fail("compute1", "migrate_disk_and_power_off", told)
    return scene.play(cold(scene, "crm-db"))


@case("29", "lvm", H, "does not allow a move while it is stopped", "plan a live move")
def lvm(scene: Scene) -> Migration:
    reason = "Migration is not supported for LVM backed instances"
    told = {"raises": "MigrationPreCheckError", "reason": reason, "rollback": True}
    scene.fail("compute1", "migrate_disk_and_power_off", told)
    return scene.play(cold(scene, "crm-db"))


@case("-", "guest-did-not-start", O, "its hypervisor refused", "look at the hypervisor of compute3")
def guest_did_not_start(scene: Scene) -> Migration:
    said = "internal error: process exited while connecting to monitor: qemu-system-x86_64: cannot set up guest memory"
    scene.fail("compute3", "finish_migration", {"raises": "InternalError", "err": said})
    return scene.play(cold(scene, "crm-db"))


@case(
    "-", "volume", O, "One of its volumes could not be connected on compute3", "look at the volumes of crm-db"
)
def volume(scene: Scene) -> Migration:
    instance = scene.with_volume("crm-db", "compute1")
    scene.lab.behaviour(fail_volume=["initialize_connection:compute3"])
    return scene.play(scene.ask(instance, Kind.COLD, host="compute3"))


@case("-", "hypervisor-away", H, "lost its own hypervisor", "compute3 or compute1 needs repair")
def hypervisor_away(scene: Scene) -> Migration:
    scene.fail("compute3", "pre_live_migration", {"raises": "HypervisorUnavailable"})
    return scene.play(live(scene, "crm-db"))


@case(
    "1", "copy-broke-off", H, "The copy of its memory broke off half-way", "move it cold and tell an operator"
)
def copy_broke_off(scene: Scene) -> Migration:
    scene.fail("compute1", "live_migration", "x")
    return scene.play(live(scene, "crm-db"))


@case(
    "20", "never-converges", H, "changed its memory faster", "has less to do, or move it cold", State.ABORTED
)
def memory_never_converges(scene: Scene) -> Migration:
    scene.lab.behaviour(dirty_memory=True, live_timeout_seconds=2, live_migration_seconds=30)
    return scene.play(live(scene, "crm-db"))


@case("22", "post-copy-broke", O, "A part of its memory was left behind|a part of its memory", "restart it")
def post_copy_broke(scene: Scene) -> Migration:
    scene.lab.behaviour(
        post_copy=True,
        live_migration_seconds=3,
        fail={
            "compute1": {"post_copy": {"raises": "RuntimeError", "reason": "migration failed in post-copy"}}
        },
    )
    return scene.play(live(scene, "crm-db"))


@case("24", "wrong-host", O, "crm-db is on compute1 and not on compute3", "at once. Nobody may move it")
def completed_on_the_wrong_host(scene: Scene) -> Migration:
    scene.fail("compute1", "live_migration_end", "x")
    move = scene.play(live(scene, "crm-db"))
    scene.act(move.instance_uuid, **{"os-resetState": {"state": "active"}})  # so that it can be deleted
    return move


@case("23", "error-but-runs", O, "It may well run still", "before its state is put right")
def error_but_runs(scene: Scene) -> Migration:
    told = {"raises": "RuntimeError", "reason": "lost contact"}
    scene.fail("compute3", "check_can_live_migrate_destination", told)
    return scene.play(live(scene, "crm-db"))


@case("23", "interrupted", O, "lost contact with each other", "where crm-db really runs")
def messaging_timeout(scene: Scene) -> Migration:
    told = {"raises": "MessagingTimeout", "reason": "Timed out waiting for a reply to message ID 5f1c"}
    scene.fail("compute3", "pre_live_migration", told)
    return scene.play(live(scene, "crm-db"))


@case(
    "-",
    "unknown:",
    O,
    "words for it are new to nmigrate: “flux capacitor is empty”",
    "An operator must look at it",
)
def unknown_words(scene: Scene) -> Migration:
    scene.fail("compute3", "pre_live_migration", "flux capacitor is empty")
    return scene.play(live(scene, "crm-db"))


@case("-", "deleted", H, "It was deleted in the cloud during the move, by admin", "Nothing is left to move")
def deleted_on_the_way(scene: Scene) -> Migration:
    move = scene.play(cold(scene, "crm-db"), State.WAITING)
    scene.until(lambda: scene.now(move).is_held, "the lock")
    scene.stage.delete(move.instance_uuid)
    return scene.play(move, State.FAILED)


# -- stopped by somebody, or waiting


@case("20", "stopped-as-asked", H, "stopped here, as was asked", "when it suits", State.ABORTED)
def stopped_as_asked(scene: Scene) -> Migration:
    move = running(scene)
    services.abort_migration(actor=scene.helpdesk, migration=move)
    return scene.play(move, State.ABORTED)


@case("20", "stopped-outside", H, "Somebody stopped it in the cloud", "Ask them why", State.ABORTED)
def stopped_outside(scene: Scene) -> Migration:
    move = running(scene)
    scene.abort_outside(move)
    return scene.play(move, State.ABORTED)


def running(scene: Scene) -> Migration:
    scene.slow_live(True)
    move = live(scene, "crm-db")
    scene.until(lambda: scene.now(move).nova_status == "running", "the copy")
    return move


@case("21", "", "", "", "", State.RUNNING)
def queued(scene: Scene) -> Migration:
    """Not a failure: what the page says while another live move holds the line."""
    scene.lab.allow_live(1)
    try:
        running(scene)
        move = live(scene, "erp-db")
        scene.until(lambda: scene.now(move).nova_status == "queued", "the queue")
        return move
    finally:
        scene.lab.allow_live(16)


# -- the decision


@case("27", "confirm-cleanup", O, "its old host could not be tidied up", "look at both hosts")
def confirm_fails(scene: Scene) -> Migration:
    move = scene.play(cold(scene, "crm-db"), State.WAITING)
    scene.until(lambda: scene.now(move).is_held, "the lock")
    told = {"raises": "InternalError", "err": "Failed to delete /var/lib/nova/instances/1b2e_resize"}
    scene.fail("compute1", "confirm_migration", told)
    scene.decide(move, "confirm")
    return scene.play(move, State.FAILED)


@case("26", "reset-outside", O, "Somebody reset its state", "free the room")
def reset_outside(scene: Scene) -> Migration:
    move = scene.play(cold(scene, "crm-db"), State.WAITING)
    scene.until(lambda: scene.now(move).is_held, "the lock")
    scene.act(move.instance_uuid, **{"os-resetState": {"state": "active"}})
    return scene.play(move, State.FAILED)


@case("32", "stopped-since", H, "", "", State.DONE)
def does_not_run_after_the_move(scene: Scene) -> Migration:
    scene.fail("compute3", "boot", "x")
    move = scene.ask(scene.boot("crm-db", "compute1", "ACTIVE"), Kind.COLD, host="compute3")
    services.approve_migration(actor=scene.manager, migration=move)
    scene.play(move, State.WAITING)
    scene.until(lambda: scene.now(move).is_held, "the lock")
    # Nova looks at its guests from time to time; what it then knows decides what the instance is after the confirm
    scene.lab.periodic("compute3", "_sync_power_states")
    shut_down = 4
    scene.until(
        lambda: scene.stage.cloud.server(move.instance_uuid).power_state == shut_down, "what Nova knows"
    )
    scene.decide(move, "confirm")
    return scene.play(move, State.DONE)


# -- refused at once


@case("16", "wrong-state", H, "doing something else just now, or was stopped", "Wait until it is at rest")
def stopped_meanwhile(scene: Scene) -> Migration:
    move = live(scene, "crm-db")

    def stop() -> None:
        scene.act(move.instance_uuid, **{"os-stop": None})
        scene.stage.until(lambda: scene.stage._at_rest(move.instance_uuid, "SHUTOFF"))

    scene.late.before["live_migrate"] = stop
    return scene.play(move)


@case("17", "locked", H, "is locked (“end of quarter”)", "Ask its owner")
def locked(scene: Scene) -> Migration:
    move = cold(scene, "crm-db")
    scene.stage.lock(move.instance_uuid, "end of quarter")
    return scene.play(move)


@case(
    "18",
    "source-down",
    O,
    "compute1, where it is, does not answer",
    "bring compute1 back",
)
def source_down(scene: Scene) -> Migration:
    move = cold(scene, "crm-db")
    scene.late.before["migrate"] = lambda: scene.stage.forced_down("compute1", True)
    try:
        return scene.play(move)
    finally:
        scene.stage.forced_down("compute1", False)


@case(
    "19", "same-or-unknown-host", H, "it is there already, or the cloud knows no host", "Look where it is now"
)
def there_already(scene: Scene) -> Migration:
    move = scene.ask(scene.boot("crm-db", "compute1", "ACTIVE"), Kind.COLD, host="compute3")

    def move_it() -> None:
        scene.stage.cloud.live_migrate(move.instance_uuid, "compute3")
        scene.stage.until(lambda: scene.stage.cloud.server(move.instance_uuid).host == "compute3")
        scene.stage.until(lambda: not scene.stage.cloud.server(move.instance_uuid).task_state)

    services.approve_migration(actor=scene.manager, migration=move)
    scene.late.before["migrate"] = move_it
    return scene.play(move)


@case("33", "still-in-use", H, "compute1 answers again", "a live or a cold move")
def evacuation_of_a_host_that_is_up(scene: Scene) -> Migration:
    instance = scene.boot("crm-db", "compute1", "ACTIVE")
    scene.stage.forced_down("compute1", True)
    try:
        scene.read()
        move = scene.ask(instance, Kind.EVACUATE, host="compute3", actor=scene.operator)
        scene.late.before["evacuate"] = lambda: scene.stage.forced_down("compute1", False)
        return scene.play(move)
    finally:
        with suppress(Exception):
            scene.stage.forced_down("compute1", False)


@case(
    "35",
    "no-right",
    O,
    "nmigrate's own account may not do this|Nmigrate's own account",
    "right that is missing",
)
def no_right(scene: Scene) -> Migration:
    move = cold(scene, "crm-db")
    scene.late.instead["migrate"] = OpenStackCloud("lab-manager", newest="2.104", timeout=60).migrate
    return scene.play(move)


# -- half-way


@case(
    "34",
    "host-out-of-service",
    H,
    "Most likely: compute2 is out of service",
    "plan it again with another host",
    State.STRANDED,
)
def unshelving_finds_no_host(scene: Scene) -> Migration:
    move = scene.ask(
        scene.boot("crm-db", "compute1", zone="nova-1"), Kind.SHELVE, zone="nova", host="compute2"
    )
    scene.late.before["unshelve"] = lambda: scene.stage.out_of_service("compute2", True)
    try:
        return scene.play(move)
    finally:
        scene.stage.out_of_service("compute2", False)


@case(
    "34",
    "unshelve-target",
    H,
    "The host is not in that zone",
    "plan it again with another host",
    State.STRANDED,
)
def unshelving_into_the_wrong_zone(scene: Scene) -> Migration:
    move = scene.ask(
        scene.boot("crm-db", "compute1", zone="nova-1"), Kind.SHELVE, zone="nova", host="compute4"
    )
    admin, made = scene.stage.admin, []

    def rezone() -> None:
        body = {"aggregate": {"name": "late", "availability_zone": "late"}}
        made.append(admin.post("nova", "/os-aggregates", body)["aggregate"]["id"])
        admin.post("nova", f"/os-aggregates/{made[0]}/action", {"add_host": {"host": "compute4"}})

    scene.late.before["unshelve"] = rezone
    try:
        return scene.play(move)
    finally:
        for aggregate in made:
            admin.post("nova", f"/os-aggregates/{aggregate}/action", {"remove_host": {"host": "compute4"}})
            admin.call("DELETE", "nova", f"/os-aggregates/{aggregate}")


@case("-", "quota", O, "limits of its project leave no room", "raise the project's limits", State.STRANDED)
def quota(scene: Scene) -> Migration:
    move = scene.ask(scene.boot("crm-db", "compute1"), Kind.COPY, zone="nova", host="compute2")
    path = f"/os-quota-sets/{scene.cloud.server(move.instance_uuid).project_id}"

    def limit() -> None:
        body = {"quota_set": {"instances": 1, "force": True}}
        scene.stage.admin.call("PUT", "nova", path, body)

    scene.late.before["create_server"] = limit
    try:
        return scene.play(move)
    finally:
        scene.stage.admin.call("DELETE", "nova", path)


@case("-", "image", O, "image that it was made from", "look at that image", State.STRANDED)
def snapshot_deleted(scene: Scene) -> Migration:
    move = scene.ask(scene.boot("crm-db", "compute1"), Kind.COPY, zone="nova", host="compute2")
    scene.late.before["create_server"] = lambda: scene.stage.cloud.delete_image(scene.now(move).image_id)
    return scene.play(move)


@case("-", "snapshot-failed", H, "The copy of its disk", "go back|Try the step again", State.STRANDED)
def snapshot_fails(scene: Scene) -> Migration:
    scene.fail("compute1", "snapshot", {"raises": "RuntimeError", "reason": "x"})
    move = scene.ask(scene.boot("crm-db", "compute1", "ACTIVE"), Kind.COPY, zone="nova", host="compute2")
    services.approve_migration(actor=scene.manager, migration=move)
    return scene.play(move)
