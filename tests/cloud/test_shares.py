"""Whether a cloud can have shared folders at all: its Nova's version and its catalog say so."""

from collections.abc import Callable

import pytest

from nmigrate.cloud.openstack import OpenStackCloud
from tests.cloud.http import Server, keystone


@pytest.mark.parametrize(
    ("nova", "others", "can"),
    [
        ("2.104", ("shared-file-system",), True),
        ("2.104", ("sharev2",), True),
        ("2.104", (), False),
        ("2.96", ("shared-file-system",), False),
    ],
)
def test_shares_need_a_new_nova_and_a_service(
    server: Server, clouds_yaml: Callable[..., None], nova: str, others: tuple[str, ...], can: bool
) -> None:
    keystone(server, nova, others=others)
    clouds_yaml(auth_url=server.url + "/v3")
    assert OpenStackCloud("prod", timeout=2).has_shares() is can
