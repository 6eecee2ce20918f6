"""The engine's configuration files: written by us, beside the data, and always passed.

chDB silently ignores a wrong path and silently loads a `config.xml` from the working directory, so
the engine is opened from a directory of our own and asked afterwards what it really applied
(`engine.Engine.open`). chDB has one user, `default`, and ignores who logs in; but its users file
may have roles, and `SET ROLE` holds for a handle. So every declared role stands there with its
grants, and a profile with the constraints of its limits; the user itself has nothing but the roles.
No role has a right to files, URLs or other servers: what a client may reach is the database, as
with a server. Settings that name a file or a server, or that carry SQL in a string, can't be
changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.rights import ROLES, Role

__all__ = ["ServiceLimits", "write_config"]


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request may use, and how many may run at once.

    Read-only roles have slots of their own (`reader_requests`), so that they never hold up those
    who write, and their statements end after `reader_timeout_s` or the role's own, shorter time. A
    compressed block has at most
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
    reader_timeout_s: float = 600.0
    stop_timeout_s: float = 3.0


_FIXED = (
    # how a statement is parsed: `guard` reads it as the defaults have it
    "dialect", "implicit_select", "allow_settings_after_format_in_insert",
    # SQL in a string
    "select", "filter", "order", "sort", "additional_table_filters", "additional_result_filter",
    "implicit_table_at_top_level", "parallel_replicas_custom_key", "schema_inference_hints",
    "allow_experimental_eval_table_function",
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
  </default>{profiles}</profiles>
  <quotas><default/></quotas>
  <roles>{roles}</roles>
  <users><default>
    <no_password/><profile>default</profile><quota>default</quota>
    <networks><ip>::/0</ip></networks>
    <grants><query>GRANT {role_names}</query></grants>
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
    fixed = "".join(f"<{setting}><const/></{setting}>" for setting in _FIXED)
    users.write_text(
        _USERS.format(
            limit=limits.max_result_bytes,
            # a statement is also sent as a literal, every sign of it perhaps escaped
            query_size=2 * limits.max_query_bytes + 1024,
            fixed=fixed,
            profiles="".join(map(_profile, ROLES.values())),
            roles="".join(map(_role, ROLES.values())),
            role_names=", ".join(role.sql_name for role in ROLES.values()),
        )
    )
    server.write_text(_SERVER.format(users=users))
    return server


def _role(role: Role) -> str:
    queries = "".join(f"<query>GRANT {grant}</query>" for grant in role.all_grants)
    return f"<{role.sql_name}><grants>{queries}</grants></{role.sql_name}>"


def _profile(role: Role) -> str:
    """The constraints alone: chDB takes no values from a profile that a handle changes to."""
    limits = "".join(
        f"<{name}><min>1</min><max>{limit}</max></{name}>" for name, limit in role.settings.items()
    )
    return f"<{role.sql_name}><constraints>{limits}</constraints></{role.sql_name}>"
