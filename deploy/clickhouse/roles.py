"""What a role may not do and the engine can't refuse: pure rules over tokens.

chDB has one user, to whom all of `system` is readable, other people's statements among it, every
engine of tables is granted (one of which writes into others' tables), and every role; and engines
of databases that reach other servers, for which it asks no grant of anybody. Rights to all other
tables, and limits, the engine holds by itself (`config`); here the declared system tables and
engines are kept to, and a handle's role and profile are kept. As in `guard`, the rules are for a
statement as ClickHouse's own parser wrote it down again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from deploy.clickhouse.errors import ACCESS_DENIED, ClickHouseError
from deploy.clickhouse.lexer import Token, quote
from schemas.rights import Role

__all__ = [
    "HARMLESS_TABLE_FUNCTIONS",
    "own_grants",
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
_CLAUSES = frozenset({b"FORMAT", b"SETTINGS"})


def own_grants(written_down: Sequence[Token], user: str, role: Role) -> str | None:
    """What to ask instead of SHOW GRANTS, which would show the engine's user: an account's role."""
    words = [token.text.upper() for token in written_down[:3]]
    if words[:2] != [b"SHOW", b"GRANTS"] or words[2:] == [b"FOR"]:
        return None
    clauses = (at for at, token in enumerate(written_down) if token.text in _CLAUSES)
    rest = b" ".join(token.text for token in written_down[next(clauses, len(written_down)) :])
    return f"SELECT {quote(f'GRANT {role.sql_name} TO {user}')} AS GRANTS {rest.decode()}"


def refuse_change_of_role(written_down: Sequence[Token]) -> None:
    """ACCESS_DENIED for what would give a handle another role, or another role's limits."""
    before = b""
    for token, after in pairwise(written_down):
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
    _refuse_engines(written_down, role)
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
    refused_functions = table_functions - HARMLESS_TABLE_FUNCTIONS
    for at, (token, after) in enumerate(pairwise(written_down)):
        name = token.identifier
        if after.text == b"(" and name in refused_functions:
            raise _denied(f"The table function {name} is not for the role {role.name}.")
        if name == _SYSTEM and after.text == b".":
            table = written_down[at + 2].identifier if at + 2 < len(written_down) else ""
            if table not in readable:
                raise _denied(f"SELECT ON system.{table} is not granted to the role {role.name}.")
        if token.text == b":" and after.is_word("IDENTIFIER"):
            _refuse_hidden_name(written_down[at - 1].text.decode(errors="replace"), parameters)


def _refuse_engines(written_down: Sequence[Token], role: Role) -> None:
    """For every role, the operator's too: chDB asks no grant for some engines of databases.

    ClickHouse writes the keyword down in capitals, and an engine is never a string: what is
    otherwise compares a column, as those of the catalogue that are called so.
    """
    allowed = role.engines
    for at, (token, after) in enumerate(pairwise(written_down)):
        if token.text != b"ENGINE" or after.text != b"=" or at + 2 >= len(written_down):
            continue
        named = written_down[at + 2]
        engine = named.text.decode(errors="replace").strip("`")
        if named.kind != "string" and engine not in allowed:
            raise _denied(f"TABLE ENGINE ON {engine} is not granted to the role {role.name}.")


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
