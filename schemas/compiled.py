"""Readers and writers of one Avro record, as Python that is made from its schema once.

Invariant: a reader returns what fastavro would decode, and only where the bytes are the shortest
form of it: numbers without needless bytes, each array in one block, indexes that the schema has.
At anything else it raises one of :data:`IRREGULAR`, and its caller asks fastavro what that means. A
writer gives fastavro's bytes for values of the types that a plain schema has; what is left out has
its default.

For records of a few dozen short fields both are a few times faster than fastavro, which looks at
the schema again for every value; and whoever reads strictly need not encode again to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

__all__ = ["IRREGULAR", "ReadRecord", "WriteRecord", "compile_reader", "compile_writer"]

ReadRecord = Callable[[bytes, int], tuple[dict[str, Any], int]]
"""Reads from an offset on, and tells where the record ends."""
WriteRecord = Callable[[Mapping[str, Any]], bytes]
IRREGULAR = (IndexError, KeyError, ValueError)
_LONG_BITS, _INT_BITS = 63, 31
_LONG_SHIFTS = range(0, 70, 7)
"""Of the ten bytes that a number has at most; a run without an end costs no more than these."""
_MAX_REMEMBERED = 10_000
_MAX_SYMBOLS = 64
"""So many have an index of one byte."""


def compile_reader(parsed: Any) -> ReadRecord:
    """A reader of a plain record schema.

    Raises:
        NotImplementedError: the schema has a type that needs fastavro.
    """
    made = _Reading()
    record = made.value(parsed, 1)
    made.say(1, "if p > len(d): raise IndexError(p)")
    made.say(1, f"return {record}, p")
    return made.function("d, p")  # type: ignore[no-any-return]


def compile_writer(parsed: Any) -> WriteRecord:
    """A writer of a plain record schema.

    Raises:
        NotImplementedError: the schema has a type that needs fastavro.
    """
    made = _Writing()
    pieces = made.pieces(parsed, "r", 1)
    made.say(1, f"return {_joined(pieces)}")
    return made.function("r")  # type: ignore[no-any-return]


class _Numbers(dict[int, bytes]):
    """Numbers as Avro's longs, remembered: most are small, or the time of a whole batch."""

    def __missing__(self, number: int) -> bytes:
        if number >> _LONG_BITS not in (0, -1):
            raise OverflowError(f"{number} is no 64-bit number")
        rest = number << 1 if number >= 0 else ~(number << 1)
        written = bytearray()
        while rest > 0x7F:
            written.append(rest & 0x7F | 0x80)
            rest >>= 7
        written.append(rest)
        if len(self) >= _MAX_REMEMBERED:
            self.clear()
        remembered = self[number] = bytes(written)
        return remembered


_NUMBERS = _Numbers()


def _long(data: bytes, at: int) -> tuple[int, int]:
    """A number as it is written, zigzag, and where it ends; in its shortest form."""
    number = 0
    for shift in _LONG_SHIFTS:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    if not 0 < byte < 0x80 or number >> _LONG_BITS + 1:
        raise ValueError("needless bytes, or over 64 bits")
    return number, at


def _size(data: bytes, at: int) -> tuple[int, int]:
    """A length or count, doubled as it is written, of two bytes or more."""
    number, at = _long(data, at)
    if number & 1:
        raise ValueError("a negative length")
    return number, at


class _Source:
    """A function's text, line by line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._constants: dict[str, Any] = {"long": _long, "size": _size, "N": _NUMBERS}
        self._names = (f"v{number}" for number in count())
        self._known: dict[str, Any] = {}

    def say(self, depth: int, *lines: str) -> None:
        self._lines += ["    " * depth + line for line in lines]

    def name(self) -> str:
        return next(self._names)

    def constant(self, value: Any) -> str:
        name = self.name()
        self._constants[name] = value
        return name

    def function(self, parameters: str) -> Any:
        text = "\n".join((f"def made({parameters}):", *self._lines))
        names = dict(self._constants)
        exec(compile(text, "<avro schema>", "exec"), names)  # noqa: S102 - nobody else's text
        return names["made"]

    def resolved(self, schema: Any) -> tuple[str, Any]:
        """A type's name, and its definition."""
        if isinstance(schema, str) and schema in self._known:
            schema = self._known[schema]
        if isinstance(schema, list):
            return "union", schema
        if isinstance(schema, str):
            return schema, {}
        if "name" in schema:
            self._known[schema["name"]] = schema
        return schema["type"], schema

    @staticmethod
    def optional(branches: list[Any]) -> tuple[int, int, Any]:
        """The index of null, that of the other type, and that type."""
        if len(branches) != 2 or "null" not in branches:
            raise NotImplementedError(f"union {branches}")
        null = branches.index("null")
        return null, 1 - null, branches[1 - null]


