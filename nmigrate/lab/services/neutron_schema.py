"""neutron_schema.py URL: makes Neutron's tables from its models: its alembic chain does not run on sqlite."""

# mypy: disable-error-code="import-not-found"
# (its imports are in the lab's own environment)

import sys

from neutron.db.migration.models import head
from sqlalchemy import create_engine

head.get_metadata().create_all(create_engine(sys.argv[1]))
