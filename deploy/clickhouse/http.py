"""ClickHouse's HTTP interface: requests in, answers out.

The event loop only receives bodies and answers pings; everything else runs in a bounded number of
threads, one engine handle each; read-only roles have a number of their own. A body is spooled
before it is decoded and decoded before it is inserted, so a body that is cut, broken or too large
leaves no rows; who only reads sends no data and so fills no disk. Answers are materialised: the
role's memory bounds them while they are made, `max_result_bytes` what is sent, and `Admission` what
an account has under way or has not taken. A client that goes away leaves the queue, and its
statement is ended if it only reads: an INSERT that began is brought to its end. Whatever fails is
an error of ClickHouse's for the client, and a line of the audit log.
"""

from __future__ import annotations

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
from deploy.clickhouse.admission import Admission
from deploy.clickhouse.answers import SteppedResponse, answer, failure
from deploy.clickhouse.audit import AuditLog, Entry
from deploy.clickhouse.blocks import BlockReader
from deploy.clickhouse.bodies import BoundedReader, decoder
from deploy.clickhouse.calls import (
    Call,
    asked_query_id,
    authenticate,
    login_of,
    read_call,
    receive,
    refuse_unfit_format,
    wants_blocks,
)
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.engine import Engine, Job, Result
from deploy.clickhouse.errors import (
    QUERY_IS_TOO_LARGE,
    QUERY_WAS_CANCELLED,
    QUERY_WAS_CANCELLED_BY_CLIENT,
    READONLY,
    TIMEOUT_EXCEEDED,
    ClickHouseError,
)
from deploy.clickhouse.hello import ROW_FORMAT, hello_block, is_hello
from deploy.clickhouse.quota import Quotas
from deploy.clickhouse.statement import Statement, parse_statement
from schemas.rights import Role

__all__ = ["make_app"]

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
    gone: bool = False
    asked: str = ""
    is_read: bool = False
    rows: int = 0
    written_rows: int = 0

    def check(self) -> None:
        """QUERY_WAS_CANCELLED once nobody waits any more, or no longer may."""
        if self.late or self.gone:
            raise ClickHouseError.refused(
                QUERY_WAS_CANCELLED, "It was broken off before the engine ran it."
            )


