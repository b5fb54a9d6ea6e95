"""Measurements on the real lab: figures to read, never tests that time can fail."""
