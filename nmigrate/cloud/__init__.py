"""The border to OpenStack: what the domain may know (api.py) and the one file that talks to it (openstack.py)."""
