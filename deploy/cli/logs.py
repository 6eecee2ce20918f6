"""Logs go to stderr: JSON lines for machines, coloured lines for a terminal.

A traceback never shows what its frames held: those are events, and events name people. A line
that can't be written (a full disk, a reader that has gone) is dropped: no work stops for a log.
What somebody else wrote steers no terminal, now or when the log is read there (`safe_text`).
"""

from __future__ import annotations

import io
import logging
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO, cast

from deploy.cli.safe_text import json_text, shown, shown_lines
from deploy.cli.streams import DroppingStream

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    import structlog

__all__ = ["LogLevel", "configure_logs"]

_TELL_TWICE = ("clickhouse_connect", "liaison.kafka", "urllib3.connectionpool")
"""Clients whose every warning comes again in the error that we raise, with what to do."""


class LogLevel(StrEnum):
    """From which urgency on a line is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def configure_logs(level: str = LogLevel.INFO) -> None:
    """Set structlog up for this process.

    Raises:
        ValueError: there is no such level.
    """
    import structlog

    number = logging.getLevelNamesMapping()[LogLevel(level).upper()]
    stderr = DroppingStream(lambda: sys.stderr)
    processors: list[structlog.types.Processor]
    if stderr.isatty():
        processors = [
            _steering_nothing,
            structlog.dev.ConsoleRenderer(exception_formatter=_plain_traceback),
        ]
    else:
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        processors = [
            structlog.processors.ExceptionRenderer(frames),
            structlog.processors.JSONRenderer(ensure_ascii=False),
            lambda _logger, _name, line: json_text(str(line)),
        ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *processors,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, stderr)),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=cast(TextIO, stderr), level=logging.WARNING, format="%(message)s")
    for name in _TELL_TWICE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _steering_nothing(
    _logger: Any, _name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Text as it may stand on a terminal; whatever else is printed by its `repr`, which escapes."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = shown(value)
    return event


def _plain_traceback(out: TextIO, error: structlog.typing.ExcInfo) -> None:
    import structlog

    written = io.StringIO()
    structlog.dev.plain_traceback(written, error)
    out.write(shown_lines(written.getvalue()))
