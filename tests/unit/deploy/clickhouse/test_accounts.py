"""Accounts, their quota and the audit log of what they ask."""

from __future__ import annotations

import hashlib
import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.clickhouse.accounts import open_account, read_accounts, write_accounts
from deploy.clickhouse.audit import AuditLog, Entry
from deploy.clickhouse.errors import ClickHouseError
from deploy.clickhouse.quota import Quotas
from schemas.clock import ManualClock
from schemas.errors import ConfigurationError
from schemas.rights import ROLES

ENTRY = Entry("anna", "auditor", "127.0.0.1", "id", "SELECT 1", True, 1, 0, 0)


def test_an_account_knows_its_password_and_keeps_it_nowhere(tmp_path: Path) -> None:
    file = write_accounts(tmp_path, {"auditor": "long and random", "loader": "another"})
    assert file.stat().st_mode & 0o077 == 0
    accounts = {account.username: account for account in read_accounts(file)}
    assert accounts["auditor"].role is ROLES["auditor"]
    assert accounts["auditor"].has_password("long and random")
    for wrong in ("", "another", "long and random ", accounts["auditor"].sha256):
        assert not accounts["auditor"].has_password(wrong)
    for text in (file.read_text(), repr(accounts)):
        assert "random" not in text
        assert "another" not in text
    assert accounts["auditor"].sha256 not in repr(accounts)
    again = read_accounts(write_accounts(tmp_path, {"auditor": "long and random"}))
    assert again[0].sha256 != accounts["auditor"].sha256


def test_without_accounts_whoever_comes_is_the_operator() -> None:
    account = open_account()
    assert (account.username, account.role) == ("default", ROLES["operator"])
    assert account.has_password("")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file"),
        ("{", "not as it was written"),
        ('{"auditor": {"salt": "s", "sha256": "plain"}}', "not as it was written"),
        ('{"root": {"salt": "s", "sha256": "' + "0" * 64 + '"}}', "names root: the roles are"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused(
    tmp_path: Path, text: str | None, told: str
) -> None:
    file = tmp_path / "accounts.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigurationError, match=told) as caught:
        read_accounts(file)
    assert str(file) in str(caught.value)
    assert "plain" not in str(caught.value)


def test_a_quota_is_of_an_account_and_begins_anew_with_the_hour(tmp_path: Path) -> None:
    clock = ManualClock()
    quotas = Quotas(clock)
    accounts = read_accounts(write_accounts(tmp_path, {"statistician": "a", "operator": "b"}))
    by_name = {account.username: account for account in accounts}
    limit = ROLES["statistician"].queries_per_hour
    assert limit is not None
    for _ in range(limit):
        quotas.take(by_name["statistician"])
    with pytest.raises(ClickHouseError, match=rf"queries = {limit + 1}/{limit}") as caught:
        quotas.take(by_name["statistician"])
    assert caught.value.code == 201
    for _ in range(limit + 1):
        quotas.take(by_name["operator"])
    clock.advance(3600)
    quotas.take(by_name["statistician"])


def test_a_line_holds_who_when_what_and_how_many(tmp_path: Path) -> None:
    clock = ManualClock()
    log = AuditLog(tmp_path / "audit", clock)
    log.write(ENTRY)
    clock.advance(24 * 3600)
    log.write(ENTRY)
    first, second = sorted((tmp_path / "audit").iterdir())
    line = json.loads(first.read_text())
    assert (line["user"], line["role"], line["query"], line["rows"]) == (
        "anna", "auditor", "SELECT 1", 1,
    )  # fmt: skip
    assert line["at"].startswith(first.stem)
    assert second.stem > first.stem
    assert first.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "query",
    [
        "CREATE USER x IDENTIFIED BY 'hunter2'",
        "CREATE USER x IDENTIFIED WITH sha256_password BY 'it''s hunter2'",
        r"SOURCE(CLICKHOUSE(USER 'x' PASSWORD 'a\' hunter2' DB 'd'))",
        "ENGINE = X(password = 'hunter2')",
    ],
)
def test_a_password_in_a_statement_is_left_out(tmp_path: Path, query: str) -> None:
    log = AuditLog(tmp_path, ManualClock())
    log.write(replace(ENTRY, query=query))
    (file,) = tmp_path.iterdir()
    assert "hunter2" not in file.read_text()
    assert "[HIDDEN]" in file.read_text()


def test_what_can_not_be_written_is_not_answered(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit", ManualClock())
    for file in (tmp_path / "audit").iterdir():
        file.unlink()
    (tmp_path / "audit").rmdir()
    with pytest.raises(ClickHouseError, match="audit log can't be written"):
        log.write(ENTRY)
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(ConfigurationError, match="audit log in"):
        AuditLog(tmp_path / "audit", ManualClock())


def line_of(folder: Path, entry: Entry) -> dict[str, object]:
    AuditLog(folder, ManualClock()).write(entry)
    (file,) = folder.iterdir()
    line = json.loads(file.read_text().splitlines()[-1])
    assert isinstance(line, dict)
    return line


def test_a_comment_takes_no_room_of_a_long_statement(tmp_path: Path) -> None:
    filler = f"/*{'x' * 20_000}*/"
    asked = f"{filler} SELECT held {filler} FROM raw.facts {filler}"
    line = line_of(tmp_path, replace(ENTRY, query=asked))
    assert line["query"] == "SELECT held FROM raw.facts"


def test_a_long_statement_stands_there_by_its_ends_and_its_hash(tmp_path: Path) -> None:
    asked = f"SELECT {'1,' * 9_000} held FROM raw.facts WHERE bureau = 'FR'"
    line = line_of(tmp_path, replace(ENTRY, query=asked))
    assert asked.startswith(str(line["query"]))
    assert str(line["query_tail"]).endswith("1, held FROM raw.facts WHERE bureau = 'FR'")
    assert len(str(line["query"])) + len(str(line["query_tail"])) == 16_384
    assert line["query_length"] == len(asked)
    assert line["query_sha256"] == hashlib.sha256(asked.encode()).hexdigest()


def test_a_name_takes_no_room_that_it_likes(tmp_path: Path) -> None:
    assert line_of(tmp_path, replace(ENTRY, user="N" * 40_000))["user"] == "N" * 128


def test_a_line_is_whole_or_not_there(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, ManualClock())
    (file,) = tmp_path.iterdir()
    length = 2**30  # sparse, so that no other file of this process reaches the limit
    os.truncate(file, length)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length + 10, hard))
    try:
        with pytest.raises(ClickHouseError, match="audit log can't be written"):
            log.write(ENTRY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.stat().st_size == length
    os.truncate(file, 0)
    log.write(ENTRY)
    assert json.loads(file.read_text())["query"] == "SELECT 1"
