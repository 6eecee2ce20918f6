"""Topic declarations: Java's partitioner, names, and who may read what."""

import pytest

from schemas.reference import Reference
from schemas.topics import (
    BLOCK_PARTITIONS,
    CUTS,
    SOURCE_REGIONS,
    SURGE_CHANGELOG,
    block_partition,
    declared_topics,
    murmur2,
    partition_of,
    region_partition,
    source_topic,
)

REFERENCE = Reference.load()
TOPICS = {
    topic.name: topic for topic in declared_topics(REFERENCE.publishers, REFERENCE.categories)
}


@pytest.mark.parametrize(
    ("text", "hashed"),
    [  # the vectors of Apache Kafka's own UtilsTest
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2_is_javas(text: str, hashed: int) -> None:
    assert murmur2(text.encode()) == hashed & 0xFFFFFFFF


def test_every_bureau_has_a_partition_and_they_spread() -> None:
    used = [partition_of(bureau) for bureau in REFERENCE.publishers]
    assert {used.count(n) > 20 for n in range(4)} == {True}


def test_lanes_regions_and_blocks_have_fixed_places() -> None:
    assert source_topic("mena") == "intel.mena"
    assert source_topic("mena", "search") == "search.mena"
    assert [region_partition(region) for region in SOURCE_REGIONS] == list(range(6))
    assert {block_partition(n) for n in range(6)} == set(range(BLOCK_PARTITIONS))


def test_a_desk_is_read_by_its_region_and_a_bureaus_topic_by_itself_and_the_auditor() -> None:
    assert TOPICS["desk.europe.terrorism"].readers == ("bureaus of europe", "auditor")
    assert TOPICS["bureau.FR"].readers == ("FR", "auditor")
    assert TOPICS["receipts.FR"].readers == ("FR",)
    assert not any("bureaus" in r for r in TOPICS["ledger.europe"].readers)


def test_what_is_read_from_its_start_by_key_is_compacted_soon() -> None:
    for name in ("receipts.FR", "ledger.europe", CUTS, SURGE_CHANGELOG):
        config = TOPICS[name].config
        assert config["cleanup.policy"] == "compact"
        assert (config["segment.ms"], config["segment.bytes"]) == ("600000", "16777216")


def test_source_topics_keep_the_brokers_clock() -> None:
    for name, topic in TOPICS.items():
        stamped = topic.config.get("message.timestamp.type") == "LogAppendTime"
        assert stamped == name.startswith(("intel.", "search."))


def test_names_are_unique_and_blocks_are_kept_for_ever() -> None:
    topics = declared_topics(REFERENCE.publishers, REFERENCE.categories)
    assert len(topics) == len(TOPICS)
    assert TOPICS["fact-blocks"].config["retention.ms"] == "-1"
