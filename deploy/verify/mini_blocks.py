"""Mini-blocks that the cutter refused, and those of them that were put back since.

The facts of such a mini-block are in no block. What is put back comes in with the time at which it
was recorded first, however late that is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from deploy.verify.found import Topics
from schemas.errors import PermanentError
from schemas.headers import REPLAY_HEADER, header, read_refusal
from schemas.topics import DLQ_BLOCKS, FACTS
from stream_apps.engine import Consumed

__all__ = ["MiniBlock", "put_back", "still_refused"]


class MiniBlock(NamedTuple):
    """By what the cutter knows it again when it is put back."""

    partition: int
    """Of `facts`."""
    sha256: str


def put_back(reader: Topics) -> dict[MiniBlock, int]:
    """Those that were refused and put back by now, and their newest offset in `facts`."""
    refused, found = _refused(reader), dict[MiniBlock, int]()
    for record in reader.read([FACTS] if refused else []):
        if header(record.headers, REPLAY_HEADER) is not None:
            block = _mini_block(record.partition, record)
            if block in refused:
                found[block] = record.offset
    return found


def still_refused(reader: Topics, again: Mapping[MiniBlock, int]) -> list[str]:
    """The dead letters of those that nobody put back, or that were refused once more.

    `again` are those that were put back, and where; the cutter has read that far meanwhile.
    """
    return [
        place
        for block, (offset, place) in _refused(reader).items()
        if again.get(block, -1) <= offset
    ]


def _refused(reader: Topics) -> dict[MiniBlock, tuple[int, str]]:
    """Each with the offset in `facts` at which it was refused last, and its dead letter."""
    found = {}
    for record in reader.read([name for name in reader.names("dlq.") if name != DLQ_BLOCKS]):
        try:
            refusal = read_refusal(record.headers)
        except PermanentError:
            continue  # it is no dead letter: `liaison verify` tells of it
        if refusal.stage == "cutter":
            place = f"{record.topic}/{record.partition}/{record.offset}"
            found[_mini_block(refusal.partition, record)] = (refusal.offset, place)
    return found


def _mini_block(partition: int, record: Consumed) -> MiniBlock:
    return MiniBlock(partition, hashlib.sha256(record.value or b"").hexdigest())
