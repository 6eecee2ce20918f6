"""Loopback ports that stay ours over a restart.

A port is taken from below the kernel's range for outgoing connections: a client that reconnects to
a dead broker's port inside that range can be given that very port as its own side, connects to
itself, and the broker cannot come back. A port used before is tried first, so that clients still
find it.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Container
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from schemas.errors import ConfigurationError

__all__ = ["LOOPBACK", "answers_ok", "choose_port", "is_free", "who_took"]

LOOPBACK = "127.0.0.1"

_LOWEST = 15_000
_DEFAULT_CEILING = 32_768
_TRIES = 200
_ANSWER_S = 2.0


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)  # with SO_REUSEADDR some kernels refuse only here
        except OSError:
            return False
    return True


def choose_port(
    name: str, *, wanted: int = 0, previous: int = 0, taken: Container[int] = ()
) -> int:
    """`wanted` if it is given (or an error), else the previous one if it is free, else any."""
    if wanted:
        if wanted in taken or not is_free(wanted):
            raise ConfigurationError(
                f"port {wanted} on {LOOPBACK}, wanted for {name}, is taken{_by_whom(wanted)}: "
                "stop that process, or give another port, or 0 for any free one",
                code="port-taken",
            )
        return wanted
    if previous and previous not in taken and is_free(previous):
        return previous
    for _ in range(_TRIES):
        port = random.randrange(_LOWEST, _ceiling())
        if port not in taken and is_free(port):
            return port
    raise ConfigurationError(
        f"no free port on {LOOPBACK} for {name}: stop some servers, or give a port",
        code="port-taken",
    )


def who_took(*ports: int) -> str:
    """Why a server that has ended could not have listened, empty if it could."""
    taken = [f"port {port} is taken{_by_whom(port)}" for port in ports if not is_free(port)]
    return ", ".join(taken)


def _ceiling() -> int:
    try:
        low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        return _DEFAULT_CEILING
    return low if low > _LOWEST + 1000 else _DEFAULT_CEILING


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if local and local.port == port and connection.status == psutil.CONN_LISTEN:
                name = psutil.Process(connection.pid).name() if connection.pid else "a process"
                return f" by {name}" + (f" (pid {connection.pid})" if connection.pid else "")
    except psutil.Error:
        pass  # not ours to see; the message is still right without it
    return ""


def answers_ok(port: int, path: str) -> bool:
    """Whether a web server there answers this path with 200.

    Asked many times a second while a server starts: an HTTP library that loads the authorities of
    TLS for each question would cost more than the server.
    """
    connection = HTTPConnection(LOOPBACK, port, timeout=_ANSWER_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
