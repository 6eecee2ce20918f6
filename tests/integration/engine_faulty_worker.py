"""The engine's worker, and what becomes of it at one exact step; run by test_engine_steps.

The code between the steps is the product's own; the step itself strikes its own process.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from stream_apps.engine.transactions import Transactions
from tests.integration.engine_worker import Numbering, run

_SLOW_S = 1.0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: type, method: str, what: Callable[[Any], None]) -> None:
    original = getattr(owner, method)

    def first_what(self: Any, *arguments: Any) -> Any:
        what(self)
        return original(self, *arguments)

    setattr(owner, method, first_what)


def _at_the_commit_of_a_batch(what: Callable[[], None]) -> None:
    """All of the batch is in the log; a tick's transaction holds nothing of one."""
    at_work: list[Numbering] = []
    _before(Numbering, "process", at_work.append)

    def if_of_a_batch(transactions: Any) -> None:
        if any(numbering._next for numbering in at_work):
            transactions._producer.flush(10)
            what()

    _before(Transactions, "_commit", if_of_a_batch)


def between_consume_and_produce() -> None:
    _before(Numbering, "process", lambda _: _die())


def between_produce_and_commit() -> None:
    _at_the_commit_of_a_batch(_die)


def between_commit_and_next() -> None:
    def after_a_batch(numbering: Any) -> None:
        if numbering._next:
            _die()

    _before(Numbering, "committed", after_a_batch)


def stands_still_before_the_commit() -> None:
    _at_the_commit_of_a_batch(lambda: os.kill(os.getpid(), signal.SIGSTOP))


def is_slow_before_each_commit() -> None:
    _before(Transactions, "_commit", lambda _: time.sleep(_SLOW_S))


def as_it_is() -> None:
    """Nothing happens to it."""


STEPS = {
    step.__name__: step
    for step in (
        between_consume_and_produce,
        between_produce_and_commit,
        between_commit_and_next,
        stands_still_before_the_commit,
        is_slow_before_each_commit,
        as_it_is,
    )
}

if __name__ == "__main__":
    STEPS[sys.argv[6]]()
    run(*sys.argv[1:6], session_timeout_ms=2000)
