"""What an import would publish: a function of the list, of what was published, and of a date.

New entries become notices; changed ones become corrections that supersede the notice before them
and name the first as their root; what left the list is recalled, its whole chain with it. Ids are
made of the list's own reference and of the entry's content (and, for a correction, of what it
follows: an entry that changes back is a new version, not the old event again).

An entry that is on the list but can't be mapped, or whose notice no topic takes, is never recalled:
it stays as it was published and is reported. If an unmapped one has no reference, no recall is
planned at all, since it may be any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from producers.account import LaneKey
from producers.encoding import EventEncoder
from producers.publisher import PRODUCER
from producers.un_list.entry import Entry, Unmapped
from producers.un_list.mapping import MAPPING_VERSION, Predecessor, to_notice
from schemas.catalogue import Catalogue
from schemas.errors import PermanentError
from schemas.ids import derived_id
from schemas.models import Event, Notice, Recall, Supersedes
from schemas.topics import GENERAL_SECRETARIAT

__all__ = ["MAX_RECALL_SHARE", "SOURCE", "ImportPlan", "Listed", "Step", "plan_import"]

SOURCE = "un-list"
_RECALL_REASON = "legal-basis-ended"
_FREE_RECALLS = 20
MAX_RECALL_SHARE = 0.1
_LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Listed:
    """What was last published of an entry: a notice, or its recall."""

    reference: str
    event_id: UUID
    root: UUID
    version: str
    recalled: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One event to publish, and what is known of its entry once that is done."""

    event: Event
    after: Listed


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What would be published, in this order: new, corrections, recalls."""

    new: tuple[Step, ...]
    corrections: tuple[Step, ...]
    recalls: tuple[Step, ...]
    unchanged: int
    unmapped: tuple[Unmapped, ...]
    held_back: tuple[str, ...]
    """References that left the list and would be recalled, were it not for an unmapped entry
    without a reference."""

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.new, *self.corrections, *self.recalls)


def plan_import(
    items: Iterable[Entry | Unmapped],
    listed: Mapping[str, Listed],
    as_of: datetime,
    *,
    max_recall_share: float = MAX_RECALL_SHARE,
) -> ImportPlan:
    """Compare a list with what was published of the one before. `as_of` dates the recalls.

    Raises:
        PermanentError: more than `max_recall_share` of the published entries (and more than 20)
            would be recalled: more likely a wrong file than a changed list.
    """
    new: list[Step] = []
    corrections: list[Step] = []
    unmapped: list[Unmapped] = []
    present: set[str] = set()
    unchanged = 0
    encoder = _encoder()
    for item in items:
        present.add(item.reference)
        if isinstance(item, Unmapped):
            unmapped.append(item)
            continue
        before = listed.get(item.reference)
        version = f"{MAPPING_VERSION}:{item.content}"
        if before is not None and before.version == version and not before.recalled:
            unchanged += 1
            continue
        try:
            step = _notice_step(item, version, before)
            _check_size(encoder, step.event)
        except PermanentError as error:
            unmapped.append(Unmapped(item.reference, str(error), item.line))
            continue
        (corrections if step.event.supersedes else new).append(step)
    live = [known for known in listed.values() if not known.recalled]
    gone = [known for known in live if known.reference not in present]
    held_back: tuple[str, ...] = ()
    if "" in present:
        held_back = tuple(sorted(known.reference for known in gone))
        gone = []
    if len(gone) > max(_FREE_RECALLS, max_recall_share * len(live)):
        raise PermanentError(
            f"{len(gone)} of {len(live)} published entries are not in this file: that is more "
            f"than {max_recall_share:.0%}, so it may be the wrong file; if it is right, allow a "
            "larger share (--max-recall-share)",
            code="un-list-too-many-recalls",
        )
    recalls = tuple(
        _recall_step(known, as_of) for known in sorted(gone, key=lambda known: known.reference)
    )
    return ImportPlan(
        tuple(new), tuple(corrections), recalls, unchanged, tuple(unmapped), held_back
    )


def _encoder() -> EventEncoder:
    """As a publisher's; only sizes are asked of it, to which the schema's id adds nothing."""
    schema = Catalogue.load().event(Notice.kind)
    lane = LaneKey(GENERAL_SECRETARIAT, SOURCE, "message")
    return EventEncoder(schema, 0, lane, PRODUCER)


def _check_size(encoder: EventEncoder, event: Event) -> None:
    """Refuse what no topic takes, under whatever number and at whatever time it is published.

    Raises:
        PermanentError: `too-large`, `unencodable`.
    """
    content = encoder.content(event, _LARGEST_NUMBER)
    encoder.value(content, _LARGEST_NUMBER, _LARGEST_NUMBER)


def _notice_step(entry: Entry, version: str, before: Listed | None) -> Step:
    predecessor = None
    key = version
    if before is not None:
        key = f"{version}:{before.event_id}"
        if not before.recalled:
            predecessor = Predecessor(before.event_id, before.root)
    event_id = derived_id(SOURCE, entry.reference, key)
    notice = to_notice(entry, event_id, predecessor)
    root = event_id if predecessor is None else predecessor.root
    return Step(notice, Listed(entry.reference, event_id, root, version))


def _recall_step(known: Listed, as_of: datetime) -> Step:
    event_id = derived_id(SOURCE, known.reference, f"recall:{known.event_id}")
    recall = Recall(
        event_id=event_id,
        occurred_at=as_of,
        supersedes=Supersedes(event_id=known.root, bureau=GENERAL_SECRETARIAT, kind="notice"),
        root=known.root,
        case_ref=known.reference,
        subtype=_RECALL_REASON,
        tlp="CLEAR",
        pap="CLEAR",
        explanation=f"{known.reference} is no longer on the UN Security Council's list",
    )
    return Step(recall, Listed(known.reference, event_id, known.root, known.version, True))
