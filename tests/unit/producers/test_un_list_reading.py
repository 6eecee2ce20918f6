"""The list is read as it stands, and nothing hostile, cut or foreign gets through."""

from __future__ import annotations

import os
import re
import tracemalloc
from pathlib import Path

import pytest

from producers.un_list import Entry, Unmapped, load_list, read_list
from producers.un_list.reading import MAX_FILE_BYTES
from schemas.errors import ConfigurationError, PermanentError

SAMPLE = Path(__file__).with_name("un_list_sample.xml")
REAL_DATA = os.environ.get("LIAISON_REAL_DATA")
BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]>
<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL>&lol2;</INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>
"""
EXTERNAL = """<?xml version="1.0"?>
<!DOCTYPE CONSOLIDATED_LIST SYSTEM "file:///etc/passwd">
<CONSOLIDATED_LIST/>
"""
UNDEFINED = "<CONSOLIDATED_LIST>\n<INDIVIDUALS>&nothing;</INDIVIDUALS></CONSOLIDATED_LIST>"


LONG = "x" * 1_200_000


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "list.xml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def one_entry(body: str) -> str:
    return (
        "<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL>"
        f"{body}</INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>"
    )


def test_entries_keep_what_the_file_says() -> None:
    found = load_list(SAMPLE)
    assert [entry.reference for entry in found.entries] == ["QDi.901", "KPi.902", "HTe.903"]
    assert found.unmapped == ()
    assert found.generated_at is not None
    assert found.generated_at.isoformat() == "2026-01-05T00:00:09.554000+00:00"
    person = found.entries[0]
    assert person.name == "EXAMPLE PERSON OF FICTION"
    assert person.comments == "An invented person. Second line."
    assert [alias.name for alias in person.aliases] == ["Invented Alias", "Al"]
    assert person.documents[1].type == "National Identification Number"
    assert len(person.documents) == 3
    assert len(person.birth_dates) == 5
    assert person.addresses[0].text == "1 Invented Street, Streslau, Ruritania (until 1999)"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BOMB, "line 2: it declares a document type"),
        (EXTERNAL, "line 2: it declares a document type"),
        (UNDEFINED, "line 2: no well-formed XML"),
        ("", "line 1: the file ends too early"),
        ("{}", "line 1: no well-formed XML"),
        ("<!DOCTYPE html><html></html>", "line 1: it declares a document type"),
        ("<html>\n</html>", "line 1: the root element is 'html', not CONSOLIDATED_LIST"),
        ("<?xml version='1.0' encoding='klingon'?><CONSOLIDATED_LIST/>", "klingon|encoding"),
        ("<?xml version='1.0' encoding='utf-7'?><CONSOLIDATED_LIST/>", "encoding"),
        ("<?xml version='1.0' encoding='unicode_escape'?><CONSOLIDATED_LIST/>", "encoding"),
        (one_entry("<FIRST_NAME>").replace("</INDIVIDUAL>", "</X>"), "line 1: no well-formed"),
        ("<CONSOLIDATED_LIST>" + "<a>" * 40, "line 1: elements are nested deeper than 16"),
        (one_entry(f"<COMMENTS1>{'x' * 1_100_000}</COMMENTS1>"), "line 1: one entry has more"),
        (f"<CONSOLIDATED_LIST a='{LONG}'/>", "line 1: a tag or comment has more"),
        (one_entry(f"<COMMENTS1 a='{LONG}'/>"), "line 1: a tag or comment has more"),
        (one_entry(f"<!--{LONG}-->"), "line 1: a tag or comment has more"),
        (f"<!--{LONG}--><CONSOLIDATED_LIST/>", "line 1: a tag or comment has more"),
        (one_entry(f"<?print {LONG}?>"), "line 1: a tag or comment has more"),
        (one_entry(f"<NOTE a='{'x' * 1000}'/>" * 1_100), "line 1: one entry has more"),
        (one_entry("<a/>" * 20_000), "line 1: one entry has more"),
        ("<CONSOLIDATED_LIST>" + "<ENTITY/>" * 100_001, "line 1: it has more than 100000 entries"),
        ("<CONSOLIDATED_LIST></CONSOLIDATED_LIST>", "no entry at all"),
        (one_entry("<DATAID>1</DATAID>").encode()[:-1] + b"\xff>", "line 1: no well-formed"),
        (one_entry("<FIRST_NAME>\u00e9</FIRST_NAME>").encode("latin-1"), "line 1: no well-formed"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:40],
)
def test_what_is_no_list_is_refused_with_its_line(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(PermanentError, match=says) as refusal:
        load_list(path)
    assert str(path) in str(refusal.value)


def test_a_file_cut_anywhere_gives_nothing(tmp_path: Path) -> None:
    whole = SAMPLE.read_bytes().rstrip()
    for length in range(1, len(whole) - 1, 397):
        with pytest.raises(PermanentError, match=r"line \d+: "):
            load_list(write(tmp_path, whole[:length]))


def test_other_encodings_that_the_file_declares_are_read(tmp_path: Path) -> None:
    text = SAMPLE.read_text("utf-8").replace('encoding="UTF-8"', 'encoding="UTF-16"')
    found = load_list(write(tmp_path, text.encode("utf-16")))
    assert found.entries == load_list(SAMPLE).entries


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_list(tmp_path / "nothing.xml")
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_list(tmp_path)


@pytest.mark.parametrize(
    ("body", "reference", "reason"),
    [
        ("<FIRST_NAME>A</FIRST_NAME>", "", "without REFERENCE_NUMBER and DATAID"),
        ("<REFERENCE_NUMBER>QDi.9</REFERENCE_NUMBER>", "QDi.9", "without a name"),
        (
            "<REFERENCE_NUMBER>Q D</REFERENCE_NUMBER><FIRST_NAME>A</FIRST_NAME>",
            "Q D",
            "has a space",
        ),
    ],
)
def test_an_entry_that_cannot_be_mapped_is_listed_with_its_reason(
    tmp_path: Path, body: str, reference: str, reason: str
) -> None:
    (item,) = read_list(write(tmp_path, one_entry(body)))
    assert isinstance(item, Unmapped)
    assert item.reference == reference
    assert reason in item.reason
    assert item.line == 1


def test_a_reference_that_stands_twice_is_taken_once(tmp_path: Path) -> None:
    text = SAMPLE.read_text("utf-8").replace("KPi.902", "QDi.901")
    found = load_list(write(tmp_path, text))
    assert [entry.reference for entry in found.entries] == ["QDi.901", "HTe.903"]
    assert [item.reason for item in found.unmapped] == ["its reference stands twice"]


def test_layout_is_no_content_and_everything_else_is(tmp_path: Path) -> None:
    text = SAMPLE.read_text("utf-8")
    before = [entry.content for entry in load_list(SAMPLE).entries]
    flat = re.sub(r"\s+", " ", text).replace("> <", "><")
    flat = flat.replace("<SORT_KEY></SORT_KEY>", "<SORT_KEY>1</SORT_KEY>")
    assert [entry.content for entry in load_list(write(tmp_path, flat)).entries] == before
    changed = load_list(write(tmp_path, text.replace("<VERSIONNUM>1<", "<VERSIONNUM>2<", 1)))
    after = [entry.content for entry in changed.entries]
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    text = SAMPLE.read_text("utf-8")
    first = text.index("    <INDIVIDUAL>")
    last = text.index("  </INDIVIDUALS>")
    path = tmp_path / "long.xml"
    with path.open("w", encoding="utf-8") as file:
        file.write(text[:first])
        for number in range(600):
            block = text[first:last].replace("QDi.", f"QDi.{number}.")
            file.write(block.replace("KPi.", f"KPi.{number}."))
        file.write(text[last:])
    tracemalloc.start()
    try:
        entries = sum(isinstance(item, Entry) for item in read_list(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert entries == 1201
    assert path.stat().st_size > 2_000_000
    assert peak < 1_500_000


@pytest.mark.parametrize("token", ["<CONSOLIDATED_LIST a='", "<CONSOLIDATED_LIST><!--"])
def test_memory_does_not_grow_with_a_token(tmp_path: Path, token: str) -> None:
    path = write(tmp_path, token + "x" * 24_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(PermanentError, match="a tag or comment has more"):
            load_list(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_a_file_far_larger_than_the_list_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "huge.xml"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(PermanentError, match="this is not the list"):
        load_list(path)


@pytest.mark.skipif(not REAL_DATA, reason="LIAISON_REAL_DATA is not set: the real UN list")
def test_real_un_list_all_1003_entries_are_read() -> None:
    found = load_list(Path(REAL_DATA or "") / "un" / "UN_consolidated.xml")
    assert sum(entry.kind == "individual" for entry in found.entries) == 730
    assert sum(entry.kind == "entity" for entry in found.entries) == 273
    assert found.unmapped == ()
    assert sum(bool(entry.original_script) for entry in found.entries) == 336 + 42
