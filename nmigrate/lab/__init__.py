"""A real OpenStack on this machine, for the demo and the tests.

Keystone, Placement, Glance, Neutron, Cinder and Nova are the real code of these projects, from PyPI, over a
simulated hypervisor and a simulated volume backend. This package needs the standard library alone; the
services run in an environment of their own.
"""

from nmigrate.lab.errors import LabError
from nmigrate.lab.lab import Lab

__all__ = ["Lab", "LabError"]
