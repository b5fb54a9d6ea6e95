"""The border to OpenStack: what the domain may know (api.py) and the one place that talks to it (openstack/)."""

import os
import threading

from nmigrate.cloud import api

_local = threading.local()


def connect(name: str) -> api.Cloud:
    """The cloud of this name, one connection per process, thread and cloud, made at the first use.

    A connection is dropped in a forked child: two processes must not share a socket. Raises
    api.WrongSetting at the first call when clouds.yaml does not have it. Tests put a FakeCloud into `override`.
    """
    if name in override:
        return override[name]
    if getattr(_local, "pid", None) != os.getpid():
        _local.pid, _local.clouds = os.getpid(), {}
    clouds: dict[str, api.Cloud] = _local.clouds
    if name not in clouds:
        from nmigrate.cloud.openstack import OpenStackCloud

        clouds[name] = OpenStackCloud(name)
    return clouds[name]


override: dict[str, api.Cloud] = {}
"""Clouds that are not OpenStack: the tests' FakeCloud."""
