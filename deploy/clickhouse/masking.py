"""What of a statement stands in the audit log: all of it but secrets, data, and fillers.

Statements are read with the service's own lexer, so neither a comment nor another way to write a
string hides anything or gives anything away. The rule is coarse, so that it holds: a secret may
stand far from its name (`WITH 'x' AS k SELECT encrypt(…, k)`), so of a statement that may carry one
every string is left out, and no word, number or sign: what was read stays told. It may if it

- names a secret (`password`, `secret_access_key`, a setting of Kafka …),
- calls a function that takes one, takes a statement as text, or reaches out of this engine,
- has an engine, a dictionary source or a table function that is not known to stay inside,
- or makes a disk.

Beyond strings, nothing is told after IDENTIFIED, nor of what a named collection is made of, nor of
the value that is given to a named secret. A string or a quoted name that looks as if it held a
secret (`secret_looks`) is left out wherever it stands; one that ends where a secret is to follow
leaves out all of them.

A text that can't be read to its end was refused. What follows there is told as it came, unless it
speaks of secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from deploy.clickhouse.errors import ClickHouseError
from deploy.clickhouse.lexer import Token, tokens, unquote
from deploy.clickhouse.secret_looks import announces_a_secret, holds_a_secret

__all__ = ["masked", "without_comments", "without_data"]

_HIDDEN = b"[HIDDEN]"
_NAMES = (
    "passw|passphrase|pwd\\b|secret|credential|private_?key|access_?key|account_?key"
    "|shared_?access|api_?key|connection_?string|encrypt|decrypt|hmac"
)
_ELSEWHERE = (
    "remote|cluster|url|https?|s3|gcs|oss|cosn|azure|hdfs|iceberg|deltalake|datalake|hudi|paimon"
    "|bigquery|mysql|mariadb|postgresql|mongodb|redis|ytsaurus|jdbc|odbc|kafka|nats|rabbitmq"
    "|arrow|cassandra|executable|prometheus|python|eval|disk|ai(?=redact|similarity|filter"
    "|classify|embed|extract|generate|translate)"
)
_ON_STATEMENTS = "formatquery|normalized?query|obfuscatequery"
_SETTINGS = "param|kafka|rabbitmq|nats|s3queue|mysql|postgresql|mongodb|redis|hdfs|azure"
_SECRET_NAME = re.compile(
    rf"{_NAMES}|(?<!deduplication)(?:\btoken|_tokens?)\b|^collection$|^(?:{_SETTINGS})_"
)
_TAKES_SECRETS = re.compile(rf"{_ELSEWHERE}|\w*cluster|headers|{_ON_STATEMENTS}")
# Of small letters, and beginning with letters in each branch, which `re` finds quickly.
_SPEAKS_OF_SECRETS = re.compile(
    f"{_NAMES}|token|collection|identified|engine|source|://|{_ELSEWHERE}"
)

_INSIDE_ENGINE = re.compile(
    r"\w*mergetree|(?:tiny|stripe)?log|memory|null|set|join|buffer|merge|distributed|dictionary"
    r"|view|materializedview|generaterandom|fuzzjson|fuzzquery|loop|alias|file|embeddedrocksdb"
    r"|keepermap|timeseries|atomic|ordinary|replicated"
)
_INSIDE_SOURCE = frozenset({"null", "clickhouse", "file"})
"""Of these only CLICKHOUSE takes a secret, and it names it."""
_INSIDE_FUNCTION = re.compile(
    r"(?:numbers|zeros)(?:_mt)?|generate(?:random|_?series)|primes|values|sqlstandardvalues|null"
    r"|view(?:ifpermitted|explain)?|merge(?:tree\w+)?|timeseries\w+|fuzz(?:query|json)|loop"
    r"|dictionary|input|format|file|filesystem|sqlite"
)
_BEFORE_TABLES = frozenset({"from", "join", "function", "describe", "desc", "to"})
_MAKING = frozenset({"create", "attach", "replace", "alter"})
_QUERIES = frozenset({"select", "with"})


def masked(text: str) -> str:
    """The statement with `[HIDDEN]` for what may be secret."""
    raw = text.encode(errors="replace")
    seen, read_to = _read(raw)
    texts = {token.start: _text(token) for token in seen if token.kind in ("string", "name")}
    rest = raw[read_to:].decode(errors="replace")
    hides = (
        _SPEAKS_OF_SECRETS.search(rest.lower()) is not None
        or holds_a_secret(rest)
        or _may_carry_secrets(seen)
        or any(map(announces_a_secret, texts.values()))
    )
    values = {token.start for token in _values_of_secrets(seen)} if hides else set()
    parts: list[bytes] = []
    at, end = 0, _end_of_what_is_told(seen)
    for token in seen:
        if token.end == end:
            return (b"".join((*parts, raw[at:end], b" ", _HIDDEN))).decode()
        if token.start in values:
            parts += [raw[at : token.start], _HIDDEN]
            at = token.end
        elif (hides and token.kind == "string") or holds_a_secret(texts.get(token.start, "")):
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


def _may_carry_secrets(seen: Sequence[Token]) -> bool:
    makes = False
    before = ""
    for index, token in enumerate(seen):
        name, word = token.identifier, _word(token)
        makes = makes or word in _MAKING
        called = index + 1 < len(seen) and seen[index + 1].text == b"("
        if name and (
            _SECRET_NAME.search(name) is not None
            or (called and _takes_secrets(name, before, makes=makes))
            or (word == "engine" and makes and not _stays_inside(seen, index))
            or (word == "source" and called and _source(seen, index) not in _INSIDE_SOURCE)
        ):
            return True
        before = word
    return False


def _word(token: Token) -> str:
    """The word, which no quoted name is."""
    return token.identifier if token.kind == "word" else ""


def _takes_secrets(called: str, before: str, *, makes: bool) -> bool:
    if _TAKES_SECRETS.match(called) is not None:
        return True
    is_table = before in _BEFORE_TABLES or (makes and before == "as" and called not in _QUERIES)
    return is_table and _INSIDE_FUNCTION.fullmatch(called) is None


def _stays_inside(seen: Sequence[Token], at: int) -> bool:
    """Whether the engine that is named from there on does; where none is, nothing is said."""
    named = [token.identifier for token in seen[at + 1 : at + 3] if token.text != b"="][:1]
    return named in ([], [""]) or _INSIDE_ENGINE.fullmatch(named[0]) is not None


def _source(seen: Sequence[Token], at: int) -> str:
    """What `SOURCE(` is followed by."""
    return seen[at + 2].identifier if at + 2 < len(seen) else ""


def _values_of_secrets(seen: Sequence[Token]) -> Iterator[Token]:
    """What is no string and is given to a named secret, by `=` or in a dictionary's source."""
    source_depth = 0
    for index, token in enumerate(seen[1:], 1):
        if token.is_word("SOURCE"):
            source_depth = token.depth + 1
        elif token.text == b")" and token.depth < source_depth:
            source_depth = 0
        before = seen[index - 1]
        is_given = before.text == b"=" and index > 1
        if token.kind not in ("number", "word", "name") or not (is_given or source_depth):
            continue
        name = (seen[index - 2] if is_given else before).identifier
        if name and _SECRET_NAME.search(name) is not None:
            yield token


def _end_of_what_is_told(seen: Sequence[Token]) -> int | None:
    """Where a statement begins to say how somebody logs in, or what a named collection holds."""
    words = [*map(_word, seen), "by"]  # what can't be read may follow
    in_collection = False
    for token, word, after in zip(seen, words, words[1:], strict=False):
        in_collection = in_collection or (word == "named" and after == "collection")
        if (word == "identified" and after in ("by", "with")) or (
            in_collection and word in ("as", "set")
        ):
            return token.end
    return None


def _text(literal: Token) -> str:
    try:
        return unquote(literal.text)
    except ClickHouseError:
        return literal.text.decode(errors="replace")
