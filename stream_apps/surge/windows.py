"""What the surge detector remembers of a region, and what one more record does to it.

The state of a region is one value in one table, so that it changes as a whole: the highest offset
of the region's partition of `facts` that is counted already (a record at or below it is skipped,
which makes every update idempotent), the counts of the last windows, what was alerted, and digests
of the last records that could not be counted.

Time is the records' own: a window of `recorded_at` is closed once any later record of the region
passes its end and the grace. Only closed windows are learnt from; a window in which the region
recorded nothing at all teaches nothing (an outage is no quiet hour). No timer is needed to alert:
a count only grows, so the open window is tested with each record, and its alert leaves at the
record that crosses the bound; once closed, it leaves again with the final figures and the same id.

An alert is read by every bureau of its region. So an event that is not for all of them is never
counted, or an alert would disclose that it exists: TLP:RED, restricted to some, directed to those
whom it names, withheld from one (a fact's `restricted` is anything but none). Exercises and recalls
tell of no crime, and are not counted either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import ConfigurationError
from stream_apps.surge.tail import Prediction, predict

__all__ = ["TEST_NAME", "RegionState", "Surge", "SurgeSettings", "alert_id"]

TEST_NAME = "negative-binomial predictive upper tail"
_SCREEN_DEVIATIONS = 3.0
_MAX_REFUSED = 1000
_FOR_ALL = "none"
"""The handling class of an event that every bureau of a region may know of."""


@dataclass(frozen=True, slots=True)
class SurgeSettings:
    """How counts are windowed and when one is a surge.

    `alpha` is the chance of a false alert in any of the `cells` (regions by categories) of one
    window; each cell is tested at `alpha / cells`.
    """

    window_s: int = 3600
    grace_s: int = 60
    baseline_windows: int = 168
    min_baseline_windows: int = 12
    alpha: float = 1e-4
    min_observed: int = 5
    cells: int = 150
    excluded_kinds: frozenset[str] = frozenset({"search", "recall"})

    def __post_init__(self) -> None:
        if self.window_s < 1 or self.grace_s < 0:
            raise ConfigurationError(
                f"window_s={self.window_s}, grace_s={self.grace_s}: a window needs a second or "
                "more, and the grace can't be negative"
            )
        if not 2 <= self.min_baseline_windows <= self.baseline_windows:
            raise ConfigurationError(
                f"min_baseline_windows={self.min_baseline_windows} must be from 2 to "
                f"baseline_windows={self.baseline_windows}: lower it or learn from more windows"
            )
        if not 0.0 < self.alpha < 1.0 or self.cells < 1:
            raise ConfigurationError(
                f"alpha={self.alpha}, cells={self.cells}: alpha is a chance between 0 and 1, "
                "and there is at least one cell"
            )

    @property
    def window_ms(self) -> int:
        return self.window_s * 1000

    @property
    def bound(self) -> float:
        """A p-value below it is a surge."""
        return self.alpha / self.cells


@dataclass(frozen=True, slots=True)
class Surge:
    """A window of one region and category that is significantly above its baseline."""

    region: str
    category: str
    window_start_ms: int
    window_end_ms: int
    observed: int
    expected: float
    p_value: float
    baseline_windows: int

    @property
    def id(self) -> str:
        return alert_id(self.region, self.category, self.window_start_ms)

    def record(self) -> dict[str, Any]:
        """As `liaison.alerts.Alert`, plain."""
        return {
            "alert_id": self.id,
            "region": self.region,
            "category": self.category,
            "window_start": self.window_start_ms,
            "window_end": self.window_end_ms,
            "observed": self.observed,
            "expected": self.expected,
            "p_value": self.p_value,
            "test": TEST_NAME,
            "baseline_windows": self.baseline_windows,
        }


def alert_id(region: str, category: str, window_start_ms: int) -> str:
    """Made of what the alert is about, so that a repeat is the same alert."""
    return hashlib.sha256(f"{region}/{category}/{window_start_ms}".encode()).hexdigest()


@dataclass(slots=True)
class RegionState:
    """Counts of one region. Change it with :mod:`stream_apps.surge.counting` only."""

    region: str
    window_ms: int
    counted_offset: int = -1
    newest_ms: int = -1
    late_events: int = 0
    windows: dict[int, dict[str, int]] = field(default_factory=dict)
    """Window number to category to events; a window in which anything was recorded has an entry."""
    alerted: dict[int, dict[str, int]] = field(default_factory=dict)
    """Window number to category to the count that its alert gave last."""
    refused: list[str] = field(default_factory=list)
    """SHA-256 of records that could not be counted, the newest last; of many the newest."""

    def count(
        self, offset: int, facts: Iterable[Mapping[str, Any]], settings: SurgeSettings
    ) -> list[Surge]:
        """Count one record of `facts` and say which surges it shows.

        `facts` are plain `liaison.facts.Fact` records. A record that is counted already changes
        nothing.
        """
        if offset <= self.counted_offset:
            return []
        self.counted_offset = offset
        grown: set[tuple[int, str]] = set()
        for fact in facts:
            self._count_fact(fact, settings, grown)
        found = [
            surge
            for window, category in sorted(grown)
            if (surge := self._test(window, category, settings)) is not None
        ]
        found += self._finished(settings)
        for surge in found:
            window = surge.window_start_ms // self.window_ms
            self.alerted.setdefault(window, {})[surge.category] = surge.observed
        self._forget(settings)
        return found

    def refuse(self, offset: int, digest: str) -> None:
        """Go past a record that can't be counted, and remember it."""
        self.counted_offset = offset
        if digest not in self.refused:
            self.refused.append(digest)
            del self.refused[:-_MAX_REFUSED]

    def pack(self) -> bytes:
        """The table's value; equal states give equal bytes."""
        return json.dumps(
            {
                "region": self.region,
                "window_ms": self.window_ms,
                "counted_offset": self.counted_offset,
                "newest_ms": self.newest_ms,
                "late_events": self.late_events,
                "windows": {str(w): self.windows[w] for w in sorted(self.windows)},
                "alerted": {str(w): self.alerted[w] for w in sorted(self.alerted)},
                "refused": self.refused,
            },
            separators=(",", ":"),
        ).encode()

    @classmethod
    def unpack(cls, value: bytes, settings: SurgeSettings) -> RegionState:
        """Read a table's value; of another window length only what is known of records is kept."""
        data = json.loads(value)
        state = cls(data["region"], settings.window_ms, data["counted_offset"])
        state.refused = data.get("refused", [])  # tables of earlier versions have none
        if data["window_ms"] == settings.window_ms:
            state.newest_ms = data["newest_ms"]
            state.late_events = data["late_events"]
            state.windows = {int(w): counts for w, counts in data["windows"].items()}
            state.alerted = {int(w): counts for w, counts in data["alerted"].items()}
        return state

    def _count_fact(
        self, fact: Mapping[str, Any], settings: SurgeSettings, grown: set[tuple[int, str]]
    ) -> None:
        recorded_ms = int(fact["recorded_at"])
        window = recorded_ms // self.window_ms
        self.newest_ms = max(self.newest_ms, recorded_ms)
        wanted = fact["sign"] > 0 and not fact["test"] and fact["restricted"] == _FOR_ALL
        if window < self._oldest_kept(settings):
            self.late_events += fact["events"] if wanted else 0
            return
        counts = self.windows.setdefault(window, {})
        if not wanted or fact["kind"] in settings.excluded_kinds:
            return
        for category in dict.fromkeys(fact["categories"] or (fact["category"],)):
            counts[category] = counts.get(category, 0) + fact["events"]
            grown.add((window, category))

    def _test(self, window: int, category: str, settings: SurgeSettings) -> Surge | None:
        observed = self.windows[window][category]
        if category in self.alerted.get(window, ()) or observed < settings.min_observed:
            return None
        baseline = self._baseline(window, category, settings)
        if baseline is None:
            return None
        prediction, learnt = baseline
        # No tail beyond three deviations is needed to know that this is none: saves the work.
        spread = (prediction.variance**0.5) * _SCREEN_DEVIATIONS
        if observed < prediction.mean + spread:
            return None
        p_value = prediction.p_value(observed)
        if p_value >= settings.bound:
            return None
        return self._surge(window, category, prediction, p_value, learnt)

    def _finished(self, settings: SurgeSettings) -> list[Surge]:
        """Alerted windows that are closed now and grew since: once more, with the final count."""
        found = []
        for window, given in sorted(self.alerted.items()):
            if not self._closed(window, settings):
                continue
            for category, last in sorted(given.items()):
                observed = self.windows.get(window, {}).get(category, last)
                baseline = self._baseline(window, category, settings)
                if observed > last and baseline is not None:
                    prediction, learnt = baseline
                    p_value = prediction.p_value(observed)
                    found.append(self._surge(window, category, prediction, p_value, learnt))
        return found

    def _surge(
        self, window: int, category: str, prediction: Prediction, p_value: float, learnt: int
    ) -> Surge:
        return Surge(
            region=self.region,
            category=category,
            window_start_ms=window * self.window_ms,
            window_end_ms=(window + 1) * self.window_ms,
            observed=self.windows[window][category],
            expected=prediction.mean,
            p_value=p_value,
            baseline_windows=learnt,
        )

    def _baseline(
        self, window: int, category: str, settings: SurgeSettings
    ) -> tuple[Prediction, int] | None:
        counts = [
            self.windows[earlier].get(category, 0)
            for earlier in range(window - settings.baseline_windows, window)
            if earlier in self.windows and self._closed(earlier, settings)
        ]
        if len(counts) < settings.min_baseline_windows:
            return None
        return predict(counts), len(counts)

    def _closed(self, window: int, settings: SurgeSettings) -> bool:
        return (window + 1) * self.window_ms + settings.grace_s * 1000 <= self.newest_ms

    def _oldest_kept(self, settings: SurgeSettings) -> int:
        open_windows = settings.grace_s * 1000 // self.window_ms + 1
        return self.newest_ms // self.window_ms - settings.baseline_windows - open_windows

    def _forget(self, settings: SurgeSettings) -> None:
        oldest = self._oldest_kept(settings)
        for kept in (self.windows, self.alerted):
            for window in [w for w in kept if w < oldest]:
                del kept[window]
