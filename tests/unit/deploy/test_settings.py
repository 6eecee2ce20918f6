"""Settings: who wins, what is refused and with which remedy, and where servers are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.connections import find_clickhouse, find_connections
from deploy.embedded import Addresses, DataDirectory
from deploy.settings import Settings, load_settings
from schemas.errors import ConfigurationError

OUTSIDE = {
    "LIAISON_KAFKA__BOOTSTRAP_SERVERS": "b1:9092,b2:9092",
    "LIAISON_REGISTRY__URL": "http://registry:8081",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine's own."""
    import os

    for name in list(os.environ):
        if name.startswith("LIAISON_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def setenv(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_with_nothing_set_everything_is_embedded() -> None:
    settings = load_settings()
    assert settings.kafka.is_embedded
    assert settings.data_dir == Path(".liaison")
    assert (settings.kafka.topic_replicas, settings.kafka.topic_min_insync) == (1, 1)


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('data_dir = "file"\n[embedded]\nkafka_port = 19092\nregistry_port = 18081\n')
    monkeypatch.setenv("LIAISON_EMBEDDED__KAFKA_PORT", "29092")
    monkeypatch.setenv("LIAISON_DATA_DIR", "environment")
    settings = load_settings(file, data_dir=Path("option"))
    assert settings.data_dir == Path("option")
    assert settings.embedded.kafka_port == 29092
    assert settings.embedded.registry_port == 18081


def test_the_file_is_the_named_one_or_the_one_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "liaison.toml").write_text('data_dir = "here"\n')
    assert load_settings().data_dir == Path("here")
    named = tmp_path / "named.toml"
    named.write_text('data_dir = "named"\n')
    monkeypatch.setenv("LIAISON_CONFIG", str(named))
    assert load_settings().data_dir == Path("named")


def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.data_dir = Path("other")


def test_a_cluster_outside_is_found_by_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    setenv(
        monkeypatch,
        {
            **OUTSIDE,
            "LIAISON_CLICKHOUSE__URL": "https://clickhouse",
            "LIAISON_CLICKHOUSE__USERNAME": "liaison",
            "LIAISON_CLICKHOUSE__PASSWORD": "hidden",
            "LIAISON_SECURITY__PROTOCOL": "SASL_SSL",
            "LIAISON_SECURITY__USERNAME": "liaison-router",
            "LIAISON_SECURITY__PASSWORD": "hidden",
        },
    )
    settings = load_settings()
    at = find_connections(settings)
    assert at.kafka.bootstrap_servers == "b1:9092,b2:9092"
    assert at.kafka.options["security.protocol"] == "SASL_SSL"
    assert at.kafka.options["sasl.mechanisms"] == "SCRAM-SHA-512"
    assert at.kafka.options["sasl.password"] == "hidden"
    assert at.registry.url == "http://registry:8081"
    clickhouse = at.clickhouse_as("loader")
    assert (clickhouse.host, clickhouse.port, clickhouse.secure) == ("clickhouse", 8443, True)
    assert (settings.kafka.topic_replicas, settings.kafka.topic_min_insync) == (3, 2)
    assert "hidden" not in repr(settings)


def test_a_password_among_the_client_s_own_options_is_not_printed_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = '{"security.protocol": "SASL_SSL", "sasl.password": "hidden"}'
    setenv(
        monkeypatch,
        {**OUTSIDE, "LIAISON_KAFKA__OPTIONS": options, "LIAISON_SECURITY__ACLS": "true"},
    )
    settings = load_settings()
    at = find_connections(settings)
    assert at.kafka.options["sasl.password"] == "hidden"
    assert "hidden" not in f"{settings!r} {at!r} {at.kafka}"


def test_who_asks_clickhouse_alone_names_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    setenv(
        monkeypatch,
        {
            "LIAISON_CLICKHOUSE__URL": "http://clickhouse",
            "LIAISON_CLICKHOUSE__USERNAME": "somebody",
            "LIAISON_CLICKHOUSE__PASSWORD": "hidden",
        },
    )
    at = find_clickhouse(load_settings(), "statistician")
    assert (at.host, at.username, at.password) == ("clickhouse", "somebody", "hidden")


def test_without_clickhouse_only_those_who_need_it_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setenv(monkeypatch, OUTSIDE)
    at = find_connections(load_settings())
    with pytest.raises(ConfigurationError, match="LIAISON_CLICKHOUSE__URL"):
        _ = at.clickhouse_as("loader")


