"""Reads the UN Security Council's consolidated list (XML) as a stream, and trusts nothing in it.

Document types, entities and external references are refused (no XML bombs, no files or addresses
fetched); depth, size of an entry, of a token (a tag with its attributes, a comment) and of the
file, and the number of entries are bounded; at any time no more than one chunk, one token and the
entry being read are in memory. Every refusal is a :class:`PermanentError` that names the file and
the line. A file that was cut raises at its end: whoever publishes reads the whole file first
(:func:`load_list`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError  # noqa: S405 - only types; defused parses

from defusedxml.common import DefusedXmlException, DTDForbidden, EntitiesForbidden
from defusedxml.ElementTree import DefusedXMLParser

from producers.un_list.elements import ENTRY_TAGS, entry_of
from producers.un_list.entry import Entry, Unmapped
from schemas.errors import ConfigurationError, PermanentError

__all__ = ["MAX_FILE_BYTES", "UnList", "load_list", "read_list"]

MAX_FILE_BYTES = 32 * 1024 * 1024
"""The list has 2 MB; what is many times larger is something else."""
_MAX_TOKEN_BYTES = 1024 * 1024
_MAX_ENTRIES = 100_000
_MAX_ENTRY_CHARS = 1024 * 1024
_ELEMENT_CHARS = 64
"""What an element counts for beside its text: it costs memory even if it is empty."""
_MAX_DEPTH = 16
_CHUNK_BYTES = 64 * 1024
_ROOT = "CONSOLIDATED_LIST"
_ENCODINGS = ("UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII")
"""Those that the parser decodes itself; others it would leave to any codec of Python's."""


@dataclass(frozen=True, slots=True)
class UnList:
    """A whole file, read to its end. `generated_at` is the list's own date, if it has one."""

    generated_at: datetime | None
    entries: tuple[Entry, ...]
    unmapped: tuple[Unmapped, ...]

    def items(self) -> Iterator[Entry | Unmapped]:
        yield from self.entries
        yield from self.unmapped


def load_list(path: Path) -> UnList:
    """Read the whole file; nothing of a cut or malformed one is returned.

    Raises:
        PermanentError: the file is not such a list, or is cut, or hostile; with the line.
        ConfigurationError: the file can't be opened.
    """
    entries: list[Entry] = []
    unmapped: list[Unmapped] = []
    target = _Target()
    for item in _parse(path, target):
        if isinstance(item, Entry):
            entries.append(item)
        else:
            unmapped.append(item)
    if not entries and not unmapped:
        raise PermanentError(
            f"{path}: the list has no entry at all; download it again", code="un-list-empty"
        )
    return UnList(_instant(target.generated_at), tuple(entries), tuple(unmapped))


def read_list(path: Path) -> Iterator[Entry | Unmapped]:
    """Entries one after the other, in the file's order, while it is being read.

    A cut file raises only at its end: use :func:`load_list` before publishing.

    Raises:
        PermanentError: the file is not such a list, or is cut, or hostile; with the line.
        ConfigurationError: the file can't be opened.
    """
    return _parse(path, _Target())


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """The target refuses what the parser gives it."""


class _Target:
    """Builds one entry at a time; what stands outside of entries is dropped at once."""

    def __init__(self) -> None:
        self.generated_at = ""
        self.done: list[tuple[Element, int]] = []
        self.expat: Any = None
        self._depth = 0
        self._open: list[Element] = []
        self._text: list[str] = []
        self._chars = 0
        self._line = 0
        self._entries = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Refused(f"elements are nested deeper than {_MAX_DEPTH}")
        if self._depth == 1:
            if name != _ROOT:
                raise _Refused(f"the root element is {name[:60]!r}, not {_ROOT}")
            self.generated_at = attributes.get("dateGenerated", "")
            return
        if not self._open:
            if name not in ENTRY_TAGS:
                return
            self._chars, self._line = 0, self.expat.CurrentLineNumber
            self._entries += 1
            if self._entries > _MAX_ENTRIES:
                raise _Refused(f"it has more than {_MAX_ENTRIES} entries")
        element = Element(name)
        if self._open:
            self._open[-1].append(element)
        self._open.append(element)
        self._text = []
        self._count(_ELEMENT_CHARS + len(name))
        self._count(sum(len(key) + len(value) for key, value in attributes.items()))

    def data(self, text: str) -> None:
        if self._open:
            self._count(len(text))
            self._text.append(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        element = self._open.pop()
        if not len(element):  # text between children says nothing in this format
            element.text = "".join(self._text)
        self._text = []
        if not self._open:
            self.done.append((element, self._line))

    def declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.upper() not in _ENCODINGS:
            raise _Refused(f"its encoding {encoding[:60]!r} is none of {', '.join(_ENCODINGS)}")

    def close(self) -> None:
        """The parser asks for it."""

    def _count(self, chars: int) -> None:
        self._chars += chars
        if self._chars > _MAX_ENTRY_CHARS:
            raise _Refused(f"one entry has more than {_MAX_ENTRY_CHARS} characters")


def _parse(path: Path, target: _Target) -> Iterator[Entry | Unmapped]:
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    target.expat = parser.parser
    target.expat.XmlDeclHandler = target.declaration
    seen: set[str] = set()
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise PermanentError(
                f"{path}: {size} bytes are more than {MAX_FILE_BYTES}; this is not the list",
                code="un-list-malformed",
            )
        with path.open("rb") as file:
            more, fed = True, 0
            while more:
                chunk = file.read(_CHUNK_BYTES)
                more, fed = bool(chunk), fed + len(chunk)
                _feed(path, parser, chunk)
                if more and fed - target.expat.CurrentByteIndex > _MAX_TOKEN_BYTES:
                    what = f"a tag or comment has more than {_MAX_TOKEN_BYTES} bytes"
                    raise _refusal(path, target.expat.CurrentLineNumber, what)
                done, target.done = target.done, []
                for element, line in done:
                    item = entry_of(element, line)
                    if item.reference and item.reference in seen:
                        item = Unmapped(item.reference, "its reference stands twice", line)
                    seen.add(item.reference)
                    yield item
    except OSError as error:
        raise ConfigurationError(
            f"{path}: can't be read ({error.strerror}); give the path of the downloaded list"
        ) from error


def _feed(path: Path, parser: Any, chunk: bytes) -> None:
    """Give the parser a chunk; an empty one is the file's end."""
    try:
        if chunk:
            parser.feed(chunk)
        else:
            parser.close()
        return
    except DTDForbidden as error:
        cause: Exception = error
        line, what = parser.parser.CurrentLineNumber, "it declares a document type"
    except EntitiesForbidden as error:
        cause, line, what = error, parser.parser.CurrentLineNumber, "it declares an entity"
    except DefusedXmlException as error:
        cause, line, what = error, parser.parser.CurrentLineNumber, "it refers to another file"
    except ParseError as error:
        cause, line, what = error, error.position[0], f"no well-formed XML ({error})"
        if not chunk:
            what = f"the file ends too early, it was cut ({error})"
    except (LookupError, ValueError) as error:  # expat's way to say: unknown encoding
        cause, line, what = error, parser.parser.CurrentLineNumber, f"its encoding ({error})"
    except _Refused as error:
        cause, line, what = error, parser.parser.CurrentLineNumber, str(error)
    raise _refusal(path, line, what) from cause


def _refusal(path: Path, line: int, what: str) -> PermanentError:
    return PermanentError(
        f"{path}, line {line}: {what}; nothing was published, download the list again",
        code="un-list-malformed",
    )


def _instant(text: str) -> datetime | None:
    """An instant in UTC, which is meant where no zone is named."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
