"""Codes and labels of statistics go into spreadsheets, which take some texts for formulas."""

from __future__ import annotations

import re

from schemas.reference import Reference
from sinks.statistics.codes import labelled_codes

_FORMULA = re.compile(r"[=+\-@\t\r\n]")


def test_no_code_and_no_label_begins_as_a_formula_does() -> None:
    texts = [text for row in labelled_codes(Reference.load()) for text in row[1:6]]
    assert len(texts) > 1000
    assert [text for text in texts if _FORMULA.match(text)] == []
