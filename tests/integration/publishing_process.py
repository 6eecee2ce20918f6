"""A publisher and its sender in a process of their own, to be killed.

`python -m tests.integration.publishing_process OUTBOX BOOTSTRAP TOPIC FIRST` publishes numbered
events until it is killed, and prints each receipt once it has it.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from producers import Outbox, Sender
from schemas.clock import SystemClock
from schemas.connections import KafkaConnection
from tests.unit.producers.bureau_side import message, publisher, search


def main(path: str, bootstrap: str, topic: str, first: int) -> None:
    rng = random.Random(first)
    clock = SystemClock()
    with Outbox(Path(path), clock) as outbox, Sender(outbox, KafkaConnection(bootstrap), clock):
        publishers = [publisher(outbox, bureau=bureau) for bureau in ("FR", "DE", "IT", "XP")]
        number = first
        while True:
            drafts = []
            for _ in range(rng.randint(1, 40)):
                make = rng.choice([message, search])
                drafts.append(rng.choice(publishers).draft(make(number), clock.now_ms()))
                number += 1
            for receipt in outbox.accept([draft._replace(topic=topic) for draft in drafts]):
                print(*receipt, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