class _Reading(_Source):
    """Statements that read from `d` at `p` on."""

    def value(self, schema: Any, depth: int) -> str:
        """Read one value; the expression that then is it."""
        kind, definition = self.resolved(schema)
        if kind == "record":
            fields = [(f["name"], self.value(f["type"], depth)) for f in definition["fields"]]
            return "{" + ", ".join(f"{name!r}: {value}" for name, value in fields) + "}"
        name = self.name()
        if kind in ("string", "bytes"):
            self._size(name, depth)
            end, text = self.name(), "d[p:{}].decode()" if kind == "string" else "d[p:{}]"
            self.say(depth, f"{end} = p + ({name} >> 1)", f"{name} = {text.format(end)}")
            self.say(depth, f"p = {end}")
        elif kind in ("long", "int"):
            self.say(depth, f"{name} = d[p]", "p += 1")
            self.say(depth, f"if {name} > 127: {name}, p = long(d, p - 1)")
            self.say(depth, f"{name} = {name} >> 1 ^ -({name} & 1)")
            if kind == "int":
                self.say(depth, f"if {name} >> {_INT_BITS} not in (0, -1): raise ValueError(p)")
        elif kind == "boolean":
            self.say(depth, f"{name} = {self.constant({0: False, 1: True})}[d[p]]", "p += 1")
        elif kind == "enum":
            symbols = {2 * at: symbol for at, symbol in enumerate(definition["symbols"])}
            if len(symbols) > _MAX_SYMBOLS:
                raise NotImplementedError(f"{len(symbols)} symbols")
            self.say(depth, f"{name} = {self.constant(symbols)}[d[p]]", "p += 1")
        elif kind == "union":
            null, other, branch = self.optional(definition)
            self.say(depth, f"{name} = d[p]", "p += 1")
            self.say(depth, f"if {name} == {2 * null}: {name} = None")
            self.say(depth, f"elif {name} == {2 * other}:")
            self.say(depth + 1, f"{name} = {self.value(branch, depth + 1)}")
            self.say(depth, "else: raise ValueError(p)")
        elif kind == "array":
            left = self.name()
            self.say(depth, f"{name} = []")
            self._size(left, depth)
            self.say(depth, f"if {left}:")
            self.say(depth + 1, f"for _ in range({left} >> 1):")
            item = self.value(definition["items"], depth + 2)
            self.say(depth + 2, f"{name}.append({item})")
            self.say(depth + 1, "if d[p]: raise ValueError(p)", "p += 1")
        else:
            raise NotImplementedError(kind)
        return name

    def _size(self, name: str, depth: int) -> None:
        self.say(depth, f"{name} = d[p]", "p += 1")
        self.say(depth, f"if {name} & 129: {name}, p = size(d, p - 1)")


class _Writing(_Source):
    """Statements before, and expressions of, the pieces of bytes that a value is."""

    def pieces(self, schema: Any, value: str, depth: int) -> list[str]:
        """The pieces of a value, which is an expression too."""
        kind, definition = self.resolved(schema)
        if kind == "record":
            pieces = []
            for field in definition["fields"]:
                name, key = self.name(), repr(field["name"])
                if "default" in field:
                    default = self.constant(field["default"])
                    self.say(depth, f"{name} = {value}.get({key}, {default})")
                else:
                    self.say(depth, f"{name} = {value}[{key}]")
                pieces += self.pieces(field["type"], name, depth)
            return pieces
        if kind == "string":
            name = self.name()
            self.say(depth, f"{name} = {value}.encode()")
            return [f"N[len({name})]", name]
        if kind == "bytes":
            return [f"N[len({value})]", value]
        if kind in ("long", "int"):
            return [f"N[{value}]"]
        if kind == "boolean":
            return [rf"(b'\1' if {value} else b'\0')"]
        if kind == "enum":
            symbols = {symbol: _NUMBERS[at] for at, symbol in enumerate(definition["symbols"])}
            return [f"{self.constant(symbols)}[{value}]"]
        name = self.name()
        if kind == "union":
            null, other, branch = self.optional(definition)
            self.say(depth, f"if {value} is None: {name} = {bytes([2 * null])!r}", "else:")
            inner = self.pieces(branch, value, depth + 1)
            self.say(depth + 1, f"{name} = {_joined([repr(bytes([2 * other])), *inner])}")
        elif kind == "array":
            item = self.name()
            self.say(depth, rf"{name} = b'\0'", f"if {value}:")
            self.say(depth + 1, f"{name} = [N[len({value})]]", f"for {item} in {value}:")
            self.say(
                depth + 2, f"{name} += ({', '.join(self._item(definition, item, depth + 2))},)"
            )
            self.say(depth + 1, rf"{name}.append(b'\0')", f"{name} = b''.join({name})")
        else:
            raise NotImplementedError(kind)
        return [name]

    def _item(self, definition: Any, item: str, depth: int) -> list[str]:
        return self.pieces(definition["items"], item, depth)


def _joined(pieces: list[str]) -> str:
    return f"b''.join(({', '.join(pieces)},))"
