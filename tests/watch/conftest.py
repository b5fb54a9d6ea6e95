"""What the tests of the watchdog share with those of the pages: a migration in each state."""

from tests.web.conftest import able as able
from tests.web.conftest import asked as asked
from tests.web.conftest import asking as asking
from tests.web.conftest import half_way as half_way
from tests.web.conftest import live as live
from tests.web.conftest import moving as moving
from tests.web.conftest import running as running
from tests.web.conftest import waiting as waiting
