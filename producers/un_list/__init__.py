"""Importer of the UN Security Council's consolidated list, published by XP as notices.

:func:`import_list` is the whole of it; :func:`read_list`, :func:`to_notice` and
:func:`plan_import` are its parts. The list names real people: nothing of it belongs in the
repository, in logs or in messages beyond the list's own reference numbers.
"""

from producers.un_list.entry import Entry, Unmapped
from producers.un_list.importer import ImportReport, import_list
from producers.un_list.mapping import Predecessor, to_notice
from producers.un_list.plan import MAX_RECALL_SHARE, SOURCE, ImportPlan, Listed, Step, plan_import
from producers.un_list.reading import UnList, load_list, read_list
from producers.un_list.state import ImportState

__all__ = [
    "MAX_RECALL_SHARE",
    "SOURCE",
    "Entry",
    "ImportPlan",
    "ImportReport",
    "ImportState",
    "Listed",
    "Predecessor",
    "Step",
    "UnList",
    "Unmapped",
    "import_list",
    "load_list",
    "plan_import",
    "read_list",
    "to_notice",
]
