"""ClickHouse's engine in this process (chDB): one owner of a data directory, a handle a request.

A handle carries the role, the settings and the database of its request and is closed with it, so
nothing leaks into the next one; a failed query's output would otherwise turn up in front of the
next answer. Handles run at once: reads go on while an insert runs. One spare handle stays open,
since the engine closes with its last handle. Only this module touches chDB.

Nothing of a client's is run before ClickHouse's own parser has written it down again and `guard`
has read that: there are no two readings of one text.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from deploy.clickhouse.config import ServiceLimits, role_settings, write_config
from deploy.clickhouse.errors import TOO_MANY_ROWS_OR_BYTES, UNKNOWN_SETTING, ClickHouseError
from deploy.clickhouse.guard import (
    dictionary_queries,
    refuse_forbidden,
    refuse_passed_functions,
)
from deploy.clickhouse.lexer import Token, go_on, quote, tokens
from deploy.clickhouse.roles import (
    own_grants,
    refuse_beyond_role,
    refuse_change_of_role,
    refused_profile,
)
from deploy.clickhouse.statement import INPUT_TABLE, Statement
from deploy.clickhouse.tokens import forget_tokens_without_rows
from schemas.errors import ConfigurationError
from schemas.rights import ROLES, Role, parse_grants, parse_roles, refuse_wider

__all__ = ["Engine", "Job", "Result"]

MAIN_DATABASE = "main"
"""Where unqualified names are: chDB's own `default` also looks into folders, and so refuses every
name in it to a user without the right to files. It can't be replaced without losing its tables."""

_OF_OUR_QUESTION = re.compile(r": In scope SELECT formatQuerySingleLine\(.*\)(?=\. \()", re.DOTALL)
_MOST_REMEMBERED = 512
_LONGEST_REMEMBERED = 8 * 1024
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Job:
    """One statement with everything that belongs to its request.

    `ticket` is what `Engine.cancel` knows it by; letters and digits, none for what always ends.
    `check` is called while it is read, and may raise to break off.
    """

    statement: Statement
    role: Role
    user: str = "default"
    """Who is told that something is not allowed: the account."""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    default_format: str = "TabSeparated"
    data_file: Path | None = None
    read_only: bool = False
    ticket: str = ""
    check: Callable[[], None] = go_on


@dataclass(frozen=True, slots=True)
class Result:
    """What the engine answered; `rows` are those of the answer."""

    data: bytes
    rows: int
    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    elapsed_s: float


