"""What a block may change of who is struck: pure, so that no more facts are read than need be.

Every block before was looked at when it landed. So only those events are looked at again that the
block holds or names, and those of a chain that are recalled since it, or since another moment.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sinks.clickhouse.strikes import (
    CountedFact,
    EventKey,
    FactKey,
    KnownRecall,
    Link,
    StrikeOrder,
    find_strikes,
)

__all__ = ["News"]

_ANY_KIND = ""


@dataclass(frozen=True, slots=True)
class News:
    """Of one block."""

    events: Collection[EventKey]
    """Its own that have to do with strikes."""
    recalls: Collection[KnownRecall]
    """Its own recalls and corrections."""

    def concerned(
        self, chains: Collection[EventKey], recalls: Collection[KnownRecall], links: set[Link]
    ) -> set[EventKey]:
        """Events of these chains, and others that it names, whose facts are to be looked at."""
        found = {*self.events, *(recall.named for recall in self.recalls)}
        own = set(self.events)
        old_recalls = [recall for recall in recalls if recall not in self.recalls]
        old_links = {link for link in links if link.one not in own and link.other not in own}
        if len(old_recalls) < len(recalls) or (recalls and len(old_links) < len(links)):
            before = _struck_since(chains, old_recalls, old_links)
            since = _struck_since(chains, recalls, links)
            found.update(event for event in chains if before.get(event) != since.get(event))
        return found


def _struck_since(
    chains: Collection[EventKey], recalls: Collection[KnownRecall], links: Collection[Link]
) -> dict[EventKey, StrikeOrder]:
    """When an event that was always there would be struck, and by what."""
    always = [CountedFact(FactKey(*event, "", 0, 0), _ANY_KIND, 0) for event in chains]
    found = find_strikes(recalls, links, always)
    return {(strike.row.bureau, strike.row.event_id): strike.order for strike in found}
