"""Raw HTTP requests to the real ClickHouse service: headers, bodies, multipart, SQL in parameters.

Whatever comes, the service answers, as ClickHouse does or with what its HTTP server says to broken
requests; it lives on, and a sound question beside it gets its answer.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections import deque
from pathlib import Path
from random import Random
from urllib.parse import quote

import psutil

from tests.fuzz.case import Case, Finding
from tests.fuzz.mutate import NUMBERS, TEXTS, spoil_bytes, spoil_text
from tests.fuzz.sql import ENCODINGS, a_body, a_statement
from tests.integration.clickhouse_process import ClickHouseProcess

__all__ = ["HttpTarget"]

_TIMEOUT_S = 30.0
_PATIENCE_S = 2.0
_MAX_RESIDENT_BYTES = 2 * 1024**3
_ASK_EVERY = 10
_SOUND = b"GET /?query=SELECT+41%2B1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_NAMES = (
    "query", "database", "default_format", "query_id", "user", "password", "session_id", "compress",
    "decompress", "param_a", "param_", "max_threads", "max_block_size", "no_such_setting", "",
    "enable_http_compression", "max_result_bytes", "readonly", "buffer_size", "role", "quota_key",
    "wait_end_of_query", "format_schema", "input_format_allow_errors_num", "a b", "a'b", "a;b",
)  # fmt: skip
_VALUES = (
    "", "0", "1", "true", "-1", "18446744073709551616", "system", "main", "no.such", "JSON", "TSV",
    "Avro", "Null", "x; DROP TABLE t", "' OR 1=1 --", "\\", "a\r\nX-Evil: 1", "é", "漢", "\0",
    "\u202e",
)  # fmt: skip
_HEADERS = (
    "X-ClickHouse-User", "X-ClickHouse-Key", "X-ClickHouse-Database", "X-ClickHouse-Format",
    "Authorization", "Accept-Encoding", "Content-Encoding", "Content-Type", "Transfer-Encoding",
    "Expect", "Range", "Upgrade", "Cookie", "Host", "Content-Length", "Accept", "X" * 3000,
)  # fmt: skip
_HEADER_VALUES = (
    b"", b"default", b"Basic", b"Basic !!!", b"Basic ZGVmYXVsdDo=", b"Basic /////w==", b"Bearer x",
    b"gzip, zstd;q=0, *", b"chunked", b"100-continue", b"websocket", b"-1", b"99999999999999999999",
    b"\xff\xfe", b"a" * 9000, b"multipart/form-data", b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=x; charset=utf-7", b"gzip", b"lz4", b"zstd", b"deflate", b"br",
    b"multipart/form-data; boundary=" + b"x" * 300, b"TabSeparated", b"caf\xe9", b"system",
)  # fmt: skip
_CHARSETS = (
    "utf-8", "utf-16", "utf-7", "punycode", "idna", "raw_unicode_escape", "unicode_escape", "hex",
    "no-such", "rot13", "undefined", "zlib", "utf-8-sig", "cp037",
)  # fmt: skip


class HttpTarget:
    """One service process for all cases."""

    name = "http"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="liaison-fuzz-")
        self._service = ClickHouseProcess(Path(self._folder.name))
        self._said: deque[str] = deque(maxlen=60)
        self._asked = 0
        self._start()

    def _start(self) -> None:
        self._service.start()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Take what the service prints, or it would wait for a reader."""
        with contextlib.suppress(ValueError):
            for line in self._service.process.stdout or ():
                self._said.append(line)

    def make(self, rng: Random) -> Case:
        method = rng.choice(("POST", "POST", "POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
        path = rng.choice(("/",) * 12 + ("/ping", "/replicas_status", "/no", "//", "/%00", "/../x"))
        body = b""
        headers: list[tuple[str, bytes]] = []
        in_query = rng.random() < 0.4
        parameters = self._parameters(rng)
        statement = a_statement(rng)[:60_000]
        if in_query:
            parameters.insert(0, "query=" + quote(statement[:8000]))
        if method != "GET" or rng.random() < 0.1:
            way = rng.random()
            if way < 0.25:
                content_type, body = self._multipart(rng, statement)
                headers.append(("Content-Type", content_type.encode("latin-1", "replace")))
            else:
                encoding = rng.choice(ENCODINGS) if way < 0.7 else ""
                data = rng.randbytes(300) if in_query else statement
                body = a_body(rng, encoding, data)
                if encoding:
                    headers.append(("Content-Encoding", encoding.encode()))
            headers.append(("Content-Length", str(len(body)).encode()))
        for _ in range(rng.choice((0, 0, 1, 2, 5))):
            value = rng.choice(_HEADER_VALUES)
            if rng.random() < 0.2:
                value = spoil_text(rng)[:400].encode("utf-8", "surrogatepass")
            headers.append((rng.choice(_HEADERS), value))
        target = path + ("?" + "&".join(parameters) if parameters else "")
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
        head += b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
        request = head + b"\r\n" + body
        if rng.random() < 0.08:
            request = spoil_bytes(rng, request)
        return {"request": request}

    def _parameters(self, rng: Random) -> list[str]:
        parameters = []
        for _ in range(rng.choice((0, 0, 1, 2, 4))):
            value = rng.choice(_VALUES) if rng.random() < 0.7 else spoil_text(rng)[:300]
            if rng.random() < 0.15:
                value = str(rng.choice(NUMBERS))
            raw = rng.random() < 0.05
            coded = value.encode().hex(" ").replace(" ", "%") if raw else quote(value)
            parameters.append(f"{quote(rng.choice(_NAMES))}={coded}")
        if rng.random() < 0.03:
            parameters.append(rng.choice(("%ff=%ff", "%", "a=%zz", "&&&==", "query=%ff%fe")))
        return parameters

    def _multipart(self, rng: Random, statement: bytes) -> tuple[str, bytes]:
        boundary = rng.choice(("x", "----b", "a" * 70))
        content_type = f"multipart/form-data; boundary={boundary}"
        if rng.random() < 0.3:
            content_type += f"; charset={rng.choice(_CHARSETS)}"
        parts = []
        for _ in range(rng.choice((1, 1, 2, 5, 50)) if rng.random() < 0.97 else 1500):
            name = rng.choice(_NAMES)
            text = rng.choice((statement[:500], rng.choice(TEXTS).encode("utf-8", "surrogatepass")))
            file = "; filename=x" if rng.random() < 0.05 else ""
            disposition = rng.choice(("form-data", "form-data", "form-data", "x", "attachment"))
            head = f"Content-Disposition: {disposition}; name={name!r}{file}".replace("'", '"')
            parts.append(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head.encode(), text))
        body = b"".join(parts) + f"--{boundary}--\r\n".encode()
        return content_type, spoil_bytes(rng, body) if rng.random() < 0.4 else body

    def run(self, case: Case) -> list[str]:
        self._asked += 1
        if self._service.process.poll() is not None:
            self._start()
        answer = self._ask(case["request"])
        if self._service.process.poll() is not None:
            raise Finding(f"the service ended: {''.join(self._said)[-2000:]}")
        if self._asked % _ASK_EVERY == 0 and not self._ask(_SOUND, _TIMEOUT_S).endswith(b"42\n"):
            raise Finding(f"a sound question got no answer: {''.join(self._said)[-2000:]}")
        resident = psutil.Process(self._service.process.pid).memory_info().rss
        if resident > _MAX_RESIDENT_BYTES:
            raise Finding(f"the service holds {resident} bytes")
        if not answer:
            return ["closed"]
        head, _, rest = answer.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1].decode("ascii", "replace")
        if status == "500" and b"x-clickhouse-exception-code" not in head.lower():
            raise Finding(f"{rest[:80]!r}: {''.join(self._said)[-2500:]}")
        if b"\nx-evil" in head.lower():
            raise Finding("a parameter became a header of the answer")
        return [f"status-{status}"]

    def _ask(self, request: bytes, patience_s: float = _PATIENCE_S) -> bytes:
        """Send and read the answer; a request that waits for more is ended after a while."""
        answer = bytearray()
        with socket.create_connection(("127.0.0.1", self._service.port), _TIMEOUT_S) as connection:
            try:
                connection.sendall(request)
                connection.settimeout(patience_s)
                with contextlib.suppress(TimeoutError):
                    answer += connection.recv(65_536)
                if not answer:  # it waits for more than was sent
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(_TIMEOUT_S)
                while chunk := connection.recv(65_536):
                    answer += chunk
            except TimeoutError as error:
                if not answer:  # else the connection is only kept alive
                    raise Finding(f"no answer within {_TIMEOUT_S} s") from error
            except OSError:  # it answered before it had read all, and closed
                return bytes(answer)
        return bytes(answer)

    def close(self) -> None:
        if self._service.process.poll() is None:
            self._service.kill()
        self._folder.cleanup()
