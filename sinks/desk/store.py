"""A subscriber's memory: positions, strikes, and which events it gave out.

Positions move only in the transaction that also books the events acknowledged with them, so after
a crash either both are known or neither. Strikes are kept when they are read, for ever; what was
given out is kept as long as a copy of it may be, far longer than its topic holds it, as hashes and
the ids that name it, so that a later strike finds it. A strike of an event given out stays *due*,
and the event known, until it is acknowledged. One process holds a store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigurationError, RetryableError
from sinks.desk.reading import StrikeKey
from sinks.desk.records import Strike, Struck

__all__ = ["GivenOut", "PositionStore", "Saved"]

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS subscription (text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT PRIMARY KEY, topic_id TEXT NOT NULL, next_offset INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS strikes (
    hash BLOB NOT NULL, chain INTEGER NOT NULL, reason TEXT NOT NULL, successor TEXT,
    recorded_at_ms INTEGER NOT NULL, PRIMARY KEY (hash, chain)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS given_out (
    hash BLOB PRIMARY KEY, root BLOB, bureau TEXT NOT NULL, event_id TEXT NOT NULL,
    given_at_ms INTEGER NOT NULL, told INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS given_out_root ON given_out (root) WHERE root IS NOT NULL;
CREATE INDEX IF NOT EXISTS given_out_at ON given_out (given_at_ms);
"""
_DUE = """
SELECT g.hash, g.bureau, g.event_id, s.chain, s.reason, s.successor, s.recorded_at_ms
FROM {source}
WHERE g.told = 0 AND {matching}
"""
_FORGET = """
DELETE FROM given_out WHERE given_at_ms < ? AND (told = 1 OR NOT EXISTS (
    SELECT 1 FROM strikes s
    WHERE s.hash = given_out.hash OR (s.hash = given_out.root AND s.chain = 1)
))
"""


@dataclass(frozen=True, slots=True)
class Saved:
    """The next offset to read of a topic, and which topic of that name it is."""

    topic_id: str
    next_offset: int


@dataclass(frozen=True, slots=True)
class GivenOut:
    """An event that was handed to the consumer."""

    hash: bytes
    root: bytes | None
    bureau: str
    event_id: str
    known_struck: bool


