"""Compressed batches that a topic takes, and that a reader's client does not, or at a price."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys

from confluent_kafka import Producer

from schemas.connections import KafkaConnection

__all__ = ["send_in_two_members", "send_packed"]

_CUT_AT = 20
_MOST = 10**9
_LONG_MS = 60_000  # `flush` ends the waiting, once all are there


def send_packed(
    kafka: KafkaConnection, codec: str, *records: tuple[str, int, bytes, bytes]
) -> None:
    """Records (topic, partition, key, value) of any size, those of a partition as one batch."""
    producer = Producer(
        kafka.producer_config(
            compression_type=codec, message_max_bytes=_MOST, batch_size=_MOST, linger_ms=_LONG_MS,
            queue_buffering_max_kbytes=_MOST // 1000,
        )
    )  # fmt: skip
    for topic, partition, key, value in records:
        producer.produce(topic, value, key, partition)
    assert producer.flush(60) == 0


def send_in_two_members(kafka: KafkaConnection, topic: str, partition: int) -> None:
    """One record in a gzip batch of two members, cut within the record.

    A broker takes it, since Java reads on to the second member. aiokafka's Python half, which a
    process of its own loads, compresses by a function that can be put in another's place.
    """
    subprocess.run(
        [sys.executable, "-m", __name__, kafka.bootstrap_servers, topic, str(partition)],
        env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"},
        check=True,
        timeout=60,
    )


def _in_two(content: bytes) -> bytes:
    return gzip.compress(bytes(content)[:_CUT_AT]) + gzip.compress(bytes(content)[_CUT_AT:])


async def _send(bootstrap: str, topic: str, partition: str) -> None:
    import aiokafka.record.default_records as records
    from aiokafka import AIOKafkaProducer

    vars(records)["gzip_encode"] = _in_two
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type="gzip")
    await producer.start()
    try:
        await producer.send_and_wait(topic, bytes(200), b"k", partition=int(partition))
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(_send(*sys.argv[1:]))
