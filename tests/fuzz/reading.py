"""Delivered records and strikes at the desk's end, sound ones and spoiled ones."""

from __future__ import annotations

import json
from random import Random

from schemas import wire
from schemas.headers import Headers
from schemas.ids import strike_hash
from schemas.registry import SchemaIds
from sinks.desk.filters import Filters, Subscription
from sinks.desk.jsonl import format_item
from sinks.desk.reading import DeliveredReader, LinkKey, read_strike, strike_key
from sinks.desk.records import Delivered, Item, Position, Struck, Unreadable
from stream_apps.router.driver import RouterDriver
from tests.fuzz.bases import NOW_MS, bases
from tests.fuzz.case import Case, Finding
from tests.fuzz.mutate import spoil_bytes, spoil_record

__all__ = ["DeliveredTarget", "read_delivered"]

_CATEGORY = "terrorism"
_SUBSCRIPTION = Subscription("europe", frozenset({_CATEGORY, "drug-trafficking"}), "DE")
_FILTERS = Filters(
    categories=frozenset({_CATEGORY}),
    urgencies=frozenset({"flash"}),
    bureaus=frozenset({"FR"}),
    kinds=frozenset({"report"}),
    tlp=frozenset({"AMBER"}),
    handling_codes=frozenset({"H1"}),
    min_score=3,
    iccs_prefix="01",
    recorded_since_ms=5,
)
_POSITION = Position("desk.europe.terrorism", 7)
_readers: dict[int, DeliveredReader] = {}


def read_delivered(
    ids: SchemaIds, value: bytes | None, headers: Headers, *, may_be_closed: bool
) -> str:
    """Read as `Subscriber` does, and print as `liaison desk tail` does.

    The code: `delivered`; `unreadable` where the event follows no schema; `closed` where not even
    the enrichment can be read, which only spoiled records may be.
    """
    reader = _readers.setdefault(id(ids), DeliveredReader(ids))
    code, item = _read(reader, value, headers)
    if code == "closed" and not may_be_closed:
        raise Finding(f"the router wrote an enrichment that can't be read: {item}")
    printed = format_item(item)
    if "\n" in printed:
        raise Finding("an item is printed on two lines")
    json.loads(printed)
    printed.encode()
    return code


def _read(reader: DeliveredReader, value: bytes | None, headers: Headers) -> tuple[str, Item]:
    code = "closed"
    try:
        opened = reader.open(value)
        _SUBSCRIPTION.takes(opened.enrichment, _CATEGORY)
        _SUBSCRIPTION.takes(opened.enrichment, None)
        _FILTERS.match(opened.enrichment)
        code = "unreadable"
        whole = opened.whole()
    except wire.WireError as wrong:
        return code, Unreadable(_POSITION, str(wrong), value)
    enrichment = opened.enrichment
    strike_hash(enrichment["bureau"], enrichment["event_id"])
    if enrichment["root"] is not None:
        strike_hash(enrichment["root_bureau"], enrichment["root"])
    delivered = Delivered(
        kind=opened.schema.kind or enrichment["kind"],
        version=opened.schema.version,
        enrichment=whole["enrichment"],
        event=whole["event"],
        event_bytes=opened.event_bytes,
        headers=tuple(headers),
        position=_POSITION,
        strike=None,
    )
    return "delivered", delivered


class DeliveredTarget:
    """Spoiled delivered records and strikes."""

    name = "delivered"

    def __init__(self) -> None:
        driver = RouterDriver(now_ms=NOW_MS)
        self._ids = driver.ids
        self._values: list[bytes] = []
        self._strikes: list[tuple[bytes, bytes]] = []
        for of_kind in bases().values():
            for base in of_kind:
                record = driver.raw(base.bureau, base.value(base.record), lane=base.lane)
                if base.lane != "message":
                    continue
                for topic, produced in driver.feed(record).items():
                    if topic == "strikes":
                        self._strikes += [(p.key or b"", p.value or b"") for p in produced]
                    elif topic.startswith(("desk.", "bureau.")):
                        self._values.append(produced[0].value or b"")

    def make(self, rng: Random) -> Case:
        if rng.random() < 0.15:
            key, value = rng.choice(self._strikes)
            return {
                "key": spoil_bytes(rng, key) if rng.random() < 0.4 else key,
                "value": self._spoiled(rng, value, rng.choice(self._values)),
            }
        value, other = rng.choice(self._values), rng.choice(self._values)
        return {"key": None, "value": self._spoiled(rng, value, other)}

    def _spoiled(self, rng: Random, value: bytes, other: bytes) -> bytes:
        if rng.random() < 0.5:
            schema = self._ids.by_id[wire.schema_id_of(value)]
            record = wire.decode(schema.plain, value, offset=wire.FRAME_BYTES)
            try:
                body = wire.encode(schema.plain, spoil_record(rng, record))
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError):
                return spoil_bytes(rng, value, other)
            return value[: wire.FRAME_BYTES] + body
        if rng.random() < 0.1:
            return wire.frame(rng.choice(list(self._ids)), value[wire.FRAME_BYTES :])
        return value[: wire.FRAME_BYTES] + spoil_bytes(rng, value[wire.FRAME_BYTES :], other)

    def run(self, case: Case) -> list[str]:
        if case["key"] is None:
            return [read_delivered(self._ids, case["value"], (), may_be_closed=True)]
        return self._strike(case["key"], case["value"])

    def _strike(self, key: bytes, value: bytes) -> list[str]:
        try:
            read = strike_key(key)
        except wire.WireError as wrong:
            format_item(Unreadable(Position("strikes", 1), str(wrong), value))
            return ["strike-unreadable"]
        if isinstance(read, LinkKey):
            return ["link"]
        strike = read_strike(self._ids, read, value, NOW_MS)
        item = Struck("FR", "0" * 36, read.hash.hex(), strike)
        json.loads(format_item(item))
        return ["strike-unknown" if strike.reason == "unknown" else "strike"]

    def close(self) -> None:
        """Nothing is open."""
