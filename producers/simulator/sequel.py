"""What follows an event of one's own: a correction, an amendment, other readers, a withdrawal.

Each gives the fields that change; whoever calls makes the new event of them.
"""

from __future__ import annotations

from decimal import Decimal

from producers.simulator import shares
from producers.simulator.choice import Choice
from producers.simulator.frame import Fields, Framer, at
from producers.simulator.memory import Sent
from schemas.models import Event, Measure, Name, Notice, Recall, Supersedes

__all__ = ["Sequel"]

_REASONS = Choice(shares.RECALL_REASONS)
_TEXTS = ("body", "text", "description", "summary", "title", "place", "record_ref")
_COUNTED = frozenset({"person", "account", "check", "investigation", "document", "vehicle"})


class Sequel:
    """Makes the changes from one framer's random numbers."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer

    def corrected(self, event: Event) -> Fields:
        """One thing was wrong: a figure, an identifier or the text."""
        rng = self._framer.rng
        if event.measures and rng.random() < 0.6:
            first, *others = event.measures
            return {"measures": (self._other_figure(first), *others)}
        if event.identifiers and rng.random() < 0.7:
            first_id, *other_ids = event.identifiers
            other = self._framer.identifier(first_id.type, first_id.role)
            return {"identifiers": (other, *other_ids)}
        for name in _TEXTS:
            text = getattr(event, name, None)
            if text:
                return {name: f"{text} [corrected]"}
        return {"case_ref": f"{event.case_ref}/c"}

    def amended(self, event: Event) -> Fields:
        """A notice with one more alias, or one that stays longer."""
        assert isinstance(event, Notice)
        rng = self._framer.rng
        if event.subjects and rng.random() < 0.7:
            first, *others = event.subjects
            alias = Name(full=f"Alias {rng.randrange(10_000)}", kind="alias", quality="Low")
            subject = first.model_copy(update={"names": (*first.names, alias)})
            return {"subjects": (subject, *others)}
        return {"summary": f"{event.summary or ''} [amended]".strip()}

    def other_readers(self, event: Event, bureau: str) -> Fields:
        fields: Fields = {"addressees": event.addressees, "tlp": event.tlp}
        self._framer.restrict(fields, bureau)
        return fields

    def recall(self, ms: int, earlier: Sent) -> Event:
        reason = _REASONS.pick(self._framer.rng)
        return self._framer.event(
            Recall.kind,
            {
                "event_id": self._framer.event_id(ms),
                "occurred_at": at(ms),
                "subtype": reason,
                "case_ref": earlier.event.case_ref,
                "language": earlier.event.language,
                "supersedes": Supersedes(
                    event_id=earlier.root, bureau=earlier.bureau, kind=earlier.event.kind
                ),
                "root": earlier.root,
            },
        )

    def _other_figure(self, measure: Measure) -> Measure:
        rng = self._framer.rng
        if measure.unit in _COUNTED:
            value = max(Decimal(0), measure.value + rng.choice((-1, 1, 2)))
        else:
            factor = Decimal(rng.choice(("0.5", "0.9", "1.1", "10")))
            value = (measure.value * factor).quantize(Decimal("0.01"))
        return Measure(
            measure=measure.measure,
            value=value,
            unit=measure.unit,
            basis=measure.basis,
        )
