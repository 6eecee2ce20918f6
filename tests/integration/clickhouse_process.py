"""A real service process for tests: `python -m deploy.clickhouse` on a free port."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.clickhouse import write_accounts
from schemas.connections import ClickHouseConnection

__all__ = ["ROOT", "ClickHouseProcess"]

ROOT = Path(__file__).parents[2]


class ClickHouseProcess:
    """Owns one child; started on entry, stopped on exit."""

    def __init__(
        self,
        data_dir: Path,
        *,
        passwords: Mapping[str, str] | None = None,
        port: int = 0,
        options: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self._options = list(options)
        self._passwords = dict(passwords or {})
        if self._passwords:
            data_dir.mkdir(parents=True, exist_ok=True)
            self._options += ["--accounts", str(write_accounts(data_dir, self._passwords))]
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def connection(self) -> ClickHouseConnection:
        """As the operator."""
        if self._passwords:
            return self.connection_as("operator")
        return ClickHouseConnection("127.0.0.1", self.port)

    def connection_as(self, role: str) -> ClickHouseConnection:
        return ClickHouseConnection("127.0.0.1", self.port, role, self._passwords[role])

    def launch(self) -> subprocess.Popen[str]:
        """The bare child, its output piped."""
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.clickhouse"]
            + ["--data-dir", str(self.data_dir), "--port", str(self.port), *self._options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self) -> Self:
        self._process = self.launch()
        said: list[str] = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said.append(line)
            if line.startswith("clickhouse ready on "):
                self.port = int(line.rsplit(":", 1)[1])
                return self
        self._reap()
        raise AssertionError(f"the service did not start: {''.join(said)}")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        status = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
