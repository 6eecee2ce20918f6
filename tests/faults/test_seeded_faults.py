"""A seeded selection of faults on a stack of its own: nothing lost, doubled, misrouted or down."""

import pytest

from tests.faults.soak import soak

pytestmark = [pytest.mark.stack, pytest.mark.timeout(420)]


FAULTS = 8
"""As many as fit into `make test`; `make soak` runs a thousand."""


def test_faults_lose_double_and_misroute_nothing() -> None:
    report = soak(FAULTS, seed=20)
    assert report["differences"] == []
    assert report["down"] == []
    assert report["events handed over"] > 500
