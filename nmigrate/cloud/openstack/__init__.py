"""The only place that talks to OpenStack: openstacksdk for the session, the services' own REST for the rest.

Nova's calls are made with an explicit microversion, between OLDEST_MICROVERSION and what both Nova and
NMIGRATE_MAX_MICROVERSION allow, because openstacksdk's own methods choose theirs (live migration: 2.30 always).
Nothing that changes something is ever retried here.
"""

from nmigrate.cloud.openstack.copying import Copying
from nmigrate.cloud.openstack.moving import Moving
from nmigrate.cloud.openstack.reading import Reading


class OpenStackCloud(Reading, Moving, Copying):
    """One cloud of clouds.yaml. Use one object per thread and process: see `nmigrate.cloud.connect`."""
