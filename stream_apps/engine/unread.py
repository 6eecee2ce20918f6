"""Batches that the client can't decompress: each is taken as one record, so that none blocks.

librdkafka takes a compressed batch whole. One that it can't decompress, or that comes to more than
`receive.message.max.bytes`, it fetches again and again: nothing of the partition comes after it.
Where such a batch ends, and when it was appended, stands in its header, and so it is fetched once
more by other means, as it lies in the log.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError as AIOKafkaError
from aiokafka.errors import for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition as Place
from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.connections import KafkaConnection
from schemas.errors import RetryableError
from stream_apps.engine.records import Consumed, Partition

__all__ = ["is_unread", "step_over"]

log = structlog.get_logger(__name__)

_HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length after this field, leader epoch, format, CRC, attributes, last offset's
distance, first and last timestamp, producer's id and epoch, base sequence, records.
"""
_LENGTH_END = 12
_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
_CODEC_MASK = 0x07
_CONTROL = 0x20
_TIMEOUT_S = 10.0
_MAX_WAIT_MS = 1000
_MAX_BYTES = 1024 * 1024
"""The first batch comes whole, whatever it has."""
_READ_COMMITTED = 1


class _Batch(NamedTuple):
    """A batch of records as it lies in the log."""

    first: int
    """The offset of its first record, and of its last."""
    last: int
    appended_ms: int
    records: int
    codec: str
    control: bool
    """Whether it holds no records but a transaction's end."""
    content: bytes


def is_unread(error: KafkaError) -> bool:
    """The client will never hand out the batch that this error is about."""
    return error.code() == KafkaError._BAD_COMPRESSION  # noqa: SLF001


def step_over(
    kafka: KafkaConnection, consumer: Consumer, where: Partition, offset: int, told: str
) -> Consumed:
    """The batch that holds this offset, as one record; the consumer stands behind it.

    What came of the partition together with the error is outdated.

    Raises:
        RetryableError: the batch could not be fetched, or is not compressed, and so is sound.
        KafkaException: the consumer can't seek.
    """
    batch = _fetch(kafka, where, offset)
    if batch.codec == _CODECS[0]:
        raise RetryableError(
            f"the batch at {where.topic} [{where.partition}] offset {offset} is not compressed: "
            "what keeps it from being read is not its bytes"
        )
    consumer.seek(TopicPartition(*where, batch.last + 1))
    why = (
        f"a batch of {batch.records} records at offsets {batch.first} to {batch.last}, "
        f"{len(batch.content)} bytes of {batch.codec}, is not to be decompressed: {told}"
    )
    log.error("engine.unread", topic=where.topic, partition=where.partition, why=why)
    return Consumed(*where, batch.last, batch.appended_ms, None, batch.content, None, why)


def _batches_of(content: bytes) -> list[_Batch]:
    """The whole batches in what a broker answers; the last one there may be cut off."""
    found: list[_Batch] = []
    at = 0
    while at + _HEADER.size <= len(content):
        first, length, _, _, _, attributes, distance, _, appended_ms, *_, records = (
            _HEADER.unpack_from(content, at)
        )
        end = at + _LENGTH_END + length
        if end > len(content):
            break
        codec = attributes & _CODEC_MASK
        name = _CODECS[codec] if codec < len(_CODECS) else str(codec)
        found.append(
            _Batch(
                first, first + distance, appended_ms, records, name,
                bool(attributes & _CONTROL), content[at:end],
            )
        )  # fmt: skip
        at = end
    return found


def _fetch(kafka: KafkaConnection, place: Partition, offset: int) -> _Batch:
    where = f"{place.topic} [{place.partition}] offset {offset}"
    try:
        content = asyncio.run(_answer(kafka, place, offset))
    except (AIOKafkaError, OSError, TimeoutError, ValueError, AssertionError) as error:
        raise RetryableError(
            f"the batch at {where}, which is not to be decompressed, can't be fetched as it is "
            f"({type(error).__name__}: {error}): is the broker away?"
        ) from error
    for batch in _batches_of(content):
        if batch.last >= offset and not batch.control:
            return batch
    raise RetryableError(f"the broker answers without the batch at {where}: is it deleted?")


async def _answer(kafka: KafkaConnection, place: Partition, offset: int) -> bytes:
    """What the partition's leader answers to a fetch."""
    client: Any = AIOKafkaClient(
        bootstrap_servers=kafka.bootstrap_servers.split(","),
        request_timeout_ms=int(_TIMEOUT_S * 1000),
        **kafka.login(),
    )
    request = FetchRequest(
        _MAX_WAIT_MS, 1, _MAX_BYTES, _READ_COMMITTED,
        [(place.topic, [(place.partition, offset, _MAX_BYTES)])],
    )  # fmt: skip
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await client.bootstrap()
            await client.set_topics([place.topic])
            leader = client.cluster.leader_for_partition(Place(*place))
            answer = await client.send(leader, request)
            ((_, ((_, code, *_, content),)),) = answer.topics
            if code:
                raise for_code(code)
            return bytes(content or b"")
    finally:
        await client.close()
