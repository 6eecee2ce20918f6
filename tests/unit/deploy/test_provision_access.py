"""Rights and first positions are made from the declared topics, and from nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from confluent_kafka.admin import AclOperation, ResourcePatternType, ResourceType

from deploy.access import acls, product_topics
from deploy.cluster import Cluster
from deploy.provision import group_topics
from deploy.verify.found import TopicReader
from schemas.clock import ManualClock
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from schemas.reference import Reference
from schemas.topics import (
    DLQ_BLOCKS,
    LANES,
    REGIONS,
    SOURCE_PARTITIONS,
    SOURCE_REGIONS,
    source_topic,
)
from stream_apps.cutter import CUTTER_GROUP
from stream_apps.router.worker import router_group

REFERENCE = Reference.load()
TODAY_MS = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp() * 1000)


def rights(principal: str, operation: AclOperation) -> set[str]:
    """Topics on which a principal has a right of its own."""
    return {
        acl.name
        for acl in acls(REFERENCE, TODAY_MS)
        if acl.principal == f"User:{principal}"
        and acl.operation == operation
        and acl.restype == ResourceType.TOPIC
    }


def test_every_topic_is_declared_once() -> None:
    names = [topic.name for topic in product_topics(REFERENCE)]
    assert len(names) == len(set(names))


def test_there_is_a_desk_topic_for_events_without_category() -> None:
    names = {topic.name for topic in product_topics(REFERENCE)}
    assert {f"desk.{region}.uncategorised" for region in REGIONS} <= names


def test_a_bureau_writes_to_its_region_alone() -> None:
    assert rights("FR", AclOperation.WRITE) == {"intel.europe", "search.europe"}
    assert rights("XP", AclOperation.WRITE) == {"intel.global", "search.global"}


def test_a_bureau_reads_its_region_s_desks_and_its_own_topics() -> None:
    read = rights("FR", AclOperation.READ)
    assert {"bureau.FR", "receipts.FR", "desk.europe.terrorism", "alerts.europe"} <= read
    assert not {name for name in read if name.startswith("desk.") and ".europe." not in name}
    assert not {name for name in read if name.startswith(("intel.", "dlq.", "facts", "bureau.D"))}


def test_everyone_reads_the_strikes_and_only_the_router_writes_them() -> None:
    on_strikes = [acl for acl in acls(REFERENCE, TODAY_MS) if acl.name == "strikes"]
    assert {(acl.principal, acl.operation) for acl in on_strikes} == {
        ("User:*", AclOperation.READ),
        ("User:liaison-router", AclOperation.WRITE),
    }


def test_a_bureau_s_groups_begin_with_its_code() -> None:
    groups = {
        acl.principal: (acl.name, acl.resource_pattern_type)
        for acl in acls(REFERENCE, TODAY_MS)
        if acl.restype == ResourceType.GROUP
    }
    assert groups["User:FR"] == ("FR.", ResourcePatternType.PREFIXED)
    assert len(groups) > len(REFERENCE.publishers)


def test_whoever_assigns_itself_its_partitions_may_name_its_group() -> None:
    named = {
        acl.name
        for acl in acls(REFERENCE, TODAY_MS)
        if acl.principal == "User:*"
        and acl.restype == ResourceType.GROUP
        and acl.operation == AclOperation.DESCRIBE
    }
    assert named == {"liaison-desk", "liaison-outbox", "liaison-reading"}


def test_an_operator_may_put_refused_records_back() -> None:
    sources = {source_topic(region, lane) for region in SOURCE_REGIONS for lane in LANES}
    assert rights("liaison-operator", AclOperation.WRITE) == {*sources, "facts"}


def test_the_auditor_reads_what_verify_recounts_and_writes_nothing() -> None:
    names = {topic.name for topic in product_topics(REFERENCE)}
    recounted = ("intel.", "search.", "desk.", "bureau.", "dlq.", "ledger.", "fact")
    wanted = {name for name in names if name.startswith(recounted)} - {DLQ_BLOCKS}
    assert rights("liaison-auditor", AclOperation.READ) == wanted
    assert rights("liaison-auditor", AclOperation.WRITE) == set()


def test_the_auditor_sees_how_far_router_and_cutter_are() -> None:
    groups = {
        (acl.name, acl.operation)
        for acl in acls(REFERENCE, TODAY_MS)
        if acl.principal == "User:liaison-auditor" and acl.restype == ResourceType.GROUP
    }
    assert groups == {
        ("liaison-auditor", AclOperation.READ),
        ("liaison-router-", AclOperation.DESCRIBE),
        ("liaison-cutter", AclOperation.DESCRIBE),
    }
    read = [*(router_group(lane) for lane in LANES), CUTTER_GROUP]
    assert all(name.startswith(("liaison-router-", "liaison-cutter")) for name in read)


def test_verify_reads_no_topic_that_the_auditor_may_not() -> None:
    declared = product_topics(REFERENCE)
    reader = TopicReader(
        KafkaConnection("127.0.0.1:1", {"log_level": "0"}), declared, ManualClock()
    )
    for name in ("receipts.FR", "alerts.europe", DLQ_BLOCKS, "elsewhere"):
        with pytest.raises(ConfigurationError, match="no declared reader") as caught:
            reader.read([name])
        assert caught.value.code == "undeclared-reader"


def test_rights_are_the_same_every_time() -> None:
    assert acls(REFERENCE, TODAY_MS) == acls(REFERENCE, TODAY_MS)


def test_workers_groups_have_positions_on_all_that_they_read() -> None:
    groups = group_topics(product_topics(REFERENCE))
    assert set(groups) == {"liaison-router-message", "liaison-router-search", "liaison-cutter"}
    message = groups["liaison-router-message"]
    assert [topic.name for topic in message] == [f"intel.{region}" for region in SOURCE_REGIONS]
    assert {topic.partitions for topic in message} == {SOURCE_PARTITIONS}


def test_a_topic_declared_twice_is_refused_before_the_client_sees_it() -> None:
    topic = product_topics(REFERENCE)[0]
    cluster = Cluster(KafkaConnection("127.0.0.1:1", {"log_level": "0"}))
    with pytest.raises(ConfigurationError, match="declared twice"):
        cluster.create_topics([topic, topic])
