"""A real OpenStack on this machine for the demo and the tests: keystone, placement, glance, neutron, cinder, Nova.

It is the real code of these projects, from PyPI, over a simulated hypervisor and a simulated volume backend. Needs
the standard library alone; the services run in an environment of their own.
"""

from nmigrate.lab.errors import LabError
from nmigrate.lab.lab import Lab

__all__ = ["Lab", "LabError"]
