"""Disclosure control: what of a release may be shown, what must be hidden with it, and the proof.

:func:`protect` decides by hiding, :func:`protect_merging` merges what can't be hidden well enough,
:class:`NoiseTable` perturbs where hiding would hide too much. Plain values in, plain values out: no
database, no files, no clock. What is protected and what is not: see
:mod:`sinks.statistics.disclosure.protection`.
"""

from sinks.statistics.disclosure.keyed_noise import (
    KEYS,
    NoiseTable,
    make_noise_table,
    refuse_noise_table,
)
from sinks.statistics.disclosure.losses import Loss, losses
from sinks.statistics.disclosure.merging import (
    CannotProtectError,
    Merge,
    MergedRelease,
    MergeStep,
    merge,
    merge_small,
    protect_merging,
    thin_codes,
)
from sinks.statistics.disclosure.proofs import Proof, check_proofs
from sinks.statistics.disclosure.protection import Protection, Release, default_price, protect
from sinks.statistics.disclosure.rules import Reason, Rules, sensitive_change, why_sensitive
from sinks.statistics.disclosure.system import DESKS, System
from sinks.statistics.disclosure.tables import (
    Cell,
    CellId,
    Dimension,
    PublicTotal,
    Table,
    TableError,
    joined_states,
    rounded,
)
from sinks.statistics.disclosure.vintages import (
    Change,
    Vintage,
    blocks_to_keep,
    sensitive_changes,
)

__all__ = [
    "DESKS",
    "KEYS",
    "CannotProtectError",
    "Cell",
    "CellId",
    "Change",
    "Dimension",
    "Loss",
    "Merge",
    "MergeStep",
    "MergedRelease",
    "NoiseTable",
    "Proof",
    "Protection",
    "PublicTotal",
    "Reason",
    "Release",
    "Rules",
    "System",
    "Table",
    "TableError",
    "Vintage",
    "blocks_to_keep",
    "check_proofs",
    "default_price",
    "joined_states",
    "losses",
    "make_noise_table",
    "merge",
    "merge_small",
    "protect",
    "protect_merging",
    "refuse_noise_table",
    "rounded",
    "sensitive_change",
    "sensitive_changes",
    "thin_codes",
    "why_sensitive",
]
