"""ClickHouse's HTTP interface: requests in, answers out.

The event loop only receives bodies and answers pings; everything else runs in a bounded number of
threads, one engine handle each. A body is spooled before it is decoded and decoded before it is
inserted, so a body that is cut, broken or too large leaves no rows. Answers are materialised,
bounded by the engine's own `max_result_bytes`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import anyio
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deploy.clickhouse.bodies import BoundedReader, choose_encoding, decoder, encode
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.engine import Engine, Job, Result
from deploy.clickhouse.errors import (
    AUTHENTICATION_FAILED,
    LIMIT_EXCEEDED,
    NOT_IMPLEMENTED,
    QUERY_IS_TOO_LARGE,
    ClickHouseError,
    http_status,
)
from deploy.clickhouse.statement import Statement, parse_statement

__all__ = ["Account", "make_app"]

_TRANSPORT = frozenset(
    (
        "query", "database", "default_format", "user", "password", "query_id", "quota_key", "role",
        "session_id", "session_timeout", "session_check", "close_session", "stacktrace",
        "compress", "decompress", "buffer_size", "wait_end_of_query", "client_protocol_version",
        "send_progress_in_http_headers", "http_headers_progress_interval_ms",
        "enable_http_compression", "http_zlib_compression_level", "add_http_cors_header",
        "cancel_http_readonly_queries_on_client_close", "http_write_exception_in_output_format",
    )
)  # fmt: skip
_CONTENT_TYPES = {
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
}
_SPOOL_BYTES = 4 * 1024 * 1024
_COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """Who may use the service; a read-only account can neither write nor change that."""

    username: str
    password: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    """A request without its body."""

    query: str
    settings: dict[str, str]
    parameters: dict[str, str]
    database: str
    default_format: str
    query_id: str
    read_only: bool
    content_encoding: str
    accept_encoding: str


@dataclass(frozen=True, slots=True)
class _Service:
    engine: Engine
    accounts: tuple[Account, ...]
    limits: ServiceLimits
    slots: anyio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", anyio.CapacityLimiter(self.limits.concurrent_requests))

    async def handle(self, request: Request) -> Response:
        query_id = request.query_params.get("query_id") or str(uuid.uuid4())
        try:
            account = self._authenticate(request)
            if request.method in ("GET", "HEAD") and "query" not in request.query_params:
                return PlainTextResponse("Ok.\n")
            with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, dir=str(self.engine.incoming)) as body:
                form = await self._receive(request, body)
                call = self._call(request, form, account, query_id)
                body.seek(0)
                return await anyio.to_thread.run_sync(
                    self._answer, call, body, limiter=self.slots, abandon_on_cancel=False
                )
        except ClickHouseError as error:
            return self._failure(error, query_id)
        except ClientDisconnect:
            return Response(status_code=499)

    def _authenticate(self, request: Request) -> Account:
        name, password = "default", ""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                decoded = base64.b64decode(credentials, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                decoded = ""
            name, _, password = decoded.partition(":")
        elif "x-clickhouse-user" in request.headers or "x-clickhouse-key" in request.headers:
            name = request.headers.get("x-clickhouse-user", name)
            password = request.headers.get("x-clickhouse-key", "")
        else:
            name = request.query_params.get("user", name)
            password = request.query_params.get("password", "")
        for account in self.accounts:
            if account.username == (name or "default") and hmac.compare_digest(
                account.password.encode(), password.encode()
            ):
                return account
        raise ClickHouseError.refused(
            AUTHENTICATION_FAILED,
            f"{name}: Authentication failed: password is incorrect, or there is no user with such "
            "name.",
        )

    async def _receive(self, request: Request, body: IO[bytes]) -> Mapping[str, str]:
        """Spool the body; a form's fields are returned instead."""
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.limits.max_body_bytes:
            raise self._too_large()
        content_type = request.headers.get("content-type", "")
        if content_type.startswith("multipart/form-data"):
            async with request.form(max_part_size=self.limits.max_query_bytes) as form:
                if any(isinstance(value, UploadFile) for value in form.values()):
                    raise ClickHouseError.refused(
                        NOT_IMPLEMENTED, "External data is not available here: use a table."
                    )
                return {name: value for name, value in form.items() if isinstance(value, str)}
        received = 0
        async for chunk in request.stream():
            received += len(chunk)
            if received > self.limits.max_body_bytes:
                raise self._too_large()
            body.write(chunk)
        return {}

    def _too_large(self) -> ClickHouseError:
        return ClickHouseError.refused(
            LIMIT_EXCEEDED,
            f"The body exceeds {self.limits.max_body_bytes} bytes: send it in parts.",
        )

    def _call(
        self, request: Request, form: Mapping[str, str], account: Account, query_id: str
    ) -> _Call:
        values = {**dict(request.query_params), **form}
        for name in ("compress", "decompress"):
            if values.get(name, "0") not in ("0", "", "false"):
                raise ClickHouseError.refused(
                    NOT_IMPLEMENTED,
                    f"{name}=1 (ClickHouse's own block compression) is not available: use "
                    "Content-Encoding and Accept-Encoding.",
                )
        settings, parameters = {}, {}
        for name, value in values.items():
            if name.startswith("param_"):
                parameters[name[len("param_") :]] = value
            elif name not in _TRANSPORT:
                settings[name] = value
        compresses = values.get("enable_http_compression", "0") in ("1", "true")
        return _Call(
            query=values.get("query", ""),
            settings=settings,
            parameters=parameters,
            database=values.get("database") or request.headers.get("x-clickhouse-database", ""),
            default_format=values.get("default_format")
            or request.headers.get("x-clickhouse-format", "")
            or "TabSeparated",
            query_id=query_id,
            read_only=account.read_only or request.method in ("GET", "HEAD"),
            content_encoding=request.headers.get("content-encoding", "").strip().lower(),
            accept_encoding=request.headers.get("accept-encoding", "") if compresses else "",
        )

    def _answer(self, call: _Call, body: IO[bytes]) -> Response:
        """Everything that takes time, in a thread."""
        reader = BoundedReader(
            decoder(body, call.content_encoding),
            self.limits.max_decoded_bytes,
            call.content_encoding or "plain",
        )
        head = f"{call.query}\n".encode() if call.query else b""
        head, whole = self._read_head(head, reader)
        statement = parse_statement(head, self.engine.formats)
        if statement.data_offset is None and not whole:
            raise ClickHouseError.refused(
                QUERY_IS_TOO_LARGE,
                f"The statement exceeds {self.limits.max_query_bytes} bytes: send data with an "
                "INSERT … FORMAT.",
            )
        result = self._run(call, statement, head, reader)
        output_format = statement.output_format or call.default_format
        encoding = choose_encoding(call.accept_encoding) if result.data else ""
        headers = {
            **self._headers(call.query_id, result),
            "X-ClickHouse-Format": output_format,
            "Content-Type": _CONTENT_TYPES.get(output_format.lower(), "application/octet-stream"),
        }
        if encoding:
            headers["Content-Encoding"] = encoding
        return Response(encode(result.data, encoding), headers=headers)

    def _read_head(self, head: bytes, reader: BoundedReader) -> tuple[bytes, bool]:
        parts, size = [head], len(head)
        while size <= self.limits.max_query_bytes:
            chunk = reader.read(_COPY_BYTES)
            if not chunk:
                return b"".join(parts), True
            parts.append(chunk)
            size += len(chunk)
        return b"".join(parts), False

    def _run(self, call: _Call, statement: Statement, head: bytes, reader: BoundedReader) -> Result:
        data_file: Path | None = None
        try:
            if statement.data_offset is not None:
                data_file = self.engine.incoming / secrets.token_hex(16)
                with data_file.open("xb") as file:
                    file.write(head[statement.data_offset :])
                    while chunk := reader.read(_COPY_BYTES):
                        file.write(chunk)
            return self.engine.run(
                Job(
                    statement,
                    call.settings,
                    call.parameters,
                    call.database,
                    call.default_format,
                    data_file,
                    call.read_only,
                )
            )
        finally:
            if data_file is not None:
                data_file.unlink(missing_ok=True)

    def _headers(self, query_id: str, result: Result | None = None) -> dict[str, str]:
        headers = {
            "X-ClickHouse-Server-Display-Name": "liaison",
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
                "result_rows": result.written_rows,
                "result_bytes": len(result.data),
                "elapsed_ns": int(result.elapsed_s * 1e9),
            }
            headers["X-ClickHouse-Summary"] = json.dumps(
                {name: str(value) for name, value in counts.items()}, separators=(",", ":")
            )
        return headers

    def _failure(self, error: ClickHouseError, query_id: str) -> Response:
        text = error.text
        if "(version " not in text:
            text = f"{text} (version {self.engine.version})"
        return PlainTextResponse(
            f"{text}\n",
            http_status(error.code),
            {**self._headers(query_id), "X-ClickHouse-Exception-Code": str(error.code)},
        )


async def _ok(_request: Request) -> Response:
    return PlainTextResponse("Ok.\n")


async def _unknown(request: Request) -> Response:
    return PlainTextResponse(
        f"There is no handle {request.url.path}. Use / for queries and /ping for a sign of life.\n",
        404,
    )


def make_app(engine: Engine, accounts: tuple[Account, ...], limits: ServiceLimits) -> Starlette:
    """The application over an open engine."""
    service = _Service(engine, accounts, limits)
    return Starlette(
        routes=[
            Route("/", service.handle, methods=["GET", "POST", "HEAD"]),
            Route("/ping", _ok, methods=["GET", "HEAD"]),
            Route("/replicas_status", _ok, methods=["GET", "HEAD"]),
            Route("/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "DELETE", "HEAD"]),
        ]
    )
