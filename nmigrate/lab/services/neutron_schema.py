"""neutron_schema.py URL: makes neutron's tables from its models, as its alembic chain does not run on sqlite."""

import sys

from neutron.db.migration.models import head
from sqlalchemy import create_engine

head.get_metadata().create_all(create_engine(sys.argv[1]))
