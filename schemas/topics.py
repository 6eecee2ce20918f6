"""Every topic, declared once: names, partitions, keys, sizes, retention, and who reads and writes.

Provisioning, access rights and the documentation are made from :func:`declared_topics`. Partition
counts never change in place: a bureau's partition is murmur2 of its code, as Java clients do it.
Lanes keep searches (99.8 % of all events) away from messages: a bulk upload of searches never
stands before a flash message. The auditor recounts everything (`liaison verify`), and so reads
source topics, what readers were given, and dead letters; receipts and alerts it does not need.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = [
    "BLOCK_PARTITIONS",
    "DLQ_BLOCKS",
    "CUTS",
    "FACTS",
    "FACT_BLOCKS",
    "GENERAL_SECRETARIAT",
    "GLOBAL",
    "LANES",
    "MAX_BLOCK_BYTES",
    "MAX_DERIVED_BYTES",
    "MAX_SOURCE_BYTES",
    "REGIONS",
    "SOURCE_PARTITIONS",
    "SOURCE_REGIONS",
    "STRIKES",
    "SURGE_CHANGELOG",
    "Topic",
    "alerts_topic",
    "block_partition",
    "bureau_topic",
    "declared_topics",
    "desk_topic",
    "dlq_topic",
    "ledger_topic",
    "murmur2",
    "partition_of",
    "receipts_topic",
    "region_partition",
    "source_topic",
]

REGIONS = ("africa", "americas", "asia-pacific", "europe", "mena")
"""The regions with a desk."""
GLOBAL = "global"
"""The General Secretariat's own region: it publishes, no desk reads it."""
SOURCE_REGIONS = (*REGIONS, GLOBAL)
GENERAL_SECRETARIAT = "XP"
LANES = ("message", "search")
SOURCE_PARTITIONS = 4
BLOCK_PARTITIONS = 2

FACTS = "facts"
FACT_BLOCKS = "fact-blocks"
CUTS = "cuts"
"""Up to which offset each partition of `facts` lies in blocks, and what was cut as a replay; it is
written with the blocks.
"""
STRIKES = "strikes"
DLQ_BLOCKS = "dlq.blocks"
SURGE_CHANGELOG = "liaison-surge-windows-changelog"
"""The table of surge detection; Faust gives it its name."""

MAX_SOURCE_BYTES = 900 * 1024
MAX_DERIVED_BYTES = 2 * 1024 * 1024
MAX_BLOCK_BYTES = 8 * 1024 * 1024

_DAY_MS = 86_400_000
_KEEP = "-1"
_LANE_PREFIX = {"message": "intel", "search": "search"}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `config` holds Kafka's own names; `readers` and `writers` name roles."""

    name: str
    partitions: int
    key: str
    value: str
    readers: tuple[str, ...]
    writers: tuple[str, ...]
    config: dict[str, str] = field(default_factory=dict)


def source_topic(region: str, lane: str = "message") -> str:
    """`intel.<region>` or `search.<region>`."""
    return f"{_LANE_PREFIX[lane]}.{region}"


def desk_topic(region: str, category: str) -> str:
    return f"desk.{region}.{category}"


def bureau_topic(bureau: str) -> str:
    return f"bureau.{bureau}"


def receipts_topic(bureau: str) -> str:
    return f"receipts.{bureau}"


def ledger_topic(region: str) -> str:
    return f"ledger.{region}"


def dlq_topic(region: str) -> str:
    return f"dlq.{region}"


def alerts_topic(region: str) -> str:
    return f"alerts.{region}"


def region_partition(region: str) -> int:
    """The partition of `facts` that holds a source region's mini-blocks."""
    return SOURCE_REGIONS.index(region)


def block_partition(facts_partition: int) -> int:
    """The partition of `fact-blocks` that a partition of `facts` is cut into, for ever."""
    return facts_partition % BLOCK_PARTITIONS


def murmur2(data: bytes) -> int:
    """Kafka's murmur2 (Java client), as an unsigned 32-bit number."""
    length = len(data)
    mixer, mask = 0x5BD1E995, 0xFFFFFFFF
    state = 0x9747B28C ^ length
    for start in range(0, length - length % 4, 4):
        block = int.from_bytes(data[start : start + 4], "little")
        block = block * mixer & mask
        block ^= block >> 24
        block = block * mixer & mask
        state = state * mixer & mask ^ block
    tail = data[length - length % 4 :]
    if tail:
        state ^= int.from_bytes(tail, "little")
        state = state * mixer & mask
    state ^= state >> 13
    state = state * mixer & mask
    return state ^ state >> 15


