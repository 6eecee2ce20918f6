"""Reads the packaged files and refuses what is malformed, naming the file, the row and the remedy.

Nothing here knows what the data means; :mod:`schemas.reference.loading` does. The version covers
the bytes of every file, so that any edit, however small, gives another version.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from schemas.errors import ConfigurationError

__all__ = ["LANGUAGES", "DataFiles", "Record", "fault", "unique"]

LANGUAGES = ("en", "fr", "es", "ar")
_SUFFIXES = (".csv", ".yaml")


def fault(file: str, what: str, remedy: str) -> ConfigurationError:
    """The one form that every refusal of reference data has."""
    return ConfigurationError(
        f"reference data {file}: {what}; {remedy}", code="reference-data-invalid"
    )


def unique(file: str, keys: Iterable[str]) -> None:
    """Refuse a key that stands twice."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise fault(file, f"{key!r} stands twice", "keep one of the two")
        seen.add(key)


class Record:
    """One row or mapping of a file, with typed access; a missing or wrong field is refused."""

    __slots__ = ("_data", "_file", "_where")

    def __init__(self, file: str, where: str, data: object) -> None:
        if not isinstance(data, dict):
            raise fault(file, f"{where} is no mapping", "write `name: value` pairs")
        self._file = file
        self._where = where
        self._data: dict[str, Any] = data

    def fault(self, what: str, remedy: str) -> ConfigurationError:
        return fault(self._file, f"{self._where}: {what}", remedy)

    def _get(self, name: str, kind: type | tuple[type, ...]) -> Any:
        value = self._data.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            wanted = kind.__name__ if isinstance(kind, type) else "value"
            raise self.fault(f"{name} is {value!r}", f"a {wanted} is wanted (quote numeric codes)")
        return value

    def text(self, name: str) -> str:
        """A string, never empty."""
        value = str(self._get(name, str))
        if not value:
            raise self.fault(f"{name} is empty", "give it a value")
        return value

    def text_or_empty(self, name: str) -> str:
        return str(self._get(name, str))

    def whole(self, name: str) -> int:
        return int(self._get(name, int))

    def whole_or_none(self, name: str) -> int | None:
        return None if self._data.get(name) is None else self.whole(name)

    def flag(self, name: str) -> bool:
        return bool(self._get(name, bool))

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            raise self.fault(
                f"{name} is {self._data[name]!r}", "write it as 'YYYY-MM-DD', quoted in YAML"
            ) from None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, possibly empty."""
        values = self._get(name, list)
        for value in values:
            if not isinstance(value, str) or not value:
                raise self.fault(f"{name} holds {value!r}", "only strings (quote numeric codes)")
        return tuple(values)

    def texts_or_none(self, name: str) -> tuple[str, ...]:
        return self.texts(name) if name in self._data else ()

    def labels(self, name: str = "labels") -> dict[str, str]:
        """A label in each of the four languages, no more and no less."""
        found = self._get(name, dict)
        if set(found) != set(LANGUAGES) or not all(
            isinstance(label, str) and label.strip() for label in found.values()
        ):
            raise self.fault(
                f"{name} has {sorted(map(str, found))}",
                f"give a label in each of {', '.join(LANGUAGES)}",
            )
        return {language: found[language] for language in LANGUAGES}

    def record(self, name: str) -> Record:
        return Record(self._file, f"{self._where} {name}", self._data.get(name))

    def records(self, name: str) -> list[Record]:
        values = self._get(name, list)
        return [
            Record(self._file, f"{self._where} {name}[{n}]", value)
            for n, value in enumerate(values, start=1)
        ]

    def items(self) -> Iterator[tuple[str, Any]]:
        yield from self._data.items()


class DataFiles:
    """The files of one edition of the reference data."""

    def __init__(self, folder: Traversable) -> None:
        self._contents: dict[str, bytes] = {
            entry.name: entry.read_bytes()
            for entry in folder.iterdir()
            if entry.is_file() and entry.name.endswith(_SUFFIXES)
        }

    def fingerprint(self) -> str:
        """First 12 hex digits of SHA-256 over the names and bytes of all files."""
        digest = hashlib.sha256()
        for name in sorted(self._contents):
            content = self._contents[name]
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:12]

    def _text(self, file: str) -> str:
        try:
            return self._contents[file].decode("utf-8")
        except KeyError:
            raise fault(file, "the file is missing", "reinstall Liaison") from None
        except UnicodeDecodeError as error:
            raise fault(file, f"no UTF-8 ({error})", "save it as UTF-8") from error

    def yaml(self, file: str) -> Record:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            data = yaml.load(self._text(file), Loader=loader)  # noqa: S506 - a safe loader
        except yaml.YAMLError as error:
            raise fault(file, f"no YAML ({error})", "correct the syntax") from error
        return Record(file, "the file", data)

    def csv(self, file: str, columns: tuple[str, ...]) -> list[Record]:
        reader = csv.DictReader(io.StringIO(self._text(file)), strict=True)
        if tuple(reader.fieldnames or ()) != columns:
            raise fault(
                file, f"columns are {reader.fieldnames}", f"they must be {','.join(columns)}"
            )
        rows: list[Mapping[str, object]] = list(reader)
        return [Record(file, f"line {n}", dict(row)) for n, row in enumerate(rows, start=2)]
