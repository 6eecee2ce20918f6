"""Facts as bytes: whole ones, and those of folded searches around what a decision fixes of them.

Avro concatenates, so a fact is its start (ids and times), its middle (what a decision, the result
and the measures say) and its end (source, count, sign). Searches whose middles are the same bytes
fold into one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.catalogue import Catalogue
from schemas.compiled import compile_writer

__all__ = ["SEARCH_RESULTS", "UNMEASURED", "FactWriter"]

SEARCH_RESULTS = ("no-hit", "hit")
"""By whether there was a hit."""
_MIDDLE, _END = "kind", "source_topic"
UNMEASURED: Mapping[str, Any] = {
    **dict.fromkeys(
        ("measures", "measure_values", "measure_units", "measure_bases", "measure_usd"), ()
    ),
    **dict.fromkeys(("amount", "amount_usd", "rate_date")),
    "currency": "",
}
"""The fields of a fact without measures."""
_NO_IDS = dict.fromkeys(
    ("event_id", "root", "root_bureau")
    + ("supersedes_event_id", "supersedes_bureau", "supersedes_kind")
)


class FactWriter:
    """Writes facts of the newest schema."""

    def __init__(self, catalogue: Catalogue) -> None:
        schema = catalogue.schema("liaison.facts.Fact")
        names = [f["name"] for f in schema.definition["fields"]]
        middle, end = names.index(_MIDDLE), names.index(_END)
        self.whole = compile_writer(schema.plain)
        self._start = compile_writer(schema.part(*names[:middle]))
        self._middle = compile_writer(schema.part(*names[middle:end]))
        self._end = compile_writer(schema.part(*names[end:]))

    def middle(self, fixed: Mapping[str, Any], result: str) -> bytes:
        """What the searches of one decision and result have in common."""
        return self._middle({**fixed, **UNMEASURED, "result": result})

    def folded(self, middle: bytes, times: Mapping[str, int], end: Mapping[str, Any]) -> bytes:
        """Searches with one middle as one fact."""
        return b"".join((self._start({**_NO_IDS, **times}), middle, self._end(end)))
