"""The real stack, once for all tests: Kafka, registry and ClickHouse, provisioned.

`stack` is shared within a process: tests use names of their own (topics under a prefix, outboxes,
groups), or the product's topics knowing that others wrote there too. `pipeline` runs every worker
over it for one module; `start_worker` gives single ones to a test. All of them end with whoever
asked for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from deploy.cli.logs import configure_logs
from deploy.connections import Connections
from deploy.provision import ProvisionReport
from deploy.running import WORKERS, RunningStack
from deploy.settings import Settings
from schemas.catalogue import Catalogue
from schemas.connections import ClickHouseConnection, KafkaConnection, RegistryConnection
from schemas.reference import Reference
from schemas.registry import SchemaIds, fetch_schema_ids
from tests.worker_processes import WorkerProcess

configure_logs("debug")  # as production does: unset, structlog spends seconds on a traceback

_PROJECT = Path(__file__).parent.parent
_WHOLE_WAY = "tests/e2e/test_whole_way.py"
"""It verifies all that its stack holds, so it is the first there."""
_AFTER_IT = "tests/integration/test_surge_stream.py"
"""Then both stacks are busy for equally long."""
_DEMO = "tests/e2e/test_demo.py"
_FAULTS = "tests/faults/test_seeded.py"


@dataclass(frozen=True)
class Stack:
    """Where the shared servers are."""

    settings: Settings
    connections: Connections
    provisioned: ProvisionReport
    running: RunningStack

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    @property
    def kafka(self) -> KafkaConnection:
        return self.connections.kafka

    @property
    def registry(self) -> RegistryConnection:
        return self.connections.registry

    @property
    def clickhouse(self) -> ClickHouseConnection:
        return self.connections.clickhouse_as("operator")

    @property
    def reference(self) -> Reference:
        return Reference.load()

    @cached_property
    def ids(self) -> SchemaIds:
        return fetch_schema_ids(self.registry, Catalogue.load())


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The servers, provisioned, without workers."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("stack"))
    with RunningStack(settings, tell=_tell) as running:
        report = running.provision()
        yield Stack(settings, running.connections, report, running)


@pytest.fixture(scope="module")
def pipeline(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, WorkerProcess]]:
    """Every worker, running for this module, by name; a test may kill and restart them."""
    logs = tmp_path_factory.mktemp("workers")
    with ExitStack() as undo:
        workers = {}
        for name in WORKERS:
            workers[name] = WorkerProcess(name, stack.data_dir, logs / f"{name}.log")
            undo.callback(workers[name].stop)
            workers[name].start()
        yield workers


@pytest.fixture
def start_worker(stack: Stack, tmp_path: Path) -> Iterator[StartWorker]:
    """`start_worker("cutter", extra=("--worker", "1"), env={…})`; stopped after the test."""
    with ExitStack() as undo:
        count = 0

        def start(
            name: str, *, extra: tuple[str, ...] = (), env: dict[str, str] | None = None
        ) -> WorkerProcess:
            nonlocal count
            count += 1
            log_path = tmp_path / f"{name}-{count}.log"
            worker = WorkerProcess(name, stack.data_dir, log_path, extra=extra, env=env)
            undo.callback(worker.stop)
            return worker.start()

        yield start


def _tell(line: str) -> None:
    """Shown by pytest where a test fails."""
    print(line, file=sys.stderr)


@cache
def _share(path: str) -> str:
    """Files that belong into one process: on two shared stacks or a release; others are alone."""
    if path == _AFTER_IT:
        return _WHOLE_WAY
    text = (_PROJECT / path).read_text("utf-8")
    if path != _WHOLE_WAY and "mark.stack" in text:
        return "on the shared stack"
    return "on the shared release" if "mark.release" in text else path


class _ByStack(LoadScopeScheduling):
    """A stack costs more than most tests: two processes have one, the others take what needs none.

    Test processes get whole shares, in the order of their first tests.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _share(nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """For `--numprocesses`."""
    return _ByStack(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""

    def turn(item: pytest.Item) -> int:
        path = item.nodeid.partition("::")[0]
        if path in (_WHOLE_WAY, _DEMO):
            return 0
        return 1 if _share(path) != path or path == _FAULTS else 2

    items.sort(key=turn)
