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

import os
from dataclasses import dataclass, field
from pathlib import Path

from schemas.files import replace_file
from schemas.rights import KEPT_MEMORY_SETTINGS, ROLES, Role

__all__ = ["ServiceLimits", "role_settings", "write_config"]

_CONTROL_GROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def _half_of_memory() -> int:
    """Of the machine's or the container's: broker, registry and workers run beside the engine."""
    total_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _CONTROL_GROUPS:
        try:
            allowed_bytes = int(file.read_text())
        except (OSError, ValueError):  # no such control group, or "max"
            continue
        total_bytes = min(total_bytes, allowed_bytes)
    return total_bytes // 2


@dataclass(frozen=True, slots=True)
class ServiceLimits:
    """What one request may use, and how many may run at once.

    Read-only roles have slots of their own (`reader_requests`), so that they never hold up those
    who write, and their statements end after `reader_timeout_s` or the role's own, shorter time. An
    account has at most `account_requests` under way, waiting ones included, and `max_unsent_bytes`
    of answers that its clients have not taken yet. A compressed block has at most
    `max_block_bytes`, packed or unpacked: what clickhouse-go reads, which packs a batch into one.
    """

    max_memory_bytes: int = field(default_factory=_half_of_memory)
    """Of the engine, all statements together."""
    max_result_bytes: int = 512 * 1024 * 1024
    max_unsent_bytes: int = 1024 * 1024 * 1024
    max_body_bytes: int = 512 * 1024 * 1024
    max_decoded_bytes: int = 2 * 1024 * 1024 * 1024
    max_block_bytes: int = 128 * 1024 * 1024
    max_query_bytes: int = 1024 * 1024
    max_form_bytes: int = 4 * 1024 * 1024
    account_requests: int = 64
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
    # all handles are one user, so a limit of the user is everybody's
    *KEPT_MEMORY_SETTINGS,
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
  <max_server_memory_usage>{memory}</max_server_memory_usage>
</clickhouse>
"""


def write_config(directory: Path, limits: ServiceLimits) -> Path:
    """Write both files and return the one to pass as `config-file`."""
    directory.mkdir(parents=True, exist_ok=True)
    users = directory / "users.xml"
    server = directory / "server.xml"
    fixed = "".join(f"<{setting}><const/></{setting}>" for setting in _FIXED)
    text = _USERS.format(
        limit=limits.max_result_bytes,
        # a statement is also sent as a literal, every sign of it perhaps escaped
        query_size=2 * limits.max_query_bytes + 1024,
        fixed=fixed,
        profiles="".join(_profile(role, limits) for role in ROLES.values()),
        roles="".join(map(_role, ROLES.values())),
        role_names=", ".join(role.sql_name for role in ROLES.values()),
    )
    replace_file(users, text.encode(), mode=0o600)
    text = _SERVER.format(users=users, memory=limits.max_memory_bytes)
    replace_file(server, text.encode(), mode=0o600)
    return server


def _role(role: Role) -> str:
    queries = "".join(f"<query>GRANT {grant}</query>" for grant in role.all_grants)
    return f"<{role.sql_name}><grants>{queries}</grants></{role.sql_name}>"


def role_settings(role: Role, limits: ServiceLimits) -> dict[str, int]:
    """A role's limits here: all readers together leave half of the memory to those who write."""
    half_bytes = limits.max_memory_bytes // 2
    share_bytes = half_bytes // limits.reader_requests if role.read_only else half_bytes
    declared = role.settings
    return {**declared, "max_memory_usage": min(declared["max_memory_usage"], share_bytes)}


def _profile(role: Role, limits: ServiceLimits) -> str:
    """The constraints alone: chDB takes no values from a profile that a handle changes to."""
    constraints = "".join(
        f"<{name}><min>1</min><max>{limit}</max></{name}>"
        for name, limit in role_settings(role, limits).items()
    )
    return f"<{role.sql_name}><constraints>{constraints}</constraints></{role.sql_name}>"
