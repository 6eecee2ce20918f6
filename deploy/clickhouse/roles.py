"""What a role may not do and the engine can't refuse: pure rules over tokens.

chDB has one user, to whom all of `system` is readable, other people's statements among it, every
engine of tables is granted (one of which writes into others' tables), and every role. Rights to all
other tables, and limits, the engine holds by itself (`config`); here the declared system tables and
engines are kept to, and a handle's role and profile are kept. As in `guard`, the
rules are for a statement as ClickHouse's own parser wrote it down again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from deploy.clickhouse.errors import ACCESS_DENIED, ClickHouseError
from deploy.clickhouse.lexer import Token
from schemas.rights import Role

__all__ = [
    "HARMLESS_TABLE_FUNCTIONS",
    "refuse_beyond_role",
    "refuse_change_of_role",
    "refused_profile",
]

HARMLESS_TABLE_FUNCTIONS = frozenset(
    (
        "format", "generaterandom", "generateseries", "generate_series", "input", "null", "numbers",
        "numbers_mt", "primes", "sqlstandardvalues", "values", "view", "zeros", "zeros_mt",
    )
)  # fmt: skip
"""Those that read nothing, or only what stands in the statement. In lower case."""

_SHOWN = frozenset(
    (
        "CHANGED", "COLUMNS", "CREATE", "CURRENT", "DATABASES", "DICTIONARIES", "ENABLED",
        "ENGINES", "EXTENDED", "FIELDS", "FULL", "FUNCTIONS", "GRANTS", "INDEX", "INDEXES",
        "INDICES", "KEYS", "SETTING", "SETTINGS", "TABLES",
    )
)  # fmt: skip
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_SYSTEM = "system"


def refuse_change_of_role(written_down: Sequence[Token]) -> None:
    """ACCESS_DENIED for what would give a handle another role, or another role's limits."""
    before = b""
    for at, token in enumerate(written_down[:-1]):
        after = written_down[at + 1]
        is_role = token.is_word("ROLE") and after.text != b"="
        is_default_role = token.is_word("DEFAULT") and after.is_word("ROLE")
        if before == b"SET" and (is_role or is_default_role):
            raise _denied("A login has one role here: log in as another one.")
        is_assigned = after.text == b"=" and before in (b"SET", b"SETTINGS", b",")
        if token.identifier == "profile" and is_assigned:
            raise refused_profile()
        before = token.text.upper()


def refused_profile() -> ClickHouseError:
    """The refusal of a setting that stands for many."""
    return _denied(
        "The setting profile can't be changed: limits belong to the role. A column of that name is "
        "written with its table's name before it."
    )


def refuse_beyond_role(
    written_down: Sequence[Token],
    role: Role,
    database: str,
    parameters: Mapping[str, str],
    table_functions: frozenset[str],
) -> None:
    """ACCESS_DENIED for a system table or an engine that the role's declaration does not name.

    `table_functions` are the engine's, in lower case: one that names a table in a string would get
    round the rule, so only harmless ones are left.
    """
    readable = role.readable_system_tables
    if readable is None:
        return
    if database.strip('`"') == _SYSTEM:
        raise _denied("system is no database to work in: name its tables in full, system.tables.")
    if any(token.is_word("KILL") for token in written_down[:1]):
        raise _denied(f"KILL is not for the role {role.name}.")
    if written_down[:1] and written_down[0].is_word("SHOW") and len(written_down) > 1:
        shown = written_down[1].text.decode(errors="replace").upper()
        if shown not in _SHOWN:
            raise _denied(f"SHOW {shown} is not for the role {role.name}.")
    for at, token in enumerate(written_down[:-1]):
        after = written_down[at + 1]
        name = token.identifier
        if after.text == b"(" and name in table_functions - HARMLESS_TABLE_FUNCTIONS:
            raise _denied(f"The table function {name} is not for the role {role.name}.")
        if name == _SYSTEM and after.text == b".":
            table = written_down[at + 2].identifier if at + 2 < len(written_down) else ""
            if table not in readable:
                raise _denied(f"SELECT ON system.{table} is not granted to the role {role.name}.")
        if token.is_word("ENGINE") and after.text == b"=" and at + 2 < len(written_down):
            engine = written_down[at + 2].text.decode(errors="replace").strip("`")
            if engine not in role.engines:
                raise _denied(f"TABLE ENGINE ON {engine} is not granted to the role {role.name}.")
        if token.text == b":" and after.is_word("IDENTIFIER"):
            _refuse_hidden_name(written_down[at - 1].text.decode(errors="replace"), parameters)


def _refuse_hidden_name(parameter: str, parameters: Mapping[str, str]) -> None:
    """A name that comes as a parameter is not in the statement: it may be no system table."""
    value = parameters.get(parameter)
    if value is None:
        return
    if _PLAIN_NAME.fullmatch(value) is None or _SYSTEM in value.split("."):
        raise _denied(
            f"The parameter {parameter} is a name, so it has letters, digits and _ only, and is "
            "nothing of system: write that into the statement."
        )


def _denied(why: str) -> ClickHouseError:
    return ClickHouseError.refused(ACCESS_DENIED, why)
