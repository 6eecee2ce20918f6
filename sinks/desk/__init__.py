"""The desk's end of the stream: `Subscriber` reads a region's topics by category, each event once.

`tail` writes a subscription as lines; `Filters` narrows it; `Start` says where it begins.
"""

from sinks.desk.filters import Filters
from sinks.desk.jsonl import format_gap, format_item
from sinks.desk.places import Start
from sinks.desk.records import Delivered, GapError, Item, Position, Strike, Struck, Unreadable
from sinks.desk.subscriber import Subscriber
from sinks.desk.tail import EXIT_GAP, EXIT_OK, tail

__all__ = [
    "EXIT_GAP",
    "EXIT_OK",
    "Delivered",
    "Filters",
    "GapError",
    "Item",
    "Position",
    "Start",
    "Strike",
    "Struck",
    "Subscriber",
    "Unreadable",
    "format_gap",
    "format_item",
    "tail",
]