@dataclass(frozen=True, slots=True)
class _Service:
    engine: Engine
    accounts: tuple[Account, ...]
    limits: ServiceLimits
    audit: AuditLog
    quotas: Quotas
    slots: anyio.Semaphore = field(init=False)
    admission: Admission = field(init=False)
    reader_slots: anyio.Semaphore = field(init=False)
    threads: anyio.CapacityLimiter = field(init=False)
    cancel_threads: anyio.CapacityLimiter = field(init=False)
    audit_threads: anyio.CapacityLimiter = field(init=False)

    def __post_init__(self) -> None:
        writers, readers = self.limits.concurrent_requests, self.limits.reader_requests
        object.__setattr__(self, "admission", Admission(self.limits))
        object.__setattr__(self, "slots", anyio.Semaphore(writers))
        object.__setattr__(self, "reader_slots", anyio.Semaphore(readers))
        object.__setattr__(self, "threads", anyio.CapacityLimiter(writers + readers))
        object.__setattr__(self, "cancel_threads", anyio.CapacityLimiter(1))
        object.__setattr__(self, "audit_threads", anyio.CapacityLimiter(writers))

    async def handle(self, request: Request) -> Response:
        query_id = str(uuid.uuid4())
        progress = _Progress()
        in_blocks, version = wants_blocks(request), self.engine.version
        user, role, code = "", "", 0
        response: Response
        try:
            query_id = asked_query_id(request) or query_id
            user, password = login_of(request)
            account = authenticate(user, password, self.accounts)
            role = account.role.name
            if request.method in ("GET", "HEAD") and "query" not in request.query_params:
                return PlainTextResponse("Ok.\n")
            progress.asked = request.query_params.get("query", "")
            self.quotas.take(account)
            with self.admission.request(account):
                response = await self._answer_request(request, account, query_id, progress)
        except ClientDisconnect:
            left = _left("while it sent its body")
            code, response = left.code, failure(left, query_id, version, in_blocks=in_blocks)
        except Exception as error:
            refusal = ClickHouseError.from_failure(error)
            code, response = refusal.code, failure(refusal, query_id, version, in_blocks=in_blocks)
        entry = Entry(
            user=user,
            role=role,
            address=request.client.host if request.client else "",
            query_id=query_id,
            query=progress.asked,
            is_read=progress.is_read,
            rows=0 if code else progress.rows,
            written_rows=progress.written_rows,
            code=code,
        )
        try:
            # a long statement takes a while to mask
            await anyio.to_thread.run_sync(self.audit.write, entry, limiter=self.audit_threads)
        except Exception as error:
            if isinstance(response, SteppedResponse):
                response.end()
            refusal = ClickHouseError.from_failure(error)
            return failure(refusal, query_id, version, in_blocks=in_blocks)
        return response

    async def _answer_request(
        self, request: Request, account: Account, query_id: str, progress: _Progress
    ) -> SteppedResponse:
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, dir=str(self.engine.incoming)) as body:
            form = await receive(request, body, self.limits, account.role)
            call = read_call(request, form, account, query_id)
            body.seek(0)
            try:
                response = await self._answer_watched(request, account, call, body, progress)
            except ClickHouseError:
                if not progress.began:
                    # nobody has looked into the body yet, and the audit log must say what it asked
                    with suppress(ClickHouseError):
                        await anyio.to_thread.run_sync(
                            self._read_head, call, body, progress, limiter=self.audit_threads
                        )
                raise
        held_bytes = len(response.body)
        self.admission.hold(account, held_bytes)
        response.on_end = lambda: self.admission.release(account, held_bytes)
        return response

    async def _answer_watched(
        self,
        request: Request,
        account: Account,
        call: Call,
        body: IO[bytes],
        progress: _Progress,
    ) -> SteppedResponse:
        """Answer in a thread, once there is a slot, for as long as the client waits and may."""
        outcome: SteppedResponse | ClickHouseError = _left("before it was its turn")
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
                except Exception as error:
                    outcome = ClickHouseError.from_failure(error)
            watchers.cancel_scope.cancel()
        if isinstance(outcome, SteppedResponse):
            return outcome
        if progress.late and outcome.code == QUERY_WAS_CANCELLED:
            raise ClickHouseError.refused(
                TIMEOUT_EXCEEDED,
                f"A statement of {account.username} may run {self._time_s(account.role):g} s. "
                "Ask for less at a time.",
            )
        if progress.gone and outcome.code == QUERY_WAS_CANCELLED:
            raise _left("while it was answered")
        raise outcome

    async def _end_when_gone(
        self, request: Request, call: Call, progress: _Progress, waiting: anyio.CancelScope
    ) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        progress.gone = True
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

    def _answer(self, call: Call, body: IO[bytes], progress: _Progress) -> SteppedResponse:
        """Everything that takes time, in a thread."""
        head, reader, whole = self._read_head(call, body, progress)
        statement = parse_statement(head, self.engine.formats, progress.check)
        progress.asked, progress.is_read = statement.sql, True
        refuse_unfit_format(call.default_format)
        progress.only_reads = call.read_only or statement.first_word in _READING_WORDS
        if statement.data_offset is None and not whole:
            raise ClickHouseError.refused(
                QUERY_IS_TOO_LARGE,
                f"The statement exceeds {self.limits.max_query_bytes} bytes: send data with an "
                "INSERT … FORMAT.",
            )
        if statement.data_offset is not None and call.read_only:
            raise ClickHouseError.refused(
                READONLY,
                f"{call.user}: Cannot insert in readonly mode: neither a read-only role nor a GET "
                "sends data.",
            )
        output_format = statement.output_format or call.default_format
        says_hello = is_hello(statement.sql, output_format, call.protocol_version)
        if says_hello:
            call = replace(call, default_format=ROW_FORMAT)
        result = self._run(call, statement, head, reader, progress)
        progress.rows, progress.written_rows = result.rows, result.written_rows
        if says_hello:
            result = replace(result, data=hello_block(result.data))
        return answer(call, result, output_format)

    def _open(self, call: Call, body: IO[bytes]) -> BoundedReader:
        """The decoded body. Blocks lie inside HTTP's encoding, and both sizes are bounded."""
        limit_bytes, name = self.limits.max_decoded_bytes, call.content_encoding or "plain"
        reader = BoundedReader(decoder(body, call.content_encoding), limit_bytes, name)
        if not call.body_in_blocks:
            return reader
        blocks = BlockReader(reader, self.limits.max_block_bytes)
        return BoundedReader(blocks, limit_bytes, "block-compressed")

    def _read_head(
        self, call: Call, body: IO[bytes], progress: _Progress
    ) -> tuple[bytes, BoundedReader, bool]:
        """The statement, and data behind it; the reader of what follows; whether nothing does."""
        head = f"{call.query}\n".encode() if call.query else b""
        reader = self._open(call, body)
        whole = False
        while not whole and len(head) <= self.limits.max_query_bytes:
            chunk = reader.read(_COPY_BYTES)
            head, whole = head + chunk, not chunk
        progress.asked = head.decode(errors="replace")
        return head, reader, whole

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
                    call.user,
                    call.settings,
                    call.parameters,
                    call.database,
                    call.default_format,
                    data_file,
                    call.read_only,
                    call.ticket if progress.only_reads else "",
                    progress.check,
                )
            )
        finally:
            if data_file is not None:
                data_file.unlink(missing_ok=True)


def _left(when: str) -> ClickHouseError:
    return ClickHouseError.refused(QUERY_WAS_CANCELLED_BY_CLIENT, f"The client went away {when}.")


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
