"""All targets, and each one's share of a run's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fuzz.case import Target
from tests.fuzz.reading import DeliveredTarget
from tests.fuzz.source import SourceTarget

__all__ = ["SHARES", "TARGETS"]

TARGETS: Mapping[str, Callable[[], Target]] = {
    target.name: target for target in (SourceTarget, DeliveredTarget)
}
SHARES: Mapping[str, int] = {"source": 60, "delivered": 20}
