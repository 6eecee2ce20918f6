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
        (["202611_1_1_0"], ADDED + "1"),  # not written to its end
        ([], ""),
    ],
)
def test_other_tokens_stay(tmp_path: Path, parts: list[str], log: str) -> None:
    file = table(tmp_path, parts, log) / "deduplication_log_9.txt"
    assert forget_tokens_without_rows(tmp_path) == 0
    assert file.read_text() == log
