"""What every Kafka client of the project is configured with."""

from __future__ import annotations

from confluent_kafka import Producer

from schemas.connections import KafkaConnection

PATIENCE_S = 10.0


def test_a_producer_that_asks_for_a_topic_does_not_make_it() -> None:
    host = Producer({"test.mock.num.brokers": 1, "allow.auto.create.topics": False})
    brokers = host.list_topics(timeout=PATIENCE_S).brokers.values()
    kafka = KafkaConnection(",".join(f"{broker.host}:{broker.port}" for broker in brokers))
    asking = Producer(kafka.producer_config())
    refusal = asking.list_topics("intel.eurpoe", PATIENCE_S).topics["intel.eurpoe"].error
    assert refusal is not None
    assert refusal.name() == "UNKNOWN_TOPIC_OR_PART"
    assert host.list_topics(timeout=PATIENCE_S).topics == {}