@functools.lru_cache(maxsize=1024)
def partition_of(bureau: str, partitions: int = SOURCE_PARTITIONS) -> int:
    """The partition that a bureau's records belong to."""
    return (murmur2(bureau.encode()) & 0x7FFFFFFF) % partitions


def declared_topics(bureaus: Iterable[str], categories: Iterable[str]) -> tuple[Topic, ...]:
    """All topics for these publishers (ISO 3166 alpha-2 and XP) and desk categories."""
    topics: list[Topic] = []
    append_time = {"message.timestamp.type": "LogAppendTime"}
    for region in SOURCE_REGIONS:
        for lane in LANES:
            topics.append(
                Topic(
                    source_topic(region, lane),
                    SOURCE_PARTITIONS,
                    "bureau",
                    "event (Avro, Confluent framing)",
                    ("router", "auditor"),
                    (f"bureaus of {region}",),
                    {
                        **append_time,
                        "max.message.bytes": str(MAX_SOURCE_BYTES),
                        "retention.ms": str(30 * _DAY_MS),
                    },
                )
            )
    derived = {"max.message.bytes": str(MAX_DERIVED_BYTES), "retention.ms": str(90 * _DAY_MS)}
    for region in REGIONS:
        for category in categories:
            topics.append(
                Topic(
                    desk_topic(region, category),
                    1,
                    "bureau",
                    "delivered event: enrichment, then the bureau's bytes",
                    (f"bureaus of {region}", "auditor"),
                    ("router",),
                    derived,
                )
            )
        topics.append(
            Topic(
                alerts_topic(region), 1, "alert id", "surge alert",
                (f"bureaus of {region}",), ("surge",), derived,
            )
        )  # fmt: skip
    compacted = {"cleanup.policy": "compact", "max.message.bytes": str(MAX_DERIVED_BYTES)}
    # Only closed segments are compacted; what is read from its start by each reader closes soon.
    latest = {**compacted, "segment.ms": "600000", "segment.bytes": str(16 * 1024 * 1024)}
    for bureau in sorted(bureaus):
        topics.append(
            Topic(
                bureau_topic(bureau),
                1,
                "bureau",
                "delivered event",
                (bureau, "auditor"),
                ("router",),
                derived,
            )
        )
        topics.append(
            Topic(
                receipts_topic(bureau),
                1,
                "account (and place, of what is unattributed)",
                "receipt",
                (bureau,),
                ("router",),
                latest,
            )
        )
    for region in SOURCE_REGIONS:
        topics.append(
            Topic(
                ledger_topic(region), SOURCE_PARTITIONS, "account", "ledger entry",
                ("router", "auditor"), ("router",), latest,
            )
        )  # fmt: skip
        topics.append(
            Topic(
                dlq_topic(region), 1, "as received", "the refused record, byte for byte",
                ("operator", "auditor"), ("router", "cutter", "surge"), derived,
            )
        )  # fmt: skip
    forever = {"retention.ms": _KEEP, "retention.bytes": _KEEP}
    topics += [
        Topic(
            FACTS, len(SOURCE_REGIONS), "region", "mini-block of facts",
            ("cutter", "surge", "auditor"), ("router",), derived,
        ),
        Topic(
            FACT_BLOCKS, BLOCK_PARTITIONS, "block", "Avro container file of facts",
            ("loader", "auditor"), ("cutter",),
            {**forever, "max.message.bytes": str(MAX_BLOCK_BYTES + 64 * 1024)},
        ),
        Topic(
            CUTS, len(SOURCE_REGIONS), "partition of facts; digest of a replay",
            "offset, as decimal digits; 1 of a replay",
            ("cutter",), ("cutter",), latest,
        ),
        Topic(
            STRIKES, 1, "SHA-256 of bureau and event id; of two of one chain", "strike or link",
            ("everyone",), ("router",), compacted,
        ),
        Topic(
            SURGE_CHANGELOG, len(SOURCE_REGIONS), "region", "counts by window and category",
            ("surge",), ("surge",), latest,
        ),
        Topic(
            DLQ_BLOCKS, 1, "block", "a block that ClickHouse refused",
            ("operator",), ("loader",),
            {**forever, "max.message.bytes": str(MAX_BLOCK_BYTES + 128 * 1024)},
        ),
    ]  # fmt: skip
    return tuple(topics)
