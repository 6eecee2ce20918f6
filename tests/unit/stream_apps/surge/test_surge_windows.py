from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigurationError
from stream_apps.surge.windows import RegionState, Surge, SurgeSettings, alert_id

SETTINGS = SurgeSettings(
    window_s=60, grace_s=10, baseline_windows=30, min_baseline_windows=8, cells=100
)
START_MS = 29_000_000 * 60_000


def fact(window: int, **given: Any) -> dict[str, Any]:
    return {
        "recorded_at": START_MS + window * 60_000 + 1000,
        "kind": "report",
        "category": "terrorism",
        "categories": ["terrorism"],
        "events": 1,
        "sign": 1,
        "test": False,
        "restricted": "none",
        **given,
    }


class Feed:
    """Counts records one after the other, with offsets that rise."""

    def __init__(self, settings: SurgeSettings = SETTINGS) -> None:
        self.settings = settings
        self.state = RegionState("europe", settings.window_ms)
        self.offset = 0

    def __call__(self, *facts: dict[str, Any]) -> list[Surge]:
        self.offset += 2
        found = self.state.count(self.offset, facts, self.settings)
        self.state = RegionState.unpack(self.state.pack(), self.settings)
        return found

    def baseline(self, windows: int = 12, events: int = 3) -> None:
        for window in range(windows):
            assert self(fact(window, events=events)) == []

    def counts(self, window: int) -> dict[str, int]:
        return self.state.windows[START_MS // 60_000 + window]


@pytest.fixture
def feed() -> Feed:
    return Feed()


def test_a_window_far_above_its_past_is_a_surge_at_once(feed: Feed) -> None:
    feed.baseline()
    (surge,) = feed(fact(12, events=40))
    assert (surge.region, surge.category, surge.observed) == ("europe", "terrorism", 40)
    assert surge.window_start_ms == START_MS + 12 * 60_000
    assert surge.window_end_ms - surge.window_start_ms == 60_000
    assert surge.p_value < SETTINGS.bound
    assert 2.5 < surge.expected < 3.5
    # The window before is still within its grace.
    assert surge.baseline_windows == 11
    assert surge.id == alert_id("europe", "terrorism", surge.window_start_ms)


@pytest.mark.parametrize("handling", ["red", "restricted", "directed", "withheld"])
def test_what_is_not_for_every_bureau_of_the_region_raises_no_alert(
    feed: Feed, handling: str
) -> None:
    feed.baseline()
    assert feed(fact(12, events=40, restricted=handling)) == []
    (surge,) = feed(fact(12, events=40))
    assert surge.observed == 40


def test_it_adds_up_over_records(feed: Feed) -> None:
    feed.baseline()
    found = [surge for _ in range(40) for surge in feed(fact(12))]
    assert len(found) == 1
    assert found[0].observed < 40


def test_a_window_like_its_past_is_none(feed: Feed) -> None:
    feed.baseline(events=10)
    assert feed(fact(12, events=16)) == []


def test_the_alert_leaves_once_more_with_the_final_count_and_the_same_id(feed: Feed) -> None:
    feed.baseline()
    (first,) = feed(fact(12, events=40))
    assert feed(fact(12, events=5)) == []
    (final,) = feed(fact(13, recorded_at=START_MS + 13 * 60_000 + 20_000))
    assert (final.id, final.observed) == (first.id, 45)
    assert feed(fact(14), fact(15)) == []


def test_without_enough_past_nothing_is_a_surge(feed: Feed) -> None:
    feed.baseline(windows=8)
    assert feed(fact(8, events=500)) == []


def test_few_events_are_no_surge_however_quiet_the_past() -> None:
    feed = Feed(replace(SETTINGS, min_observed=10))
    for window in range(12):
        feed(fact(window, categories=["other"]))
    assert feed(fact(12, events=9)) == []
    assert len(feed(fact(12, events=1))) == 1


def test_each_category_of_an_event_is_counted(feed: Feed) -> None:
    feed(fact(0, categories=["a", "b", "a"]), fact(0, categories=[], category="c"))
    assert feed.counts(0) == {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize(
    "left_out",
    [
        {"test": True},
        {"sign": -1},
        {"kind": "search"},
        {"kind": "recall"},
        {"restricted": "red"},
        {"restricted": "restricted"},
        {"restricted": "directed"},
        {"restricted": "withheld"},
        {"restricted": "a class of tomorrow"},
    ],
)
def test_what_is_not_counted_still_tells_the_time(feed: Feed, left_out: dict[str, Any]) -> None:
    feed(fact(0, **left_out))
    assert feed.counts(0) == {}
    assert feed.state.newest_ms == fact(0)["recorded_at"]


def test_searches_are_counted_where_they_are_asked_for() -> None:
    feed = Feed(replace(SETTINGS, excluded_kinds=frozenset()))
    feed(fact(0, kind="search", events=7))
    assert feed.counts(0) == {"terrorism": 7}


def test_a_record_seen_before_changes_nothing(feed: Feed) -> None:
    feed(fact(0, events=3))
    before = feed.state.pack()
    for offset in (feed.offset, feed.offset - 1, 0):
        assert feed.state.count(offset, [fact(0, events=100)], SETTINGS) == []
    assert feed.state.pack() == before


def test_a_late_fact_is_counted_in_its_own_window(feed: Feed) -> None:
    feed.baseline()
    feed(fact(3, events=2))
    assert feed.counts(3) == {"terrorism": 5}


def test_a_fact_older_than_all_windows_is_only_noted(feed: Feed) -> None:
    feed(fact(100))
    feed(fact(10, events=4))
    assert feed.state.late_events == 4
    assert len(feed.state.windows) == 1


def test_windows_in_which_nothing_was_recorded_teach_nothing(feed: Feed) -> None:
    feed.baseline(windows=9, events=20)
    (surge,) = feed(fact(25, events=400))
    assert surge.baseline_windows == 9
    assert surge.expected > 15


def test_the_state_stays_small_however_long_it_runs(feed: Feed) -> None:
    sizes = []
    for window in range(400):
        feed(fact(window, events=30 if window % 50 == 0 else 3))
        sizes.append(len(feed.state.windows) + len(feed.state.alerted))
    assert max(sizes) <= 2 * (SETTINGS.baseline_windows + 3)


def test_other_window_lengths_begin_anew_but_count_nothing_twice(feed: Feed) -> None:
    feed.baseline()
    other = replace(SETTINGS, window_s=300)
    state = RegionState.unpack(feed.state.pack(), other)
    assert state.windows == {}
    assert state.counted_offset == feed.offset


records = st.lists(
    st.lists(
        st.builds(
            lambda window, events, category: fact(window, events=events, categories=[category]),
            st.integers(0, 40),
            st.integers(1, 60),
            st.sampled_from("ab"),
        ),
        max_size=4,
    ),
    max_size=30,
)


@given(records, st.integers(0, 30), st.integers(0, 30))
def test_a_replay_from_any_earlier_state_ends_in_the_same_state_and_alerts(
    blocks: list[list[dict[str, Any]]], crash_at: int, back: int
) -> None:
    plain = RegionState("europe", 60_000)
    alerts: set[tuple[str, int]] = set()
    snapshots = [plain.pack()]
    for offset, block in enumerate(blocks):
        alerts |= {(s.id, s.observed) for s in plain.count(offset, block, SETTINGS)}
        snapshots.append(plain.pack())

    crash_at = min(crash_at, len(blocks))
    state = RegionState.unpack(snapshots[max(0, crash_at - back)], SETTINGS)
    seen_again: set[tuple[str, int]] = set()
    for offset, block in enumerate(blocks):
        seen_again |= {(s.id, s.observed) for s in state.count(offset, block, SETTINGS)}
    assert state.pack() == plain.pack()
    assert seen_again <= alerts


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_s": 0},
        {"grace_s": -1},
        {"min_baseline_windows": 1},
        {"baseline_windows": 5},
        {"alpha": 0.0},
        {"cells": 0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        SurgeSettings(**wrong)
