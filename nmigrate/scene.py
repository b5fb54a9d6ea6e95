"""The scene of a move: one instance, the hosts of its cloud, and all else that its verdict is taken from.

Read once, in a fixed number of queries; then every kind of move to every host is judged from it without asking
anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nmigrate import any_host, preflight, selectors
from nmigrate.models import Hypervisor, Instance, Migration
from nmigrate.preflight import Abilities, Around, Case, Destination, Score, Subject, Verdict
from nmigrate.states import Kind, State


@dataclass(frozen=True, slots=True)
class Scene:
    """`hosts` by the name of their compute service. A fresh Server and fresh hosts make a scene as well."""

    subject: Subject
    hosts: Mapping[str, Destination]
    abilities: Abilities
    around: Around = field(default_factory=Around)

    @property
    def source(self) -> Destination | None:
        return self.hosts.get(self.subject.host)

    def case(self, kind: Kind, host: str = "", zone: str = "", *, changes_pin: bool = False) -> Case:
        """`host` "": Nova chooses it."""
        return Case(
            self.subject,
            kind,
            self.hosts.get(host),
            self.source,
            zone,
            changes_pin,
            self.abilities,
            self.around,
        )

    def verdict(self, kind: Kind, host: str = "", zone: str = "", *, changes_pin: bool = False) -> Verdict:
        """`host` "": Nova chooses it, of the hosts of this scene, which then must be all of the cloud."""
        case = self.case(kind, host, zone, changes_pin=changes_pin)
        return preflight.judge(case) if host else any_host.judge_any(case, self.hosts.values())


def scene_of(
    instance: Instance, hosts: Iterable[Hypervisor] | None = None, *, ignoring: Migration | None = None
) -> Scene:
    """From the inventory and the record. `ignoring`: the move that is judged."""
    cloud = instance.cloud
    found = cloud.hypervisors.defer("aggregates") if hosts is None else hosts
    around = selectors.around(instance, ignoring=ignoring)
    return Scene(instance, by_name(found), preflight.abilities(cloud), around)


def verdict_now(migration: Migration, instance: Instance) -> Verdict:
    """Of a move that was asked for, as it was asked for, by what the inventory knows now."""
    return _as_asked(scene_of(instance, ignoring=migration), migration)


def refusals_now(moves: Iterable[Migration]) -> dict[int, str]:
    """Why each of these moves that wait for their approval would be stopped just before its start, as things are now;
    under their keys, those that nothing stops left out. Without what could be done: who decides chooses no host. A few
    queries for each cloud, however many moves."""
    asking = [move for move in moves if move.state == State.ASKING]
    instances = Instance.objects.filter(uuid__in=[move.instance_uuid for move in asking]).select_related(
        "cloud"
    )
    found = {(one.cloud_id, one.uuid): one for one in instances}
    refused: dict[int, str] = {}
    for cloud in {one.cloud for one in found.values()}:
        hosts, abilities = by_name(cloud.hypervisors.defer("aggregates")), preflight.abilities(cloud)
        here = {uuid: one for (name, uuid), one in found.items() if name == cloud.name}
        around = selectors.around_each(cloud.name, {uuid: one.server_groups for uuid, one in here.items()})
        for move in asking:
            if move.cloud != cloud.name or move.instance_uuid not in here:
                continue
            # Its instance has no other move that is open: none stands in the way of this one.
            own = replace(around[move.instance_uuid], moving="")
            scene = Scene(here[move.instance_uuid], hosts, abilities, own)
            why = _as_asked(scene, move).why_not({reason["rule"] for reason in move.sets_aside})
            if why:
                refused[move.pk] = why
    return refused


def _as_asked(scene: Scene, move: Migration) -> Verdict:
    return scene.verdict(Kind(move.kind), move.asked_host, move.asked_zone, changes_pin=move.changes_pin)


def by_name(hosts: Iterable[Hypervisor]) -> dict[str, Hypervisor]:
    found: dict[str, Hypervisor] = {}
    for host in hosts:
        found.setdefault(host.host, host)  # bare metal: several behind one service
    return found


def stored(case: Case, verdict: Verdict, at: datetime) -> dict[str, Any]:
    """A verdict as the record keeps it: what was judged, when, and how well the destination suits."""
    found: Score = preflight.score(case)
    score = {
        "points": found.points,
        "parts": [
            {"name": part.name, "points": part.points, "of": part.of, "text": part.text}
            for part in found.parts
        ],
    }
    return verdict.as_json() | {
        "at": at.isoformat(),
        "host": case.host.host if case.host else "",
        "zone": case.zone or (case.host.zone if case.host else ""),
        "score": score if found.parts else {},
    }
