from __future__ import annotations

from pathlib import Path

import faust
import pytest

from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError
from stream_apps.surge import SurgeTopics
from stream_apps.surge.driver import CommittedTransport, broker_urls
from stream_apps.surge.run import build_app


def test_every_broker_of_the_list_is_given_to_faust() -> None:
    urls = broker_urls("one:9092, two:9093")
    assert [(url.host, url.port) for url in urls] == [("one", 9092), ("two", 9093)]


def test_the_application_uses_our_driver_and_opens_no_web_server(tmp_path: Path) -> None:
    app = build_app(KafkaConnection("localhost:1"), tmp_path, "app", 4.0)
    assert isinstance(app.transport, CommittedTransport)
    assert isinstance(app.producer_transport, CommittedTransport)
    assert not app.conf.web_enabled
    assert app.conf.broker_session_timeout == 4.0
    assert app.conf.broker_credentials is None


def test_topics_that_faust_makes_have_the_replicas_that_were_asked_for(tmp_path: Path) -> None:
    app = build_app(KafkaConnection("localhost:1"), tmp_path, "app", 4.0, replicas=3)
    assert app.conf.topic_replication_factor == 3


def test_librdkafka_options_become_credentials(tmp_path: Path) -> None:
    options = {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "surge",
        "sasl.password": "secret",
    }
    credentials = build_app(
        KafkaConnection("localhost:1", options), tmp_path, "app", 4.0
    ).conf.broker_credentials
    assert isinstance(credentials, faust.SASLCredentials)
    assert (credentials.username, credentials.password) == ("surge", "secret")
    assert credentials.mechanism.value == "SCRAM-SHA-512"
    assert credentials.protocol.value == "SASL_PLAINTEXT"


def test_tls_needs_no_user(tmp_path: Path) -> None:
    kafka = KafkaConnection("localhost:1", {"security.protocol": "SSL"})
    credentials = build_app(kafka, tmp_path, "app", 4.0).conf.broker_credentials
    assert isinstance(credentials, faust.SSLCredentials)


def test_an_unknown_protocol_is_refused(tmp_path: Path) -> None:
    kafka = KafkaConnection("localhost:1", {"security.protocol": "QUIC"})
    with pytest.raises(ConfigurationError, match="SASL_SSL"):
        build_app(kafka, tmp_path, "app", 4.0)


def test_the_changelog_has_the_name_that_faust_gives_it() -> None:
    assert SurgeTopics().changelog == "liaison-surge-windows-changelog"
