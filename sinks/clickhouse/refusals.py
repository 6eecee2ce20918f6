"""What a ClickHouse error means for the one who loads: try again, or never with these bytes.

Only errors that name the data count as permanent, and not those of a view: by then raw.facts has
the rows, and only landing the same block again brings the rollups up to it. Everything unknown
is retryable: a block waits and an alarm rings, but nothing is put aside that a repaired server
would have taken.
"""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.errors import LiaisonError, PermanentError, RetryableError

__all__ = ["BLOCK_REFUSED", "explain"]

BLOCK_REFUSED = "block-refused"

_ABOUT_THE_DATA = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        33,  # CANNOT_READ_ALL_DATA
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        190,  # SIZES_OF_ARRAYS_DONT_MATCH
        290,  # LIMIT_EXCEEDED
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        376,  # CANNOT_PARSE_UUID
        395,  # FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
        407,  # DECIMAL_OVERFLOW
        636,  # CANNOT_EXTRACT_TABLE_STRUCTURE
    }
)
_STD_EXCEPTION = 1001
_IN_A_VIEW = "while pushing to view"


def explain(error: ClickHouseError, where: str) -> LiaisonError:
    """The error as one of ours; `where` names the block."""
    code = getattr(error, "code", None)
    text = str(error)
    if _IN_A_VIEW in text:
        return RetryableError(
            f"{where}: a view refuses what raw.facts already has; repair the view, and the same "
            f"block heals the rest: {text}",
            code="half-landed",
        )
    bad_avro = code == _STD_EXCEPTION and "avro::" in text
    if code in _ABOUT_THE_DATA or bad_avro:
        return PermanentError(
            f"{where}: ClickHouse refuses it for good: {text}", code=BLOCK_REFUSED
        )
    return RetryableError(
        f"{where}: ClickHouse did not take it: {text}",
        code="clickhouse-unavailable" if code is None else f"clickhouse-{code}",
    )
