"""`python -m tests.bench.engine_inserts FOLDER FILE …`: chDB alone, in a process of its own."""

from __future__ import annotations

import importlib
import json
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any


def main() -> None:
    folder, files = Path(sys.argv[1]), sys.argv[2:]
    core: Any = importlib.import_module("chdb._chdb")
    handle = core.connect(str(folder / "store"))
    statement = (folder / "insert.sql").read_text()
    statement = statement.removesuffix("FORMAT Avro").replace("4242", "1000000")
    structure = re.compile(r"FROM input\(('(?:[^'\\]|\\.)*')\)")
    began = time.monotonic()
    for path in files:
        found = structure.search(statement)
        assert found is not None
        run = statement.replace(found[0], f"FROM file('{path}', 'Avro', {found[1]})")
        handle.query(run.replace("'bench/0/1000000'", f"'{uuid.uuid4().hex}'"))
    seconds = time.monotonic() - began
    handle.close()
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
