"""All targets, and each one's share of a run's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fuzz.case import Target
from tests.fuzz.cli import CliTarget
from tests.fuzz.http import HttpTarget
from tests.fuzz.reading import DeliveredTarget
from tests.fuzz.settings import SettingsTarget
from tests.fuzz.source import SourceTarget
from tests.fuzz.sql import BodyTarget, StatementTarget
from tests.fuzz.un_list import UnListTarget

__all__ = ["SHARES", "TARGETS"]

TARGETS: Mapping[str, Callable[[], Target]] = {
    "source": SourceTarget,
    "delivered": DeliveredTarget,
    "statement": StatementTarget,
    "body": BodyTarget,
    "http": HttpTarget,
    "un-list": UnListTarget,
    "settings": SettingsTarget,
    "cli": CliTarget,
}
SHARES: Mapping[str, int] = {
    "source": 600,
    "delivered": 200,
    "statement": 80,
    "body": 60,
    "http": 15,
    "un-list": 25,
    "settings": 20,
    "cli": 10,
}
"""Of about a thousand inputs: the fewer, the longer each takes."""
