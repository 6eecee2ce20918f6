"""What is printed steers no terminal, whoever wrote it, and stays readable in every script."""

from __future__ import annotations

import io
import json
import math
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.cli.printing import error_line, note, print_bytes, print_json, print_table
from deploy.cli.safe_text import FIRST_STRONG_ISOLATE, POP_ISOLATE

Capture = pytest.CaptureFixture[str]
PROJECT = Path(__file__).parents[3]
EVIL = "\x1b]0;pwned\x07\x1b[31mFR \x9b2J\x7f \u202eright\u2066 \u200fmark\r\n│ faked │ row │\ud800"
ARABIC = "الاتجار بالأشخاص"
_STEERS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_OURS = re.compile(r"\x1b\[[0-9;]*m|\r(?=\n)")


def on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, show: Callable[[], None], *, columns: int = 100
) -> list[str]:
    """The lines that a terminal on stdout gets, without our own colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    own, theirs = pty.openpty()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8", buffering=1 << 16) as out:
            monkeypatch.setattr("sys.stdout", out)
            show()
            text = os.read(own, 1 << 16).decode()
    finally:
        os.close(own)
    return _OURS.sub("", text).splitlines()


def test_a_cell_or_a_column_can_not_steer_a_terminal(capsys: Capture) -> None:
    print_table((EVIL, "n"), [(EVIL, 1), ("x", 2)], title="a\nb\x1b[2J")
    shown = capsys.readouterr().out
    assert not _STEERS.search(shown)
    assert [line[0] for line in shown.splitlines()[3:]] == list("┏┃┡││└"), "no row is made up"
    assert r"\x1b]0;pwned\x07\x1b[31mFR \x9b2J\x7f \u202eright\u2066 \u200fmark\r\n│" in shown
    assert r"\ud800" in shown


@pytest.mark.parametrize("say", [note, lambda text: error_line("kafka", text)], ids=["note", "err"])
def test_a_line_for_a_person_stays_one_and_steers_nothing(
    say: Callable[[str], None], capsys: Capture
) -> None:
    say(f"{EVIL} {ARABIC} :bomb: [red]x[/]")
    shown = capsys.readouterr().err
    assert shown.endswith("\n")
    assert shown.count("\n") == 1
    assert not _STEERS.search(shown)
    assert f"{ARABIC} :bomb: [red]x[/]" in shown


def test_json_is_safe_on_a_terminal_and_means_the_same(capsys: Capture) -> None:
    value = [{EVIL: EVIL, "label": ARABIC}]
    print_json(value)
    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert not _STEERS.search(shown)
    assert ARABIC in shown


def test_what_json_has_no_number_for_is_null(capsys: Capture) -> None:
    print_json(
        {
            "nan": math.nan,
            "inf": [math.inf, -math.inf],
            "money": Decimal("1.10"),
            7: (b"\xff", True),
        }
    )

    def never(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(capsys.readouterr().out, parse_constant=never) == {
        "nan": None, "inf": [None, None], "money": "1.10", "7": ["ff", True],
    }  # fmt: skip


def test_right_to_left_letters_move_nothing_beside_them_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = ("trafficking", f"{ARABIC} 12", 1234, 56)
    lines = on_a_terminal(
        monkeypatch, lambda: print_table(("category", "الفئة", "events", "n"), [row]), columns=45
    )
    assert len({len(re.sub("[\u2068\u2069]", "", line)) for line in lines}) == 1, "borders stand"
    folded = [line for line in lines if re.search("[\u0600-\u06ff]", line)]
    assert len(folded) > 2, "a head, and a cell that is folded"
    for line in folded:
        # The bars are outside, so each cell is for itself.
        left, middle, right = re.split(f"{FIRST_STRONG_ISOLATE}|{POP_ISOLATE}", line)
        assert re.search("[\u0600-\u06ff]", middle)
        assert not re.search("[│┃\u0600-\u06ff]{2}|[\u0600-\u06ff]", left + right)
        assert not re.search("[│┃]", middle)
    assert "1234" in folded[1].rpartition(POP_ISOLATE)[2]


def test_without_a_terminal_a_script_gets_the_letters_alone(capsys: Capture) -> None:
    print_table(("label",), [(ARABIC,)])
    shown = capsys.readouterr().out
    assert f"│ {ARABIC} │" in shown


def test_csv_is_byte_for_byte_in_a_pipe_and_safe_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = f'"{ARABIC}","\x1b[2J\x9b"\n"a\u202e",1\n'.encode()
    piped = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", piped)
        print_bytes([lines[:5], lines[5:]])
    assert piped.buffer.getvalue() == lines
    assert on_a_terminal(monkeypatch, lambda: print_bytes([lines[:5], lines[5:]])) == [
        f'"{ARABIC}","\\x1b[2J\\x9b"',
        '"a\\u202e",1',
    ]


_TELLS = """
import os, sys
from deploy.cli.printing import error_line, note, print_text, told_progress
note("first")
{gone}
note("second")
error_line("code", "third")
with told_progress() as told:
    told("stage", 1, 2)
print_text("goes on")
"""


@pytest.mark.parametrize(
    "gone",
    [
        "reader, writer = os.pipe(); os.close(reader); os.dup2(writer, 2)",
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)",
        "os.close(2)",
        "sys.stderr.close()",
        "sys.stderr = None",
    ],
)
def test_a_note_that_can_not_be_written_stops_nobody(gone: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TELLS.format(gone=gone)],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("goes on\n", "first\n")


def test_data_that_can_not_be_written_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", "topics"],
            cwd=PROJECT, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("error[no-output]: what is printed can't be written to stdout")
    assert done.stderr.count("\n") == 1
