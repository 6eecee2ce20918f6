"""Insert tokens that a killed engine left behind without rows.

The engine writes an insert's token down, then makes its part visible, and counts on both: killed in
between, it would take every repeat of that insert for a duplicate, and its rows would be lost. It
holds a lock meanwhile and numbers its parts upwards, so only the last token of a table can be such
a one, and no part of that table has its number or a higher one. This must be looked for before the
engine starts, since it gives the number again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["forget_tokens_without_rows"]

_PART = re.compile(rb"[0-9A-Za-z-]+_(\d+)_(\d+)_\d+(?:_\d+)?")
_ADDED = b"1"


def forget_tokens_without_rows(store: Path) -> int:
    """Take them out of the tables' logs; how many there were. No engine may run on the store."""
    return sum(_forget(log) for log in _last_logs(store))


def _last_logs(store: Path) -> Iterator[Path]:
    """Of each table that remembers tokens the log that was written last."""
    for folder in store.glob("store/*/*/deduplication_logs"):
        logs = [log for log in folder.iterdir() if log.stat().st_size]
        if logs:
            yield max(logs, key=lambda log: int(log.stem.rpartition("_")[2]))


def _forget(log: Path) -> bool:
    lines = log.read_bytes().splitlines(keepends=True)
    operation, _, rest = lines[-1].partition(b"\t")
    part = _PART.fullmatch(rest.partition(b"\t")[0])
    if operation != _ADDED or part is None:
        return False
    there = (_PART.fullmatch(os.fsencode(entry.name)) for entry in log.parent.parent.iterdir())
    if any(int(part[1]) <= int(other[2]) for other in there if other is not None):
        return False
    os.truncate(log, log.stat().st_size - len(lines[-1]))
    return True
