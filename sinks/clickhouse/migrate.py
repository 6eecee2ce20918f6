"""Numbered SQL migrations, forward and back, over ClickHouse's HTTP interface.

`migrations/0001_name.up.sql` and `.down.sql`; what is applied stands in `meta.migrations` with the
SHA-256 of its up file. An applied file never changes: the runner refuses, before it touches
anything, a file whose sum differs, a gap, or an applied number whose file is gone. ClickHouse has
no transactional DDL, so every statement is written to be repeatable (IF [NOT] EXISTS), and a
migration that failed half-way is simply run again.

What is kept beside `raw.facts` (rollups, marks, strikes) is never dropped without it, nor begun
anew: the facts' blocks would not come again to fill it. Everything together may go, to be loaded
once more from `fact-blocks`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from clickhouse_connect.driver.client import Client

from schemas.errors import ConfigurationError
from sinks.clickhouse.statements import literal

__all__ = ["Migration", "load_migrations", "migrate", "with_login"]

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.(up|down)\.sql")
_STATEMENT_END = re.compile(r";[ \t]*(?:\n|\Z)")
_FACTS = re.compile(r"\braw\.facts\b")
_DROPS_LOADED = re.compile(r"\bDROP TABLE (?:IF EXISTS )?(?:raw|agg)\.")
_IS_FED_BY_FACTS = re.compile(r"\bCREATE MATERIALIZED VIEW\b.*\bFROM raw\.facts\b", re.DOTALL)
_LOAD_ANEW = (
    "Stop the loader, take every migration back (to 0) and apply them again: the loader then loads "
    "all blocks anew from fact-blocks."
)

_LOCAL_SOURCE = "SOURCE(CLICKHOUSE("
_OWN_TABLES = (
    "CREATE DATABASE IF NOT EXISTS meta COMMENT 'What the product knows of its own schema'",
    """CREATE TABLE IF NOT EXISTS meta.migrations
(
    number UInt16 COMMENT 'Number of the migration',
    name String COMMENT 'Its name',
    sha256 FixedString(64) COMMENT 'Sum of its up file, hexadecimal',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied'
)
ENGINE = MergeTree
ORDER BY number
COMMENT 'Applied migrations; one that is taken back is deleted'""",
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step forward and the way back."""

    number: int
    name: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    sha256: str


def load_migrations(folder: Traversable | None = None) -> tuple[Migration, ...]:
    """The packaged migrations (or another folder's), in order, without gaps."""
    folder = folder if folder is not None else files("sinks.clickhouse") / "migrations"
    texts: dict[int, dict[str, str]] = {}
    names: dict[int, str] = {}
    for entry in folder.iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise ConfigurationError(
                f"{entry.name} is no migration's name: use 0001_what_it_does.up.sql and .down.sql."
            )
        number, name, direction = int(match[1]), match[2], match[3]
        if names.setdefault(number, name) != name:
            raise ConfigurationError(f"Migration {number} has two names: {names[number]}, {name}.")
        texts.setdefault(number, {})[direction] = entry.read_text(encoding="utf-8")
    numbers = sorted(texts)
    if numbers != list(range(1, len(numbers) + 1)):
        raise ConfigurationError(f"Migrations must be numbered 1, 2, 3 … without gaps: {numbers}.")
    for number in numbers:
        if set(texts[number]) != {"up", "down"}:
            raise ConfigurationError(f"Migration {number} needs both an up and a down file.")
    return tuple(
        Migration(
            number,
            names[number],
            _statements(texts[number]["up"]),
            _statements(texts[number]["down"]),
            hashlib.sha256(texts[number]["up"].encode()).hexdigest(),
        )
        for number in numbers
    )


