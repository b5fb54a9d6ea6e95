"""What the lab tells its caller when something is in the way."""


class LabError(Exception):
    """One plain sentence for a person."""
