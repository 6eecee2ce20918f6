"""The bureau's side: publisher, outbox, importers of foreign formats, traffic simulator."""

from producers.account import AccountCount, Receipt
from producers.addressing import readdress_by_region
from producers.outbox import Outbox, read_accounts
from producers.problem import Problem
from producers.publisher import Publisher, publish_many
from producers.reconcile import reconcile_with_receipts
from producers.schema_ids import outbox_schema_ids
from producers.sender import Sender

__all__ = [
    "AccountCount",
    "Outbox",
    "Problem",
    "Publisher",
    "Receipt",
    "Sender",
    "outbox_schema_ids",
    "publish_many",
    "read_accounts",
    "readdress_by_region",
    "reconcile_with_receipts",
]
