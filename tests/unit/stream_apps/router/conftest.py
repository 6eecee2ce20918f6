"""The router without a broker."""

import pytest

from stream_apps.router.driver import RouterDriver
from tests.unit.stream_apps.router.router_records import NOW_MS


@pytest.fixture
def driver() -> RouterDriver:
    return RouterDriver(now_ms=NOW_MS)
