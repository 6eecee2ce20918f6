"""Settings from TOML files and the environment: read, or refused with `settings`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random
from unittest.mock import patch

from deploy.settings import load_settings
from schemas.errors import ConfigurationError
from tests.fuzz.case import Case
from tests.fuzz.mutate import NUMBERS, spoil_bytes, spoil_text

__all__ = ["SettingsTarget"]

_FILE = b"""data_dir = "/tmp/x"
[kafka]
bootstrap_servers = "a:9092,b:9092"
replication_factor = 3
options = { "linger.ms" = "5" }
[registry]
url = "http://r:8081"
[clickhouse]
url = "https://c:8443"
username = "u"
password = "p"
[security]
protocol = "SASL_PLAINTEXT"
username = "u"
password = "p"
acls = true
[embedded]
kafka_port = 0
[surge]
window_s = 60
"""
_NAMES = (
    "DATA_DIR", "JAVA", "KAFKA", "KAFKA__BOOTSTRAP_SERVERS", "KAFKA__REPLICATION_FACTOR",
    "KAFKA__OPTIONS",
    "KAFKA__OPTIONS__X", "REGISTRY__URL", "CLICKHOUSE__URL", "CLICKHOUSE__PASSWORD",
    "CLICKHOUSE__USERNAME",
    "SECURITY__PROTOCOL", "SECURITY__CA_FILE", "SECURITY__ACLS", "EMBEDDED__KAFKA_PORT",
    "EMBEDDED__CACHE_DIR", "SURGE__WINDOW_S", "SURGE__BASELINE_WINDOWS", "KAFKA__", "__",
    "SURGE__X__Y",
    "DATADIR", "CONFIG",
)  # fmt: skip
_VALUES = (
    "", "{}", "[]", "null", "{\"a\":", "[" * 100_000, "{\"a\":" * 50_000, "1", "-1", "0",
    "9" * 5000, "1e400",
    "true", "NaN", "http://h:8123", "http://h:99999", "http://[::1", "http://h:x", "https://u:p@h",
    "//",
    "http://\u2100/", "/dev/null", "/", "~", "x" * 5000, "SASL_SSL", "\udcff",
    "{\"a\": \"\\ud800\"}",
)  # fmt: skip
_PIECES = (
    b"[", b"]", b"{", b"}", b"=", b"\"", b"'''", b"\"\"\"", b"\n", b"\\", b"\\u0000", b"\\uD800",
    b"\\UFFFFFFFF",
    b"[[a]]", b"a.b.c=1\n", b"[kafka]\n", b"= 1979-05-27T07:32:00Z", b"= inf", b"= nan", b"= 0x_",
    b"=[[],{}]\n",
    b"\xff", b"\0", b"\r", b"= 99999999-99-99", b"\xef\xbb\xbf", b"x=", b"a = true\n",
)  # fmt: skip


class SettingsTarget:
    """A file and some variables."""

    name = "settings"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="liaison-fuzz-")
        self._path = Path(self._folder.name) / "liaison.toml"

    def make(self, rng: Random) -> Case:
        environment = {
            f"LIAISON_{rng.choice(_NAMES)}": self._a_value(rng)
            for _ in range(rng.choice((0, 0, 1, 1, 2, 4)))
        }
        data = _FILE
        way = rng.random()
        if way < 0.3:
            data = b""
        elif way < 0.7:
            for _ in range(rng.choice((1, 1, 2, 4))):
                at = rng.randint(0, len(data))
                cut = rng.choice((0, 0, 1, 8))
                piece = self._piece(rng)
                data = data[:at] + piece + data[at + cut :]
        elif way < 0.9:
            data = spoil_bytes(rng, data)
        config = "liaison.toml"
        if rng.random() < 0.03:
            config = rng.choice(("\0", "/", "", "\udcff", "x" * 5000, "no/such", "/dev/null"))
        return {"file": data, "environment": environment, "config": config}

    def _a_value(self, rng: Random) -> str:
        if rng.random() < 0.7:
            value = rng.choice(_VALUES)
        else:
            value = spoil_text(rng)[:2000] if rng.random() < 0.6 else str(rng.choice(NUMBERS))
        return value.replace("\0", "")

    def _piece(self, rng: Random) -> bytes:
        if rng.random() < 0.02:
            return rng.choice(_PIECES) * rng.choice((1000, 20_000))
        if rng.random() < 0.1:
            return b" = 1" + b"0" * rng.choice((18, 19, 400, 5000))
        if rng.random() < 0.2:
            return f'= "{spoil_text(rng)[:500]}"\n'.encode()
        return rng.choice(_PIECES)

    def run(self, case: Case) -> list[str]:
        self._path.write_bytes(case["file"])
        config = case["config"]
        path = self._path if config == "liaison.toml" else Path(config)
        kept = {n: v for n, v in os.environ.items() if not n.startswith("LIAISON_")}
        with patch.dict(os.environ, {**kept, **case["environment"]}, clear=True):
            try:
                settings = load_settings(path)
            except ConfigurationError as refused:
                str(refused).encode("utf-8", "backslashreplace")
                return [refused.code]
        _ = settings.security.options
        _ = settings.clickhouse.connection
        _ = settings.kafka.topic_min_insync
        return ["read"]

    def close(self) -> None:
        self._folder.cleanup()
