"""Tries to leave its directory once it is confined; for tests.

Writes an object from attempt to "done" or the error's name, an empty one where the kernel can't.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.clickhouse.confine import confine


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"


def _write_and_rename(inside: Path) -> None:
    (inside / "a" / "file").write_text("x")
    (inside / "a" / "file").rename(inside / "file")


def _outcomes(inside: Path, outside: Path, port: int) -> dict[str, str]:
    if not confine(inside):
        return {}
    return {
        "write and rename inside": _outcome(lambda: _write_and_rename(inside)),
        "write outside": _outcome(lambda: outside.write_text("x")),
        "move out": _outcome(lambda: (inside / "file").rename(outside)),
        "run a program": _outcome(lambda: subprocess.run([sys.executable, "-c", ""])),  # noqa: S603
        "connect": _outcome(lambda: socket.create_connection(("127.0.0.1", port))),
    }


if __name__ == "__main__":
    print(json.dumps(_outcomes(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
