"""Insert tokens that the engine would read otherwise than they were meant.

A table's log of tokens is written line by line and never checked. What a full disk or a power cut
left of a line stays there, and the next line goes on behind it: from there on the engine reads no
token any more, and takes the repeats of their inserts for new ones. So what is no whole line is
taken out, and what stands behind it stays.

The engine writes an insert's token down, then makes its part visible, and counts on both: killed in
between, it would take every repeat of that insert for a duplicate, and its rows would be lost. It
holds a lock meanwhile and numbers its parts upwards, so only the last token of a table can be such
a one, and no part of that table has its number or a higher one. Both must be looked for before the
engine starts, since it appends to the log and gives the number again.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from schemas.files import replace_file

__all__ = ["forget_tokens_without_rows"]

_log = logging.getLogger(__name__)

_PART = rb"[0-9A-Za-z-]+_(\d+)_(\d+)_\d+(?:_\d+)?"
_PART_NAME = re.compile(_PART)
_LINE = re.compile(rb"([12])\t" + _PART + rb"\t[^\t\n]+\n")
_ADDED = b"1"


def forget_tokens_without_rows(store: Path) -> int:
    """Take them out of the tables' logs, and broken lines before; how many tokens there were.

    No engine may run on the store.
    """
    return sum(map(_forget, store.glob("store/*/*/deduplication_logs")))


def _forget(folder: Path) -> bool:
    for left_over in folder.glob("*.tmp"):
        left_over.unlink()  # of a start that was killed; the engine reads whatever lies here
    logs = sorted(folder.iterdir(), key=lambda log: int(log.stem.rpartition("_")[2]))
    last: re.Match[bytes] | None = None
    for log in logs:
        lines = _whole_lines(log)
        if lines:
            written_last, last = log, lines[-1]
    if last is None or last[1] != _ADDED:
        return False
    there = (_PART_NAME.fullmatch(os.fsencode(entry.name)) for entry in folder.parent.iterdir())
    if any(int(last[2]) <= int(other[2]) for other in there if other is not None):
        return False
    os.truncate(written_last, written_last.stat().st_size - len(last[0]))
    return True


def _whole_lines(log: Path) -> list[re.Match[bytes]]:
    """All of them, wherever they begin; the rest is taken out."""
    content = log.read_bytes()
    lines = list(_LINE.finditer(content))
    broken_bytes = len(content) - sum(len(line[0]) for line in lines)
    if broken_bytes:
        _log.warning("%d bytes of broken lines are taken out of %s", broken_bytes, log)
        replace_file(log, b"".join(line[0] for line in lines), mode=0o600)
    return lines