def test_a_running_stack_is_found_by_its_data_directory(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "d") as directory:
        directory.publish(Addresses("127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"))
        password = directory.make_clickhouse_passwords()["loader"]
        at = find_connections(Settings(data_dir=tmp_path / "d"))
        assert at.kafka.bootstrap_servers == "127.0.0.1:1"
        clickhouse = at.clickhouse_as("loader")
        assert clickhouse == find_clickhouse(Settings(data_dir=tmp_path / "d"), "loader")
        assert (clickhouse.port, clickhouse.username) == (3, "loader")
        assert clickhouse.password == password
        assert password not in f"{at!r} {clickhouse!r}"


def test_where_none_runs_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="liaison up"):
        find_connections(Settings(data_dir=tmp_path / "none"))


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (
            {"LIAISON_KAFKA__BOOTSTRAP_SERVERS": "b:9092"},
            "set registry.url too",
        ),
        (
            {"LIAISON_REGISTRY__URL": "http://r"},
            "set kafka.bootstrap_servers too",
        ),
        (
            {"LIAISON_KAFKA__REPLICATION_FACTOR": "3"},
            "leave replication_factor out",
        ),
        (
            {
                **OUTSIDE,
                "LIAISON_KAFKA__REPLICATION_FACTOR": "2",
                "LIAISON_KAFKA__MIN_INSYNC_REPLICAS": "3",
            },
            "nothing could ever be written",
        ),
        (
            {**OUTSIDE, "LIAISON_SECURITY__PROTOCOL": "SASL_SSL"},
            "LIAISON_SECURITY__USERNAME",
        ),
        (
            {**OUTSIDE, "LIAISON_SECURITY__USERNAME": "a", "LIAISON_SECURITY__PASSWORD": "b"},
            "set protocol to SASL_SSL",
        ),
        (
            {
                **OUTSIDE,
                "LIAISON_SECURITY__PROTOCOL": "SSL",
                "LIAISON_SECURITY__CA_FILE": "no-such.pem",
            },
            "is not there",
        ),
        (
            {"LIAISON_SECURITY__ACLS": "true"},
            "leave security out",
        ),
        (
            {**OUTSIDE, "LIAISON_SECURITY__ACLS": "true"},
            "under PLAINTEXT the broker knows none",
        ),
        (
            {
                **OUTSIDE,
                "LIAISON_SECURITY__ACLS": "true",
                "LIAISON_KAFKA__OPTIONS": '{"security.protocol": "plaintext"}',
            },
            "under PLAINTEXT the broker knows none",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "clickhouse:8123"},
            "write http://host:8123",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "http://clickhouse:99999"},
            "write http://host:8123",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "http://clickhouse:0"},
            "write http://host:8123",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "http://clickhouse/below"},
            "url has a path (/below)",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "http://clickhouse:8123?database=other"},
            "after a ? or #",
        ),
        (
            {**OUTSIDE, "LIAISON_REGISTRY__URL": "registry:8081"},
            "write http://host:8081",
        ),
        (
            {**OUTSIDE, "LIAISON_REGISTRY__URL": "http://one:8081,two:8081"},
            "write http://host:8081",
        ),
        (
            {**OUTSIDE, "LIAISON_REGISTRY__URL": "http://registry:port"},
            "write http://host:8081",
        ),
        (
            {**OUTSIDE, "LIAISON_KAFKA__BOOTSTRAP_SERVERS": " "},
            "leave it out for the embedded broker",
        ),
        (
            {**OUTSIDE, "LIAISON_KAFKA__BOOTSTRAP_SERVERS": "b1:9092,,b2:9092"},
            "leave it out for the embedded broker",
        ),
        (
            {**OUTSIDE, "LIAISON_EMBEDDED__KAFKA_PORT": "9092"},
            "embedded.kafka_port would not be used",
        ),
        (
            {
                "LIAISON_CLICKHOUSE__URL": "http://clickhouse",
                "LIAISON_EMBEDDED__CLICKHOUSE_PORT": "8123",
            },
            "embedded.clickhouse_port would not be used",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "http://a:b@clickhouse"},
            "clickhouse.username",
        ),
        (
            {"LIAISON_CLICKHOUSE__PASSWORD": "b"},
            "name clickhouse.url",
        ),
        (
            {
                "LIAISON_EMBEDDED__KAFKA_PORT": "9000",
                "LIAISON_EMBEDDED__REGISTRY_PORT": "9000",
            },
            "give each its own",
        ),
        (
            {
                **OUTSIDE,
                "LIAISON_KAFKA__OPTIONS": '{"security.protocol": "SSL"}',
                "LIAISON_SECURITY__PROTOCOL": "SSL",
            },
            "keep one of them",
        ),
        (
            {**OUTSIDE, "LIAISON_REGISTRY__USERNAME": "liaison"},
            "LIAISON_REGISTRY__PASSWORD",
        ),
        (
            {"LIAISON_REGISTRY__PASSWORD": "p", "LIAISON_REGISTRY__USERNAME": "u"},
            "name registry.url",
        ),
        (
            {
                **OUTSIDE,
                "LIAISON_REGISTRY__USERNAME": "a:b",
                "LIAISON_REGISTRY__PASSWORD": "p",
            },
            "holds a colon",
        ),
        (
            {**OUTSIDE, "LIAISON_REGISTRY__CA_FILE": __file__},
            "would not be used over http",
        ),
        (
            {
                **OUTSIDE,
                "LIAISON_REGISTRY__URL": "https://registry",
                "LIAISON_REGISTRY__CA_FILE": "/no/such/ca.pem",
            },
            "ca_file /no/such/ca.pem is not there",
        ),
        (
            {
                **OUTSIDE,
                "LIAISON_REGISTRY__URL": "https://registry",
                "LIAISON_REGISTRY__CA_FILE": "9" * 5000,
            },
            "9 is not there",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "https://c", "LIAISON_CLICKHOUSE__CA_FILE": __file__},
            "holds no certificate",
        ),
        (
            {"LIAISON_CLICKHOUSE__URL": "http://c", "LIAISON_CLICKHOUSE__CA_FILE": __file__},
            "would not be used over http",
        ),
        (
            {"LIAISON_CLICKHOUSE__CA_FILE": __file__},
            "name clickhouse.url",
        ),
        (
            {"LIAISON_KAFKA__BOOTSTRAP_SERVER": "b:9092"},
            "did you mean bootstrap_servers",
        ),
        (
            {"LIAISON_DATADIR": "x"},
            "did you mean LIAISON_DATA_DIR",
        ),
        (
            {"LIAISON_KAFKA__OPTIONS": "{not json"},
            "can't be used",
        ),
        (
            {"LIAISON_KAFKA": '{"a":' * 50_000},
            "correct it",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(
    values: dict[str, str], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setenv(monkeypatch, values)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert remedy in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://one:8081, http://two:8081", "https://r/apis/ccompat/v7"])
def test_a_registry_may_have_several_addresses_and_a_path(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setenv(monkeypatch, {**OUTSIDE, "LIAISON_REGISTRY__URL": url})
    assert load_settings().registry.url == url


@pytest.mark.parametrize(
    "values",
    [
        {"LIAISON_CLICKHOUSE__PASSWORD": "swordfish"},
        {"LIAISON_CLICKHOUSE__URL": "http://a:swordfish/2@clickhouse"},
        {**OUTSIDE, "LIAISON_REGISTRY__URL": "http://a:swordfish/2@registry"},
        {**OUTSIDE, "LIAISON_REGISTRY__URL": "http://r:8081,http://a:swordfish@registry:8081"},
        {**OUTSIDE, "LIAISON_REGISTRY__PASSWORD": "swordfish"},
    ],
)
def test_a_refusal_does_not_print_secrets(
    values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    setenv(monkeypatch, values)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert "swordfish" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"data_dir = ", "can't be read"),
        (b"dtaa_dir = 'x'", "did you mean data_dir"),
        (b'data_dir = "\xff"', "can't be read"),
        (b"data_dir = 1" + b"0" * 5_000, "can't be read"),
        (b"data_dir = " + b"[" * 100_000, "can't be read"),
    ],
    ids=["cut", "misspelt", "no UTF-8", "a long number", "nested"],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: bytes, told: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_bytes(text)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert told in str(refused.value)
    assert "wrong.toml" in str(refused.value)


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_settings(Path("a\0b"))


def test_a_named_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="correct --config"):
        load_settings(tmp_path / "none.toml")
