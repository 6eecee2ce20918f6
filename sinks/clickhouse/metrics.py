"""What the loader counts: a registry of its own by default, so loaders may share a process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from sinks.clickhouse.landing import Landed
from sinks.clickhouse.statements import BlockPosition

__all__ = ["LoaderMetrics"]


class LoaderMetrics:
    """The loader's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.blocks = Counter(
            "liaison_loader_blocks", "Blocks that are in.", ["partition"], registry=self.registry
        )
        self.strikes = Counter(
            "liaison_loader_strikes",
            "Compensations written for recalls and corrections.",
            registry=self.registry,
        )
        self.refused = Counter(
            "liaison_loader_refused_blocks",
            "Blocks put into dlq.blocks: each must be resolved by a person.",
            ["code"],
            registry=self.registry,
        )
        self.retries = Counter(
            "liaison_loader_retries",
            "Attempts that failed and were repeated; rising means ClickHouse or Kafka is away.",
            ["code"],
            registry=self.registry,
        )
        self.mark = Gauge(
            "liaison_loader_mark",
            "Offset of the last block that is in.",
            ["partition"],
            registry=self.registry,
        )

    def landed(self, position: BlockPosition, landed: Landed) -> None:
        """Count a block."""
        partition = str(position.partition)
        self.blocks.labels(partition).inc()
        self.strikes.inc(landed.strikes)
        self.mark.labels(partition).set(position.offset)
