"""ClickHouse's HTTP interface: requests in, answers out.

The event loop only receives bodies and answers pings; everything else runs in a bounded number of
threads, one engine handle each; read-only roles have a number of their own. A body is spooled
before it is decoded and decoded before it is inserted, so a body that is cut, broken or too large
leaves no rows. Answers are materialised, bounded by the engine's own `max_result_bytes`. A client
that goes away leaves the queue, and its statement is ended if it only reads: an INSERT that began
is brought to its end.
"""

from __future__ import annotations

import json
import math
import secrets
import tempfile
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import anyio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deploy.clickhouse.accounts import Account
from deploy.clickhouse.audit import AuditLog, Entry
from deploy.clickhouse.blocks import BlockReader, pack_blocks
from deploy.clickhouse.bodies import BoundedReader, choose_encoding, decoder, encode
from deploy.clickhouse.calls import (
    Call,
    asked_query_id,
    authenticate,
    login_of,
    read_call,
    receive,
    wants_blocks,
)
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.engine import Engine, Job, Result
from deploy.clickhouse.errors import (
    QUERY_IS_TOO_LARGE,
    QUERY_WAS_CANCELLED,
    TIMEOUT_EXCEEDED,
    ClickHouseError,
    http_status,
)
from deploy.clickhouse.hello import DISPLAY_NAME, ROW_FORMAT, hello_block, is_hello
from deploy.clickhouse.quota import Quotas
from deploy.clickhouse.statement import Statement, parse_statement
from schemas.rights import Role

__all__ = ["make_app"]

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
_READING_WORDS = frozenset({"SELECT", "WITH"})
_CANCEL_INTERVAL_S = 0.5
_SPOOL_BYTES = 4 * 1024 * 1024
_COPY_BYTES = 1024 * 1024


@dataclass(slots=True)
class _Progress:
    """What the watchers of a request, and the audit log, must know of its statement."""

    began: bool = False
    only_reads: bool = False
    late: bool = False
    asked: str = ""
    rows: int = 0
    written_rows: int = 0


