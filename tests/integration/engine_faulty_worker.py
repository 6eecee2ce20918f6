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

from stream_apps.engine import TransactionalLoop
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


def _flush(loop: Any) -> None:
    loop._producer.flush(10)


def between_consume_and_produce() -> None:
    _before(Numbering, "process", lambda _: _die())


def between_produce_and_commit() -> None:
    def in_a_batch(loop: Any) -> None:
        if loop._processor._next:  # a tick's transaction holds nothing of a batch
            _flush(loop)
            _die()

    _before(TransactionalLoop, "_commit", in_a_batch)


def between_commit_and_next() -> None:
    def after_a_batch(numbering: Any) -> None:
        if numbering._next:
            _die()

    _before(Numbering, "committed", after_a_batch)


def stands_still_before_the_commit() -> None:
    def in_a_batch(loop: Any) -> None:
        if loop._processor._next:
            _flush(loop)
            os.kill(os.getpid(), signal.SIGSTOP)

    _before(TransactionalLoop, "_commit", in_a_batch)


def is_slow_before_each_commit() -> None:
    _before(TransactionalLoop, "_commit", lambda _: time.sleep(_SLOW_S))


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
