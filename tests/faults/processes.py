"""Processes of the field that are started again whenever they end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["Again"]

_PROJECT = Path(__file__).parents[2]
_ENDS_WITHIN_S = 30.0


class Again:
    """One process, and its successors until `stop`; or until it ends with nothing to do."""

    def __init__(
        self, name: str, argv: Sequence[str], log: Path, env: Mapping[str, str], *, forever: bool
    ) -> None:
        self.name = name
        self._argv = list(argv)
        self._log = log
        self._env = {**os.environ, **env}
        self._forever = forever
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def stop(self) -> None:
        self._stopping.set()
        process = self._process
        if process is not None:
            process.terminate()
        self._thread.join(_ENDS_WITHIN_S * 2)

    def _keep(self) -> None:
        with self._log.open("ab") as log:
            while not self._stopping.is_set():
                process = self._process = subprocess.Popen(
                    self._argv,
                    cwd=_PROJECT,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
                while process.poll() is None:
                    if self._stopping.wait(0.1):
                        process.terminate()
                        with contextlib.suppress(subprocess.TimeoutExpired):
                            process.wait(_ENDS_WITHIN_S)
                        process.kill()
                if process.returncode == 0 and not self._forever:
                    return
                self._stopping.wait(0.2)
