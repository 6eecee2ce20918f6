"""`liaison desk tail`: a subscription as lines, acknowledged once they are written.

It ends with a code that a script can use, the command's own: 0, or 1 where records are gone that it
never read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from sinks.desk.jsonl import format_gap, format_item
from sinks.desk.records import GapError, Item, Struck
from sinks.desk.subscriber import Subscriber

__all__ = ["EXIT_GAP", "EXIT_OK", "tail"]

EXIT_OK = 0
EXIT_GAP = 1
_POLL_S = 0.5


def tail(
    subscriber: Subscriber,
    out: TextIO,
    *,
    follow: bool = True,
    limit: int | None = None,
    line_of: Callable[[Item], str] = format_item,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Write what comes to `out`, a line an item; opens and closes the subscriber.

    Without `follow` it ends once every topic was read to its end; with `limit`, after as many
    records (strikes of earlier events are not counted). A reader that goes away (`| head`) is no
    error: what was not acknowledged comes again.

    Raises:
        LiaisonError: whatever the subscriber raises, but for gaps.
    """
    written = 0
    try:
        with subscriber:
            while not stopped():
                left = None if limit is None else limit - written
                items = subscriber.poll(_POLL_S, max_records=left)
                for item in items:
                    out.write(line_of(item) + "\n")
                out.flush()
                struck = [item for item in items if isinstance(item, Struck)]
                subscriber.ack_struck(struck)
                if len(items) > len(struck):
                    subscriber.ack()
                written += len(items) - len(struck)
                if limit is not None and written >= limit:
                    break
                if not follow and not items and subscriber.caught_up:
                    break
    except GapError as gap:
        out.write(format_gap(gap) + "\n")
        out.flush()
        return EXIT_GAP
    except BrokenPipeError:
        return EXIT_OK
    return EXIT_OK
