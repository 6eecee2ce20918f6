"""How much of the service an account may take at once: requests under way, answers not yet taken.

Asked from the event loop's thread alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.clickhouse.accounts import Account
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.errors import (
    MEMORY_LIMIT_EXCEEDED,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ClickHouseError,
)

__all__ = ["Admission"]


class Admission:
    """Counts by account, so that none fills the queue or the memory of another."""

    def __init__(self, limits: ServiceLimits) -> None:
        self._limits = limits
        self._under_way: Counter[str] = Counter()
        self._unsent_bytes: Counter[str] = Counter()

    @contextmanager
    def request(self, account: Account) -> Iterator[None]:
        """Within, a request counts, from its body's first byte until it is answered.

        Raises:
            ClickHouseError: the account has too many of them.
        """
        name, limit = account.username, self._limits.account_requests
        if self._under_way[name] >= limit:
            raise ClickHouseError.refused(
                TOO_MANY_SIMULTANEOUS_QUERIES,
                f"{name} has {limit} requests under way or waiting: send the next one when one of "
                "them is answered.",
            )
        self._under_way[name] += 1
        try:
            yield
        finally:
            self._under_way[name] -= 1

    def hold(self, account: Account, answer_bytes: int) -> None:
        """Count an answer until `release`: a client that reads slowly keeps it in memory.

        Raises:
            ClickHouseError: the account's clients have too much to take already.
        """
        name, limit_bytes = account.username, self._limits.max_unsent_bytes
        unsent_bytes = self._unsent_bytes[name]
        if unsent_bytes and unsent_bytes + answer_bytes > limit_bytes:
            raise ClickHouseError.refused(
                MEMORY_LIMIT_EXCEEDED,
                f"Answers to {name} of {unsent_bytes} bytes are not taken yet, and this one would "
                f"make it more than {limit_bytes}: read them to their end, or close them.",
            )
        self._unsent_bytes[name] += answer_bytes

    def release(self, account: Account, answer_bytes: int) -> None:
        """The answer is sent, or its client is gone."""
        self._unsent_bytes[account.username] -= answer_bytes
