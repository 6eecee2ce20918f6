"""Records with header names that are no text, as a client in Go or C may send them.

confluent-kafka takes only text for a name, and so does aiokafka's compiled half; its Python half
asks the name for its bytes. Which half it is, it decides when it is loaded: hence a process.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

from schemas.connections import KafkaConnection

__all__ = ["send_with_header_name"]


def send_with_header_name(
    kafka: KafkaConnection, topic: str, key: bytes, value: bytes, name: bytes
) -> None:
    """Write one record, and wait for the broker: a good header, then one of this name."""
    order = {
        "servers": kafka.bootstrap_servers,
        "topic": topic,
        "key": key.hex(),
        "value": value.hex(),
        "name": name.hex(),
    }
    subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(order),
        env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"},
        text=True,
        check=True,
        timeout=60,
    )


class _RawName(str):
    """A name whose bytes are given."""

    __slots__ = ("raw",)
    raw: bytes

    def encode(self, *_: Any, **__: Any) -> bytes:
        return self.raw


async def _send(order: dict[str, str]) -> None:
    from aiokafka import AIOKafkaProducer

    name = _RawName("raw")
    name.raw = bytes.fromhex(order["name"])
    producer = AIOKafkaProducer(bootstrap_servers=order["servers"], acks="all")
    await producer.start()
    try:
        await producer.send_and_wait(
            order["topic"],
            bytes.fromhex(order["value"]),
            bytes.fromhex(order["key"]),
            headers=[("traceparent", b"00-1"), (name, b"x")],
        )
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(_send(json.loads(sys.stdin.read())))
