"""Files for the importer of the UN list: entities, bombs, encodings, cuts; read and mapped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape  # noqa: S406 - writes text, parses nothing

from producers.un_list import ImportPlan, load_list, plan_import
from schemas.errors import ConfigurationError, PermanentError
from schemas.headers import read_refusal
from schemas.topics import GENERAL_SECRETARIAT, GLOBAL, dlq_topic, partition_of, source_topic
from stream_apps.engine import Partition
from stream_apps.router.driver import RouterDriver
from stream_apps.router.refusals import KEPT_IN_PART
from tests.fuzz.bases import NOW_MS
from tests.fuzz.case import Case, Finding
from tests.fuzz.mutate import HUGE_CHARS, spoil_bytes, spoil_text

__all__ = ["UnListTarget"]

_SAMPLE = Path(__file__).parents[1] / "unit/producers/un_list_sample.xml"
_AS_OF = datetime(2025, 11, 20, tzinfo=UTC)
_FIELDS = (
    "FIRST_NAME", "REFERENCE_NUMBER", "LISTED_ON", "COMMENTS1", "DATAID", "UN_LIST_TYPE", "YEAR",
    "DATE", "NUMBER", "COUNTRY", "GENDER", "VALUE", "NAME_ORIGINAL_SCRIPT", "TYPE_OF_DOCUMENT",
)  # fmt: skip
_INSETS = (
    b"<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>", b"&b;", b"&#0;",
    b"&#x10FFFF;",
    b"&#xD800;", b"<!DOCTYPE x SYSTEM \"file:///etc/passwd\">", b"<![CDATA[", b"]]>", b"<!--",
    b"-->",
    b"<?xml version=\"1.0\" encoding=\"UTF-16\"?>", b"<?pi?>", b"<a xmlns:a=\"x\" a:b=\"c\">",
    b"</INDIVIDUAL>",
    b"<INDIVIDUAL>", b"<ENTITY>", b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"<INDIVIDUAL/>",
    b"&amp;" * 2000,
    b"<x:INDIVIDUAL xmlns:x='y'>",
)  # fmt: skip
_ENCODINGS = (
    "utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-7", "shift_jis", "gb18030", "idna",
    "punycode", "hex", "rot13", "unicode_escape", "undefined", "iso-2022-jp", "ascii", "x" * 500,
)  # fmt: skip


class UnListTarget:
    """Files: read whole and mapped, or refused with the file and the line."""

    name = "un-list"

    def __init__(self) -> None:
        self._sound = _SAMPLE.read_bytes()
        self._folder = tempfile.TemporaryDirectory(prefix="liaison-fuzz-")
        self._path = Path(self._folder.name) / "list.xml"
        self._driver = RouterDriver(now_ms=NOW_MS)
        steps = plan_import(load_list(_SAMPLE).items(), {}, _AS_OF).steps
        self._listed = {step.after.reference: step.after for step in steps}

    def make(self, rng: Random) -> Case:
        data = self._sound
        way = rng.random()
        if way < 0.5:
            data = self._with_other_values(rng, data)
        elif way < 0.7:
            for _ in range(rng.choice((1, 1, 2, 4))):
                at = rng.randint(0, len(data))
                data = data[:at] + rng.choice(_INSETS) + data[at:]
        elif way < 0.78:
            declared = rng.choice(_ENCODINGS)
            data = (
                b'<?xml version="1.0" encoding="%s"?>' % declared.encode()
                + data[data.find(b"?>") + 2 :]
            )
        elif way < 0.82:
            data = self._bomb(rng)
        elif way < 0.86:
            try:
                data = data.decode().encode(rng.choice(_ENCODINGS[:10]), "replace")
            except (LookupError, UnicodeError):
                data = data[: rng.randint(0, len(data))]
        else:
            data = spoil_bytes(rng, data)
        return {"file": data}

    def _with_other_values(self, rng: Random, data: bytes) -> bytes:
        """Other text between the tags of a field that the importer reads."""
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            tag = rng.choice(_FIELDS).encode()
            places = list(_all(data, b"<" + tag + b">"))
            if not places:
                continue
            begin = rng.choice(places) + len(tag) + 2
            end = data.find(b"</", begin)
            text = data[begin:end].decode("utf-8", "replace")
            if "<" in text:
                continue
            new = escape(spoil_text(rng, text)).encode("utf-8", "surrogatepass")
            data = data[:begin] + new + data[end:]
        return data

    def _bomb(self, rng: Random) -> bytes:
        piece = rng.choice(
            (b"<a>", b"<INDIVIDUAL>", b"<a b='", b"<", b"&", b"<a a='1' ", b"<![CDATA[", b"<!--",
             b"&#", b"x",
             b"<INDIVIDUAL><FIRST_NAME>x</FIRST_NAME></INDIVIDUAL>", b"<a/>", b" a='1'", b"</a>")
        )  # fmt: skip
        head = rng.choice(
            (b"", b"<CONSOLIDATED_LIST>", b"<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL>")
        )
        return head + piece * (rng.choice((1000, 100_000, HUGE_CHARS)) // len(piece))

    def run(self, case: Case) -> list[str]:
        self._path.write_bytes(case["file"])
        try:
            found = load_list(self._path)
            codes = [
                self._published(plan_import(found.items(), {}, _AS_OF)),
                self._published(plan_import(found.items(), self._listed, _AS_OF)),
            ]
        except (PermanentError, ConfigurationError) as refused:
            return [refused.code]
        return [max(codes)]

    def _published(self, plan: ImportPlan) -> str:
        """What would be published is what the router accepts, but for what is too large."""
        driver = self._driver
        driver.router.revoke([Partition(source_topic(GLOBAL), partition_of(GENERAL_SECRETARIAT))])
        code = "mapped" if not plan.unmapped else "some-unmapped"
        for number, step in enumerate(plan.steps, start=1):
            record = driver.record(GENERAL_SECRETARIAT, step.event, sequence=number)
            for dead in driver.feed(record).get(dlq_topic(GLOBAL), []):
                refusal = read_refusal(dead.headers)
                if refusal.code not in KEPT_IN_PART:
                    raise Finding(f"the router refuses a notice of the importer: {refusal.reason}")
                code = refusal.code
        return code

    def close(self) -> None:
        self._folder.cleanup()


def _all(data: bytes, piece: bytes) -> Iterator[int]:
    at = data.find(piece)
    while at >= 0:
        yield at
        at = data.find(piece, at + 1)
