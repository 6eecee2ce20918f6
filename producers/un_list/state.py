"""What was published of the list, kept so that kill -9 at any instant does no harm.

Before anything is published, the whole plan is written down (`begin`); after all of it is in the
outbox, it becomes the state (`finish`), in one transaction. What an import finds begun, it
publishes again first: the very same events, for which the outbox returns its first receipts. A step
that the outbox never takes is left out of the state, so that it blocks nothing.
SQLite with synchronous=FULL; one import at a time holds the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

from pydantic import ValidationError

from producers.un_list.entry import Unmapped
from producers.un_list.plan import ImportPlan, Listed, Step
from schemas.errors import ConfigurationError
from schemas.models import MODELS

__all__ = ["ImportState"]

_FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS listed (
    reference TEXT PRIMARY KEY, event_id TEXT NOT NULL, root TEXT NOT NULL,
    version TEXT NOT NULL, recalled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (
    ordinal INTEGER PRIMARY KEY, kind TEXT NOT NULL, event TEXT NOT NULL, reference TEXT NOT NULL,
    event_id TEXT NOT NULL, root TEXT NOT NULL, version TEXT NOT NULL, recalled INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS lists (generated_at TEXT NOT NULL, begun INTEGER NOT NULL);
"""


class ImportState:
    """The state of an import, in one file. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("BEGIN EXCLUSIVE")
            found = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            self._db.execute("COMMIT")
            if found not in (0, _FORMAT):
                raise ConfigurationError(
                    f"{path}: written by another version of Liaison (format {found}); use that"
                )
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version={_FORMAT}")
        except sqlite3.OperationalError as error:
            why = (
                "another import holds it: wait for its end"
                if "locked" in str(error)
                else f"{error}: check the path and the disk"
            )
            raise ConfigurationError(f"{path}: {why}", code="un-list-state") from error
        except (OSError, sqlite3.DatabaseError) as error:
            raise ConfigurationError(
                f"{path}: no import state ({error}); restore it from a copy",
                code="un-list-state",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def is_new(self) -> bool:
        """Whether no import was ever begun here."""
        found = "SELECT 1 FROM lists UNION ALL SELECT 1 FROM listed UNION ALL SELECT 1 FROM begun"
        return self._db.execute(f"{found} LIMIT 1").fetchone() is None

    def listed(self) -> dict[str, Listed]:
        """What was published, by reference."""
        rows = self._db.execute("SELECT reference, event_id, root, version, recalled FROM listed")
        return {row[0]: _listed(row) for row in rows}

    def generated_at(self) -> datetime | None:
        """Date of the newest list that was imported."""
        row = self._db.execute("SELECT max(generated_at) FROM lists WHERE NOT begun").fetchone()
        return None if row[0] is None else datetime.fromisoformat(row[0])

    def begun(self) -> list[Step | Unmapped]:
        """Steps of an import that was begun and not finished, in order.

        Unmapped where an event is none by the rules of today.
        """
        return list(self._begun())

    def _begun(self) -> Iterator[Step | Unmapped]:
        for kind, event, *row in self._db.execute(
            "SELECT kind, event, reference, event_id, root, version, recalled FROM begun "
            "ORDER BY ordinal"
        ):
            try:
                yield Step(MODELS[kind].model_validate_json(event), _listed(tuple(row)))
            except ValidationError as error:
                yield Unmapped(row[0], f"{kind}: {error.errors()[0]['msg']}")

    def begin(self, plan: ImportPlan, generated_at: datetime | None) -> None:
        """Write a plan down, before any of it is published."""
        rows = (
            (
                step.event.kind, step.event.model_dump_json(), step.after.reference,
                str(step.after.event_id), str(step.after.root), step.after.version,
                step.after.recalled,
            )
            for step in plan.steps
        )  # fmt: skip
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if self._db.execute("SELECT count(*) FROM begun").fetchone()[0]:
                raise ConfigurationError(
                    f"{self.path}: an import is begun and not finished; finish it first"
                )
            self._db.executemany(
                "INSERT INTO begun (kind, event, reference, event_id, root, version, recalled) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            self._db.execute("DELETE FROM lists WHERE begun")
            if generated_at is not None:
                self._db.execute("INSERT INTO lists VALUES (?, 1)", (generated_at.isoformat(),))

    def finish(self, without: Iterable[str] = ()) -> None:
        """Everything begun is in the outbox but for these references: it is the state from now on.

        What the state knows of those stays as it was.
        """
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "DELETE FROM begun WHERE reference = ?", [(reference,) for reference in without]
            )
            self._db.execute(
                "INSERT OR REPLACE INTO listed "
                "SELECT reference, event_id, root, version, recalled FROM begun ORDER BY ordinal"
            )
            self._db.execute("DELETE FROM begun")
            self._db.execute("UPDATE lists SET begun = 0")


def _listed(row: tuple[str, str, str, str, int]) -> Listed:
    reference, event_id, root, version, recalled = row
    return Listed(reference, UUID(event_id), UUID(root), version, bool(recalled))
