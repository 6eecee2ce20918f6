"""The verifier's reading of what is there: mini-blocks that are in no block."""

from datetime import UTC, datetime

from deploy.verify.found import Refused, events_in_facts
from schemas.catalogue import Catalogue
from schemas.headers import REPLAY_HEADER, Headers
from schemas.models import Arrest
from schemas.topics import FACTS
from stream_apps.engine import Consumed
from stream_apps.router.driver import RouterDriver

NOW_MS = 1_767_225_600_000
DRIVER = RouterDriver(now_ms=NOW_MS)
WHY = {(3, 0): "dlq.europe [0] 7: cutter: internal"}


def mini_block() -> bytes:
    """One event, as the router writes it."""
    event = Arrest(
        category="terrorism",
        concerned_countries=("FR",),
        occurred_at=datetime.fromtimestamp(NOW_MS / 1000, UTC),
    )
    (out,) = DRIVER.feed(DRIVER.record("FR", event))[FACTS]
    assert out.value is not None
    return out.value


def at(offset: int, value: bytes | None, headers: Headers = ()) -> Consumed:
    return Consumed(FACTS, 3, offset, NOW_MS, b"europe", value, headers)


def read(*records: Consumed, refused: dict[tuple[int, int], str]) -> tuple[int, list[str]]:
    events, found = events_in_facts(
        records, Catalogue.load(), DRIVER.ids, Refused(by_cutter=refused)
    )
    return events, [difference.text() for difference in found]


def test_what_the_cutter_refused_is_missing_until_the_same_bytes_are_taken() -> None:
    value, replay = mini_block(), [(REPLAY_HEADER, b"dlq.europe/0/7")]
    missing = f"mini-blocks: {FACTS} [3] 0: expected in a block, found {WHY[3, 0]}"
    assert read(at(0, value), refused=WHY) == (1, [missing])
    assert read(at(0, value), at(1, b"other"), refused=WHY)[1][1:] == [missing]
    assert read(at(0, value), at(1, value, replay), refused=WHY) == (1, [])
    again = {**WHY, (3, 1): "dlq.europe [0] 8: cutter: internal"}
    events, (told,) = read(at(0, value), at(1, value, replay), refused=again)
    assert (events, "dlq.europe [0] 8" in told) == (1, True)


def test_what_is_no_mini_block_is_told_once_whether_refused_or_not() -> None:
    events, (told,) = read(at(0, b"junk"), refused={})
    assert events == 0
    assert told.startswith(f"mini-blocks: {FACTS} [3] 0: expected a mini-block, found ")
    assert read(at(0, None), refused=WHY)[1] == [
        f"mini-blocks: {FACTS} [3] 0: expected in a block, found {WHY[3, 0]}"
    ]
