"""Answers of ClickHouse as they come, and its refusals in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["refusals_told", "server_s_words", "streamed"]

_LONGEST_ERROR = 600
_PIECE_BYTES = 64 * 1024


def streamed(
    client: Client, statement: str, format_name: str, settings: Mapping[str, str]
) -> Iterator[bytes]:
    """The answer in one of ClickHouse's formats, never whole in memory here.

    A statement that fails half-way is an error before the first piece, and no half file.

    Raises:
        PermanentError: it is refused.
        RetryableError: the answer broke off.
    """
    from urllib3.exceptions import HTTPError

    from schemas.errors import RetryableError

    with refusals_told():
        response: Any = client.raw_stream(
            statement, fmt=format_name, settings={"wait_end_of_query": "1", **settings}
        )
    try:
        yield from response.stream(_PIECE_BYTES, decode_content=True)
    except HTTPError as error:
        raise RetryableError(
            f"the answer broke off ({error}): what was written is not whole, ask again",
            code="clickhouse-away",
        ) from error


@contextmanager
def refusals_told() -> Iterator[None]:
    """What a statement is refused for, as an error of ours."""
    from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

    from schemas.errors import PermanentError

    try:
        yield
    except OperationalError:
        raise  # away: not the statement's fault
    except ClickHouseError as error:
        raise PermanentError(
            f"ClickHouse refused it: {server_s_words(error)}", code="sql"
        ) from error


def server_s_words(error: Exception) -> str:
    """What the server said, without the client's frame around it."""
    words = str(error).partition("server response: ")[2] or str(error)
    return words.partition(" (for url ")[0][:_LONGEST_ERROR]
