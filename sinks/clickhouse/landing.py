"""One block into ClickHouse: insert, compensations, mark, in that order, each repeatable.

A crash anywhere is healed by landing the same block again: the insert and every chunk of
compensations carry a token, and the guards (`raw.high_water`, `raw.struck`) are written only after
what they guard.
Kafka is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.clock import Clock
from schemas.errors import PermanentError, RetryableError
from sinks.clickhouse import statements
from sinks.clickhouse.chains import IDS_A_QUERY, read_chains
from sinks.clickhouse.checks import check_deduplication, fact_columns
from sinks.clickhouse.chunks import StrikeChunks, parts
from sinks.clickhouse.news import News
from sinks.clickhouse.refusals import explain
from sinks.clickhouse.statements import BLOCK_COLUMNS, BlockPosition
from sinks.clickhouse.strikes import (
    CountedFact,
    EventKey,
    FactKey,
    KnownRecall,
    Strike,
    StrikeOrder,
    find_strikes,
)

__all__ = ["BlockLander", "Landed"]

_TOKEN_LIVES_INSERTS = 5000
"""ClickHouse keeps the tokens of the last 10,000 parts."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Landed:
    """What a block brought."""

    rows: int
    """Rows that ClickHouse says it wrote, rollups included; a repeat may be counted again."""
    strikes: int


