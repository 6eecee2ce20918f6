"""A year's traffic of 196 bureaus at any scale, seeded, with the faults that real traffic has.

:class:`Simulator` makes it, :func:`operation_reports` adds the two operations whose figures were
published, :func:`play` hands it over. Shares and texts are invented; nobody real is in it.
"""

from producers.simulator.driver import Played, play
from producers.simulator.frame import Rates
from producers.simulator.items import Handover, Item, Repeat, Unparsable
from producers.simulator.operations import PARTICIPANTS, operation_reports
from producers.simulator.simulator import Mix, Simulator

__all__ = [
    "PARTICIPANTS",
    "Handover",
    "Item",
    "Mix",
    "Played",
    "Rates",
    "Repeat",
    "Simulator",
    "Unparsable",
    "operation_reports",
    "play",
]
