"""What of a statement stands in the audit log: all of it but secrets, data, and fillers.

Statements are read with the service's own lexer, so neither a comment nor another way to write a
string hides anything or gives anything away. The rule is coarse, so that it holds: a secret may
stand far from its name (`WITH 'x' AS k SELECT encrypt(…, k)`), so of a statement that names a
secret, or a function, an engine or a source that takes one, every string is left out, and no
word, number or sign: what was read stays told. Of a statement that makes an account, which is
refused to everybody, nothing is told after IDENTIFIED.

A text that can't be read to its end was refused. What follows there is told as it came, unless it
speaks of secrets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from deploy.clickhouse.errors import ClickHouseError
from deploy.clickhouse.lexer import Token, tokens

__all__ = ["masked", "without_comments", "without_data"]

_HIDDEN = b"[HIDDEN]"
_NAMES = (
    "passw|secret|credential|private_?key|access_?key|account_?key|connection_?string"
    "|(?:en|de)crypt|hmac"
)
_ELSEWHERE = (
    "remote|cluster|url|https?|s3|gcs|oss|cosn|azure|hdfs|iceberg|deltalake|datalake|hudi|paimon"
    "|bigquery|mysql|mariadb|postgresql|mongodb|redis|ytsaurus|[jo]dbc|kafka|nats|rabbitmq"
    "|arrowflight|cassandra|executable|prometheus"
)
_SECRET_NAME = re.compile(rf"{_NAMES}|(?<!deduplication)(?:\b|_)token\b|^collection$")
_ELSEWHERE_NAME = re.compile(_ELSEWHERE)
_SPEAKS_OF_SECRETS = re.compile(f"{_NAMES}|token|collection|identified|{_ELSEWHERE}", re.IGNORECASE)


def masked(text: str) -> str:
    """The statement with `[HIDDEN]` for what may be secret."""
    if _SPEAKS_OF_SECRETS.search(text) is None and "\\" not in text:  # an escape may hide a name
        return text
    raw = text.encode(errors="replace")
    seen, read_to = _read(raw)
    rest_speaks = _SPEAKS_OF_SECRETS.search(raw[read_to:].decode(errors="replace")) is not None
    hides = rest_speaks or any(map(_takes_secrets, seen, (*seen[1:], None)))
    makes_account = _makes_account(seen)
    parts: list[bytes] = []
    at = 0
    for token in seen:
        if makes_account and token.is_word("IDENTIFIED"):
            return (b"".join((*parts, raw[at : token.end], b" ", _HIDDEN))).decode()
        if hides and token.kind == "string":
            parts += [raw[at : token.start], b"'", _HIDDEN, b"'"]
            at = token.end
    if hides and read_to < len(raw):
        parts += [raw[at:read_to], b" ", _HIDDEN]
    else:
        parts.append(raw[at:])
    return b"".join(parts).decode(errors="replace")


def without_comments(text: str) -> str:
    """The statement without what means nothing, so that this can't take the room of what does."""
    raw = text.encode(errors="replace")
    seen, read_to = _read(raw)
    parts, end = [], 0
    for token in seen:
        parts += [b" " if token.start > end > 0 else b"", token.text]
        end = token.end
    rest = raw[read_to:] if read_to == end else b""
    return b"".join((*parts, rest)).decode(errors="replace")


def without_data(text: str) -> str:
    """The text of a request that was refused unread, up to where an INSERT's data may begin."""
    raw = text.encode(errors="replace")
    seen, read_to = _read(raw)
    if not seen or not seen[0].is_word("INSERT"):
        return text
    for before, token in pairwise(seen):
        if token.depth == 0 and (token.is_word("VALUES") or before.is_word("FORMAT")):
            read_to = token.end
            break
    return raw[:read_to].decode(errors="replace")


def _read(raw: bytes) -> tuple[Sequence[Token], int]:
    """The tokens, and where the last one that can be read ends; the text's end if all can."""
    seen: list[Token] = []
    try:
        for token in tokens(raw):
            seen.append(token)  # noqa: PERF402 - what was read before an error counts
    except ClickHouseError:
        return seen, seen[-1].end if seen else 0
    return seen, len(raw)


def _takes_secrets(token: Token, after: Token | None) -> bool:
    name = token.identifier
    if not name:
        return False
    called = after is not None and after.text == b"("
    return _SECRET_NAME.search(name) is not None or (
        called and _ELSEWHERE_NAME.match(name) is not None
    )


def _makes_account(seen: Sequence[Token]) -> bool:
    words = [token.identifier for token in seen[:4]]
    return words[:1] in (["create"], ["alter"]) and "user" in words