class Engine:
    """An open data directory. `open` it once a process."""

    def __init__(self, connection_string: str, incoming: Path, limits: ServiceLimits) -> None:
        # chDB takes 0.7 s and 250 MB to import: only the process that serves it pays
        core: Any = importlib.import_module("chdb._chdb")
        self._connect = core.connect
        self._connection_string = connection_string
        self._spare: Any = self._connect(connection_string)
        self._lock: IO[str] | None = None
        self._limits = limits
        self.incoming = incoming
        self.version = ""
        self.formats: frozenset[str] = frozenset()
        self._table_functions: frozenset[str] = frozenset()
        self._remembered = _Remembered()

    @classmethod
    def open(cls, data_dir: Path, limits: ServiceLimits) -> Engine:
        """Open the directory (made if missing), or say why that can't be."""
        data_dir = data_dir.resolve()
        if any(sign in str(data_dir) for sign in "?&#%'\n"):
            raise ConfigurationError(
                f"The data directory {data_dir} has one of ? & # % ' in its name, which chDB can't "
                "open. Choose another directory."
            )
        home = data_dir / "service"
        incoming = home / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        lock = _lock(home, data_dir)
        config = write_config(home, limits)
        # a config.xml in the working directory would be loaded, and its rights with it
        os.chdir(home)
        store = data_dir / "store"
        # chDB makes folders in there, which a killed process leaves
        temporary = home / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(exist_ok=True)
        os.environ["TMPDIR"] = str(temporary)
        forget_tokens_without_rows(store)
        try:
            engine = cls(f"{store}?config-file={config}", incoming, limits)
        except RuntimeError as error:
            lock.close()
            raise ConfigurationError(
                f"chDB can't open {store}: {error}. What it printed above says more."
            ) from error
        engine._lock = lock
        # what a killed process left
        for left_over in incoming.iterdir():
            left_over.unlink()
        engine._check()
        engine._ask(f"CREATE DATABASE IF NOT EXISTS {MAIN_DATABASE}")
        return engine

    def _check(self) -> None:
        """Ask the engine what it applied: it tells nobody when it ignores a configuration."""
        limit = self._ask("SELECT getSetting('max_result_bytes')").strip()
        memory = self._ask(
            "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"
        ).strip()
        declared = sorted(role.sql_name for role in ROLES.values())
        enabled = sorted(self._ask("SELECT arrayJoin(currentRoles())").split())
        directly = self._ask("SHOW GRANTS").splitlines()
        if (
            limit != str(self._limits.max_result_bytes)
            or memory != str(self._limits.max_memory_bytes)
            or enabled != declared
            or sorted(parse_roles(directly)) != declared
            or any(parse_grants(directly))
        ):
            raise ConfigurationError(
                "chDB did not apply the service's configuration (it would allow more than it "
                "should). Is there a config.xml in the working directory, or an unreadable file "
                "below the data directory?"
            )
        for role in ROLES.values():
            shown = self._ask(f"SHOW GRANTS FOR {role.sql_name}").splitlines()
            refuse_wider(role, shown, f"the role {role.sql_name}")
        self.version = self._ask("SELECT version()").strip()
        names = self._ask("SELECT lower(name) FROM system.formats").split()
        self.formats = frozenset((*names, "null"))
        functions = self._ask("SELECT lower(name) FROM system.table_functions").split()
        self._table_functions = frozenset(functions)

    def _ask(self, sql: str) -> str:
        return bytes(self._spare.query(sql, "TSVRaw").bytes()).decode()

    def run(self, job: Job) -> Result:
        """Run one statement on a handle of its own."""
        try:
            handle = self._connect(self._connection_string)
            try:
                return self._run_on(handle, job)
            finally:
                handle.close()
        except RuntimeError as error:
            raise ClickHouseError.from_engine(str(error), job.user) from error

    def _run_on(self, handle: Any, job: Job) -> Result:
        statement = job.statement
        handle.query(f"USE {_database(job.database)}")
        handle.query(f"SET ROLE {job.role.sql_name}")
        limits = {name: str(limit) for name, limit in role_settings(job.role, self._limits).items()}
        self._set(handle, {**limits, "profile": job.role.sql_name})
        settings = dict(job.settings)
        if "profile" in settings:
            raise refused_profile()
        if job.read_only and settings.get("readonly") not in ("1", "2"):
            settings["readonly"] = "2"
        sql, own_file = statement.sql, None
        steps: list[str] = []
        if job.data_file is not None:
            own_file = str(job.data_file)
            if statement.structure is None:
                sql = statement.sql_reading(own_file)
            else:
                steps = [
                    f"CREATE TEMPORARY TABLE {INPUT_TABLE} ({statement.structure}) ENGINE = Memory",
                    f"INSERT INTO {INPUT_TABLE} FROM INFILE {quote(own_file)} "
                    f"{statement.settings_clause} FORMAT {statement.data_format}",
                ]
        sql = self._allowed(handle, (*steps, sql), own_file, job)
        if steps:
            handle.query(steps[0])
        self._set(handle, settings)
        if steps:
            handle.query(steps[1])
        if job.ticket:
            sql = f"{_label(job.ticket)} {sql}"
        job.check()
        answer = handle.query(sql, job.default_format, params=dict(job.parameters))
        self._refuse_long(answer.size(), job)
        data = bytes(answer.bytes())
        return Result(
            data,
            answer.rows_read() if data else 0,  # chDB's word for the rows that it answers
            answer.storage_rows_read(),
            answer.storage_bytes_read(),
            answer.rows_written(),
            answer.bytes_written(),
            answer.elapsed(),
        )

    def _allowed(self, handle: Any, texts: Sequence[str], own_file: str | None, job: Job) -> str:
        """What to run for the last of these statements, once none of them is refused.

        That depends on text, account and database alone where nothing else comes with them, so it
        is remembered for what dashboards ask again and again.
        """
        asked = (texts[-1], job.role.name, job.user, job.database)
        is_repeatable = own_file is None and not job.parameters
        if is_repeatable and (sql := self._remembered.get(asked)) is not None:
            return sql
        for text in texts:
            written_down = self._refuse_forbidden(handle, text, own_file, job)
        sql = own_grants(written_down, job.user, job.role) or texts[-1]
        if is_repeatable and len(sql) <= _LONGEST_REMEMBERED:
            self._remembered.put(asked, sql)
        return sql

    def _refuse_long(self, length_bytes: int, job: Job) -> None:
        """The engine bounds an answer by its blocks, but never one of a single row."""
        limit_bytes = self._limits.max_result_bytes
        asked = job.settings.get("max_result_bytes", "")
        if asked.isdecimal():
            limit_bytes = min(limit_bytes, int(asked))
        if length_bytes > limit_bytes:
            raise ClickHouseError.refused(
                TOO_MANY_ROWS_OR_BYTES,
                f"Limit for result exceeded, max bytes: {limit_bytes}, current bytes: "
                f"{length_bytes}. Ask for less at a time.",
            )

    def _set(self, handle: Any, settings: Mapping[str, str]) -> None:
        if settings:
            handle.query("SET " + ", ".join(_assignment(k, v) for k, v in settings.items()))

    def _refuse_forbidden(
        self, handle: Any, sql: str, own_file: str | None, job: Job
    ) -> Sequence[Token]:
        """Refuse what is no single statement, reaches out of the database or beyond the role.

        Returns the statement as ClickHouse writes it down. Asked before the request's settings
        hold, since they could change the answer.
        """
        if not sql:
            return ()
        job.check()
        try:
            answer = handle.query(f"SELECT formatQuerySingleLine({quote(sql)})", "TSVRaw")
        except RuntimeError as error:
            message = _OF_OUR_QUESTION.sub("", str(error))
            raise ClickHouseError.from_engine(message, job.user) from error
        written_down = list(tokens(bytes(answer.bytes()), job.check))
        refuse_forbidden(written_down, self.formats, own_file)
        refuse_passed_functions(written_down)
        refuse_change_of_role(written_down)
        refuse_beyond_role(
            written_down, job.role, job.database, job.parameters, self._table_functions
        )
        for query in dictionary_queries(written_down):
            self._refuse_forbidden(handle, query, None, job)
        return written_down

    def cancel(self, ticket: str) -> None:
        """End the statement of a job, if it runs by now."""
        try:
            handle = self._connect(self._connection_string)
            try:
                handle.query(f"KILL QUERY WHERE startsWith(query, {quote(_label(ticket))}) ASYNC")
            finally:
                handle.close()
        except RuntimeError as error:
            raise ClickHouseError.from_engine(str(error)) from error

    def cancel_all(self) -> None:
        """End every running statement: only for a stop."""
        self._spare.query("KILL QUERY WHERE query NOT LIKE '%system.processes%' ASYNC")

    def close(self) -> None:
        """Close the engine once the last request is done."""
        self._spare.close()
        if self._lock is not None:
            self._lock.close()


class _Remembered:
    """Statements that were allowed, and what to run for them; the oldest goes. For any thread."""

    def __init__(self) -> None:
        self._allowed: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()

    def get(self, asked: tuple[str, ...]) -> str | None:
        return self._allowed.get(asked)

    def put(self, asked: tuple[str, ...], sql: str) -> None:
        with self._lock:
            if len(self._allowed) >= _MOST_REMEMBERED:
                del self._allowed[next(iter(self._allowed))]
            self._allowed[asked] = sql


def _lock(home: Path, data_dir: Path) -> IO[str]:
    """chDB refuses a second process too, but its error doesn't say so; this lock dies with us."""
    file = (home / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise ConfigurationError(
            f"Another process has {data_dir} open. Stop it, or choose another directory.",
            code="data-dir-locked",
        ) from error
    return file


def _label(ticket: str) -> str:
    return f"/* {ticket} */"


def _database(name: str) -> str:
    if name in ("", "default"):
        return MAIN_DATABASE
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _assignment(name: str, value: str) -> str:
    if _SETTING_NAME.fullmatch(name) is None:
        raise ClickHouseError.refused(UNKNOWN_SETTING, f"{name!r} is no setting's name.")
    return f"{name} = {quote(value)}"
