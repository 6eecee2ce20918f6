"""Error codes become the status that a server would give."""

from __future__ import annotations

import pytest

from deploy.clickhouse.errors import ClickHouseError, http_status


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 400), (516, 403), (497, 403), (60, 404), (81, 404), (115, 404), (48, 501), (159, 408)]
    + [(117, 400), (290, 413), (241, 500), (1001, 500)],
)
def test_a_code_has_a_status(code: int, status: int) -> None:
    assert http_status(code) == status


def test_the_engine_s_message_keeps_its_code_and_loses_what_stands_before() -> None:
    error = ClickHouseError.from_engine("Failed: Code: 60. DB::Exception: no table (UNKNOWN_TABLE)")
    assert error.code == 60
    assert error.text.startswith("Code: 60.")


def test_a_message_without_a_code_gets_one() -> None:
    error = ClickHouseError.from_engine("something broke")
    assert error.code == 1001
    assert error.text == "Code: 1001. DB::Exception: something broke (STD_EXCEPTION)"


def test_who_may_not_is_the_account_and_not_the_engine_s_only_user() -> None:
    message = "Code: 497. DB::Exception: default: Not enough privileges, default: (ACCESS_DENIED)"
    assert ClickHouseError.from_engine(message, "loader").text == message.replace(
        "default", "loader", 1
    )
    for other in (
        "Code: 395. DB::Exception: default: said by who asked: while executing (NOT_THE_USER)",
        "Code: 497. DB::Exception: Not for default: x (ACCESS_DENIED)",
    ):
        assert ClickHouseError.from_engine(other, "loader").text == other
