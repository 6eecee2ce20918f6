"""A partition that stands still is stepped over only where a broker answers."""

import socket
import threading
from collections.abc import Iterator

import pytest

from schemas.connections import KafkaConnection
from stream_apps.engine import Partition, silence


@pytest.fixture
def hung() -> Iterator[KafkaConnection]:
    """A broker that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        yield KafkaConnection(f"127.0.0.1:{server.getsockname()[1]}", {"log_level": "0"})
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in taken:
            connection.close()


def test_a_broker_that_hangs_proves_no_silence(
    hung: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "_PROOF_S", 0.5)
    assert not silence._is_silent(hung, Partition("intel.europe", 0), 7)