def migrate(
    client: Client,
    to: int | None = None,
    *,
    migrations: Sequence[Migration] | None = None,
    login: tuple[str, str] = ("default", ""),
) -> tuple[str, ...]:
    """Bring the schema to migration `to` (the newest by default, 0 is none); say what was done.

    `login` is the user and password that dictionaries read their tables with.

    Raises:
        ConfigurationError: the applied migrations are not those that the files describe; or facts
            would stay while what was made from them goes.
    """
    known = tuple(migrations) if migrations is not None else load_migrations()
    target = len(known) if to is None else to
    if not 0 <= target <= len(known):
        raise ConfigurationError(f"There is no migration {target}: choose 0 to {len(known)}.")
    for statement in _OWN_TABLES:
        client.command(statement)
    applied = _applied(client)
    _check(applied, known)
    _check_facts(client, known[len(applied) : target], known[target : len(applied)])
    done: list[str] = []
    for migration in known[len(applied) : target]:
        for statement in migration.up:
            client.command(with_login(statement, *login))
        client.command(
            "INSERT INTO meta.migrations (number, name, sha256) SELECT {n:UInt16}, {name:String}, "
            "{sum:String}",
            parameters={"n": migration.number, "name": migration.name, "sum": migration.sha256},
        )
        done.append(f"up {migration.number:04} {migration.name}")
    for migration in reversed(known[target : len(applied)]):
        for statement in migration.down:
            client.command(statement)
        client.command(
            "DELETE FROM meta.migrations WHERE number = {n:UInt16}",
            parameters={"n": migration.number},
            settings={"lightweight_deletes_sync": 2},
        )
        done.append(f"down {migration.number:04} {migration.name}")
    return tuple(done)


def with_login(statement: str, user: str, password: str) -> str:
    """A dictionary's local source with a user; `default` without a password needs none."""
    if (user, password) == ("default", ""):
        return statement
    return statement.replace(
        _LOCAL_SOURCE, f"{_LOCAL_SOURCE}USER {literal(user)} PASSWORD {literal(password)} "
    )


def _applied(client: Client) -> dict[int, tuple[str, str]]:
    rows = client.query(
        "SELECT number, name, toString(sha256) FROM meta.migrations ORDER BY number"
    )
    return {int(number): (str(name), str(sha)) for number, name, sha in rows.result_rows}


def _check(applied: dict[int, tuple[str, str]], known: Sequence[Migration]) -> None:
    if sorted(applied) != list(range(1, len(applied) + 1)):
        raise ConfigurationError(
            f"meta.migrations has a gap: {sorted(applied)}. Repair it by hand before going on."
        )
    if len(applied) > len(known):
        raise ConfigurationError(
            f"ClickHouse has migration {max(applied)} applied, this version of Liaison knows "
            f"{len(known)}: use the newer version, or take it back with that one."
        )
    for migration in known[: len(applied)]:
        _name, sha = applied[migration.number]
        if sha != migration.sha256:
            raise ConfigurationError(
                f"Migration {migration.number:04}_{migration.name}.up.sql changed after it was "
                "applied. Put the old text back and write the change as a new migration.",
                code="migration-changed",
            )


def _check_facts(client: Client, up: Sequence[Migration], down: Sequence[Migration]) -> None:
    """What is loaded together is dropped together, and begins together."""
    dropped = [sql for migration in down for sql in migration.down if _DROPS_LOADED.search(sql)]
    empty = [sql for migration in up for sql in migration.up if _IS_FED_BY_FACTS.search(sql)]
    if not (dropped or empty) or any(map(_FACTS.search, dropped)):
        return
    rows = client.query(
        "SELECT total_rows FROM system.tables WHERE database = 'raw' AND name = 'facts'"
    ).result_rows
    facts = int(rows[0][0] or 0) if rows else 0
    if facts and dropped:
        raise ConfigurationError(
            f"raw.facts holds {facts} facts, and this would drop what was made from them or guards "
            f"them ({dropped[0]}) while they stay. {_LOAD_ANEW}",
            code="facts-remain",
        )
    if facts:
        raise ConfigurationError(
            f"raw.facts holds {facts} facts, and this would make views of it that begin empty "
            f"({empty[0].splitlines()[0]}). {_LOAD_ANEW}",
            code="facts-remain",
        )


def _statements(text: str) -> tuple[str, ...]:
    """A statement ends with a semicolon at a line's end; none may stand there inside a string."""
    return tuple(part.strip() for part in _STATEMENT_END.split(text) if part.strip())
