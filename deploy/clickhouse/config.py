"""The engine's configuration files: written by us, beside the data, and always passed.

chDB silently ignores a wrong path and silently loads a `config.xml` from the working directory, so
the engine is opened from a directory of our own and asked afterwards what it really applied
(`engine.Engine.open`). The one user can read and write tables; it has no right to files, URLs or
other servers: what a client may reach is the database, as with a server.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServiceLimits", "write_config"]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request may use."""

    max_result_bytes: int = 512 * 1024 * 1024
    max_body_bytes: int = 512 * 1024 * 1024
    max_decoded_bytes: int = 2 * 1024 * 1024 * 1024
    max_query_bytes: int = 1024 * 1024
    concurrent_requests: int = 16
    stop_timeout_s: float = 3.0


_GRANTS = (
    "GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, "
    "INTROSPECTION, dictGet, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM FLUSH, SYSTEM RELOAD, "
    "SYSTEM VIEWS, SYSTEM DROP CACHE, TABLE ENGINE, SET DEFINER, "
    "displaySecretsInShowAndSelect ON *.*",
)

_USERS = """<clickhouse>
  <profiles><default>
    <max_result_bytes>{limit}</max_result_bytes>
    <result_overflow_mode>throw</result_overflow_mode>
    <session_timezone>UTC</session_timezone>
    <constraints>
      <max_result_bytes><min>1</min><max>{limit}</max></max_result_bytes>
      <result_overflow_mode><const/></result_overflow_mode>
    </constraints>
  </default></profiles>
  <quotas><default/></quotas>
  <users><default>
    <no_password/><profile>default</profile><quota>default</quota>
    <networks><ip>::/0</ip></networks>
    <grants>{grants}</grants>
  </default></users>
</clickhouse>
"""

_SERVER = """<clickhouse>
  <users_config>{users}</users_config>
  <timezone>UTC</timezone>
  <mark_cache_size>134217728</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
</clickhouse>
"""


def write_config(directory: Path, limits: ServiceLimits) -> Path:
    """Write both files and return the one to pass as `config-file`."""
    directory.mkdir(parents=True, exist_ok=True)
    users = directory / "users.xml"
    server = directory / "server.xml"
    grants = "".join(f"<query>{grant}</query>" for grant in _GRANTS)
    users.write_text(_USERS.format(limit=limits.max_result_bytes, grants=grants))
    server.write_text(_SERVER.format(users=users))
    return server
