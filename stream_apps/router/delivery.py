"""What one accepted event gives its readers: itself, strikes of what it replaces, its links.

The enrichment's bytes are the part that varies from event to event, followed by the decision's
remembered part, followed by the bureau's own bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas import wire
from schemas.catalogue import KINDS, STRETCH_START, Catalogue
from schemas.compiled import compile_writer
from schemas.headers import delivered_headers
from schemas.ids import strike_hash
from schemas.reference import Reference
from schemas.registry import SchemaIds
from schemas.rules import MAX_IDENTIFIERS
from schemas.topics import MAX_DERIVED_BYTES, MAX_SOURCE_BYTES, STRIKES
from stream_apps.engine.records import Consumed, Produced
from stream_apps.router.checks import root_bureau
from stream_apps.router.counting import Valued, fact_of, value_measures
from stream_apps.router.decision import Decision
from stream_apps.router.facts import FactWriter
from stream_apps.router.identifiers import Checked, check_identifier
from stream_apps.router.priority import with_identifiers
from stream_apps.router.reading import Read
from stream_apps.router.refusals import BAD_ENVELOPE, TOO_LARGE, Refused

__all__ = ["Delivery"]

_MAX_ENRICHMENT_BYTES = MAX_DERIVED_BYTES - MAX_SOURCE_BYTES - 128 * 1024
"""What enrichment may add to a record of the largest size; the rest is for headers and framing."""
_MAX_FAN_OUT_BYTES = 200_000_000
"""What one event may come to with all its readers, since it is one transaction: over 20 MB/s are
enough for that within the transaction's time-out. An event of the largest size for everyone fits.
"""


class Delivery:
    """Makes records for readers."""

    def __init__(self, reference: Reference, catalogue: Catalogue, ids: SchemaIds) -> None:
        self._reference = reference
        self._facts = FactWriter(catalogue)
        enrichment = catalogue.schema("liaison.delivered.Enrichment")
        names = [f["name"] for f in enrichment.definition["fields"]]
        self._write_varying = compile_writer(enrichment.part(*names[: names.index(STRETCH_START)]))
        self._delivered_ids = {
            (kind, version): ids.id_of(catalogue.delivered(kind, version))
            for kind in KINDS
            for version in catalogue.event_versions(kind)
        }
        self._strike = catalogue.schema("liaison.strikes.Strike")
        self._strike_id = ids.id_of(self._strike)
        self._link = catalogue.schema("liaison.strikes.Link")
        self._link_id = ids.id_of(self._link)

    def deliver(
        self, read: Read, decision: Decision, record: Consumed
    ) -> tuple[list[Produced], bytes | None]:
        """Records for readers, and the fact; a search has neither, it is folded.

        Raises:
            Refused: measures or identifiers outside their rules, an exercise that takes back.
        """
        if len(read.identifiers) > MAX_IDENTIFIERS:
            raise Refused(
                BAD_ENVELOPE, f"{len(read.identifiers)} identifiers; allowed: {MAX_IDENTIFIERS}"
            )
        if decision.kind == "search":
            return [], None
        if decision.fact["test"] and read.head["supersedes"] is not None:
            raise Refused(BAD_ENVELOPE, "an exercise (test) may not recall or correct an event")
        valued = value_measures(read.measures, record.timestamp_ms, self._reference)
        out: list[Produced] = []
        if decision.topics:
            assert record.value is not None
            value = wire.splice(
                self._delivered_ids[decision.kind, read.schema.version],
                self._enrichment(read, decision, record, valued) + decision.enrichment,
                record.value,
            )
            headers = delivered_headers(record.headers)
            out += [Produced(topic, record.key, value, headers) for topic in decision.topics]
        out += self._strikes(decision, read.head, record.timestamp_ms)
        out += self._links(decision, read.head, record.timestamp_ms)
        source = (record.topic, record.partition, record.offset)
        fact = fact_of(decision, read.head, valued, record.timestamp_ms, source)
        return out, self._facts.whole(fact)

    def _enrichment(
        self, read: Read, decision: Decision, record: Consumed, valued: Valued
    ) -> bytes:
        countries = self._reference.countries
        checked = [
            check_identifier(
                item["type"], item["value"],
                item["country"] if item["country"] in countries else None, decision.bureau,
            )
            for item in read.identifiers
        ]  # fmt: skip
        readers, size = len(decision.topics), len(record.value or b"")
        room = min(_MAX_ENRICHMENT_BYTES, _MAX_FAN_OUT_BYTES // readers - size)
        body = self._encode(read, decision, record, valued, checked)
        if len(body) > room:
            checked = [item._replace(normalised=None) for item in checked]
            body = self._encode(read, decision, record, valued, checked, "not-normalised")
        if len(body) > room:
            raise Refused(
                TOO_LARGE,
                f"the enrichment would have {len(body)} bytes; allowed with {size} for {readers} "
                f"readers: {room}",
            )
        return body

    def _encode(
        self,
        read: Read,
        decision: Decision,
        record: Consumed,
        valued: Valued,
        checked: Sequence[Checked],
        *flags: str,
    ) -> bytes:
        score = with_identifiers(decision.score_parts, checked)
        return self._write_varying(
            {
                "event_id": read.head["event_id"],
                "recorded_at": record.timestamp_ms,
                "source_topic": record.topic,
                "source_partition": record.partition,
                "source_offset": record.offset,
                "root": read.head["root"],
                "root_bureau": root_bureau(decision.bureau, read.head),
                "categories": decision.categories,
                "category_source": decision.category_source,
                "flags": [*decision.flags, *valued.flags, *_identifier_flags(checked), *flags],
                "identifiers": [
                    {
                        "type": item.type,
                        "normalised": item.normalised,
                        "valid": item.valid,
                        "reason": item.reason,
                    }
                    for item in checked
                ],
                "amounts_usd": valued.amounts(),
                "score": score.total,
                "score_parts": [{"part": p, "points": n} for p, n in score.parts],
            },
        )

    def _strikes(
        self, decision: Decision, head: Mapping[str, Any], at_ms: int
    ) -> Iterator[Produced]:
        """A correction strikes the one event that it names, a recall the whole chain."""
        target = head["supersedes"]
        if target is None:
            return
        recall = decision.kind == "recall"
        body = {
            "chain": recall,
            "reason": decision.fact["subtype"] if recall else "corrected",
            "successor": None if recall else strike_hash(decision.bureau, head["event_id"]),
            "recorded_at": at_ms,
        }
        value = wire.frame(self._strike_id, wire.encode(self._strike.plain, body))
        struck = {(target["bureau"], target["event_id"])}
        first = root_bureau(decision.bureau, head)
        if recall and first is not None:
            struck.add((first, head["root"]))
        suffix = "chain" if recall else "one"
        for bureau, event_id in sorted(struck):
            key = f"{strike_hash(bureau, event_id)}:{suffix}"
            yield Produced(STRIKES, key.encode(), value)

    def _links(self, decision: Decision, head: Mapping[str, Any], at_ms: int) -> Iterator[Produced]:
        """Whom it is of one chain with: who gets a later event of it may never get this one."""
        if decision.kind == "recall":
            return
        own = decision.bureau, head["event_id"]
        named = set()
        if head["supersedes"] is not None:
            named.add((head["supersedes"]["bureau"], head["supersedes"]["event_id"]))
        first = root_bureau(decision.bureau, head)
        if first is not None:
            named.add((first, head["root"]))
        for other in sorted(named - {own}):
            key = f"{strike_hash(*own)}:of:{strike_hash(*other)}"
            value = wire.encode(self._link.plain, {"recorded_at": at_ms})
            yield Produced(STRIKES, key.encode(), wire.frame(self._link_id, value))


def _identifier_flags(checked: Sequence[Checked]) -> Iterator[str]:
    if any(item.valid == "invalid" for item in checked):
        yield "invalid-identifier"
