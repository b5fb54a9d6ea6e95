"""The expected failures of the domain, beside `cloud.api.CloudError`."""


class Conflict(Exception):
    """It cannot be done as things stand; `str()` is one plain sentence for the person who asked."""
