"""What is granted is what is declared, read from ClickHouse's own words."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigurationError
from schemas.rights import ROLES, parse_grants, refuse_wider, role_statements, undeclared_rights

LOADER = ROLES["loader"]


def shown(*lines: str) -> list[str]:
    """A server's lines for the loader, and more."""
    own = [f"GRANT {grant} TO liaison_loader" for grant in LOADER.all_grants]
    return [*own, *(f"{line}" for line in lines)]


def test_grants_are_read_as_a_server_writes_them() -> None:
    lines = [
        "GRANT SELECT(a, b), INSERT ON raw.* TO x",
        "GRANT TABLE ENGINE ON `Null` TO x WITH GRANT OPTION",
        "GRANT liaison_loader, liaison_auditor TO x",
        "REVOKE SELECT ON raw.t FROM x",
    ]
    assert list(parse_grants(lines)) == [
        ("SELECT(a, b)", "raw.*"),
        ("INSERT", "raw.*"),
        ("TABLE ENGINE WITH GRANT OPTION", "Null"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "GRANT liaison_loader TO x",
        "GRANT `liaison_loader` TO `x y`",
        "GRANT SELECT ON raw.facts TO x",
        "GRANT SELECT(bureau) ON raw.facts TO x",
        "GRANT SELECT ON system.parts TO x",
    ],
)
def test_what_is_within_the_declaration_is_no_wider_right(line: str) -> None:
    assert undeclared_rights(LOADER, shown(line)) == ()


@pytest.mark.parametrize(
    ("line", "wider"),
    [
        ("GRANT SELECT ON *.* TO x", "SELECT ON *.*"),
        ("GRANT SELECT ON pub.* TO x", "SELECT ON pub.*"),
        ("GRANT SELECT(n) ON agg.events_month TO x", "SELECT(n) ON agg.events_month"),
        ("GRANT SELECT ON raw*.* TO x", "SELECT ON raw*.*"),
        ("GRANT ALL ON raw.* TO x", "ALL ON raw.*"),
        ("GRANT DROP TABLE, INSERT ON raw.* TO x", "DROP TABLE ON raw.*"),
        ("GRANT SELECT ON raw.* TO x WITH GRANT OPTION", "SELECT WITH GRANT OPTION ON raw.*"),
        (
            "GRANT SELECT(n) ON raw.* TO x WITH GRANT OPTION",
            "SELECT(n) WITH GRANT OPTION ON raw.*",
        ),
        ("GRANT SELECT ON system.query_log TO x", "SELECT ON system.query_log"),
        ("GRANT admin TO x", "use the role admin"),
        ("GRANT liaison_loader, `the admin` TO x", "use the role the admin"),
        ("GRANT `liaison_loader TO x` TO x", "use the role liaison_loader TO x"),
        (
            "GRANT liaison_loader TO x WITH ADMIN OPTION",
            "use the role liaison_loader WITH ADMIN OPTION",
        ),
        ("GRANT what is this", "use the role GRANT what is this"),
    ],
)
def test_a_wider_right_is_named(line: str, wider: str) -> None:
    assert undeclared_rights(LOADER, shown(line)) == (wider,)
    with pytest.raises(ConfigurationError, match="the user x may do more") as caught:
        refuse_wider(LOADER, shown(line), "the user x")
    assert wider in str(caught.value)


def test_nobody_but_the_operator_has_a_right_everywhere() -> None:
    everywhere = {
        role.name
        for role in ROLES.values()
        for right, place in role.rights
        if place == "*.*" and right != "CREATE TEMPORARY TABLE"
    }
    assert everywhere == {"operator"}


def test_no_role_reaches_out_of_the_database_or_manages_roles() -> None:
    outside = ("FILE", "URL", "REMOTE", "S3", "ROLE ADMIN", "ACCESS MANAGEMENT", "ALL")
    rights = {right for role in ROLES.values() for right, _ in role.rights}
    assert not rights & set(outside)
    assert not any(right.startswith(("CREATE USER", "KILL", "BACKUP")) for right in rights)


def test_limits_become_a_profile_and_a_quota() -> None:
    statements = role_statements(ROLES["statistician"])
    assert statements[0] == "CREATE ROLE IF NOT EXISTS liaison_statistician"
    assert "GRANT SELECT ON pub.* TO liaison_statistician" in statements
    profile, quota = statements[-2:]
    assert profile == (
        "CREATE SETTINGS PROFILE OR REPLACE liaison_statistician SETTINGS "
        "max_memory_usage = 2147483648 MIN 1 MAX 2147483648, "
        "max_result_rows = 2000000 MIN 1 MAX 2000000, max_execution_time = 60 MIN 1 MAX 60, "
        "max_threads = 1 MIN 1 MAX 1, "
        "max_memory_usage_for_user CONST, max_untracked_memory CONST, "
        "memory_overcommit_ratio_denominator CONST, "
        "memory_overcommit_ratio_denominator_for_user CONST, memory_profiler_step CONST, "
        "reserve_memory CONST, "
        "result_overflow_mode = 'throw' CONST, readonly = 2 MIN 1 MAX 2 TO liaison_statistician"
    )
    assert quota == (
        "CREATE QUOTA OR REPLACE liaison_statistician KEYED BY user_name "
        "FOR INTERVAL 1 hour MAX queries = 20000 TO liaison_statistician"
    )
    of_the_loader = role_statements(LOADER)
    assert len(of_the_loader) == 2 + len(LOADER.all_grants)
    assert "SETTINGS max_memory_usage = 4294967296 MIN 1 MAX 4294967296" in of_the_loader[-1]
