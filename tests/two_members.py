"""A gzip batch in two members, cut within a record, as anybody's own client may send it.

A broker takes it, since Java reads on to the second member. aiokafka's Python half, which a process
of its own loads, compresses by a function that can be put in another's place.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys

from schemas.connections import KafkaConnection

__all__ = ["send_in_two_members"]

_CUT_AT = 20


def send_in_two_members(kafka: KafkaConnection, topic: str, partition: int) -> None:
    """Write one record, and wait for the broker."""
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
