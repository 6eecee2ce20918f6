"""The demo's tables: one after the other for a person, one document for a script."""

from __future__ import annotations

import json

import pytest

from deploy.demo.shown import Shown
from deploy.verify.difference import Verdict

COLUMNS, ROWS = ("region", "events"), [("mena", 2), ("europe", 1)]


def show(shown: Shown) -> None:
    shown.table("receipts", COLUMNS, ROWS, title="Receipts, by region")
    shown.verdict(Verdict({"accepted": 3}))
    shown.end()


def test_a_script_gets_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    show(Shown(as_json=True))
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["receipts"] == [
        {"region": "mena", "events": 2},
        {"region": "europe", "events": 1},
    ]
    assert document["verify"]["clean"] is True
    assert document["verify"]["counts"] == {"accepted": 3}
    assert printed.err == ""


def test_a_person_gets_tables(capsys: pytest.CaptureFixture[str]) -> None:
    show(Shown(as_json=False))
    printed = capsys.readouterr()
    assert "Receipts, by region\n┏" in printed.out
    assert "│ mena   │      2 │" in printed.out
    assert "verify: no difference" in printed.err
