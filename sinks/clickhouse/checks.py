"""What must hold in ClickHouse before the first block: looked up, never assumed.

A repeated insert is dropped only where the table remembers its tokens, and a view's target has a
memory of its own: a target without one would count a repeat twice without any error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from schemas.errors import ConfigurationError

__all__ = ["check_deduplication", "fact_columns"]

_WINDOW = re.compile(r"\b(non_)?replicated_deduplication_window\s*=\s*(\d+)")
_TARGET = re.compile(r"\bTO\s+`?(\w+)`?\.`?(\w+)`?")
_REMEDY = "Run `liaison provision` (the migrations set it), or repair the table."


def check_deduplication(client: Client, table: tuple[str, str] = ("raw", "facts")) -> None:
    """Every table that an insert into `table` reaches remembers its tokens.

    Raises:
        ConfigurationError: one does not, or the tables are missing.
    """
    waiting, seen = [table], set[tuple[str, str]]()
    while waiting:
        database, name = waiting.pop()
        if (database, name) in seen:
            continue
        seen.add((database, name))
        rows = client.query(
            "SELECT engine, engine_full, dependencies_database, dependencies_table "
            "FROM system.tables WHERE database = {d:String} AND name = {t:String}",
            parameters={"d": database, "t": name},
        ).result_rows
        if not rows:
            raise ConfigurationError(f"ClickHouse has no table {database}.{name}. {_REMEDY}")
        engine, definition, view_databases, view_names = rows[0]
        if not _remembers(str(engine), str(definition)):
            raise ConfigurationError(
                f"{database}.{name} does not remember insert tokens, so a repeated block would "
                f"count twice: non_replicated_deduplication_window must be above 0. {_REMEDY}",
                code="no-deduplication-window",
            )
        waiting += [
            _target_of(client, str(view_database), str(view))
            for view_database, view in zip(view_databases, view_names, strict=True)
        ]


def _remembers(engine: str, definition: str) -> bool:
    replicated = engine.startswith(("Replicated", "Shared"))
    for match in _WINDOW.finditer(definition):
        if (match[1] is None) == replicated:
            return int(match[2]) > 0
    return replicated


def _target_of(client: Client, database: str, view: str) -> tuple[str, str]:
    text = client.query(
        "SELECT create_table_query FROM system.tables "
        "WHERE database = {d:String} AND name = {t:String}",
        parameters={"d": database, "t": view},
    ).result_rows[0][0]
    match = _TARGET.search(str(text))
    if match is None:
        raise ConfigurationError(
            f"The view {database}.{view} on the facts has no target table (TO …), so nothing says "
            "whether it remembers tokens. Write it with one."
        )
    return match[1], match[2]


def fact_columns(client: Client) -> Sequence[tuple[str, str]]:
    """Columns of raw.facts and their types, in order."""
    rows = client.query(
        "SELECT name, type FROM system.columns WHERE database = 'raw' AND table = 'facts' "
        "ORDER BY position"
    ).result_rows
    if not rows:
        raise ConfigurationError(f"ClickHouse has no table raw.facts. {_REMEDY}")
    return [(str(name), str(kind)) for name, kind in rows]
