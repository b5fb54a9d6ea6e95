"""Every move really asked of Nova, as this application would; and what came of it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from nmigrate.cloud import api
from nmigrate.cloud.openstack import OpenStackCloud
from nmigrate.states import Kind
from tests.reality.bed import Bed
from tests.reality.guests import SHY, Guest
from tests.reality.rows import Saved, Seen

SECONDS = 90
"""How long Nova may take to decide, on a busy machine; the lab's moves last a second."""
LOOK = 0.05
NOTHING = "nothing came of it"


@dataclass(frozen=True)
class Outcome:
    """Whether Nova took it there, and what it said if not. `is_known`: whether it has decided at all."""

    is_taken: bool
    said: str = ""
    is_known: bool = True


@dataclass(frozen=True)
class Move:
    kind: Kind
    host: str
    """ "" when Nova chooses it."""
    zone: str
    """Of that host."""
    changes_pin: bool = False


class Trier:
    """One for all threads; each asks with a connection of its own."""

    def __init__(self, bed: Bed, newest: str, groups: dict[str, str]) -> None:
        self.bed, self.rows, self.newest, self.groups = bed, bed.rows, newest, groups
        self.local = threading.local()

    @property
    def cloud(self) -> api.Cloud:
        if not hasattr(self.local, "cloud"):
            self.local.cloud = OpenStackCloud("lab", newest=self.newest, timeout=120)
        made: api.Cloud = self.local.cloud
        return made

    def begin(self, guest: Guest, uuid: str) -> "Tried":
        return Tried(self, guest, uuid)