@dataclass(frozen=True, slots=True)
class _Service:
    engine: Engine
    accounts: tuple[Account, ...]
    limits: ServiceLimits
    audit: AuditLog
    quotas: Quotas
    slots: anyio.Semaphore = field(init=False)
    reader_slots: anyio.Semaphore = field(init=False)
    threads: anyio.CapacityLimiter = field(init=False)
    cancel_threads: anyio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        writers, readers = self.limits.concurrent_requests, self.limits.reader_requests
        object.__setattr__(self, "slots", anyio.Semaphore(writers))
        object.__setattr__(self, "reader_slots", anyio.Semaphore(readers))
        object.__setattr__(self, "threads", anyio.CapacityLimiter(writers + readers))
        object.__setattr__(self, "cancel_threads", anyio.CapacityLimiter(1))

    async def handle(self, request: Request) -> Response:
        query_id = str(uuid.uuid4())
        progress = _Progress(asked=request.query_params.get("query", ""))
        user, role, code = "", "", 0
        try:
            query_id = asked_query_id(request) or query_id
            user, password = login_of(request)
            account = authenticate(user, password, self.accounts)
            role = account.role.name
            if request.method in ("GET", "HEAD") and "query" not in request.query_params:
                return PlainTextResponse("Ok.\n")
            with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, dir=str(self.engine.incoming)) as body:
                self.quotas.take(account)
                form = await receive(request, body, self.limits)
                call = read_call(request, form, account, query_id)
                body.seek(0)
                answer = await self._answer_watched(request, account, call, body, progress)
        except ClickHouseError as error:
            code = error.code
            answer = self._failure(error, query_id, in_blocks=wants_blocks(request))
        except ClientDisconnect:
            return Response(status_code=499)
        try:
            self.audit.write(
                Entry(
                    user=user,
                    role=role,
                    address=request.client.host if request.client else "",
                    query_id=query_id,
                    query=progress.asked,
                    rows=progress.rows,
                    written_rows=progress.written_rows,
                    code=code,
                )
            )
        except ClickHouseError as error:
            return self._failure(error, query_id, in_blocks=wants_blocks(request))
        return answer

    async def _answer_watched(
        self,
        request: Request,
        account: Account,
        call: Call,
        body: IO[bytes],
        progress: _Progress,
    ) -> Response:
        """Answer in a thread, once there is a slot, for as long as the client waits and may."""
        outcome: Response | ClickHouseError = Response(status_code=499)
        async with anyio.create_task_group() as watchers:
            watchers.start_soon(self._end_when_gone, request, call, progress, watchers.cancel_scope)
            async with self.reader_slots if account.role.read_only else self.slots:
                progress.began = True
                if account.role.read_only:
                    watchers.start_soon(self._end_when_late, call, progress)
                try:
                    outcome = await anyio.to_thread.run_sync(
                        self._answer, call, body, progress, limiter=self.threads
                    )
                except ClickHouseError as error:
                    outcome = error
            watchers.cancel_scope.cancel()
        if isinstance(outcome, Response):
            return outcome
        if progress.late and outcome.code == QUERY_WAS_CANCELLED:
            raise ClickHouseError.refused(
                TIMEOUT_EXCEEDED,
                f"A statement of {account.username} may run {self._time_s(account.role):g} s. "
                "Ask for less at a time.",
            )
        raise outcome

    async def _end_when_gone(
        self, request: Request, call: Call, progress: _Progress, waiting: anyio.CancelScope
    ) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        if progress.began:
            await self._cancel_until_done(call, progress)
        else:
            waiting.cancel()

    async def _end_when_late(self, call: Call, progress: _Progress) -> None:
        await anyio.sleep(self._time_s(call.role))
        progress.late = True
        await self._cancel_until_done(call, progress)

    def _time_s(self, role: Role) -> float:
        """How long a statement of a read-only role may run."""
        return min(role.max_execution_s or math.inf, self.limits.reader_timeout_s)

    async def _cancel_until_done(self, call: Call, progress: _Progress) -> None:
        """Until the watchers are ended: the engine may not have begun with the statement yet."""
        while True:
            if progress.only_reads:
                # what failed is tried again
                with suppress(ClickHouseError):
                    await anyio.to_thread.run_sync(
                        self.engine.cancel, call.ticket, limiter=self.cancel_threads
                    )
            await anyio.sleep(_CANCEL_INTERVAL_S)

    def _answer(self, call: Call, body: IO[bytes], progress: _Progress) -> Response:
        """Everything that takes time, in a thread."""
        reader = self._open(call, body)
        head = f"{call.query}\n".encode() if call.query else b""
        head, whole = self._read_head(head, reader)
        statement = parse_statement(head, self.engine.formats)
        progress.asked = statement.sql
        progress.only_reads = call.read_only or statement.first_word in _READING_WORDS
        if statement.data_offset is None and not whole:
            raise ClickHouseError.refused(
                QUERY_IS_TOO_LARGE,
                f"The statement exceeds {self.limits.max_query_bytes} bytes: send data with an "
                "INSERT … FORMAT.",
            )
        output_format = statement.output_format or call.default_format
        says_hello = is_hello(statement.sql, output_format, call.protocol_version)
        if says_hello:
            call = replace(call, default_format=ROW_FORMAT)
        result = self._run(call, statement, head, reader, progress)
        progress.rows, progress.written_rows = result.rows, result.written_rows
        if says_hello:
            result = replace(result, data=hello_block(result.data))
        data = pack_blocks(result.data) if call.answer_in_blocks else result.data
        encoding = choose_encoding(call.accept_encoding) if data else ""
        headers = {
            **self._headers(call.query_id, result),
            "X-ClickHouse-Format": output_format,
            "Content-Type": _CONTENT_TYPES.get(output_format.lower(), "application/octet-stream"),
        }
        if encoding:
            headers["Content-Encoding"] = encoding
        return Response(encode(data, encoding), headers=headers)

    def _open(self, call: Call, body: IO[bytes]) -> BoundedReader:
        """The decoded body. Blocks lie inside HTTP's encoding, and both sizes are bounded."""
        limit_bytes, name = self.limits.max_decoded_bytes, call.content_encoding or "plain"
        reader = BoundedReader(decoder(body, call.content_encoding), limit_bytes, name)
        if not call.body_in_blocks:
            return reader
        blocks = BlockReader(reader, self.limits.max_block_bytes)
        return BoundedReader(blocks, limit_bytes, "block-compressed")

    def _read_head(self, head: bytes, reader: BoundedReader) -> tuple[bytes, bool]:
        parts, size = [head], len(head)
        while size <= self.limits.max_query_bytes:
            chunk = reader.read(_COPY_BYTES)
            if not chunk:
                return b"".join(parts), True
            parts.append(chunk)
            size += len(chunk)
        return b"".join(parts), False

    def _run(
        self,
        call: Call,
        statement: Statement,
        head: bytes,
        reader: BoundedReader,
        progress: _Progress,
    ) -> Result:
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
                    call.role,
                    call.settings,
                    call.parameters,
                    call.database,
                    call.default_format,
                    data_file,
                    call.read_only,
                    call.ticket if progress.only_reads else "",
                )
            )
        finally:
            if data_file is not None:
                data_file.unlink(missing_ok=True)

    def _headers(self, query_id: str, result: Result | None = None) -> dict[str, str]:
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

    def _failure(self, error: ClickHouseError, query_id: str, *, in_blocks: bool) -> Response:
        text = error.text
        if "(version " not in text:
            text = f"{text} (version {self.engine.version})"
        status, message = http_status(error.code), f"{text}\n".encode()
        return PlainTextResponse(
            pack_blocks(message) if in_blocks and status in _ERRORS_IN_BLOCKS else message,
            status,
            {**self._headers(query_id), "X-ClickHouse-Exception-Code": str(error.code)},
        )


async def _ok(_request: Request) -> Response:
    return PlainTextResponse("Ok.\n")


async def _unknown(request: Request) -> Response:
    return PlainTextResponse(
        f"There is no handle {request.url.path}. Use / for queries and /ping for a sign of life.\n",
        404,
    )


def make_app(
    engine: Engine,
    accounts: tuple[Account, ...],
    limits: ServiceLimits,
    audit: AuditLog,
    quotas: Quotas,
) -> Starlette:
    """The application over an open engine."""
    service = _Service(engine, accounts, limits, audit, quotas)
    return Starlette(
        routes=[
            Route("/", service.handle, methods=["GET", "POST", "HEAD"]),
            Route("/ping", _ok, methods=["GET", "HEAD"]),
            Route("/replicas_status", _ok, methods=["GET", "HEAD"]),
            Route("/{rest:path}", _unknown, methods=["GET", "POST", "PUT", "DELETE", "HEAD"]),
        ]
    )
