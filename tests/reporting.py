"""A pytest plugin: the last lines of every run name what was skipped, and why."""