class PositionStore:
    """SQLite in a file, or (no path) in a temporary one that ends with the process."""

    def __init__(self, path: Path | None) -> None:
        self._name = str(path) if path else "a temporary store"
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(str(path or ""), isolation_level=None, timeout=1.0)
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(f"{self._name} can't be opened: {error}") from error
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    @property
    def subscription(self) -> str | None:
        row = self._db.execute("SELECT text FROM subscription").fetchone()
        return None if row is None else str(row[0])

    def positions(self) -> dict[str, Saved]:
        rows = self._db.execute("SELECT topic, topic_id, next_offset FROM positions")
        return {topic: Saved(topic_id, offset) for topic, topic_id, offset in rows}

    def begin(self, subscription: str, positions: Mapping[str, Saved]) -> None:
        """Bind the store to a subscription and pin where it begins."""
        with self._booking():
            self._db.execute("DELETE FROM subscription")
            self._db.execute("INSERT INTO subscription VALUES (?)", (subscription,))
            self._put(positions)

    def save(
        self, positions: Mapping[str, Saved], given: Iterable[GivenOut], now_ms: int
    ) -> list[Struck]:
        """Book what was acknowledged; return strikes that came for it meanwhile."""
        struck: list[Struck] = []
        with self._booking():
            self._put(positions)
            for event in given:
                self._db.execute(
                    "INSERT INTO given_out VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE "
                    "SET given_at_ms = excluded.given_at_ms, told = max(told, excluded.told)",
                    (
                        event.hash,
                        event.root,
                        event.bureau,
                        event.event_id,
                        now_ms,
                        int(event.known_struck),
                    ),
                )
                if not event.known_struck:
                    strike = self.strike_of(event.hash, event.root)
                    if strike is not None:
                        struck.append(
                            Struck(event.bureau, event.event_id, event.hash.hex(), strike)
                        )
        return struck

    def strike_of(self, event: bytes, root: bytes | None) -> Strike | None:
        """The strike that hits an event, by itself or through its chain."""
        row = self._db.execute(
            "SELECT chain, reason, successor, recorded_at_ms FROM strikes "
            "WHERE hash = ? OR (hash = ? AND chain = 1) "
            "ORDER BY hash = ? DESC, chain DESC LIMIT 1",
            (event, root, event),
        ).fetchone()
        return None if row is None else Strike(bool(row[0]), *row[1:])

    def strike(
        self, strikes: Iterable[tuple[StrikeKey, Strike | None]], topic: str, saved: Saved
    ) -> list[Struck]:
        """Keep strikes (None lifts one); return those of events given out and not yet told."""
        struck: dict[str, Struck] = {}
        with self._booking():
            for key, strike in strikes:
                self._db.execute(
                    "DELETE FROM strikes WHERE hash = ? AND chain = ?", (key.hash, key.chain)
                )
                if strike is None:
                    continue
                self._db.execute(
                    "INSERT INTO strikes VALUES (?, ?, ?, ?, ?)",
                    (key.hash, key.chain, strike.reason, strike.successor, strike.recorded_at_ms),
                )
                rows = self._db.execute(
                    "SELECT hash, bureau, event_id FROM given_out "
                    "WHERE told = 0 AND (hash = ?1 OR (root = ?1 AND ?2))",
                    (key.hash, key.chain),
                )
                for event, bureau, event_id in rows:
                    struck[event.hex()] = Struck(bureau, event_id, event.hex(), strike)
            self._put({topic: saved})
        return list(struck.values())

    def due(self) -> list[Struck]:
        """Every strike of an event given out that was not acknowledged yet."""
        own = _DUE.format(source="given_out g JOIN strikes s ON s.hash = g.hash", matching="1")
        chain = _DUE.format(
            source="given_out g JOIN strikes s ON s.hash = g.root", matching="s.chain = 1"
        )
        struck: dict[str, Struck] = {}
        for query in (chain, own):
            for event, bureau, event_id, is_chain, *rest in self._db.execute(query):
                strike = Strike(bool(is_chain), *rest)
                struck[event.hex()] = Struck(bureau, event_id, event.hex(), strike)
        return list(struck.values())

    def told(self, hashes: Iterable[str]) -> None:
        """The consumer knows that these are struck."""
        with self._booking():
            self._db.executemany(
                "UPDATE given_out SET told = 1 WHERE hash = ?",
                [(bytes.fromhex(value),) for value in hashes],
            )

    def forget_before(self, given_at_ms: int) -> None:
        """Drop what was given out earlier, but for what a strike is due of."""
        with self._booking():
            self._db.execute(_FORGET, (given_at_ms,))

    def _prepare(self) -> None:
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            with self._transaction("EXCLUSIVE"):
                version = self._db.execute("PRAGMA user_version").fetchone()[0]
                if version not in (0, _VERSION):
                    raise ConfigurationError(
                        f"{self._name} is of version {version}, this release reads {_VERSION}: "
                        "update Liaison or name another store"
                    )
                for statement in _TABLES.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.OperationalError as error:
            raise ConfigurationError(
                f"{self._name} can't be used ({error}): does another subscriber hold it? "
                "Give each its own store"
            ) from error
        except sqlite3.DatabaseError as error:
            raise ConfigurationError(
                f"{self._name} is no position store ({error}): name another file"
            ) from error

    def _put(self, positions: Mapping[str, Saved]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
            [(topic, saved.topic_id, saved.next_offset) for topic, saved in positions.items()],
        )

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        self._db.execute(f"BEGIN {kind}")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _booking(self) -> Iterator[None]:
        try:
            with self._transaction():
                yield
        except sqlite3.Error as error:
            raise RetryableError(
                f"{self._name} can't be written ({error}): nothing of it was acknowledged; "
                "is the disk full?",
                code="store",
            ) from error
