"""An in-memory cloud for fast tests. It answers as Nova does; the contract tests hold it to that.

Nothing moves by itself: `step()` takes every operation in flight one phase on, as Nova's own phases go.
"""

from tests.fake.base import ADMIN, MEMBER, OWN
from tests.fake.cold import Cold
from tests.fake.copying import Copying
from tests.fake.live import Live
from tests.fake.power import Power
from tests.fake.reading import Reading
from tests.fake.shelving import Shelving

__all__ = ["ADMIN", "MEMBER", "OWN", "FakeCloud"]


class FakeCloud(Reading, Power, Cold, Live, Shelving, Copying):
    """Implements `api.Cloud`; what else it has are handles for tests."""
