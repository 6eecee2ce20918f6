"""Servers and gates on loopback, each in a thread of its own for the length of a block."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

__all__ = ["gate", "serving"]


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """It serves until the end of the block, then its port is closed; yields the port."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def gate(
    target: tuple[str, int], wrap: Callable[[socket.socket], socket.socket] = lambda client: client
) -> AbstractContextManager[int]:
    """A port that passes everything on to the target; `wrap` may speak TLS with the client."""

    class Through(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                inside = wrap(self.request)
            except OSError:  # a client that does not trust us goes away
                return
            with inside, socket.create_connection(target) as onward:
                back = threading.Thread(target=_pass_on, args=(onward, inside))
                back.start()
                _pass_on(inside, onward)
                back.join()

    return serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Through))


def _pass_on(source: socket.socket, onward: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            onward.sendall(data)
        onward.shutdown(socket.SHUT_WR)
    except OSError:  # either side may be gone
        return
