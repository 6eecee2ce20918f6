"""Running the surge detector: one blocking call a process.

It owns the process's signals while it runs: SIGTERM and SIGINT end it in order. After a failure the
process ends in any case: threads that hang, for which Python would wait for ever, don't keep it.
What Faust would do as a command (its logging, its web server, its exit codes) is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import faust
import structlog

from schemas.catalogue import Catalogue
from schemas.connections import KafkaConnection, RegistryConnection
from schemas.errors import LiaisonError, RetryableError
from schemas.reference import Reference
from schemas.registry import SchemaIds, fetch_schema_ids
from schemas.topics import REGIONS
from stream_apps.surge.app import SurgeCounter, SurgeTopics
from stream_apps.surge.driver import CommittingApp, broker_urls
from stream_apps.surge.watch import StandstillWatch, first_unread
from stream_apps.surge.windows import SurgeSettings

__all__ = ["build_app", "run_surge"]

_STOP_LIMIT_S = 8.0
_END_LIMIT_S = 12.0
_REQUEST_TIMEOUT_S = 30.0
_POLL_S = 0.2

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Outcome:
    """Why the application ends: asked to, or a failure."""

    loop: asyncio.AbstractEventLoop
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    failure: BaseException | None = None

    def fail(self, failure: BaseException) -> None:
        """End for this reason, unless there is one already; from any thread."""
        if self.failure is None:
            self.failure = failure
            force = threading.Timer(_END_LIMIT_S, _end_by_force, (failure,))
            force.daemon = True  # nothing comes of it where the process ends in time
            force.start()
            self.loop.call_soon_threadsafe(self.ended.set)


def run_surge(
    kafka: KafkaConnection,
    registry: RegistryConnection,
    data_dir: Path,
    settings: SurgeSettings | None = None,
    topics: SurgeTopics | None = None,
    *,
    ready: Callable[[], None] = lambda: None,
    session_timeout_s: float = 10.0,
    standstill_s: float = 60.0,
    replicas: int = 1,
) -> None:
    """Count facts and raise alerts until SIGTERM or SIGINT.

    `settings.cells` is replaced by the number of regions and categories of the reference data. A
    worker that was killed is replaced after `session_timeout_s`. One that counts nothing while
    facts wait ends after `standstill_s`, and before twice that. `ready` is called whenever
    partitions have been taken over. `replicas` is of the table's changelog, where provisioning has
    not made it.

    Raises:
        ConfigurationError: the registry does not know the schemas, or Kafka's options don't fit.
        RetryableError: Kafka failed, the worker stood still, or there is a schema that it does not
            know (`unknown-schema`); start again, nothing is lost or counted twice.
    """
    catalogue = Catalogue.load()
    schema_ids = fetch_schema_ids(registry, catalogue)
    cells = len(REGIONS) * len(Reference.load().categories)
    settings = replace(settings or SurgeSettings(), cells=cells)
    data_dir.mkdir(parents=True, exist_ok=True)
    topics = topics or SurgeTopics()
    app = build_app(kafka, data_dir, topics.app_id, session_timeout_s, replicas)
    _tell_ready(app, ready)
    watch = StandstillWatch(first_unread(kafka, topics.facts))
    asyncio.run(_serve(app, catalogue, schema_ids, settings, topics, watch, standstill_s))


def build_app(
    kafka: KafkaConnection,
    data_dir: Path,
    app_id: str,
    session_timeout_s: float,
    replicas: int = 1,
) -> CommittingApp:
    """The application without its agent."""
    return CommittingApp(
        app_id,
        broker=broker_urls(kafka.bootstrap_servers),
        broker_credentials=_credentials(kafka),
        broker_session_timeout=session_timeout_s,
        broker_heartbeat_interval=session_timeout_s / 4,
        broker_request_timeout=_REQUEST_TIMEOUT_S,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        producer_linger=0.0,
        producer_max_request_size=2 * 1024 * 1024,
        producer_request_timeout=_REQUEST_TIMEOUT_S,
        stream_buffer_maxsize=64,
        stream_recovery_delay=0.0,
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_replication_factor=replicas,
        web_enabled=False,
        store="memory://",
        datadir=str(data_dir),
        autodiscover=False,
    )


def _tell_ready(app: CommittingApp, ready: Callable[[], None]) -> None:
    async def tell(*_: Any, **_named: Any) -> None:
        ready()

    app.on_rebalance_complete.connect(tell)


async def _serve(
    app: CommittingApp,
    catalogue: Catalogue,
    schema_ids: SchemaIds,
    settings: SurgeSettings,
    topics: SurgeTopics,
    watch: StandstillWatch,
    standstill_s: float,
) -> None:
    loop = asyncio.get_running_loop()
    outcome = _Outcome(loop)
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, outcome.ended.set)
    counter = SurgeCounter(app, catalogue, schema_ids, settings, topics, outcome.fail)
    start = asyncio.create_task(app.start())
    stop_watch = threading.Event()
    watching = threading.Thread(
        target=_watch,
        args=(watch, counter, standstill_s, stop_watch, outcome.fail),
        name="standstill-watch",
        daemon=True,
    )
    try:
        await _until_ended(app, start, outcome, on_running=watching.start)
    finally:
        stop_watch.set()
        await _stop(app, start)
        for number in numbers:
            loop.remove_signal_handler(number)
    if outcome.failure is not None:
        raise _stopped(outcome.failure) from outcome.failure


def _stopped(failure: BaseException) -> RetryableError:
    """What whoever runs the worker is told; a code of our own is kept."""
    return RetryableError(
        f"surge detection stopped ({type(failure).__name__}: {failure}): start it again, it goes "
        "on from its table",
        code=failure.code if isinstance(failure, LiaisonError) else None,
    )


async def _until_ended(
    app: Any, start: asyncio.Task[Any], outcome: _Outcome, *, on_running: Callable[[], None]
) -> None:
    ended = asyncio.create_task(outcome.ended.wait())
    try:
        await asyncio.wait({start, ended}, return_when=asyncio.FIRST_COMPLETED)
        if start.done() and not ended.done():
            start.result()
            on_running()
            _log.info("surge detection is running")
        while not ended.done():
            if app.crashed:
                outcome.fail(app.crash_reason or RuntimeError("Faust crashed"))
            await asyncio.wait({ended}, timeout=_POLL_S)
    except Exception as failure:
        outcome.fail(failure)
    finally:
        ended.cancel()


def _watch(
    watch: StandstillWatch,
    counter: SurgeCounter,
    every_s: float,
    stop: threading.Event,
    fail: Callable[[BaseException], None],
) -> None:
    """Look after every `every_s`, in a thread of its own: Faust's may be what stands still."""
    while not stop.wait(every_s):
        try:
            found = watch.look(counter.places())
        except RetryableError as error:
            _log.warning("can't look whether facts wait", reason=str(error))
            continue
        except Exception as failure:
            fail(failure)
            return
        if found is not None:
            partition, offset = found
            fail(
                RetryableError(
                    f"the record at offset {offset} of the facts' partition {partition} has waited "
                    f"for {every_s:g} s and nothing was counted there",
                    code="standstill",
                )
            )
            return


def _end_by_force(failure: BaseException) -> None:
    _log.error(
        "surge detection hangs, the process ends by force",
        reason=str(failure),
        after_s=_END_LIMIT_S,
    )
    os._exit(os.EX_SOFTWARE)


async def _stop(app: Any, start: asyncio.Task[Any]) -> None:
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await start
    try:
        async with asyncio.timeout(_STOP_LIMIT_S):
            await app.stop()
    except TimeoutError:
        _log.warning("surge detection did not stop in time", limit_s=_STOP_LIMIT_S)


def _credentials(kafka: KafkaConnection) -> Any:
    """Faust's credentials from librdkafka's options."""
    login = kafka.login()
    if login["security_protocol"] == "PLAINTEXT":
        return None
    context = login.get("ssl_context")
    if login["security_protocol"] == "SSL":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=login["sasl_plain_username"],
        password=login["sasl_plain_password"],
        ssl_context=context,
        mechanism=login["sasl_mechanism"],
    )
