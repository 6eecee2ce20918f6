"""Which errors put a block aside, and which make it wait."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from schemas.errors import PermanentError, RetryableError
from sinks.clickhouse.refusals import explain


@pytest.mark.parametrize("code", [6, 27, 33, 53, 117, 321, 376, 395, 407])
def test_what_names_the_data_is_permanent(code: int) -> None:
    error = explain(DatabaseError(f"Code: {code}. bad", code=code), "block t/0/1")
    assert isinstance(error, PermanentError)
    assert error.code == "block-refused"
    assert "block t/0/1" in str(error)


@pytest.mark.parametrize("code", [60, 81, 159, 202, 241, 242, 243, 252, 497, 516, 999, 1001])
def test_everything_else_waits(code: int) -> None:
    error = explain(DatabaseError(f"Code: {code}. away", code=code), "block t/0/1")
    assert isinstance(error, RetryableError)
    assert error.code == f"clickhouse-{code}"


def test_broken_avro_is_permanent() -> None:
    text = "Code: 1001. std::exception, type: avro::Exception, e.what() = EOF reached"
    assert isinstance(explain(DatabaseError(text, code=1001), "b"), PermanentError)


def test_a_view_that_fails_waits_since_the_rows_are_in() -> None:
    text = "Code: 395. throwIf: while pushing to view agg.x"
    error = explain(DatabaseError(text, code=395), "b")
    assert (type(error), error.code) == (RetryableError, "half-landed")


def test_no_answer_waits() -> None:
    error = explain(OperationalError("connection refused"), "b")
    assert (type(error), error.code) == (RetryableError, "clickhouse-unavailable")
