"""Answers as HTTP: ClickHouse's headers, its errors, and bodies that are sent in steps."""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from deploy.clickhouse.blocks import pack_blocks
from deploy.clickhouse.bodies import choose_encoding, encode
from deploy.clickhouse.calls import Call
from deploy.clickhouse.engine import Result
from deploy.clickhouse.errors import ClickHouseError, http_status
from deploy.clickhouse.hello import DISPLAY_NAME

__all__ = ["SteppedResponse", "answer", "failure"]

_CONTENT_TYPES = {
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
}
_ERRORS_IN_BLOCKS = frozenset({400, 404, 500})
"""A server packs every error after the login. JDBC's client-v2 unpacks those with these statuses
only and can't read the others; clickhouse-go reads both."""
_STEP_BYTES = 256 * 1024


class SteppedResponse(Response):
    """Waits for the client to take each step, so that its end is the end of the bytes in memory."""

    on_end: Callable[[], None] | None = None
    """Called once the body is sent, or its client is gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            body = memoryview(self.body)
            for at in range(0, max(len(body), 1), _STEP_BYTES):
                step = bytes(body[at : at + _STEP_BYTES])
                more = at + _STEP_BYTES < len(body)
                await send({"type": "http.response.body", "body": step, "more_body": more})
        finally:
            self.end()

    def end(self) -> None:
        """The bytes are not kept any longer."""
        if self.on_end is not None:
            self.on_end()


def answer(call: Call, result: Result, output_format: str) -> SteppedResponse:
    """What the engine answered, as the client wants it packed."""
    data = pack_blocks(result.data) if call.answer_in_blocks else result.data
    encoding = choose_encoding(call.accept_encoding) if data else ""
    headers = {
        **_headers(call.query_id, result),
        "X-ClickHouse-Format": output_format,
        "Content-Type": _CONTENT_TYPES.get(output_format.lower(), "application/octet-stream"),
    }
    if encoding:
        headers["Content-Encoding"] = encoding
    return SteppedResponse(encode(data, encoding), headers=headers)


def failure(error: ClickHouseError, query_id: str, version: str, *, in_blocks: bool) -> Response:
    """An error as a server sends it."""
    text = error.text
    if "(version " not in text:
        text = f"{text} (version {version})"
    status, message = http_status(error.code), f"{text}\n".encode()
    return PlainTextResponse(
        pack_blocks(message) if in_blocks and status in _ERRORS_IN_BLOCKS else message,
        status,
        {**_headers(query_id), "X-ClickHouse-Exception-Code": str(error.code)},
    )


def _headers(query_id: str, result: Result | None = None) -> dict[str, str]:
    headers = {
        "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Timezone": "UTC",
    }
    if result is not None:
        counts = {
            "read_rows": result.read_rows,
            "read_bytes": result.read_bytes,
            "written_rows": result.written_rows,
            "written_bytes": result.written_bytes,
            "total_rows_to_read": 0,
            "result_rows": result.rows or result.written_rows,
            "result_bytes": len(result.data),
            "elapsed_ns": int(result.elapsed_s * 1e9),
        }
        headers["X-ClickHouse-Summary"] = json.dumps(
            {name: str(value) for name, value in counts.items()}, separators=(",", ":")
        )
    return headers
