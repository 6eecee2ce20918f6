"""`fact-blocks` read whole: every fact since the first day, in whatever version it was written.

A block names the schema that it was written with. Rows of the newest version are decoded as they
are; older ones come as the newest sees them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import fastavro

from deploy.verify.facts import BlockCounts, Fact, Folded, fact_of, folded_of
from deploy.verify.window import Window
from schemas import wire
from schemas.catalogue import Catalogue, Schema
from schemas.errors import LiaisonError
from stream_apps.engine import Consumed

__all__ = ["BlockReader", "InBlocks", "read_blocks"]


class BlockReader:
    """Facts of block records, plain."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._newest = catalogue.schema("liaison.facts.Fact")
        self._written: dict[str, tuple[Any, Any]] = {}

    def __call__(self, records: Iterable[Consumed]) -> Iterator[dict[str, Any]]:
        """All facts of these blocks.

        Raises:
            WireError: a block is no whole container file of facts.
        """
        for record in records:
            try:
                yield from self._facts(record.value or b"")
            except LiaisonError:
                raise
            except Exception as error:  # fastavro raises whatever the bytes lead it to
                raise wire.WireError(
                    f"{record.topic} [{record.partition}] {record.offset} is not a whole Avro "
                    f"container file of facts ({type(error).__name__}: {error}): rebuild the topic "
                    "from a replica or a backup"
                ) from error

    def _facts(self, value: bytes) -> Iterator[dict[str, Any]]:
        blocks = fastavro.block_reader(BytesIO(value))
        written, reader = self._schemas(blocks.metadata["avro.schema"])
        for block in blocks:
            stream: BytesIO = block.bytes_  # type: ignore[attr-defined]
            for _ in range(block.num_records):
                yield fastavro.schemaless_reader(stream, written, reader)  # type: ignore[misc]

    def _schemas(self, text: str) -> tuple[Any, Any]:
        """How rows were written, without logical types, and as what to read them if not so."""
        found = self._written.get(text)
        if found is None:
            plain = Schema(self._newest.name, 0, json.loads(text)).plain
            newest = self._newest.plain
            found = self._written[text] = plain, None if plain == newest else newest
        return found


@dataclass(slots=True)
class InBlocks:
    """What the blocks hold: of all time added up, and one by one what the source holds still."""

    counts: BlockCounts = field(default_factory=BlockCounts)
    facts: Counter[Fact] = field(default_factory=Counter)
    folded: Counter[Folded] = field(default_factory=Counter)
    """Of whole source partitions."""


def read_blocks(
    records: Callable[[], Iterable[Consumed]], catalogue: Catalogue, window: Window
) -> InBlocks:
    """Add up all blocks; read once more where something was recalled or corrected."""
    read, found = BlockReader(catalogue), InBlocks()
    counts = found.counts
    for fact in read(records()):
        row = counts.add(fact)
        if row is None:
            if not window.is_cut(fact["source_topic"], fact["source_partition"]):
                found.folded[folded_of(fact)] += fact["events"]
        elif window.holds(row[:3]):
            found.facts[row] += 1
    unseen = counts.unseen()
    if unseen:
        counts.strike(_named(read(records()), unseen))
    return found


def _named(facts: Iterable[dict[str, Any]], names: set[tuple[str, str]]) -> Iterator[Fact]:
    for fact in facts:
        if fact["event_id"] is not None and (fact["bureau"], fact["event_id"]) in names:
            yield fact_of(fact)
