"""Who may do what in ClickHouse: the one declaration, and what is made from it.

Five roles. On a ClickHouse server `role_statements` makes them SQL roles with grants, settings
profiles and quotas, which an administrator gives to users; the embedded service writes the same
grants and limits into the engine's users file and logs people in itself. Invariants: nothing is
granted that is not declared here; `undeclared_rights` compares with what a server shows, and
whoever starts refuses to run with more. Rights are by database, so a table that is made later is
covered.

`raw` and `agg` hold single events and one bureau's counts, `stage` what is not released, `audit`
which cells are primary: none of them is for a statistician, who reads `pub`, `ref` and the
catalogue: the system tables that name tables, columns and functions, each row only to those who
may see what it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from schemas.errors import ConfigurationError

__all__ = [
    "CATALOGUE",
    "KEPT_MEMORY_SETTINGS",
    "ROLES",
    "Role",
    "RoleName",
    "parse_grants",
    "parse_roles",
    "refuse_wider",
    "role_statements",
    "undeclared_rights",
]

Right = tuple[str, str]
"""What may be done, and on what: `("SELECT", "pub.*")`."""

CATALOGUE = (
    "aggregate_function_combinators", "collations", "columns", "current_roles",
    "data_type_families", "databases", "dictionaries", "enabled_roles", "formats", "functions",
    "licenses", "numbers", "numbers_mt", "one", "settings", "table_engines", "table_functions",
    "tables", "time_zones", "zeros", "zeros_mt",
)  # fmt: skip
"""The system tables that everyone may read: clients ask them what there is."""

ENGINES = (
    "AggregatingMergeTree", "Alias", "Atomic", "Buffer", "CoalescingMergeTree",
    "CollapsingMergeTree", "Dictionary", "GenerateRandom", "GraphiteMergeTree", "Join", "Log",
    "MaterializedView", "Memory", "Merge", "MergeTree", "Null", "ReplacingMergeTree", "Set",
    "StripeLog", "SummingMergeTree", "TinyLog", "VersionedCollapsingMergeTree", "View",
)  # fmt: skip
"""What tables and databases may be made of: all of it lies in the data directory or in memory."""

KEPT_MEMORY_SETTINGS = (
    "max_memory_usage_for_user", "max_untracked_memory", "memory_overcommit_ratio_denominator",
    "memory_overcommit_ratio_denominator_for_user", "memory_profiler_step", "reserve_memory",
)  # fmt: skip
"""Settings that nobody changes: by these a statement gets round its limit, or takes what others'
statements have, which may run as the same user."""

_INPUT = ("CREATE TEMPORARY TABLE ON *.*", "TABLE ENGINE ON Memory")
"""What INSERT … SELECT … FROM input() needs where it goes through a table of its own."""
_PUBLISHED = ("pub", "stage", "audit")
_GIB = 2**30
_RELEASES = "SELECT, INSERT, ALTER TABLE, CREATE TABLE, DROP TABLE, TRUNCATE, OPTIMIZE"


class RoleName(StrEnum):
    """The five roles."""

    LOADER = "loader"
    PUBLISHER = "publisher"
    STATISTICIAN = "statistician"
    AUDITOR = "auditor"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Role:
    """A role, its grants (as after `GRANT`) and its limits; a limit that is not given is none."""

    name: RoleName
    purpose: str
    grants: tuple[str, ...]
    max_memory_bytes: int
    """Of one statement, its answer included; the embedded service may give less (`config`)."""
    system_tables: tuple[str, ...] = ()
    """What it reads of `system` besides the catalogue."""
    is_owner: bool = False
    """Whether it may read all of `system`."""
    read_only: bool = False
    max_result_rows: int | None = None
    max_execution_s: int | None = None
    max_threads: int | None = None
    """Of one statement."""
    queries_per_hour: int | None = None

    @property
    def sql_name(self) -> str:
        """Its name in ClickHouse, where other products may have roles too."""
        return f"liaison_{self.name}"

    @property
    def all_grants(self) -> tuple[str, ...]:
        """The grants with those on system tables."""
        if self.is_owner:
            return self.grants
        tables = (*CATALOGUE, *self.system_tables)
        return (*self.grants, *(f"SELECT ON system.{table}" for table in tables))

    @property
    def readable_system_tables(self) -> frozenset[str] | None:
        """The tables of `system` that it may read; None for all."""
        return None if self.is_owner else frozenset((*CATALOGUE, *self.system_tables))

    @property
    def rights(self) -> frozenset[Right]:
        """The grants as single rights."""
        return frozenset(parse_grants(f"GRANT {grant}" for grant in self.all_grants))

    @property
    def engines(self) -> frozenset[str]:
        """What it may make tables of."""
        return frozenset(place for right, place in self.rights if right == "TABLE ENGINE")

    @property
    def settings(self) -> dict[str, int]:
        """Limits as settings. Each may be lowered by who asks, and never raised."""
        limits = {
            "max_memory_usage": self.max_memory_bytes,
            "max_result_rows": self.max_result_rows,
            "max_execution_time": self.max_execution_s,
            "max_threads": self.max_threads,
        }
        return {name: limit for name, limit in limits.items() if limit is not None}


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            RoleName.LOADER,
            "lands blocks of facts and takes recalled ones back",
            (
                "SELECT ON raw.*",
                "INSERT ON raw.*",
                "SHOW TABLES ON agg.*",
                "SHOW COLUMNS ON agg.*",
                *_INPUT,
            ),
            max_memory_bytes=4 * _GIB,
            system_tables=("parts",),
        ),
        Role(
            RoleName.PUBLISHER,
            "makes releases: reads the facts, writes what is staged, published and proved",
            (
                *(f"SELECT ON {database}.*" for database in ("raw", "agg", "ref", "meta")),
                "dictGet ON ref.*",
                *(
                    f"{right} ON {database}.*"
                    for database in _PUBLISHED
                    for right in _RELEASES.split(", ")
                ),
                *_INPUT,
                *(f"TABLE ENGINE ON {engine}" for engine in ("MergeTree", "ReplacingMergeTree")),
            ),
            max_memory_bytes=8 * _GIB,
            system_tables=("parts",),
        ),
        Role(
            RoleName.STATISTICIAN,
            "reads what is published",
            ("SELECT ON pub.*", "SELECT ON ref.*", "dictGet ON ref.*"),
            max_memory_bytes=2 * _GIB,
            read_only=True,
            max_result_rows=2_000_000,
            max_execution_s=60,
            # Published tables are small and read by many at once: a second thread costs more than
            # it brings.
            max_threads=1,
            queries_per_hour=20_000,
        ),
        Role(
            RoleName.AUDITOR,
            "recounts facts, rollups and releases, and changes nothing",
            (
                *(
                    f"SELECT ON {database}.*"
                    for database in ("raw", "agg", "ref", "meta", "pub", "audit")
                ),
                "dictGet ON ref.*",
            ),
            max_memory_bytes=8 * _GIB,
            system_tables=("parts",),
            read_only=True,
            max_execution_s=600,
        ),
        Role(
            RoleName.OPERATOR,
            "makes and repairs tables; everything inside the database, nothing outside of it",
            (
                *(
                    f"{right} ON *.*"
                    for right in (
                        "SHOW", "SELECT", "INSERT", "ALTER", "CREATE", "DROP", "UNDROP TABLE",
                        "TRUNCATE", "OPTIMIZE", "SYSTEM MERGES", "SYSTEM TTL MERGES",
                        "SYSTEM FLUSH", "SYSTEM RELOAD", "SYSTEM VIEWS", "SYSTEM DROP CACHE",
                        "INTROSPECTION", "dictGet", "displaySecretsInShowAndSelect",
                    )
                ),
                "SET DEFINER ON *",
                *(f"TABLE ENGINE ON {engine}" for engine in ENGINES),
            ),
            max_memory_bytes=16 * _GIB,
            is_owner=True,
        ),
    )
}  # fmt: skip
"""Every role by its name."""


def role_statements(role: Role) -> tuple[str, ...]:
    """What makes a role on a server; repeatable, and a right that is there already stays."""
    name = role.sql_name
    settings = [f"{key} = {limit} MIN 1 MAX {limit}" for key, limit in role.settings.items()]
    settings += [f"{key} CONST" for key in KEPT_MEMORY_SETTINGS]
    if role.max_result_rows is not None:
        settings.append("result_overflow_mode = 'throw' CONST")
    if role.read_only:
        settings.append("readonly = 2 MIN 1 MAX 2")
    statements = [f"CREATE ROLE IF NOT EXISTS {name}"]
    statements += [f"GRANT {grant} TO {name}" for grant in role.all_grants]
    if settings:
        statements.append(
            f"CREATE SETTINGS PROFILE OR REPLACE {name} SETTINGS {', '.join(settings)} TO {name}"
        )
    if role.queries_per_hour is not None:
        statements.append(
            f"CREATE QUOTA OR REPLACE {name} KEYED BY user_name "
            f"FOR INTERVAL 1 hour MAX queries = {role.queries_per_hour} TO {name}"
        )
    return tuple(statements)


def undeclared_rights(role: Role, shown: Iterable[str]) -> tuple[str, ...]:
    """What lines of `SHOW GRANTS` allow beyond a role's declaration, in words.

    Another role counts as such, whether it is enabled or not, and so does handing the own one on.
    """
    lines = [line.strip() for line in shown]
    declared = role.rights
    wider = sorted(
        (right, place)
        for right, place in set(parse_grants(lines))
        if not any(_covers(mine, (right, place)) for mine in declared)
    )
    roles = [name for name in parse_roles(lines) if name != role.sql_name]
    return (
        *(f"{right} ON {place}" for right, place in wider),
        *(f"use the role {name}" for name in roles),
    )


def refuse_wider(role: Role, shown: Iterable[str], whose: str) -> None:
    """ConfigurationError if lines of `SHOW GRANTS` allow more than the role's declaration."""
    wider = undeclared_rights(role, shown)
    if wider:
        raise ConfigurationError(
            f"In ClickHouse {whose} may do more than is declared for the role {role.name}: "
            f"{', '.join(wider)}. Revoke it, or log in as a user who has {role.sql_name} alone.",
            code="wider-right",
        )


