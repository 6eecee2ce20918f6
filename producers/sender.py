"""Empties an outbox into Kafka: in order, nothing dropped, a row removed only after its ack.

Invariants: one thread reads, sends and removes. The first sending of an account's records follows
their order, whatever fails. Nothing unconfirmed is sent, and what is about to be is written down as
offered, so that nobody gives it another number meanwhile (see `producers.outbox`). A record that
the broker refuses stays and holds up its own account alone: others go on, the account's first
record is tried again by itself at growing intervals, and `problems()` says what is wrong. A record
is sent twice only where its acknowledgement was lost: same number, same bytes, which the router
drops. Kill -9 costs such repeats and nothing else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog

from producers.account import Pending
from producers.acknowledged import AcknowledgedRows
from producers.move_watch import MoveWatch
from producers.outbox import Outbox
from producers.problem import Backoff, Problem, ProblemBoard
from producers.stream import BrokerAwayError, Stream
from producers.topic_gate import TopicGate
from schemas.clock import Clock, Deadline
from schemas.connections import KafkaConnection
from schemas.errors import ConfigurationError, LiaisonError, RetryableError

__all__ = ["Sender"]

_MAX_IN_FLIGHT = 20_000
_MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024
_READ_RECORDS = 1000
_READ_BYTES = 8 * 1024 * 1024
_SHORTEST_WAIT_S = 0.001
_LONGEST_WAIT_S = 0.05
_IDLE_WAIT_S = 0.25
_DRAIN_STEP_S = 0.01
_STOP_GRACE_S = 10.0
_STOPPED_WITHIN_S = 5.0
_DIED = "sender-died"


@dataclass(slots=True)
class _Suspect:
    """An account whose record failed; named on the board once it failed alone."""

    backoff: Backoff = field(default_factory=Backoff)
    where: str = ""


class Sender:
    """The one sender of an outbox; a context manager that starts and stops it."""

    def __init__(
        self,
        outbox: Outbox,
        kafka: KafkaConnection,
        clock: Clock,
        *,
        reconcile: Callable[[Callable[[], bool]], object] | None = None,
        readdress: Callable[[], object] | None = None,
    ) -> None:
        """`reconcile` runs in the sender's thread before the first record is sent, again until it
        succeeds: `producers.reconcile` finds out there whether the file is a restored one. It is
        given a question, whether the sender is to stop; then it ends soon, by any error.
        `readdress` runs there once a second, before records are read: `producers.addressing` moves
        what waits for a topic that is no more its bureau's.
        """
        self._outbox = outbox
        self._kafka = kafka
        self._clock = clock
        self._reconcile = reconcile
        self._thread: threading.Thread | None = None
        self._stop_by: Deadline | None = None
        self._died: Exception | None = None
        self._acknowledged = 0
        self._board = ProblemBoard(clock)
        self._main: Stream | None = None
        self._main_backoff = Backoff()
        self._probe: tuple[int, Stream] | None = None
        self._suspects: dict[int, _Suspect] = {}
        self._gate = TopicGate(self._board)
        self._cursor = 0
        self._acked = AcknowledgedRows(outbox, self._board, clock)
        self._watch = MoveWatch(outbox, self._board, readdress)
        self._read_backoff = Backoff()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop(Deadline.after(self._clock, _STOP_GRACE_S))
        except LiaisonError as ending:
            if error is None:
                raise
            error.add_note(str(ending))  # what went wrong first is what its caller must hear

    # -- for the owner, any thread --------------------------------------------------------------

    def start(self) -> None:
        """Begin to send in the background."""
        if self._thread is not None:
            raise ConfigurationError("this sender was started before: make a new one")
        self._thread = threading.Thread(target=self._run, name="liaison-sender", daemon=True)
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """Send nothing new, wait for acknowledgements until the deadline, end the thread.

        Raises:
            LiaisonError: the thread had died (`sender-died`), or does not end (`sender-stuck`).
        """
        if self._thread is None:
            return
        self._stop_by = deadline
        self._outbox.wake()
        self._thread.join(deadline.remaining() + _STOPPED_WITHIN_S)
        if self._thread.is_alive():
            raise RetryableError(
                f"the sender of {self._outbox.path} did not end in time; nothing is lost",
                code="sender-stuck",
            )
        self._raise_if_dead()

    def drain(self, deadline: Deadline) -> int:
        """Wait until nothing is pending, or the deadline; returns how many records still are."""
        while self._outbox.pending() and not deadline.expired():
            self._raise_if_dead()
            self._clock.sleep(_DRAIN_STEP_S)
        return self._outbox.pending()

    def problems(self) -> list[Problem]:
        """What keeps records in the outbox now; empty when all is well."""
        return self._board.now()

    @property
    def acknowledged(self) -> int:
        """Records that the broker acknowledged since the start."""
        return self._acknowledged

    def _raise_if_dead(self) -> None:
        if self._died is not None:
            raise LiaisonError(self._told(self._died), code=_DIED) from self._died

    def _told(self, died: Exception) -> str:
        return (
            f"the sender of {self._outbox.path} died ({died!r}); what is pending is safe: "
            "start a new sender"
        )

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._confirm()
            wait_s = _SHORTEST_WAIT_S
            version = 0
            while self._stop_by is None:
                if self._try_step():
                    wait_s = _SHORTEST_WAIT_S
                    continue
                busy = self._main is not None and len(self._main) or self._probe or self._acked
                version = self._outbox.wait_for_news(version, wait_s if busy else _IDLE_WAIT_S)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
            self._finish(self._stop_by)
        except Exception as error:  # told to the owner in the next call, never swallowed
            self._board.note("sender", _DIED, self._told(error))
            self._died = error
            structlog.get_logger(__name__).error("sender died", error=repr(error))

    def _confirm(self) -> None:
        backoff = Backoff()
        while self._stop_by is None:
            try:
                if self._reconcile is not None:
                    self._reconcile(self._is_stopping)
                self._outbox.confirm()
            except LiaisonError as error:
                if self._is_stopping():
                    return
                self._board.note("start", error.code, str(error))
                backoff.failed(self._clock.monotonic_s())
                while self._stop_by is None and not backoff.due(self._clock.monotonic_s()):
                    self._clock.sleep(_LONGEST_WAIT_S)
            else:
                self._board.clear("start")
                return

    def _is_stopping(self) -> bool:
        return self._stop_by is not None

    def _try_step(self) -> bool:
        """One round, unless the last one found the outbox unreadable a moment ago."""
        now_s = self._clock.monotonic_s()
        if not self._read_backoff.due(now_s):
            return False
        try:
            moved = self._step()
        except RetryableError as error:
            self._read_backoff.failed(now_s)
            self._board.note("reading", error.code, str(error))
            return False
        self._read_backoff = Backoff()
        self._board.clear("reading")
        return moved

    def _step(self) -> bool:
        """One round; True if anything moved."""
        moved = self._harvest()
        moved = self._acked.remove(at_once=not self._main) or moved
        moved = self._start_probe() or moved
        return self._fill() or moved

    def _finish(self, deadline: Deadline) -> None:
        probe = self._probe[1] if self._probe else None
        for stream in (self._main, probe):
            while stream and len(stream) and not stream.broken and not deadline.expired():
                stream.poll(min(_LONGEST_WAIT_S, deadline.remaining()))
            if stream is not None:
                stream.abandon()
                self._take_acked(stream)
        self._acked.remove_at_last()

    # -- what became of records -----------------------------------------------------------------

    def _harvest(self) -> bool:
        moved = False
        if self._main is not None:
            self._main.poll()
            moved = self._take_acked(self._main)
            if moved:
                self._main_backoff = Backoff()
            if self._main.broken:
                self._break_main(self._main)
            elif len(self._main) and self._main.last_error:
                self._board.note("broker", "broker-away", self._main.last_error)
            elif moved:
                self._board.clear("broker")
        if self._probe is not None:
            account_row, stream = self._probe
            stream.poll()
            if self._take_acked(stream):
                self._release(account_row)
                moved = True
            elif stream.broken:
                self._probe_failed(account_row, stream)
        return moved

    def _take_acked(self, stream: Stream) -> bool:
        if not stream.acked:
            return False
        self._acknowledged += len(stream.acked)
        self._acked.add(stream.acked)
        stream.acked.clear()
        return True

    def _break_main(self, stream: Stream) -> None:
        """Everything behind a failure failed too: begin again, without those who are to blame."""
        stream.abandon()
        self._take_acked(stream)
        self._main = None
        self._cursor = 0
        blamed = [failure for failure in stream.failed if failure.blamed]
        for failure in blamed:
            self._suspects.setdefault(failure.account_row, _Suspect())
        if not blamed:
            self._main_backoff.failed(self._clock.monotonic_s())
            self._board.note("broker", "producer-broken", stream.last_error or "no reason given")

    # -- one refused account --------------------------------------------------------------------

    def _start_probe(self) -> bool:
        """Try the first record of one held account, alone, so that it can blame nobody else."""
        now_s = self._clock.monotonic_s()
        due = [
            row
            for row, suspect in self._suspects.items()
            if suspect.backoff.due(now_s) and row not in self._gate.held
        ]
        if not due or self._probe is not None:
            return False
        self._acked.remove(at_once=True)
        if self._acked:  # else the first record read might be one that is through
            return False
        moves = self._outbox.moves
        first = self._first_of(due[0])
        if first is None:
            self._release(due[0])
            return True
        if self._outbox.offer([first], moves):
            stream = Stream(self._kafka)
            self._probe = due[0], stream
            stream.send(first)
        return True

    def _probe_failed(self, account_row: int, stream: Stream) -> None:
        stream.abandon()
        self._probe = None
        suspect = self._suspects[account_row]
        suspect.backoff.failed(self._clock.monotonic_s())
        record = self._first_of(account_row)
        if record is None:
            return
        failure = next(iter(stream.failed), None)
        suspect.where = f"{'/'.join(record.account.lane)}/{record.account.epoch}"
        self._board.note(
            suspect.where,
            failure.code if failure is not None else "producer-broken",
            f"the broker refuses number {record.sequence} (event {record.event_id}, "
            f"{len(record.value)} bytes, topic {record.topic}): "
            f"{failure.reason if failure is not None else stream.last_error}. It and all that "
            "follow it wait; put the cause right and they go out by themselves",
        )

    def _release(self, account_row: int) -> None:
        if self._probe is not None and self._probe[0] == account_row:
            self._probe[1].abandon()
            self._probe = None
        suspect = self._suspects.pop(account_row, None)
        if suspect is not None:
            self._board.clear(suspect.where)
        self._cursor = 0

    def _first_of(self, account_row: int) -> Pending | None:
        found = self._outbox.read(0, max_records=1, max_bytes=1, only=account_row)
        return found[0] if found else None

    # -- sending --------------------------------------------------------------------------------

    def _fill(self) -> bool:
        now_s = self._clock.monotonic_s()
        if self._main is None:
            if not self._main_backoff.due(now_s):
                return False
            self._main = Stream(self._kafka)
        main = self._main
        if self._gate.reopen(main, now_s):
            self._cursor = 0
        room = min(_READ_RECORDS, _MAX_IN_FLIGHT - len(main))
        if room <= 0 or main.in_flight_bytes >= _MAX_IN_FLIGHT_BYTES:
            return False
        if self._watch.moved(now_s):
            self._gate.forget()
            self._cursor = 0
        records = self._outbox.read(
            self._cursor,
            max_records=room,
            max_bytes=_READ_BYTES,
            without=self._suspects.keys() | self._gate.held.keys(),
        )
        admitted: dict[int, Pending] = {}
        passed: list[int] = []
        for record in records:
            if record.row not in main and record.row not in self._acked:
                try:
                    if self._gate.admits(record, main, now_s):
                        admitted[record.row] = record
                except BrokerAwayError as error:
                    self._board.note("broker", "broker-away", str(error))
                    break
            passed.append(record.row)
        if not self._outbox.offer(list(admitted.values()), self._watch.count):
            return True
        for row in passed:
            if row in admitted and not main.send(admitted[row]):
                return False
            self._cursor = row
        return bool(records) and len(passed) == len(records)
