"""Workers as processes of their own, so that a test may kill them at any instant.

They are started by the very command that production uses. Whoever starts one stops it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from deploy.running import worker_arguments

__all__ = ["WorkerProcess"]

_PROJECT = Path(__file__).parent.parent
_STOP_S = 30.0


class WorkerProcess:
    """One worker over a running stack. `extra` is appended to its command line."""

    def __init__(
        self,
        name: str,
        data_dir: Path,
        log_path: Path,
        *,
        extra: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._arguments = [*worker_arguments(name, data_dir=data_dir), *extra]
        self._env = {**os.environ, **(env or {})}
        self._log: BinaryIO | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    def start(self) -> WorkerProcess:
        assert self._process is None, f"{self.name} runs already"
        self._log = self.log_path.open("ab")
        self._process = subprocess.Popen(
            self._arguments,
            cwd=_PROJECT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait for the end; the exit code, negative for a signal."""
        process, log = self._process, self._log
        if process is None or log is None:
            return 0
        process.send_signal(number)
        try:
            code = process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            self._process = None
            log.close()
        return code

    def kill(self) -> None:
        """kill -9, now."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Kill it and start it again, as a supervisor would."""
        self.kill()
        self.start()

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """All that it wrote."""
        return self.log_path.read_text("utf-8", "replace")
