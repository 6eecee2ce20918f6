"""A request as the service reads it: who asks, for what, and the body that comes with it.

Nothing of a request is kept in memory beyond its bound: a body is spooled to disk, a form is
counted while it arrives. What goes back in a header is checked here.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from deploy.clickhouse.accounts import Account
from deploy.clickhouse.config import ServiceLimits
from deploy.clickhouse.errors import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    INCORRECT_DATA,
    LIMIT_EXCEEDED,
    NOT_IMPLEMENTED,
    UNKNOWN_FORMAT,
    ClickHouseError,
)
from schemas.rights import Role

__all__ = [
    "Call",
    "asked_query_id",
    "authenticate",
    "login_of",
    "read_call",
    "receive",
    "refuse_unfit_format",
    "wants_blocks",
]

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
_QUERY_ID = re.compile(r"[\x20-\x7e]{1,256}")
_FORMAT_NAME = re.compile(r"[A-Za-z0-9_]+")
_VERSION = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Call:
    """A request without its body; its `ticket` is what the engine can cancel it by.

    `protocol_version` is the client's; 0 if it names none.
    """

    query: str
    settings: dict[str, str]
    parameters: dict[str, str]
    database: str
    default_format: str
    query_id: str
    user: str
    role: Role
    read_only: bool
    content_encoding: str
    accept_encoding: str
    body_in_blocks: bool
    answer_in_blocks: bool
    protocol_version: int
    ticket: str = field(default_factory=lambda: secrets.token_hex(16))


def login_of(request: Request) -> tuple[str, str]:
    """The name and password that a request gives."""
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
    return name or "default", password


def authenticate(name: str, password: str, accounts: Iterable[Account]) -> Account:
    """The account of that name; AUTHENTICATION_FAILED if its password is another."""
    for account in accounts:
        if account.username == name and account.has_password(password):
            return account
    raise ClickHouseError.refused(
        AUTHENTICATION_FAILED,
        f"{name}: Authentication failed: password is incorrect, or there is no user with such "
        "name.",
    )


async def receive(
    request: Request, body: IO[bytes], limits: ServiceLimits, role: Role
) -> Mapping[str, str]:
    """Spool the body, of a request that only reads just a statement; a form is returned instead."""
    limit_bytes = limits.max_body_bytes
    if _only_reads(request, role):
        limit_bytes = min(limit_bytes, limits.max_query_bytes)
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        return await _receive_form(request, limits)
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit_bytes:
        raise _too_large(limit_bytes)
    async for chunk in _chunks(request, limit_bytes):
        body.write(chunk)
    return {}


def _only_reads(request: Request, role: Role) -> bool:
    return role.read_only or request.method in ("GET", "HEAD")


async def _receive_form(request: Request, limits: ServiceLimits) -> Mapping[str, str]:
    parser = MultiPartParser(
        request.headers,
        _chunks(request, limits.max_form_bytes),
        max_part_size=limits.max_query_bytes,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeError) as error:  # charset=punycode decodes nothing
        raise _unreadable_form(error) from error
    try:
        if any(isinstance(value, UploadFile) for value in form.values()):
            raise ClickHouseError.refused(
                NOT_IMPLEMENTED, "External data is not available here: use a table."
            )
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        for text in (*fields, *fields.values()):
            text.encode()  # half a surrogate pair is text in no encoding
        return fields
    except UnicodeError as error:
        raise _unreadable_form(error) from error
    finally:
        await form.close()


def _unreadable_form(error: Exception) -> ClickHouseError:
    return ClickHouseError.refused(INCORRECT_DATA, f"The form can't be read: {error}")


async def _chunks(request: Request, limit_bytes: int) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit_bytes:
            raise _too_large(limit_bytes)
        yield chunk


def _too_large(limit_bytes: int) -> ClickHouseError:
    return ClickHouseError.refused(
        LIMIT_EXCEEDED, f"The body exceeds {limit_bytes} bytes: send it in parts."
    )


def read_call(request: Request, form: Mapping[str, str], account: Account, query_id: str) -> Call:
    """What the request asks for, from its address, headers and form."""
    values = {**dict(request.query_params), **form}
    settings, parameters = {}, {}
    for name, value in values.items():
        if name.startswith("param_"):
            parameters[name[len("param_") :]] = value
        elif name not in _TRANSPORT:
            settings[name] = value
    default_format = (
        values.get("default_format")
        or request.headers.get("x-clickhouse-format", "")
        or "TabSeparated"
    )
    compresses = values.get("enable_http_compression", "0") in ("1", "true")
    version = values.get("client_protocol_version", "")
    return Call(
        query=values.get("query", ""),
        settings=settings,
        parameters=parameters,
        database=values.get("database") or request.headers.get("x-clickhouse-database", ""),
        default_format=default_format,
        query_id=query_id,
        user=account.username,
        role=account.role,
        read_only=_only_reads(request, account.role),
        content_encoding=request.headers.get("content-encoding", "").strip().lower(),
        accept_encoding=request.headers.get("accept-encoding", "") if compresses else "",
        body_in_blocks=_is_on(request, "decompress"),
        answer_in_blocks=wants_blocks(request),
        protocol_version=int(version) if _VERSION.fullmatch(version) else 0,
    )


def refuse_unfit_format(name: str) -> None:
    """UNKNOWN_FORMAT for a name that is none: it comes back in a header."""
    if _FORMAT_NAME.fullmatch(name) is None:
        raise ClickHouseError.refused(UNKNOWN_FORMAT, f"Unknown format {name[:100]!r}.")


def wants_blocks(request: Request) -> bool:
    """Whether the answer is to come in ClickHouse's compressed blocks.

    The address alone says so, as with a server, so that it is known before anything is refused.
    """
    return _is_on(request, "compress")


def _is_on(request: Request, name: str) -> bool:
    return request.query_params.get(name, "0") not in ("0", "", "false")


def asked_query_id(request: Request) -> str:
    """The client's own id; it comes back in a header, so it must fit into one."""
    query_id = request.query_params.get("query_id", "")
    if query_id and _QUERY_ID.fullmatch(query_id) is None:
        raise ClickHouseError.refused(
            BAD_ARGUMENTS, "query_id is 1 to 256 printable ASCII signs: choose another one."
        )
    return query_id