_GRANT = re.compile(r"GRANT (?P<rights>.+) ON (?P<place>\S+)(?: TO .*?)?(?P<more> WITH GRANT .*)?")
_ROLE = r"`(?:[^`\\]|\\.)*`|[^`, ]+"
_ROLES = re.compile(
    rf"GRANT (?P<roles>(?:{_ROLE})(?:, (?:{_ROLE}))*) TO .*?(?P<more> WITH ADMIN OPTION)?"
)
_COLUMNS = re.compile(r"\([^)]*\)")
_RIGHT = re.compile(r"((?:[^,(]|\([^)]*\))+)(?:, |$)")


def parse_grants(lines: Iterable[str]) -> Iterator[Right]:
    """Single rights of `GRANT` lines; one that may be handed on is a right of its own.

    A line that grants a role names no place: what the role may is shown with it (`parse_roles`).
    """
    for line in lines:
        match = _GRANT.fullmatch(line.strip())
        if match is not None:
            handed_on = " WITH GRANT OPTION" if match["more"] else ""
            for right in _RIGHT.findall(match["rights"]):
                yield f"{right.strip()}{handed_on}", match["place"].replace("`", "")


def parse_roles(lines: Iterable[str]) -> Iterator[str]:
    """Roles of `GRANT` lines that name no place; one that may be handed on says so.

    A `GRANT` line that is none of ClickHouse's is named whole, as a role that nobody declared.
    """
    for line in lines:
        text = line.strip()
        if not text.startswith("GRANT ") or _GRANT.fullmatch(text) is not None:
            continue
        match = _ROLES.fullmatch(text)
        if match is None:
            yield text
            continue
        handed_on = " WITH ADMIN OPTION" if match["more"] else ""
        for name in re.findall(_ROLE, match["roles"]):
            yield f"{name.strip('`')}{handed_on}"


def _covers(mine: Right, other: Right) -> bool:
    """Whether a declared right is at least as wide; one on `*.*` holds for every database."""
    right, place = mine
    if right not in (other[0], _COLUMNS.sub("", other[0])):
        return False
    database = other[1].partition(".")[0]
    return place in (other[1], "*.*", f"{database}.*")
