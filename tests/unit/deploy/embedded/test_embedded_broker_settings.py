"""What the broker is told, as far as it can be seen without one."""

from __future__ import annotations

from pathlib import Path

from deploy.embedded.java import JavaRuntime
from deploy.embedded.jvm import jvm_environment, jvm_options
from deploy.embedded.kafka import KafkaPlace, broker_settings


def test_the_broker_listens_on_loopback_only(tmp_path: Path) -> None:
    settings = broker_settings(KafkaPlace(tmp_path, 19092, 19093))
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        assert "127.0.0.1:1909" in settings[name]
        assert "0.0.0.0" not in settings[name]  # noqa: S104 - it is looked for


def test_index_files_have_room_for_a_full_segment(tmp_path: Path) -> None:
    settings = broker_settings(KafkaPlace(tmp_path, 1, 2))
    entries = int(settings["log.segment.bytes"]) // 4096  # Kafka's log.index.interval.bytes
    assert int(settings["log.index.size.max.bytes"]) >= entries * 12  # bytes of a time index entry


def test_a_block_of_eight_mebibytes_fits(tmp_path: Path) -> None:
    settings = broker_settings(KafkaPlace(tmp_path, 1, 2))
    assert int(settings["message.max.bytes"]) > 8 * 1024 * 1024


def test_a_jvm_gets_none_of_the_users_java_variables() -> None:
    mine = {"PATH": "/bin", "JAVA_TOOL_OPTIONS": "-Xmx1m", "QUARKUS_HTTP_PORT": "1", "TZ": "UTC"}
    assert jvm_environment(mine, OWN="x") == {"PATH": "/bin", "TZ": "UTC", "OWN": "x"}


def test_a_jvms_temporary_files_of_the_last_run_are_cleared(tmp_path: Path) -> None:
    left = tmp_path / "tmp" / "libsnappy.so"
    left.parent.mkdir()
    left.write_bytes(b"x")
    old = jvm_options(tmp_path, JavaRuntime(Path("java"), 17, "PATH"), heap_mib=64)
    assert not left.exists()
    assert f"-Djava.io.tmpdir={tmp_path / 'tmp'}" in old
    assert "-Xmx64m" in old
    new = jvm_options(tmp_path, JavaRuntime(Path("java"), 25, "PATH"), heap_mib=64)
    assert len(new) > len(old)
