"""Only the last token of a table can be one whose rows never came."""

from pathlib import Path

import pytest

from deploy.clickhouse.tokens import forget_tokens_without_rows

ADDED = "1\t202611_1_1_0\tfirst\n1\t202612_2_2_0\tsecond\n"


def table(store: Path, parts: list[str], *logs: str) -> Path:
    folder = store / "store" / "abc" / "abc-def"
    for name in ("detached", "deduplication_logs", *parts):
        (folder / name).mkdir(parents=True)
    for number, text in enumerate(logs, 9):
        (folder / "deduplication_logs" / f"deduplication_log_{number}.txt").write_text(text)
    return folder / "deduplication_logs"


@pytest.mark.parametrize("parts", [["202611_1_1_0"], ["202611_1_1_0", "tmp_insert_202612_2_2_0"]])
def test_a_last_token_without_a_part_is_forgotten(tmp_path: Path, parts: list[str]) -> None:
    logs = table(tmp_path, parts, "1\t202611_0_0_0\tolder\n", ADDED, "")
    assert forget_tokens_without_rows(tmp_path) == 1
    assert (logs / "deduplication_log_10.txt").read_text() == "1\t202611_1_1_0\tfirst\n"
    assert (logs / "deduplication_log_9.txt").read_text() == "1\t202611_0_0_0\tolder\n"
    assert forget_tokens_without_rows(tmp_path) == 0


@pytest.mark.parametrize(
    ("parts", "log"),
    [
        (["202611_1_1_0", "202612_2_2_0"], ADDED),
        (["202611_1_1_0", "202612_0_7_3"], ADDED),  # merged meanwhile
        (["202612_2_2_0_5"], ADDED),  # mutated meanwhile
        (["202611_3_3_0"], ADDED),  # dropped, or merged: another came after it
        (["202611_1_1_0"], ADDED + "2\t202612_2_2_0\tsecond\n"),
        ([], ""),
    ],
)
def test_other_tokens_stay(tmp_path: Path, parts: list[str], log: str) -> None:
    file = table(tmp_path, parts, log) / "deduplication_log_9.txt"
    assert forget_tokens_without_rows(tmp_path) == 0
    assert file.read_text() == log


FIRST, SECOND = ADDED.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("log", "whole"),
    [
        *((ADDED + SECOND[:length], ADDED) for length in (1, 2, 7, 14, len(SECOND) - 1)),
        # what a start without this wrote on behind it
        *((SECOND[:length] + ADDED, ADDED) for length in (1, 2, 7, 14, len(SECOND) - 1)),
        (FIRST + "\0" * 4096 + SECOND + "\0", ADDED),
        (FIRST + "no token\n\n1\tno-part\tid\n" + SECOND, ADDED),
        ("no token", ""),
    ],
)
def test_a_broken_line_costs_no_other(
    tmp_path: Path, log: str, whole: str, caplog: pytest.LogCaptureFixture
) -> None:
    logs = table(tmp_path, ["202612_2_2_0"], log)
    (logs / "deduplication_log_9.txt.0123.tmp").touch()  # of a start that was killed
    assert forget_tokens_without_rows(tmp_path) == 0
    (file,) = logs.iterdir()
    assert file.read_text() == whole
    assert "broken lines are taken out" in caplog.text
    caplog.clear()
    assert forget_tokens_without_rows(tmp_path) == 0
    assert caplog.text == ""


def test_before_a_broken_line_a_token_without_a_part_is_forgotten(tmp_path: Path) -> None:
    logs = table(tmp_path, ["202611_1_1_0"], ADDED, "1\t202612_3")
    assert forget_tokens_without_rows(tmp_path) == 1
    assert (logs / "deduplication_log_9.txt").read_text() == FIRST
    assert (logs / "deduplication_log_10.txt").read_text() == ""
