"""Hostile source records: a sound one, spoiled in body, frame, key, place, number or headers."""

from __future__ import annotations

from random import Random
from typing import Any

from schemas import wire
from schemas.headers import ORIGIN_HEADER, REFUSAL_PREFIX, REPLAY_HEADER, Origin
from schemas.topics import SOURCE_PARTITIONS, SOURCE_REGIONS, partition_of, source_topic
from tests.fuzz.bases import NOW_MS, Base, bases, catalogue_ids
from tests.fuzz.case import Case
from tests.fuzz.mutate import HUGE_CHARS, NUMBERS, spoil_bytes, spoil_record, spoil_text, varint

__all__ = ["HOSTILE_EPOCH", "hostile_record"]

HOSTILE_EPOCH = 5
_NOT_ENCODED = (
    ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError,
)  # fmt: skip
"""What fastavro raises for a record that the schema can't hold."""
_KINDS_OF_LANE = {"search": ("search",)}
_BOMB_ITEMS = (b"\0", b"\x02", b"\x02a", b"\x02\0", b"\0\0\0\0", b"\xff", b"\x01")


def hostile_record(rng: Random, lane: str, number: int, region_of: Any) -> Case:
    """One record as a case holds it; `number` is the one that follows in its account."""
    kinds = _KINDS_OF_LANE.get(lane) or tuple(kind for kind in bases() if kind != "search")
    base = rng.choice(bases()[rng.choice(kinds)])
    other = rng.choice(bases()[rng.choice(tuple(bases()))])
    sequence = rng.choice(NUMBERS) if rng.random() < 0.15 else number
    record = {
        **base.record,
        "envelope": {**base.record["envelope"], "sequence": sequence, "epoch": HOSTILE_EPOCH},
    }
    value = _value(rng, base, record, other)
    bureau = base.bureau
    region = region_of(bureau, NOW_MS)
    topic, partition = source_topic(region, lane), partition_of(bureau)
    key: bytes | None = bureau.encode()
    if rng.random() < 0.08:
        key = rng.choice((None, b"", b"DE", b"XP", b"\xff\xfe", b"ZZ", b"x" * 7_000, b"fr"))
    if rng.random() < 0.05:
        partition = rng.randrange(SOURCE_PARTITIONS)
    if rng.random() < 0.05:
        topic = source_topic(rng.choice(SOURCE_REGIONS), lane)
    origin = Origin(
        bureau, base.system, base.lane, HOSTILE_EPOCH, abs(sequence), base.event_id
    ).pack()
    return {
        "topic": topic,
        "partition": partition,
        "key": key,
        "value": value,
        "headers": _headers(rng, origin),
    }


def _value(rng: Random, base: Base, record: dict[str, Any], other: Base) -> bytes | None:
    way = rng.random()
    if way < 0.02:
        return rng.choice((None, b"", b"\0", b"{}", b"\0" * 5, rng.randbytes(40)))
    if way < 0.62:
        for _ in range(4):
            try:
                return base.value(spoil_record(rng, record, other.record))
            except _NOT_ENCODED:
                continue
    sound = base.value(record)
    if way < 0.68:
        number = rng.choice((0, 1, 2**31, 2**32 - 1, rng.choice(list(catalogue_ids()))))
        return wire.frame(number, sound[wire.FRAME_BYTES :])
    if way < 0.70:
        return sound[: wire.FRAME_BYTES] + _bomb(rng, sound[wire.FRAME_BYTES :])
    body = spoil_bytes(rng, sound[wire.FRAME_BYTES :], other.value(other.record))
    return sound[: wire.FRAME_BYTES] + body if way < 0.97 else spoil_bytes(rng, sound)


def _bomb(rng: Random, body: bytes) -> bytes:
    """Blocks of arrays that claim much, or hold very many very small items."""
    at = rng.randint(0, len(body))
    item = rng.choice(_BOMB_ITEMS)
    claimed = rng.choice((2**62, 2**40, 10**6, -(2**62), -(10**6), -1))
    size = varint(rng.choice((0, 1, 2**62))) if claimed < 0 else b""
    if rng.random() < 0.5:
        return body[:at] + (varint(claimed) + size + item) * rng.choice((1, 2, 50, 500))
    count = 1000 if rng.random() < 0.8 else HUGE_CHARS // len(item)
    return body[:at] + varint(count) + item * count + body[at:]


def _headers(rng: Random, origin: bytes) -> list[list[Any]]:
    headers: list[list[Any]] = [[ORIGIN_HEADER, origin]]
    if rng.random() < 0.75:
        return headers
    for _ in range(rng.choice((1, 1, 2, 5, 40))):
        way = rng.randrange(7)
        if way == 0:
            headers = [[ORIGIN_HEADER, spoil_bytes(rng, origin)]]
        elif way == 1:
            headers.append([REPLAY_HEADER, rng.choice((b"intel.europe/1/5", b"", None))])
        elif way == 2:
            name = rng.choice(("exception", "message", "disposition", "offset", "bytes", "sha256"))
            headers.append([REFUSAL_PREFIX + name, rng.choice((b"", b"x", b"-1", None))])
        elif way == 3:
            name = rng.choice(("traceparent", "baggage", "liaison-signature", "liaison-key-id"))
            headers.append([name, rng.choice((None, b"", b"x" * 4096, rng.randbytes(200)))])
        elif way == 4:
            headers.append([spoil_text(rng)[:200], spoil_bytes(rng, origin)[:70_000]])
        elif way == 5:
            headers = headers[1:]
        else:
            headers.append([ORIGIN_HEADER, rng.choice((None, b"1;;;;;;", b"\xff" * 199, origin))])
    return headers
