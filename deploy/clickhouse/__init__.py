"""ClickHouse's HTTP interface over chDB, so that an embedded ClickHouse is reached like a server.

`serve` owns a data directory and blocks; `python -m deploy.clickhouse` runs it.
"""

from deploy.clickhouse.accounts import read_accounts, write_accounts
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.service import serve

__all__ = ["ServiceLimits", "read_accounts", "serve", "write_accounts"]
