"""A file of denominators: each area and year once, above 0, and who says so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from deploy.exports.denominators import read_denominators
from deploy.exports.rates import Denominator
from schemas.errors import ConfigurationError
from sinks.statistics.periods import Period

HEAD = "area,year,value,source\n"


def test_a_period_takes_the_denominator_of_its_year(tmp_path: Path) -> None:
    file = tmp_path / "inhabitants.csv"
    file.write_text(
        "\ufeffyear,area,source,value\n2025,europe,census 2021,744.5\n", encoding="utf-8"
    )
    of = read_denominators(file)
    expected = Denominator(Decimal("744.5"), "census 2021")
    for code in ("2025", "2025-Q3", "2025-11"):
        assert of("europe", Period.parse(code)) == expected
    assert of("europe", Period.parse("2024")) is None
    assert of("africa", Period.parse("2025")) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("area,year,value\neurope,2025,1\n", "its columns are area, year, value"),
        ("", "its columns are"),
        (HEAD + "europe,2025,0.0,x\n", "line 2: europe 2025 is there 0"),
        (HEAD + "europe,2025,1,x\neurope,2025,2,y\n", "line 3: europe 2025 is there twice"),
        (HEAD + "europe,2025,-1,x\n", "line 2: value"),
        (HEAD + "europe,2025,1e9,x\n", "line 2: value"),
        (HEAD + "europe,2025,nan,x\n", "line 2: value"),
        (HEAD + "europe,2025-Q1,1,x\n", "line 2: year"),
        (HEAD + "europe,2025,1,\n", "line 2: source"),
        (HEAD + "europe,2025,1\n", "line 2: source"),
        (HEAD + "europe,2025,1,x,more\n", "line 2"),
        (HEAD + 'europe,2025,1,"x\n', "unexpected end of data"),
    ],
)
def test_a_file_that_leaves_a_doubt_is_refused_with_its_line(
    text: str, why: str, tmp_path: Path
) -> None:
    file = tmp_path / "inhabitants.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_denominators(file)
    assert caught.value.code == "bad-denominators"
    assert why in str(caught.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "none.csv", tmp_path, binary):
        with pytest.raises(ConfigurationError, match="can't be used"):
            read_denominators(file)
