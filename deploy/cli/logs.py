"""Logs go to stderr: JSON lines for machines, coloured lines for a terminal.

A traceback never shows what its frames held: those are events, and events name people. A line
that can't be written (a full disk, a reader that has gone) is dropped: no work stops for a log.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

__all__ = ["configure_logs"]


class _Stderr:
    """Whatever stderr is when a line is written."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def configure_logs(level: str = "info") -> None:
    """Set structlog up for this process."""
    import structlog

    number = getattr(logging, level.upper(), logging.INFO)
    processors: list[structlog.types.Processor]
    if sys.stderr.isatty():
        processors = [
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        ]
    else:
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        processors = [
            structlog.processors.ExceptionRenderer(frames),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *processors,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
