"""Python runs this at the start of each service of the lab, before the service's own code."""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

import os

if os.environ.get("NMIGRATE_LAB_SQLITE"):
    import sqlite_tuning

    sqlite_tuning.install()
