"""Exit codes, the same for every command, and which error gives which.

A script may rely on them; the table in `liaison --help` is made from here.
"""

from __future__ import annotations

from schemas.errors import ConfigurationError, LiaisonError, RetryableError

__all__ = [
    "CONFIGURATION",
    "DIFFERENCE",
    "FAULT",
    "INTERRUPTED",
    "OK",
    "RETRYABLE",
    "TABLE",
    "USAGE",
    "code_of",
]

OK = 0
DIFFERENCE = 1
USAGE = 2
CONFIGURATION = 3
RETRYABLE = 4
FAULT = 70
INTERRUPTED = 130

TABLE = {
    OK: "done",
    DIFFERENCE: "a difference was found, or something was refused",
    USAGE: "the command line is wrong",
    CONFIGURATION: "settings or surroundings are wrong; the line says what to change",
    RETRYABLE: "a server can't be reached, or not in time: the same command may work later",
    FAULT: "a fault in Liaison itself; the trace says where",
    INTERRUPTED: "interrupted by Ctrl-C",
}


def code_of(error: LiaisonError) -> int:
    """The exit code of an error."""
    if isinstance(error, ConfigurationError):
        return CONFIGURATION
    if isinstance(error, RetryableError):
        return RETRYABLE
    return DIFFERENCE
