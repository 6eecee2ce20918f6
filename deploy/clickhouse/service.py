"""The process: one engine, one listener, stopped by a signal.

The port is bound before the data is opened and opened before the port answers, so "ready" means
ready. SIGTERM and SIGINT: no new request, running ones get a moment, then they are cancelled. What
was acknowledged is in the data directory; kill -9 loses none of it. Where the kernel can, the
process is confined to that directory before the engine starts its threads.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from deploy.clickhouse.accounts import Account
from deploy.clickhouse.audit import AuditLog
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.confine import confine
from deploy.clickhouse.engine import Engine
from deploy.clickhouse.http import make_app
from deploy.clickhouse.quota import Quotas
from schemas.clock import SystemClock
from schemas.errors import ConfigurationError

__all__ = ["serve"]


def serve(
    data_dir: Path,
    host: str = "127.0.0.1",
    port: int = 8123,
    *,
    accounts: tuple[Account, ...],
    limits: ServiceLimits | None = None,
) -> None:
    """Serve these accounts until a signal.

    Port 0 takes a free one; the line printed when ready names it.
    """
    limits = limits or ServiceLimits()
    os.environ["TZ"] = "UTC"
    clock = SystemClock()
    listener = _bind(host, port)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not confine(data_dir):
            print("No Landlock in this kernel: grants alone confine the engine.", file=sys.stderr)
        engine = Engine.open(data_dir, limits)
        try:
            audit = AuditLog(data_dir / "audit", clock)
            app = make_app(engine, accounts, limits, audit, Quotas(clock))
            _announce_when_ready(app, listener)
            server = _Server(
                uvicorn.Config(
                    app,
                    log_level="warning",
                    access_log=False,
                    timeout_keep_alive=60,
                    server_header=False,
                    # the audited address is the connection's, whatever a header says
                    proxy_headers=False,
                    lifespan="on",
                )
            )
            _stop_on_signals(server, engine, limits.stop_timeout_s)
            server.run(sockets=[listener])
        finally:
            engine.close()
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """uvicorn would raise the signal again after its shutdown, before the engine is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _stop_on_signals(server: uvicorn.Server, engine: Engine, stop_timeout_s: float) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        if server.should_exit:
            return
        server.should_exit = True
        # answers that are still being computed hold the server up: they get this long
        timer = threading.Timer(stop_timeout_s, engine.cancel_all)
        timer.daemon = True
        timer.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} on {host} is taken: stop its owner or choose another port."
        else:
            message = f"Can't listen on {host}:{port}: {error.strerror}."
        raise ConfigurationError(message, code="port") from error
    return listener


def _announce_when_ready(app: Starlette, listener: socket.socket) -> None:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        host, port = listener.getsockname()[:2]
        print(f"clickhouse ready on {host}:{port}", flush=True)
        yield

    app.router.lifespan_context = lifespan
