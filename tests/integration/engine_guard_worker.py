"""Hands statements to an engine past the service's own reading of them; for tests.

Reads a JSON list of statements, writes the list of error codes, 0 where the engine ran one. With a
word and another, the engine is given a users file in which the other stands for the word.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import deploy.clickhouse.engine as engine_module
from deploy.clickhouse.config import ServiceLimits, write_config
from deploy.clickhouse.engine import Engine, Job
from deploy.clickhouse.errors import ClickHouseError
from deploy.clickhouse.statement import Statement
from schemas.rights import ROLES


def _code(engine: Engine, text: str) -> int:
    try:
        engine.run(Job(Statement(text, ""), ROLES["operator"]))
    except ClickHouseError as error:
        return error.code
    return 0


def _write_changed(directory: Path, limits: ServiceLimits) -> Path:
    server = write_config(directory, limits)
    users = directory / "users.xml"
    word, other = sys.argv[2:]
    changed = users.read_text().replace(word, other)
    assert changed != users.read_text()
    users.write_text(changed)
    return server


if __name__ == "__main__":
    if sys.argv[2:]:
        vars(engine_module)["write_config"] = _write_changed
    engine = Engine.open(Path(sys.argv[1]), ServiceLimits())
    codes = [_code(engine, text) for text in json.load(sys.stdin)]
    engine.close()
    print(json.dumps(codes))
