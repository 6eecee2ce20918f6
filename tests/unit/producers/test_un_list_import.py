"""An import changes what the list changed, once, whatever happens in between."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from producers import Outbox
from producers.un_list import (
    Entry,
    ImportState,
    Unmapped,
    import_list,
    load_list,
    plan_import,
)
from schemas.clock import ManualClock
from schemas.errors import ConfigurationError, PermanentError
from schemas.models import Event, Notice, Recall
from tests.unit.producers.bureau_side import open_outbox, publisher

SAMPLE = Path(__file__).with_name("un_list_sample.xml")
AS_OF = datetime(2026, 1, 5, tzinfo=UTC)
CLOCK = ManualClock(wall_ms=1_780_000_000_000)


class Box:
    """A real outbox of XP; `left` events are taken, then the process is cut off."""

    def __init__(self, outbox: Outbox, clock: ManualClock = CLOCK) -> None:
        self.publisher = publisher(outbox, bureau="XP", system="un-list", clock=clock)
        self.order: list[Event] = []
        self.left: int | None = None

    def __call__(self, events: list[Event]) -> None:
        for event in events:
            receipt = self.publisher.publish(event)
            if receipt.sequence > len(self.order):
                self.order.append(event)
            if self.left is not None:
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt

    def numbers(self) -> int:
        """How many numbers the outbox gave."""
        return sum(count.last_sequence for count in self.publisher.outbox.sent_counts())


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with open_outbox(tmp_path / "outbox.sqlite", clock=CLOCK) as outbox:
        yield Box(outbox)


def text() -> str:
    return SAMPLE.read_text("utf-8")


def newer(folder: Path, content: str, day: int = 6, name: str = "newer.xml") -> Path:
    path = folder / name
    path.write_text(content.replace("2026-01-05", f"2026-01-{day:02}"), "utf-8")
    return path


def without(content: str, reference: str) -> str:
    """The list without one entry."""
    end = content.index(reference)
    start = max(content.rfind("<INDIVIDUAL>", 0, end), content.rfind("<ENTITY>", 0, end))
    tag = content[start + 1 : content.index(">", start)]
    stop = content.index(f"</{tag}>", start) + len(tag) + 3
    return content[:start] + content[stop:]


def run(path: Path, folder: Path, box: Box) -> tuple[int, int, int, int]:
    with ImportState(folder / "un-list.sqlite") as state:
        report = import_list(path, state, box, clock=CLOCK)
    return report.new, report.corrections, report.recalls, report.unchanged


def test_the_same_file_twice_changes_nothing(tmp_path: Path, box: Box) -> None:
    assert run(SAMPLE, tmp_path, box) == (3, 0, 0, 0)
    assert run(SAMPLE, tmp_path, box) == (0, 0, 0, 3)
    assert box.numbers() == len(box.order) == 3


def test_ids_are_made_from_the_lists_own_reference_and_content() -> None:
    first = plan_import(load_list(SAMPLE).items(), {}, AS_OF)
    again = plan_import(load_list(SAMPLE).items(), {}, datetime(2030, 1, 1, tzinfo=UTC))
    assert [step.event for step in first.steps] == [step.event for step in again.steps]
    assert len({step.event.event_id for step in first.steps}) == 3


def test_a_newer_file_corrects_what_changed_and_recalls_what_left(tmp_path: Path, box: Box) -> None:
    run(SAMPLE, tmp_path, box)
    changed = without(text().replace("Invented office", "Other office"), "KPi.902")
    assert run(newer(tmp_path, changed), tmp_path, box) == (0, 1, 1, 1)
    first, second, _, correction, recall = box.order
    assert correction.supersedes is not None
    assert correction.supersedes.event_id == first.event_id
    assert (correction.kind, correction.root) == ("notice", first.event_id)
    assert isinstance(recall, Recall)
    assert recall.supersedes is not None
    assert recall.supersedes.event_id == second.event_id
    assert (recall.subtype, recall.supersedes.bureau) == ("legal-basis-ended", "XP")
    assert recall.occurred_at.date().isoformat() == "2026-01-06"
    again = newer(tmp_path, changed, 6, "again.xml")
    assert run(again, tmp_path, box) == (0, 0, 0, 2)


def test_a_second_correction_follows_the_first_and_a_recall_names_the_root(
    tmp_path: Path, box: Box
) -> None:
    run(SAMPLE, tmp_path, box)
    run(newer(tmp_path, text().replace("Invented office", "Other office"), 6), tmp_path, box)
    # back to what it was: a new version, not the first event again
    assert run(newer(tmp_path, text(), 7), tmp_path, box) == (0, 1, 0, 2)
    run(newer(tmp_path, without(text(), "QDi.901"), 8), tmp_path, box)
    first, _, _, second, third, recall = box.order
    assert third.supersedes is not None
    assert third.supersedes.event_id == second.event_id
    assert second.root == third.root == first.event_id
    assert recall.supersedes is not None
    assert recall.supersedes.event_id == first.event_id
    assert box.numbers() == len(box.order) == 6


def test_what_comes_back_on_the_list_is_a_new_notice(tmp_path: Path, box: Box) -> None:
    run(SAMPLE, tmp_path, box)
    run(newer(tmp_path, without(text(), "KPi.902"), 6), tmp_path, box)
    assert run(newer(tmp_path, text(), 7), tmp_path, box) == (1, 0, 0, 2)
    back = box.order[-1]
    assert back.supersedes is None
    assert back.root is None
    assert back.event_id not in {event.event_id for event in box.order[:-1]}


@pytest.mark.parametrize("fail_after", [1, 2, 3])
def test_cut_off_at_any_event_the_next_import_finishes_it_first(
    tmp_path: Path, box: Box, fail_after: int
) -> None:
    run(SAMPLE, tmp_path, box)
    changed = without(text().replace("Invented office", "Other office"), "KPi.902")
    added = changed.replace("HTe.903", "HTe.904")  # one left, one came
    box.left = fail_after
    with pytest.raises(KeyboardInterrupt):
        run(newer(tmp_path, added, 6), tmp_path, box)
    box.left = None
    # a still newer file comes next: the begun import is completed before it is compared
    latest = newer(tmp_path, added.replace("Other office", "Third office"), 7)
    assert run(latest, tmp_path, box) == (0, 1, 0, 1)
    corrections = [event for event in box.order if event.kind == "notice" and event.supersedes]
    assert len(corrections) == 2
    assert corrections[1].supersedes is not None
    assert corrections[1].supersedes.event_id == corrections[0].event_id
    assert sum(event.kind == "recall" for event in box.order) == 2


def test_nothing_of_a_cut_file_is_published(tmp_path: Path, box: Box) -> None:
    path = newer(tmp_path, text()[:-60])
    with pytest.raises(PermanentError, match="nothing was published"):
        run(path, tmp_path, box)
    assert box.order == []


def test_an_older_list_is_refused(tmp_path: Path, box: Box) -> None:
    run(newer(tmp_path, text(), 9), tmp_path, box)
    with pytest.raises(PermanentError, match="was imported already") as refusal:
        run(SAMPLE, tmp_path, box)
    assert refusal.value.code == "un-list-older"


def too_large(content: str) -> str:
    """The list with a comment that an entry may have and a record may not."""
    return content.replace("An invented person.", "long " * 190_000)


def test_an_entry_too_large_for_its_topic_blocks_no_other(tmp_path: Path, box: Box) -> None:
    run(SAMPLE, tmp_path, box)
    with ImportState(tmp_path / "un-list.sqlite") as state:
        path = newer(tmp_path, too_large(text()).replace("HTe.903", "HTe.904"))
        report = import_list(path, state, box, clock=CLOCK)
    assert (report.new, report.corrections, report.recalls) == (1, 0, 1)
    assert [item.reference for item in report.unmapped] == ["QDi.901"]
    assert "a source topic takes" in report.unmapped[0].reason
    assert run(newer(tmp_path, text(), 7), tmp_path, box) == (1, 0, 1, 2)


def test_a_begun_event_that_the_outbox_never_takes_is_left_out_and_reported(
    tmp_path: Path, box: Box
) -> None:
    plan = plan_import(load_list(SAMPLE).items(), {}, AS_OF)
    large, *others = plan.new
    assert isinstance(large.event, Notice)
    large = replace(large, event=large.event.model_copy(update={"summary": "x" * 1_000_000}))
    with ImportState(tmp_path / "un-list.sqlite") as state:
        state.begin(replace(plan, new=(large, *others)), AS_OF)
        report = import_list(SAMPLE, state, box, clock=CLOCK)
        assert state.begun() == []
    assert (report.resumed, report.new, report.unchanged) == (3, 1, 2)
    assert [item.reference for item in report.unmapped] == ["QDi.901"]
    assert box.numbers() == 3


def test_a_begun_event_that_rules_refuse_by_now_is_left_out(tmp_path: Path, box: Box) -> None:
    path = tmp_path / "un-list.sqlite"
    with ImportState(path) as state:
        state.begin(plan_import(load_list(SAMPLE).items(), {}, AS_OF), AS_OF)
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE begun SET event = replace(event, '\"terrorism\"', '\"gone\"') WHERE ordinal = 1"
        )
    database.close()
    assert run(SAMPLE, tmp_path, box) == (1, 0, 0, 2)
    assert run(SAMPLE, tmp_path, box) == (0, 0, 0, 3)


def test_an_id_that_was_used_for_something_else_blocks_no_other(tmp_path: Path, box: Box) -> None:
    first, *_ = plan_import(load_list(SAMPLE).items(), {}, AS_OF).new
    box([first.event.model_copy(update={"case_ref": "other"})])
    with ImportState(tmp_path / "un-list.sqlite") as state:
        report = import_list(SAMPLE, state, box, clock=CLOCK)
    assert [item.reference for item in report.unmapped] == [first.after.reference]
    assert box.numbers() == 3


def test_an_error_that_is_not_one_events_stops_the_import(tmp_path: Path, box: Box) -> None:
    def unprovisioned(events: list[Event]) -> None:
        raise PermanentError("run `liaison provision`", code="unknown-schema")

    with ImportState(tmp_path / "un-list.sqlite") as state:
        with pytest.raises(PermanentError, match="provision"):
            import_list(SAMPLE, state, unprovisioned, clock=CLOCK)
        assert len(state.begun()) == 3
    assert run(SAMPLE, tmp_path, box) == (0, 0, 0, 3)


@pytest.mark.parametrize(
    ("date", "code"),
    [
        ('dateGenerated="2026-05-30T00:00:00Z"', "un-list-future"),
        ('dateGenerated="9999-12-31T23:59:59-14:00"', "un-list-undated"),
        ('dateGenerated="yesterday"', "un-list-undated"),
        ("", "un-list-undated"),
        ('dateGenerated="2026-01-05T04:00:00+05:00"', "un-list-older"),
    ],
)
def test_a_list_whose_date_cannot_be_compared_is_refused(
    tmp_path: Path, box: Box, date: str, code: str
) -> None:
    run(SAMPLE, tmp_path, box)
    path = tmp_path / "dated.xml"
    path.write_text(re.sub(r'dateGenerated="[^"]*"', date, text()), "utf-8")
    with pytest.raises(PermanentError) as refusal:
        run(path, tmp_path, box)
    assert refusal.value.code == code
    assert str(path) in str(refusal.value)
    tomorrow = re.sub(r'(dateGenerated)="[^"]*"', r'\1="2026-05-29T00:00:00+03:00"', text())
    path.write_text(tomorrow, "utf-8")
    assert run(path, tmp_path, box) == (0, 0, 0, 3)


def test_lists_are_compared_by_their_instants_not_by_their_texts(tmp_path: Path, box: Box) -> None:
    path = tmp_path / "zone.xml"
    path.write_text(re.sub(r'(dateGenerated)="[^"]*"', r'\1="2026-01-09T23:00:00-05:00"', text()))
    run(path, tmp_path, box)
    path.write_text(re.sub(r'(dateGenerated)="[^"]*"', r'\1="2026-01-10T01:00:00+00:00"', text()))
    with pytest.raises(PermanentError, match="was imported already"):
        run(path, tmp_path, box)


def test_a_lost_state_is_refused_with_its_remedy(tmp_path: Path, box: Box) -> None:
    run(SAMPLE, tmp_path, box)
    changed = newer(tmp_path, text().replace("Invented office", "Other office"))
    (tmp_path / "un-list.sqlite").unlink()
    with ImportState(tmp_path / "un-list.sqlite") as state:
        with pytest.raises(ConfigurationError, match="put it back from its copy") as refusal:
            import_list(changed, state, box, clock=CLOCK, handed_over=box.numbers())
        assert refusal.value.code == "un-list-state-lost"
        assert state.is_new()
        assert import_list(changed, state, box, clock=CLOCK).new == 3  # --state-lost
        import_list(changed, state, box, clock=CLOCK, handed_over=box.numbers())
    assert box.numbers() == 4  # what is unchanged keeps its notice


def test_what_is_unchanged_keeps_its_notice_also_after_a_year(tmp_path: Path) -> None:
    clock = ManualClock(wall_ms=CLOCK.now_ms())
    changed = newer(tmp_path, text().replace("Invented office", "Other office"))
    with open_outbox(tmp_path / "outbox.sqlite", clock=clock) as outbox:
        box = Box(outbox, clock)
        run(SAMPLE, tmp_path, box)
        outbox.remove([(1, 3)])  # the broker has them
        clock.advance(365 * 86_400)
        run(changed, tmp_path, box)
        (tmp_path / "un-list.sqlite").unlink()
        with ImportState(tmp_path / "un-list.sqlite") as state:
            assert import_list(SAMPLE, state, box, clock=clock).new == 3  # --state-lost
        assert box.numbers() == 4


def test_a_larger_share_may_be_recalled_if_it_is_allowed(tmp_path: Path, box: Box) -> None:
    listed = plan_import(entries(30), {}, AS_OF)
    with ImportState(tmp_path / "un-list.sqlite") as state:
        state.begin(listed, AS_OF)
        state.finish()
        with pytest.raises(PermanentError, match="--max-recall-share"):
            import_list(SAMPLE, state, box, clock=CLOCK)
        report = import_list(SAMPLE, state, box, clock=CLOCK, max_recall_share=1.0)
    assert (report.new, report.recalls) == (3, 30)


def entries(count: int) -> list[Entry | Unmapped]:
    first = load_list(SAMPLE).entries[0]
    return [replace(first, reference=f"QDi.{number}") for number in range(count)]


def test_a_file_that_would_recall_too_much_is_refused() -> None:
    listed = {step.after.reference: step.after for step in plan_import(entries(100), {}, AS_OF).new}
    assert len(plan_import(entries(80), listed, AS_OF).recalls) == 20
    with pytest.raises(PermanentError, match="21 of 100") as refusal:
        plan_import(entries(79), listed, AS_OF)
    assert refusal.value.code == "un-list-too-many-recalls"
    assert len(plan_import(entries(10), listed, AS_OF, max_recall_share=1.0).recalls) == 90


def test_an_entry_that_can_no_longer_be_mapped_is_not_recalled() -> None:
    listed = {step.after.reference: step.after for step in plan_import(entries(3), {}, AS_OF).new}
    broken: list[Entry | Unmapped] = [*entries(2), Unmapped("QDi.2", "without a name")]
    plan = plan_import(broken, listed, AS_OF)
    assert (plan.unchanged, plan.recalls, len(plan.unmapped)) == (2, (), 1)
    nameless: list[Entry | Unmapped] = [*entries(2), Unmapped("", "without a reference")]
    plan = plan_import(nameless, listed, AS_OF)
    assert plan.recalls == ()
    assert plan.held_back == ("QDi.2",)


def test_two_imports_at_a_time_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "un-list.sqlite"
    with ImportState(path), pytest.raises(ConfigurationError, match="another import holds it"):
        ImportState(path)


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "un-list.sqlite"
    path.write_bytes(b"no database at all, but long enough to look like a file of one" * 20)
    with pytest.raises(ConfigurationError, match="no import state"):
        ImportState(path)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("PRAGMA user_version=7")
    database.close()
    with pytest.raises(ConfigurationError, match="another version"):
        ImportState(other)
