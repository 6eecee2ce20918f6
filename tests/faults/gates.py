"""Ports before a server that cut, delay or swallow what passes, for one client each.

A broker tells its clients where it is, and they go there, past any gate. So a gate before a broker
writes its own port wherever an answer holds the broker's address: the two have the same length, and
an answer of Kafka's is a frame that says its length itself.

All gates run in one thread. Only what a gate is asked for comes from others.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Gate", "Gates", "open_gates"]

_HOST = "127.0.0.1"
_CHUNK = 1 << 16


class _Copy(Protocol):
    async def __call__(self, source: asyncio.StreamReader) -> bytes:
        """The next bytes to pass on; none at the end."""
        ...


class Gate:
    """One client's way to one server. Open it is not to be noticed."""

    def __init__(self, server_port: int, loop: asyncio.AbstractEventLoop, *, kafka: bool) -> None:
        self.port = 0
        self._server_port = server_port
        self._loop = loop
        self._answer: _Copy = self._renamed if kafka else _some
        self._is_cut = False
        self._delay_s = 0.0
        self._goes_on = asyncio.Event()
        self._goes_on.set()
        self._connections: set[asyncio.StreamWriter] = set()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Within, every connection is reset and no new one lives."""
        self._do(self._cut)
        try:
            yield
        finally:
            self._do(lambda: setattr(self, "_is_cut", False))

    @contextmanager
    def delayed(self, seconds: float) -> Iterator[None]:
        """Within, whatever passes, in either direction, is that much later."""
        self._do(lambda: setattr(self, "_delay_s", seconds))
        try:
            yield
        finally:
            self._do(lambda: setattr(self, "_delay_s", 0.0))

    @contextmanager
    def swallowing(self) -> Iterator[None]:
        """Within, connections stay and nothing passes; afterwards it arrives, as TCP would."""
        self._do(self._goes_on.clear)
        try:
            yield
        finally:
            self._do(self._goes_on.set)

    def _do(self, change: Callable[[], None]) -> None:
        done = threading.Event()

        def change_and_tell() -> None:
            change()
            done.set()

        self._loop.call_soon_threadsafe(change_and_tell)
        done.wait(10)

    def _cut(self) -> None:
        self._is_cut = True
        for connection in list(self._connections):
            _reset(connection)

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, _HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._goes_on.wait()
            if not self._is_cut:
                onward = await asyncio.open_connection(_HOST, self._server_port)
                self._connections |= {writer, onward[1]}
                both = (
                    asyncio.create_task(self._pass_on(reader, onward[1], _some)),
                    asyncio.create_task(self._pass_on(onward[0], writer, self._answer)),
                )
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
                self._connections -= {writer, onward[1]}
                onward[1].close()
        if self._is_cut:
            _reset(writer)
        writer.close()

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, some: _Copy
    ) -> None:
        while data := await some(source):
            await asyncio.sleep(self._delay_s)
            await self._goes_on.wait()
            target.write(data)
            await target.drain()

    async def _renamed(self, source: asyncio.StreamReader) -> bytes:
        try:
            length = await source.readexactly(4)
        except asyncio.IncompleteReadError:
            return b""
        answer = await source.readexactly(int.from_bytes(length, "big"))
        return length + answer.replace(_address(self._server_port), _address(self.port))


class Gates:
    """The loop that they run on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._servers: list[asyncio.Server] = []

    def before(self, port: int, *, kafka: bool = False) -> Gate:
        """A new gate before a server on this machine; `kafka` if it is a broker."""
        gate = Gate(port, self._loop, kafka=kafka)
        listening = asyncio.run_coroutine_threadsafe(gate.listen(), self._loop)
        self._servers.append(listening.result(10))
        return gate

    async def close(self) -> None:
        """End what listens, and every connection."""
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def open_gates() -> Iterator[Gates]:
    """Gates are served until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="gates", daemon=True)
    thread.start()
    gates = Gates(loop)
    try:
        yield gates
    finally:
        asyncio.run_coroutine_threadsafe(gates.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _some(source: asyncio.StreamReader) -> bytes:
    return await source.read(_CHUNK)


def _reset(connection: asyncio.StreamWriter) -> None:
    """End it as a firewall or a crashed machine does, not in order."""
    with contextlib.suppress(OSError):  # it is closed already
        end: socket.socket = connection.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


def _address(port: int) -> bytes:
    """As Kafka writes it, behind the host's length."""
    return _HOST.encode() + port.to_bytes(4, "big")
