"""What each kind of fault does to the field: begun on entering, over when the block is left.

Nothing is asked of the product first: who is hit may be starting, stopping or down already.

What a fault can reach here: a full disk is a limit on the size of the files that one process may
write, which the kernel keeps for a process of the same user without more rights (a write fails with
EFBIG in place of ENOSPC); a wrong clock is that of one process, since the machine's is others' too.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from tests.faults import faults
from tests.faults.faults import Fault, Kind
from tests.faults.field import Field
from tests.faults.gates import Gate

__all__ = ["strike"]

_WRONG_BY_S = 6 * 3600.0
"""An event whose time is a day ahead of the broker's is refused, as it must be."""


def strike(field: Field, fault: Fault) -> None:
    """Do it, for as long as it takes, and undo what does not pass by itself."""
    with _ACTIONS[fault.kind](field, fault):
        time.sleep(fault.still_s)


def _pids(field: Field, fault: Fault) -> list[int]:
    return [pid for pid in map(field.pid, fault.targets) if pid is not None]


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def _kill(field: Field, fault: Fault) -> Iterator[None]:
    _send(_pids(field, fault), signal.SIGKILL)
    yield


@contextmanager
def _terminate(field: Field, fault: Fault) -> Iterator[None]:
    _send(_pids(field, fault), signal.SIGTERM)
    yield


@contextmanager
def _pause(field: Field, fault: Fault) -> Iterator[None]:
    hit = _pids(field, fault)
    _send(hit, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(hit, signal.SIGCONT)


@contextmanager
def _without_registry(field: Field, fault: Fault) -> Iterator[None]:
    with field.registry_gate(fault.target).cut():
        _send(_pids(field, fault), signal.SIGKILL)
        yield


@contextmanager
def _full_disk(field: Field, fault: Fault) -> Iterator[None]:
    hit = _pids(field, fault)
    limits = [_limit_files(pid, 0) for pid in hit]
    try:
        yield
    finally:
        for pid, limit in zip(hit, limits, strict=True):
            _limit_files(pid, limit)


def _limit_files(pid: int, most_bytes: int) -> int:
    """The limit before."""
    with contextlib.suppress(ProcessLookupError):
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, hard))
        return soft
    return resource.RLIM_INFINITY


def _wrong_clock(by_s: float) -> Callable[[Field, Fault], AbstractContextManager[None]]:
    @contextmanager
    def action(field: Field, fault: Fault) -> Iterator[None]:
        file = field.clock_file(fault.target)
        file.write_text(str(by_s))
        try:
            yield
        finally:
            file.unlink()

    return action


def _on_connection(
    change: Callable[[Gate], AbstractContextManager[None]],
) -> Callable[[Field, Fault], AbstractContextManager[None]]:
    @contextmanager
    def action(field: Field, fault: Fault) -> Iterator[None]:
        gates = field.gates(fault.target)
        with change(gates[fault.choice % len(gates)]):
            yield

    return action


_ACTIONS: Mapping[Kind, Callable[[Field, Fault], AbstractContextManager[None]]] = {
    faults.KILL: _kill,
    faults.TERMINATE: _terminate,
    faults.PAUSE: _pause,
    faults.LONG_PAUSE: _pause,
    faults.CUT: _on_connection(Gate.cut),
    faults.DELAY: _on_connection(lambda gate: gate.delayed(0.2)),
    faults.SWALLOW: _on_connection(Gate.swallowing),
    faults.NO_REGISTRY: _without_registry,
    faults.FULL_DISK: _full_disk,
    faults.CLOCK_AHEAD: _wrong_clock(_WRONG_BY_S),
    faults.CLOCK_BEHIND: _wrong_clock(-_WRONG_BY_S),
}