class Tried:
    """The tries with one instance, one after the other: it is put back as it was after each."""

    def __init__(self, trier: Trier, guest: Guest, uuid: str) -> None:
        self.cloud, self.rows, self.uuid = trier.cloud, trier.rows, uuid
        self.trier, self.guest = trier, guest
        self.saved: Saved = self.rows.save(uuid)
        self.shelved: Saved | None = None
        self.image = ""
        self.hopeless: set[Kind] = set()
        """What has come to nothing before any host was named."""

    def attempt(self, move: Move) -> Outcome:
        acts: dict[Kind, Callable[[Move], Outcome]] = {
            Kind.COLD: self._cold,
            Kind.LIVE: self._live,
            Kind.SHELVE: self._shelve,
            Kind.COPY: self._copy,
            Kind.EVACUATE: self._evacuate,
        }
        was_accepted = True
        if move.kind in self.hopeless:
            return Outcome(False, NOTHING, is_known=False)
        if not self.rows.is_as(self.uuid, self.saved):  # Nova tidied up after a failure, later than it said
            self.put_back()
        try:
            if move.host == SHY:
                self.trier.bed.hide(SHY)  # Nova mends it every minute
            if move.changes_pin:
                self.cloud.pin_zone(self.uuid, None)
            return acts[move.kind](move)
        except api.Unreachable as lost:  # Nova itself waits for a host that is dead
            self._note_hopeless(move.kind)
            return Outcome(False, lost.said or str(lost), is_known=False)
        except api.CloudError as refused:
            was_accepted = move.changes_pin or (move.kind is Kind.SHELVE and self.shelved is not None)
            return Outcome(False, refused.said or str(refused))
        except TimeoutError:
            self._note_hopeless(move.kind)
            return Outcome(False, NOTHING, is_known=False)
        finally:
            if was_accepted:
                self.put_back()

    def _note_hopeless(self, kind: Kind) -> None:
        is_begun = {Kind.SHELVE: self.shelved is not None, Kind.COPY: bool(self.image)}
        if not is_begun.get(kind, True):
            self.hopeless.add(kind)

    def put_back(self) -> None:
        self.rows.put_back(self.uuid, self.saved)

    def _over(self, uuid: str, request_id: str, saved: Saved) -> Seen:
        """How it is once Nova has decided: seen twice, as it rests for a moment between two steps."""
        end, last = time.monotonic() + SECONDS, None
        while time.monotonic() < end:
            seen = self.rows.look(uuid, request_id, saved.migrations)
            if seen is not None and seen.is_over and seen == last:
                return seen
            last = seen
            time.sleep(LOOK)
        raise TimeoutError

    def _asked(self, request_id: str, host: str, *states: str, saved: Saved | None = None) -> Outcome:
        seen = self._over(self.uuid, request_id, saved or self.saved)
        is_there = seen.host == host if host else seen.host not in ("", self.saved.host)
        is_taken = is_there and seen.vm_state in states and not seen.has_failed
        return Outcome(is_taken, "" if is_taken else seen.words or self.rows.fault(self.uuid))

    def _cold(self, move: Move) -> Outcome:
        return self._asked(self.cloud.migrate(self.uuid, move.host), move.host, "resized")

    def _live(self, move: Move) -> Outcome:
        return self._asked(self.cloud.live_migrate(self.uuid, move.host), move.host, "active", "paused")

    def _evacuate(self, move: Move) -> Outcome:
        return self._asked(self.cloud.evacuate(self.uuid, move.host), move.host, "active", "stopped")

    def _shelve(self, move: Move) -> Outcome:
        """Shelved once: that names no host. Then unshelved to each, from the same shelf."""
        is_free = not self.cloud.server(self.uuid).pinned_zone
        if self.shelved is None:
            request_id = self.cloud.shelve(self.uuid)
            if self._over(self.uuid, request_id, self.saved).vm_state != "shelved_offloaded":
                self._until_offloaded()
            self.shelved = self.rows.save(self.uuid)
        else:
            self.rows.put_back(self.uuid, self.shelved)
        request_id = self.cloud.unshelve(self.uuid, None if is_free else move.zone, move.host)
        return self._asked(request_id, move.host, "active", saved=self.shelved)

    def _until_offloaded(self) -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            seen = self.rows.look(self.uuid, "")
            if seen is not None and seen.vm_state == "shelved_offloaded" and not seen.task_state:
                return
            time.sleep(LOOK)
        raise TimeoutError

    def _copy(self, move: Move) -> Outcome:
        if not self.image:
            self._snapshot()
        request_id = self.cloud.create_server(self._new(move))
        copy = ""
        end = time.monotonic() + SECONDS
        while not copy and time.monotonic() < end:
            time.sleep(LOOK)
            copy = self.rows.made_by(request_id)
        if not copy:
            raise TimeoutError
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                seen = self.rows.look(copy, request_id)
                if seen is not None and seen.vm_state in ("active", "error") and not seen.task_state:
                    is_taken = seen.vm_state == "active" and seen.host == move.host
                    return Outcome(is_taken, "" if is_taken else self.rows.fault(copy))
                time.sleep(LOOK)
            raise TimeoutError
        finally:
            self._settled(copy, request_id)
            self.rows.remove(copy)

    def _settled(self, copy: str, request_id: str) -> None:
        """A booted server is ACTIVE a moment before its last records are written."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            seen = self.rows.look(copy, request_id)
            if seen is not None and (seen.is_over or seen.vm_state == "error"):
                return
            time.sleep(LOOK)

    def _new(self, move: Move) -> api.NewServer:
        """As orders.py makes it: in the same project, zone and server group."""
        original, ports = self.cloud.server(self.uuid), self.cloud.ports(self.uuid)
        return api.NewServer(
            name=original.name,
            project_id=original.project_id,
            image_id=self.image,
            flavor=original.flavor,
            zone=move.zone,
            host=move.host,
            networks=tuple(port.network_id for port in ports),
            security_groups=ports[0].security_groups if ports else (),
            server_group=self.trier.groups.get(self.guest.name, ""),
            tags=(f"copy-{move.host}",),
            config_drive=original.config_drive,
        )

    def _snapshot(self) -> None:
        name = f"snapshot of {self.uuid}"
        request_id = self.cloud.create_image(self.uuid, self.cloud.server(self.uuid).project_id, name)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            found, seen = self.cloud.images_named(name), self.rows.look(self.uuid, request_id)
            if found and found[0].status == "active" and seen is not None and not seen.task_state:
                self.image = found[0].id
                return
            time.sleep(LOOK)
        raise TimeoutError
