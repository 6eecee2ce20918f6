"""chDB alone, in a process of its own, on the data directory of a service that has stopped.

`python -m tests.bench.engine_statements STORE` runs the statements that it is given on stdin, one
after another, and prints how long each took, its answer's digest and how many bytes that has.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow

__all__ = ["Ran", "run_in_engine"]

_ARROW = "ArrowStream"


@dataclass(frozen=True, slots=True)
class Ran:
    """One statement that was run."""

    seconds: float
    digest: str
    answer_bytes: int


def run_in_engine(
    data_dir: Path, statements: Sequence[str], *, answer_as: str = "TSV"
) -> list[Ran]:
    """Run them; an answer in `ArrowStream` is read into a table, too, within its time."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.engine_statements", str(data_dir / "store")],
        input=json.dumps({"statements": list(statements), "answer_as": answer_as}),
        env=os.environ | {"TZ": "UTC"},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return [Ran(**ran) for ran in json.loads(done.stdout)]


def main() -> None:
    asked = json.load(sys.stdin)
    core: Any = importlib.import_module("chdb._chdb")
    handle = core.connect(sys.argv[1])
    ran = [_run(handle, statement, asked["answer_as"]) for statement in asked["statements"]]
    handle.close()
    print(json.dumps([asdict(one) for one in ran]))


def _run(handle: Any, statement: str, answer_as: str) -> Ran:
    began = time.perf_counter()
    answer = bytes(handle.query(statement, answer_as).bytes())
    if answer_as == _ARROW:
        pyarrow.ipc.open_stream(answer).read_all()
    seconds = time.perf_counter() - began
    return Ran(seconds, hashlib.sha256(answer).hexdigest(), len(answer))


if __name__ == "__main__":
    main()
