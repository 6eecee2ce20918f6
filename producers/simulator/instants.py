"""When events are handed over: evenly, or with the working day and the week's end.

Times only grow. Each event has a slot of its own of the span's weight, so the number of events is
exact and the shape holds at any scale.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Literal

__all__ = ["Shape", "instants_ms"]

Shape = Literal["flat", "working-day"]

_HOUR_MS = 3_600_000
_WEEKEND = 0.4
_NIGHT, _DAY = 0.4, 1.6
_DAY_HOURS = range(6, 18)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instants_ms(
    rng: Random, start: datetime, span: timedelta, count: int, shape: Shape
) -> Iterator[int]:
    """`count` times in order, from `start` over `span`, in milliseconds since 1970."""
    start_ms = (start - _EPOCH) // timedelta(milliseconds=1)
    span_ms = max(1, span // timedelta(milliseconds=1))
    edges = [0, *range(_HOUR_MS - start_ms % _HOUR_MS, span_ms, _HOUR_MS), span_ms]
    if shape == "flat":
        edges = [0, span_ms]
    weights = [
        (until - since) * (1.0 if shape == "flat" else _weight(start_ms + since))
        for since, until in zip(edges, edges[1:], strict=False)
    ]
    bounds = [0.0, *accumulate(weights)]
    total = bounds[-1]
    for number in range(count):
        place = (number + rng.random()) / count * total
        hour = min(bisect_right(bounds, place), len(weights)) - 1
        share = (place - bounds[hour]) / weights[hour]
        yield start_ms + edges[hour] + int(share * (edges[hour + 1] - edges[hour]))


def _weight(ms: int) -> float:
    when = _EPOCH + timedelta(milliseconds=ms)
    day = _DAY if when.hour in _DAY_HOURS else _NIGHT
    return day * (_WEEKEND if when.weekday() >= 5 else 1.0)
