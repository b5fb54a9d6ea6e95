"""Shared folders, which Nova tells of one server at a time, and what it refuses because of them."""

from collections.abc import Callable

import pytest

from nmigrate.cloud import api
from tests.contract.stage import Stage

REFUSED: dict[str, Callable[[api.Cloud, str], object]] = {
    "live": lambda cloud, uuid: cloud.live_migrate(uuid, "compute2"),
    "shelve": lambda cloud, uuid: cloud.shelve(uuid),
    "evacuate": lambda cloud, uuid: cloud.evacuate(uuid, "compute2"),
}


def test_shares_are_told_one_server_at_a_time(stage: Stage) -> None:
    uuid, other = stage.boot("k-shares", "compute1"), stage.boot("k-none", "compute1")
    speaks = api.microversion(stage.cloud.versions().used) >= (2, 97)
    share = stage.share(uuid)
    assert stage.cloud.shares_of(uuid) == ((share,) if speaks else ())
    assert stage.cloud.shares_of(other) == ()
    assert stage.cloud.server(uuid).shares == ()


def test_what_nova_refuses_because_of_shares(stage: Stage) -> None:
    uuid = stage.boot("k-shares", "compute1", "ACTIVE")
    stage.share(uuid)
    for what, ask in REFUSED.items():
        with pytest.raises(api.Refused) as refused:
            ask(stage.cloud, uuid)
        assert "instances that have shares" in refused.value.said, what
        assert refused.value.said.startswith("409"), what
    assert (stage.cloud.server(uuid).status, stage.cloud.server(uuid).host) == ("ACTIVE", "compute1")
