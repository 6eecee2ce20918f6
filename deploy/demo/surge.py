"""A wave of reports in one region and category, planted so that surge detection has one to find.

First some windows of ordinary traffic for a baseline, then one window with many times as much.
The region is one that reports few of them otherwise, so that the traffic handed over before, which
comes all at once, does not hide the wave.
"""

from __future__ import annotations

from deploy.handover import Handover
from producers import publish_many
from schemas.clock import Clock
from schemas.models import Report
from schemas.reference import Reference

__all__ = ["burst"]

_REGION = "mena"
_CATEGORY = "cyber-scam-centres"
_BASELINE_WINDOWS = 6
_ORDINARY = 4
_WAVE = 400


def burst(handover: Handover, reference: Reference, clock: Clock, *, window_s: int) -> int:
    """Publish ordinary windows, the wave, and one window more to close it; how many events."""
    bureaus = sorted(reference.members_of(_REGION, clock.now_ms()))
    counts = [*[_ORDINARY] * _BASELINE_WINDOWS, _WAVE, _ORDINARY, _ORDINARY]
    for count in counts:
        publish_many(
            handover.outbox,
            [
                (
                    handover.publisher(bureaus[n % len(bureaus)], "scam-desk"),
                    Report(
                        subtype="modus-operandi",
                        category=_CATEGORY,
                        title=f"Simulated report {n + 1} of a scam compound",
                    ),
                )
                for n in range(count)
            ],
        )
        clock.sleep(window_s)
    return sum(counts)
