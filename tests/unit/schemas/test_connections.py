"""What every Kafka client of the project is configured with."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError

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


def test_a_login_goes_to_aiokafka_under_its_own_names() -> None:
    options = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "liaison",
        "sasl.password": "secret",
    }
    login = KafkaConnection("localhost:1", options).login()
    assert login.pop("ssl_context").verify_mode.name == "CERT_REQUIRED"
    assert login == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "liaison",
        "sasl_plain_password": "secret",
    }
    assert KafkaConnection("localhost:1").login() == {"security_protocol": "PLAINTEXT"}
    with pytest.raises(ConfigurationError, match="QUIC"):
        KafkaConnection("localhost:1", {"security.protocol": "quic"}).login()
