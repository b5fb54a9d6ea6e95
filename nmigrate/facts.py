"""What an approval compares: an instance as it is at one moment, as plain JSON."""

from typing import Any

from nmigrate.cloud import api
from nmigrate.models import Instance


def snapshot(server: api.Server | Instance) -> dict[str, Any]:
    return {
        "host": server.host,
        "zone": server.zone,
        "pinned_zone": server.pinned_zone,
        "pin_known": server.pin_known,
        "status": server.status,
        "power_state": server.power_state,
        "addresses": list(server.addresses),
        "volumes": list(server.volumes),
        "flavor": server.flavor,
        "locked": server.locked,
        "locked_reason": server.locked_reason,
    }
