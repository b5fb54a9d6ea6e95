"""Neutron's mechanism driver for the lab: binds every port on every host, at once (no agents).

Told to fail at bind_port on a host, it binds none there: Neutron then says that the binding failed.
"""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

from typing import Any

import behaviour
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class AnyHostMechanismDriver(api.MechanismDriver):
    """What an agent would answer on a host where everything is connected."""

    def initialize(self) -> None:
        """Nothing to prepare."""

    @property
    def connectivity(self) -> str:
        return portbindings.CONNECTIVITY_L2

    def bind_port(self, context: Any) -> None:
        if behaviour.failure("bind_port", context.host):
            return
        segment = context.segments_to_bind[0]
        details = {
            portbindings.CAP_PORT_FILTER: True,
            portbindings.VIF_DETAILS_CONNECTIVITY: portbindings.CONNECTIVITY_L2,
        }
        context.set_binding(
            segment[api.ID], portbindings.VIF_TYPE_OVS, details, status=constants.PORT_STATUS_ACTIVE
        )
