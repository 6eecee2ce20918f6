"""ClickHouse's error codes, and the HTTP status that its own interface gives them.

A refusal of ours uses ClickHouse's number, so clients can't tell it from the server's.
"""

from __future__ import annotations

import errno
import logging
import re

__all__ = ["ClickHouseError", "http_status"]

_log = logging.getLogger(__name__)

SYNTAX_ERROR = 62
NOT_IMPLEMENTED = 48
QUERY_IS_TOO_LARGE = 594
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
INCORRECT_DATA = 117
LIMIT_EXCEEDED = 290
CANNOT_READ_ALL_DATA = 33
TOO_LARGE_SIZE_COMPRESSED = 39
CHECKSUM_DOESNT_MATCH = 40
UNKNOWN_COMPRESSION_METHOD = 89
CORRUPTED_DATA = 246
CANNOT_DECOMPRESS = 271
UNKNOWN_SETTING = 115
BAD_ARGUMENTS = 36
UNKNOWN_FORMAT = 73
QUOTA_EXCEEDED = 201
TIMEOUT_EXCEEDED = 159
QUERY_WAS_CANCELLED = 394
READONLY = 164
TOO_MANY_SIMULTANEOUS_QUERIES = 202
MEMORY_LIMIT_EXCEEDED = 241
NOT_ENOUGH_SPACE = 243
TOO_MANY_ROWS_OR_BYTES = 396
QUERY_WAS_CANCELLED_BY_CLIENT = 735
STD_EXCEPTION = 1001

_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    INCORRECT_DATA: "INCORRECT_DATA",
    LIMIT_EXCEEDED: "LIMIT_EXCEEDED",
    CANNOT_READ_ALL_DATA: "CANNOT_READ_ALL_DATA",
    TOO_LARGE_SIZE_COMPRESSED: "TOO_LARGE_SIZE_COMPRESSED",
    CHECKSUM_DOESNT_MATCH: "CHECKSUM_DOESNT_MATCH",
    UNKNOWN_COMPRESSION_METHOD: "UNKNOWN_COMPRESSION_METHOD",
    CORRUPTED_DATA: "CORRUPTED_DATA",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    UNKNOWN_FORMAT: "UNKNOWN_FORMAT",
    QUOTA_EXCEEDED: "QUOTA_EXCEEDED",
    TIMEOUT_EXCEEDED: "TIMEOUT_EXCEEDED",
    READONLY: "READONLY",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    MEMORY_LIMIT_EXCEEDED: "MEMORY_LIMIT_EXCEEDED",
    NOT_ENOUGH_SPACE: "NOT_ENOUGH_SPACE",
    TOO_MANY_ROWS_OR_BYTES: "TOO_MANY_ROWS_OR_BYTES",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    QUERY_WAS_CANCELLED_BY_CLIENT: "QUERY_WAS_CANCELLED_BY_CLIENT",
    STD_EXCEPTION: "STD_EXCEPTION",
}

_STATUS: dict[int, tuple[int, ...]] = {
    400: (36, 427, 6, 25, 26, 38, 41, 72, 441, 27, 675, 676, 376, 15, 44, 16, 56, 57, 167, 168)
    + (61, 62, 117, 53, 321),
    401: (194,),
    403: (192, 193, 516, 512, 497),
    404: (60, 46, 47, 50, 51, 81, 115, 54, 63, 73, 128, 78, 511, 456),
    408: (159,),
    413: (594, LIMIT_EXCEEDED),
    499: (QUERY_WAS_CANCELLED_BY_CLIENT,),
    501: (48,),
    503: (209, 76, 439),
}
_BY_CODE = {code: status for status, codes in _STATUS.items() for code in codes}
_CODE = re.compile(r"Code: (\d+)\.")
_ENGINE_S_USER = re.compile(r"((?:Code: 497\. DB::Exception: )+)default: ")
_DISK_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ClickHouseError(Exception):
    """A failure that the client reads as ClickHouse's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @classmethod
    def refused(cls, code: int, why: str) -> ClickHouseError:
        """A refusal of the service itself, in ClickHouse's words."""
        return cls(code, f"Code: {code}. DB::Exception: {why} ({_NAMES[code]})")

    @classmethod
    def from_engine(cls, message: str, user: str = "default") -> ClickHouseError:
        """What chDB raised; an unnumbered message counts as STD_EXCEPTION.

        Where it says at its very beginning who may not, this names the account: chDB's one user
        is nobody's login.
        """
        match = _CODE.search(message)
        if match is None:
            return cls.refused(STD_EXCEPTION, message.strip())
        text = message[match.start() :].strip()
        named = _ENGINE_S_USER.match(text)
        if named is not None:
            text = f"{named[1]}{user}: {text[named.end() :]}"
        return cls(int(match.group(1)), text)

    @classmethod
    def from_failure(cls, error: Exception) -> ClickHouseError:
        """Whatever went wrong in the service, as the client is told; the process's log has more."""
        if isinstance(error, cls):
            return error
        _log.error("a request failed", exc_info=error)
        if isinstance(error, OSError) and error.errno in _DISK_IS_FULL:
            return cls.refused(
                NOT_ENOUGH_SPACE,
                f"The service's disk can't take the request ({error.strerror}): tell the operator.",
            )
        what = type(error).__name__
        return cls.refused(
            STD_EXCEPTION, f"The service failed ({what}): tell the operator, whose log says why."
        )


def http_status(code: int) -> int:
    """The status for an error code; 500 for the many that have no status of their own."""
    return _BY_CODE.get(code, 500)