class BlockLander:
    """Lands blocks through one client; not for use by two threads.

    Raises RetryableError where the same block may go in later, PermanentError (only before any row
    is in) where it never will.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        check_deduplication(client)
        columns = fact_columns(client)
        self._chunks = StrikeChunks(client, clock, [name for name, _ in columns])
        self._own_columns = [pair for pair in columns if pair[0] not in BLOCK_COLUMNS]

    def marks(self, topic_id: str) -> dict[int, int]:
        """Partition to the offset of its last block that is wholly in."""
        with _explained("the marks"):
            rows = self._client.query(statements.marks_sql(topic_id)).result_rows
        return {int(partition): int(offset) for partition, offset in rows}

    def land(self, position: BlockPosition, value: bytes) -> Landed:
        """Insert a block, strike what it recalls or what recalls it, move the mark."""
        written = self._insert_rows(
            position, statements.insert_block_sql(position, self._own_columns), value
        )
        with _explained(f"block {position.token}"):
            struck = self._strike(position)
            self._move_mark(position)
        return Landed(written, struck)

    def put_aside(self, position: BlockPosition, refusal: PermanentError) -> None:
        """Book a block that is in dlq.blocks instead, and go past it."""
        with _explained(f"block {position.token}"):
            self._book_refusal(position, refusal.code, str(refusal), resolved=False)
            self._move_mark(position)

    def land_refused(self, partition: int, offset: int, value: bytes) -> bool:
        """Land a block that was put aside, and book that it is in; False if it was in already.

        Safe to repeat, whatever died in between: the rows go in under the block's own token, and
        only while its refusal stands. Where an earlier attempt left rows so long ago that the
        token may be forgotten, nothing is done.

        Raises:
            PermanentError: it is refused again, was never refused, or can't be told from another.
            RetryableError: the same call may succeed later.
        """
        where = f"block {partition}/{offset}"
        with _explained(where):
            found = self._client.query(statements.refused_block_sql(partition, offset)).result_rows
        if len(found) != 1:
            known = "no refused block" if not found else f"{len(found)} topics' refused blocks"
            raise PermanentError(
                f"ClickHouse knows of {known} at {where}: is this the ClickHouse that refused it, "
                "and the topic that it was loaded from?",
                code="not-replayable",
            )
        ((topic_id, code, resolved),) = found
        if resolved:
            return False
        position = BlockPosition(topic_id, partition, offset)
        self._repairable(position)
        self._insert_rows(position, statements.repair_block_sql(position, self._own_columns), value)
        with _explained(where):
            self._strike(position)
            self._book_refusal(position, str(code), "in by a replay", resolved=True)
        return True

    def _repairable(self, position: BlockPosition) -> None:
        """Whether the token does what it must: the loader is past the block, no rows are old."""
        where = f"block {position.token}"
        if self.marks(position.topic_id).get(position.partition, -1) < position.offset:
            raise RetryableError(
                f"{where}: the loader has not gone past it yet: let it run, then try again",
                code="loader-behind",
            )
        with _explained(where):
            since = self._client.query(statements.inserts_since_sql(position)).result_rows
        if since and (since[0][0] is None or int(since[0][0]) > _TOKEN_LIVES_INSERTS):
            raise PermanentError(
                f"{where}: an earlier replay broke off after its rows were in, too long ago to "
                "tell whether the rollups have them: build ClickHouse anew from fact-blocks",
                code="not-replayable",
            )

    def _insert_rows(self, position: BlockPosition, statement: str, value: bytes) -> int:
        try:
            summary = self._client.raw_insert(
                "",  # the statement stands in front of the data
                insert_block=statement.encode() + b"\n" + value,
                fmt="Avro",
            )
        except ClickHouseError as error:
            raise explain(error, f"block {position.token}") from error
        return summary.written_rows

    def _book_refusal(
        self, position: BlockPosition, code: str, reason: str, *, resolved: bool
    ) -> None:
        self._insert(
            "raw.refused_blocks",
            {
                "topic_id": position.topic_id,
                "block_partition": position.partition,
                "block_offset": position.offset,
                "code": code,
                "reason": reason[:4000],
                "refused_at": self._now(),
                "resolved": resolved,
            },
        )

    def _strike(self, position: BlockPosition) -> int:
        rows = self._client.query(statements.touched_sql(position)).result_rows
        if not rows:
            return 0
        own = {(bureau, event_id) for bureau, event_id, is_own in rows if is_own}
        chains = read_chains(self._client, ((bureau, event_id) for bureau, event_id, _ in rows))
        news = News(own, self._recalls([statements.block_recalls_sql(position)]))
        recalls = self._recalls(
            statements.chain_recalls_sql(some, chains.bureaus)
            for some in parts(chains.read_from, IDS_A_QUERY)
        )
        concerned = news.concerned(chains.events, recalls, chains.links)
        ids = sorted({event_id for _, event_id in concerned})
        recalls |= self._recalls(
            statements.recalls_by_name_sql(some) for some in parts(ids, IDS_A_QUERY)
        )
        if not recalls:
            return 0
        facts = [
            CountedFact(FactKey(*row), kind, int(at_ms))
            for some in parts(ids, IDS_A_QUERY)
            for *row, kind, at_ms in self._client.query(
                statements.candidate_facts_sql(some)
            ).result_rows
        ]
        strikes = find_strikes(recalls, chains.links, facts)
        written = self._chunks.write(lambda: self._unstruck(strikes))
        self._write_known_earlier(strikes)
        return written

    def _recalls(self, queries: Iterable[str]) -> set[KnownRecall]:
        return {
            KnownRecall(bureau, target, _root(root, of), kind, reason, recall_id, by, int(at_ms))
            for query in queries
            for bureau, target, root, of, kind, reason, recall_id, by, at_ms in self._client.query(
                query
            ).result_rows
        }

    def _unstruck(self, strikes: Sequence[Strike]) -> Sequence[Strike]:
        struck = self._struck(strikes)
        return [strike for strike in strikes if strike.row not in struck]

    def _write_known_earlier(self, strikes: Sequence[Strike]) -> None:
        """Say of what is struck that it was earlier, or by an earlier recall, than known so far."""
        struck = self._struck(strikes)
        earlier = [strike for strike in strikes if strike.order < struck[strike.row]]
        for some in parts(earlier, IDS_A_QUERY):
            lines = "\n".join(json.dumps(statements.planned_strike(strike)) for strike in some)
            insert = f"{statements.known_earlier_sql(self._clock.now_ms())}\n{lines}"
            self._client.raw_insert("", insert_block=insert.encode(), fmt="JSONEachRow")

    def _struck(self, strikes: Sequence[Strike]) -> dict[FactKey, StrikeOrder]:
        """Which of these rows are struck, with what holds of each so far."""
        ids = sorted({strike.row.event_id for strike in strikes})
        return {
            FactKey(*row): (int(holds[0]), str(holds[1]), str(holds[2]), str(holds[3]))
            for some in parts(ids, IDS_A_QUERY)
            for *row, holds in self._client.query(statements.struck_sql(some)).result_rows
        }

    def _move_mark(self, position: BlockPosition) -> None:
        self._insert(
            "raw.high_water",
            {
                "topic_id": position.topic_id,
                "block_partition": position.partition,
                "block_offset": position.offset,
                "loaded_at": self._now(),
            },
        )

    def _insert(self, table: str, row: Mapping[str, object]) -> None:
        self._client.insert(table, [list(row.values())], list(row))

    def _now(self) -> datetime:
        return _time(self._clock.now_ms())


class _explained:  # noqa: N801  (reads as a statement)
    """After a block's rows are in, no error puts it aside any more: it is landed again."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ClickHouseError):
            text = f"{self._where}: ClickHouse did not answer as it should: {error}"
            code = getattr(error, "code", None)
            raise RetryableError(
                text, code="clickhouse-unavailable" if code is None else f"clickhouse-{code}"
            ) from error


def _root(event_id: str | None, bureau: str | None) -> EventKey | None:
    return None if event_id is None or bureau is None else (bureau, event_id)


def _time(epoch_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=epoch_ms)
