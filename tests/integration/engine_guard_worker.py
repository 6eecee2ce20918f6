"""Hands statements to an engine past the service's own reading of them; for tests.

Reads a JSON list of statements, writes the list of error codes, 0 where the engine ran one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from deploy.clickhouse.config import ServiceLimits
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


if __name__ == "__main__":
    engine = Engine.open(Path(sys.argv[1]), ServiceLimits())
    codes = [_code(engine, text) for text in json.load(sys.stdin)]
    engine.close()
    print(json.dumps(codes))
