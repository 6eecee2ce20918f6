"""How many statements an account may ask for in an hour; the hours are those of the clock.

The engine has quotas too, but chDB's one user would share a single one among all roles.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.clickhouse.accounts import Account
from deploy.clickhouse.errors import QUOTA_EXCEEDED, ClickHouseError
from schemas.clock import Clock

__all__ = ["Quotas"]

_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Quotas:
    """Counts statements by account; asked from one thread."""

    clock: Clock
    _hour: int = 0
    _asked: dict[str, int] = field(default_factory=dict)

    def take(self, account: Account) -> None:
        """Count one statement; QUOTA_EXCEEDED once the hour's are used up."""
        limit = account.role.queries_per_hour
        if limit is None:
            return
        hour, past_ms = divmod(self.clock.now_ms(), _HOUR_MS)
        if hour != self._hour:
            self._hour, self._asked = hour, {}
        asked = self._asked[account.username] = self._asked.get(account.username, 0) + 1
        if asked > limit:
            raise ClickHouseError.refused(
                QUOTA_EXCEEDED,
                f"Quota for user {account.username} for 1h has been exceeded: queries = "
                f"{asked}/{limit}. It begins anew in {-(-(_HOUR_MS - past_ms) // 60_000)} min.",
            )
