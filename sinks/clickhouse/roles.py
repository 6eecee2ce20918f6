"""The declared roles on a server, and whether a login has its role's rights alone."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.errors import ConfigurationError
from schemas.rights import (
    ROLES,
    Role,
    parse_grants,
    refuse_wider,
    role_statements,
    undeclared_rights,
)

__all__ = ["check_own_rights", "provision_roles"]

_ACCESS_DENIED = 497
_UNKNOWN_ROLE = 511
_WRITABLE = ("local_directory", "memory", "replicated")


def provision_roles(client: Client) -> tuple[str, ...]:
    """Make the roles where the server takes roles by SQL; say what differs from the declaration.

    A server whose roles stand in a file, as the embedded one's do, is only compared. Nothing is
    taken away: a wider right is told, for a person to judge.

    Raises:
        ConfigurationError: this login may not manage roles.
    """
    found = client.query(
        "SELECT count() FROM system.user_directories WHERE type IN {types:Array(String)}",
        parameters={"types": list(_WRITABLE)},
    ).result_rows[0][0]
    if found:
        for role in ROLES.values():
            _make(client, role)
    return tuple(line for role in ROLES.values() for line in _differences(client, role))


def check_own_rights(client: Client, role: Role) -> None:
    """This login may do what its role may, and nothing beyond.

    Raises:
        ConfigurationError: it has a wider right, by a role or by itself, or a role that it would
            only have to enable.
    """
    user, roles = client.query("SELECT currentUser(), enabledRoles()").result_rows[0]
    shown = [
        # a user's own rights and roles, enabled or not; what the roles may is asked role by role
        *_shown(client, "SHOW GRANTS"),
        *(line for name in roles for line in _shown(client, f"SHOW GRANTS FOR `{name}`")),
    ]
    refuse_wider(role, shown, f"the user {user}")


def _make(client: Client, role: Role) -> None:
    for statement in role_statements(role):
        try:
            client.command(statement)
        except DatabaseError as error:
            if error.code != _ACCESS_DENIED:
                raise
            raise ConfigurationError(
                f"ClickHouse does not let this user make the role {role.sql_name}: provision as a "
                f"user with access management (refused: {statement})",
                code="no-access-management",
            ) from error


def _differences(client: Client, role: Role) -> list[str]:
    try:
        shown = _shown(client, f"SHOW GRANTS FOR {role.sql_name}")
    except DatabaseError as error:
        if error.code != _UNKNOWN_ROLE:
            raise
        return [f"ClickHouse has no role {role.sql_name}, and takes none by SQL"]
    there = frozenset(parse_grants(shown))
    wider = [f"{role.sql_name} may also {right}" for right in undeclared_rights(role, shown)]
    missing = [
        f"{role.sql_name} may not {right} ON {place}"
        for right, place in sorted(role.rights - there)
    ]
    return wider + missing


def _shown(client: Client, sql: str) -> list[str]:
    return [str(row[0]) for row in client.query(sql).result_rows]
