"""A gate does to a connection what it says, and nothing while it is open."""

import contextlib
import socket
import socketserver
from collections.abc import Iterator

import pytest

from tests.faults.gates import Gate, Gates, open_gates
from tests.serving import serving


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            while data := self.request.recv(1 << 16):
                self.request.sendall(data)


@pytest.fixture
def gates() -> Iterator[Gates]:
    with open_gates() as gates:
        yield gates


@pytest.fixture
def echo() -> Iterator[int]:
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)) as port:
        yield port


def connect(gate: Gate) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gate.port), timeout=10)


def answer(client: socket.socket, question: bytes) -> bytes:
    client.sendall(question)
    found = b""
    while len(found) < len(question):
        part = client.recv(1 << 16)
        if not part:
            return found
        found += part
    return found


def test_what_is_cut_ends_and_nothing_lives_until_it_is_open_again(gates: Gates, echo: int) -> None:
    gate = gates.before(echo)
    with connect(gate) as before:
        assert answer(before, b"hello" * 50_000) == b"hello" * 50_000
        with gate.cut():
            with pytest.raises(ConnectionResetError):
                answer(before, b"x")
            with pytest.raises(ConnectionResetError), connect(gate) as within:
                answer(within, b"x")
    with connect(gate) as after:
        assert answer(after, b"again") == b"again"


def test_what_is_swallowed_arrives_afterwards_and_what_is_delayed_arrives(
    gates: Gates, echo: int
) -> None:
    gate = gates.before(echo)
    with connect(gate) as client:
        client.settimeout(0.2)
        with gate.swallowing():
            client.sendall(b"late")
            with pytest.raises(TimeoutError):
                client.recv(10)
        client.settimeout(10)
        assert client.recv(10) == b"late"
        client.settimeout(0.2)
        with gate.delayed(0.5):
            client.sendall(b"later")
            with pytest.raises(TimeoutError):
                client.recv(10)
            client.settimeout(10)
            assert client.recv(10) == b"later"


def test_a_broker_s_answer_names_the_gate_in_place_of_the_broker(gates: Gates, echo: int) -> None:
    gate = gates.before(echo, kafka=True)
    address = b"\x0a127.0.0.1" + echo.to_bytes(4, "big")
    frame = (len(address) + 3).to_bytes(4, "big") + b"abc" + address
    with connect(gate) as client:
        assert answer(client, frame * 3) == 3 * frame.replace(
            echo.to_bytes(4, "big"), gate.port.to_bytes(4, "big")
        )
