"""A provisioned stack of a bench's own, without workers unless it starts some."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.connections import Connections
from deploy.running import RunningStack
from deploy.settings import Settings
from schemas.catalogue import Catalogue
from schemas.registry import SchemaIds, fetch_schema_ids

__all__ = ["BenchStack", "open_stack"]


@dataclass(frozen=True)
class BenchStack:
    """Where the servers are."""

    running: RunningStack
    folder: Path
    ids: SchemaIds

    @property
    def at(self) -> Connections:
        return self.running.connections


@contextmanager
def open_stack(*workers: str) -> Iterator[BenchStack]:
    """Kafka, registry and ClickHouse, provisioned; these workers run."""
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as name:
        folder = Path(name)
        settings = Settings(data_dir=folder)
        with RunningStack(settings, tell=lambda line: print(line, file=sys.stderr)) as running:
            running.provision()
            if workers:
                running.start_workers(workers)
            ids = fetch_schema_ids(running.connections.registry, Catalogue.load())
            yield BenchStack(running, folder, ids)
