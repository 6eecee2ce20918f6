"""A program whose clock may be wrong: `python -m tests.faults.shifted FILE MODULE ARGUMENT…`.

While the file holds a number, Python's wall clock in this process is that many seconds off, as it
is on a machine whose clock was set; what measures durations goes on as ever. librdkafka's clock
stays: the times that it gives to records are of no topic that the product takes a time from.
"""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path

_LOOK_EVERY_S = 0.05


class _Clock:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._real_ns = time.time_ns
        self._offset_ns = 0
        self._look_at_s = 0.0

    def time_ns(self) -> int:
        if time.monotonic() >= self._look_at_s:
            self._look_at_s = time.monotonic() + _LOOK_EVERY_S
            try:
                self._offset_ns = int(float(self._file.read_text()) * 1e9)
            except (OSError, ValueError):  # not there, or being written
                self._offset_ns = 0
        return self._real_ns() + self._offset_ns

    def time(self) -> float:
        return self.time_ns() / 1e9


def main() -> None:
    clock = _Clock(Path(sys.argv[1]))
    time.time_ns = clock.time_ns
    time.time = clock.time
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
