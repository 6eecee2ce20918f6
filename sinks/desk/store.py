"""A subscriber's memory: positions, strikes, and which events it gave out.

Positions move only in the transaction that also books the events acknowledged with them, so after
a crash either both are known or neither. Strikes are kept when they are read, for ever; what was
given out is kept as long as a copy of it may be, far longer than its topic holds it, as hashes and
the ids that name it, so that a later strike finds it. A strike of an event given out stays *due*,
and the event known, until it is acknowledged. One process holds a store.

A chain is all that hang together by links, in any number of steps; a recall of one strikes them
all, whether this desk was given those between or not, and whatever of it came first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigurationError, RetryableError
from sinks.desk.reading import LinkKey, StrikeKey
from sinks.desk.records import Strike, Struck

__all__ = ["GivenOut", "PositionStore", "Saved"]

_VERSION = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS subscription (text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT PRIMARY KEY, topic_id TEXT NOT NULL, next_offset INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS strikes (
    hash BLOB NOT NULL, chain INTEGER NOT NULL, reason TEXT NOT NULL, successor TEXT,
    recorded_at_ms INTEGER NOT NULL, PRIMARY KEY (hash, chain)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
    hash BLOB NOT NULL, other BLOB NOT NULL, PRIMARY KEY (hash, other)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS given_out (
    hash BLOB PRIMARY KEY, bureau TEXT NOT NULL, event_id TEXT NOT NULL,
    given_at_ms INTEGER NOT NULL, told INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS given_out_at ON given_out (given_at_ms);
"""
_CHAIN = """
WITH RECURSIVE chain (hash) AS (
    VALUES {seeds} UNION SELECT links.other FROM chain JOIN links ON links.hash = chain.hash
)
SELECT chain.hash, strikes.chain, strikes.reason, strikes.successor, strikes.recorded_at_ms
FROM chain LEFT JOIN strikes ON strikes.hash = chain.hash
"""
_FALLEN = """
WITH RECURSIVE fallen (hash) AS (
    SELECT hash FROM strikes WHERE chain = 1
    UNION SELECT links.other FROM fallen JOIN links ON links.hash = fallen.hash
), struck (hash) AS (SELECT hash FROM fallen UNION SELECT hash FROM strikes)
"""
_DUE = f"{_FALLEN} SELECT hash FROM given_out WHERE told = 0 AND hash IN struck"
_FORGET = f"""{_FALLEN}
DELETE FROM given_out WHERE given_at_ms < ? AND (told = 1 OR hash NOT IN struck)
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
    named: tuple[bytes, ...]
    """The events that it names as of its chain."""
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
        events = list(given)
        with self._booking():
            self._put(positions)
            self._db.executemany(
                "INSERT INTO given_out VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE "
                "SET given_at_ms = excluded.given_at_ms, told = max(told, excluded.told)",
                [(e.hash, e.bureau, e.event_id, now_ms, int(e.known_struck)) for e in events],
            )
            self._link((event.hash, other) for event in events for other in event.named)
            given_now = {event.hash.hex(): event.hash for event in events}
            struck = self._struck(given_now.values(), frozenset(given_now.values()))
            # Whom the links hit of what was given out earlier, `strikes` says: it has them, too.
            return [item for item in struck if item.hash in given_now]

    def strike_of(self, event: bytes, named: Sequence[bytes] = ()) -> Strike | None:
        """The strike that hits an event, by itself or through its chain; it names those of it."""
        strikes, of_chain = self._chain((event, *named))
        return strikes.get(event) or of_chain

    def strike(
        self,
        strikes: Iterable[tuple[StrikeKey, Strike | None]],
        links: Iterable[tuple[LinkKey, bool]],
        topic: str,
        saved: Saved,
    ) -> list[Struck]:
        """Keep strikes and links (None, False lift one); return what of it hits events given out.

        An event that was told of as struck, and acknowledged so, is not named again.
        """
        touched: dict[bytes, None] = {}
        newly: set[bytes] = set()
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
                touched[key.hash] = None
                newly.add(key.hash)
            for link, stands in links:
                ends = (link.hash, link.other)
                if stands:
                    self._link([ends])
                    touched[link.hash] = None
                else:
                    self._db.executemany(
                        "DELETE FROM links WHERE hash = ? AND other = ?", [ends, ends[::-1]]
                    )
            self._put({topic: saved})
            return self._struck(touched, newly)

    def due(self) -> list[Struck]:
        """Every strike of an event given out that was not acknowledged yet."""
        hashes = [bytes(value) for (value,) in self._db.execute(_DUE)]
        return self._struck(hashes, frozenset(hashes))

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

    def _link(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO links VALUES (?1, ?2), (?2, ?1)",
            [pair for pair in pairs if pair[0] != pair[1]],
        )

    def _chain(self, seeds: Sequence[bytes]) -> tuple[dict[bytes, Strike | None], Strike | None]:
        """The events of these chains with their own strikes, and the one that hits them all."""
        found: dict[bytes, Strike | None] = {}
        of_chain: Strike | None = None
        query = _CHAIN.format(seeds=", ".join("(?)" for _ in seeds))
        for event, chain, *rest in self._db.execute(query, seeds):
            strike = None if chain is None else Strike(bool(chain), *rest)
            own = found.get(event)
            if own is None or not own.chain:
                found[event] = strike
            if strike is not None and strike.chain:
                earlier = of_chain is None or strike.recorded_at_ms < of_chain.recorded_at_ms
                of_chain = strike if earlier else of_chain
        return found, of_chain

    def _struck(self, touched: Iterable[bytes], newly: Set[bytes]) -> list[Struck]:
        """Events given out, struck and not yet told, in the chains of these.

        A correction hits one event, and is told when it comes (`newly`), not with its chain's news.
        """
        struck: list[Struck] = []
        seen: set[bytes] = set()
        for one in touched:
            if one in seen:
                continue
            strikes, of_chain = self._chain((one,))
            seen |= strikes.keys()
            for event, own in strikes.items():
                strike = own or of_chain
                if strike is None or (of_chain is None and event not in newly):
                    continue
                row = self._db.execute(
                    "SELECT bureau, event_id FROM given_out WHERE hash = ? AND told = 0", (event,)
                ).fetchone()
                if row is not None:
                    bureau, event_id = row
                    struck.append(Struck(bureau, event_id, event.hex(), strike))
        return struck

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
