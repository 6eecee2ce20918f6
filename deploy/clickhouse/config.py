"""The engine's configuration files: written by us, beside the data, and always passed.

chDB silently ignores a wrong path and silently loads a `config.xml` from the working directory, so
the engine is opened from a directory of our own and asked afterwards what it really applied
(`engine.Engine.open`). The one user can read and write tables; it has no right to files, URLs or
other servers: what a client may reach is the database, as with a server. Rights to sources and
engines are granted one by one. Settings that name a file or a server, or that carry SQL in a
string, can't be changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServiceLimits", "write_config"]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request may use, and how many may run at once.

    The read-only account has slots of its own (`reader_requests`), so that it never holds up those
    who write, and its statements end after `reader_timeout_s`. A compressed block has at most
    `max_block_bytes`, packed or unpacked: what clickhouse-go reads, which packs a batch into one.
    """

    max_result_bytes: int = 512 * 1024 * 1024
    max_body_bytes: int = 512 * 1024 * 1024
    max_decoded_bytes: int = 2 * 1024 * 1024 * 1024
    max_block_bytes: int = 128 * 1024 * 1024
    max_query_bytes: int = 1024 * 1024
    max_form_bytes: int = 4 * 1024 * 1024
    concurrent_requests: int = 16
    reader_requests: int = 4
    reader_timeout_s: float = 60.0
    stop_timeout_s: float = 3.0


_ENGINES = (
    "AggregatingMergeTree", "Alias", "Atomic", "Buffer", "CoalescingMergeTree",
    "CollapsingMergeTree", "Dictionary", "GenerateRandom", "GraphiteMergeTree", "Join", "Log",
    "MaterializedView", "Memory", "Merge", "MergeTree", "Null", "ReplacingMergeTree", "Set",
    "StripeLog", "SummingMergeTree", "TinyLog", "VersionedCollapsingMergeTree", "View",
)  # fmt: skip
"""What tables and databases may be made of: all of it lies in the data directory or in memory."""

_GRANTS = (
    "GRANT SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, "
    "INTROSPECTION, dictGet, SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM FLUSH, SYSTEM RELOAD, "
    "SYSTEM VIEWS, SYSTEM DROP CACHE, SET DEFINER, "
    "displaySecretsInShowAndSelect ON *.*",
    *(f"GRANT TABLE ENGINE ON {engine}" for engine in _ENGINES),
)

_FIXED = (
    # how a statement is parsed: `guard` reads it as the defaults have it
    "dialect", "implicit_select", "allow_settings_after_format_in_insert",
    # SQL in a string
    "select", "filter", "order", "sort", "additional_table_filters", "additional_result_filter",
    "implicit_table_at_top_level", "parallel_replicas_custom_key", "schema_inference_hints",
    # files
    "format_schema", "format_schema_source", "format_template_row", "format_template_resultset",
    "output_format_schema", "input_format_record_errors_file_path",
    # other servers
    "format_avro_schema_registry_url", "url_base", "s3_base",
    # disks
    "merge_tree_disk", "merge_tree_storage_policy", "merge_tree_table_disk",
)  # fmt: skip
"""Settings that keep their value."""

_USERS = """<clickhouse>
  <profiles><default>
    <max_result_bytes>{limit}</max_result_bytes>
    <result_overflow_mode>throw</result_overflow_mode>
    <session_timezone>UTC</session_timezone>
    <max_query_size>{query_size}</max_query_size>
    <constraints>
      <max_result_bytes><min>1</min><max>{limit}</max></max_result_bytes>
      <result_overflow_mode><const/></result_overflow_mode>
      {fixed}
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
    fixed = "".join(f"<{setting}><const/></{setting}>" for setting in _FIXED)
    users.write_text(
        _USERS.format(
            limit=limits.max_result_bytes,
            # a statement is also sent as a literal, every sign of it perhaps escaped
            query_size=2 * limits.max_query_bytes + 1024,
            fixed=fixed,
            grants=grants,
        )
    )
    server.write_text(_SERVER.format(users=users))
    return server
