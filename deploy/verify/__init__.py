"""Recounts everything from the topics, beside what desks, ledger and ClickHouse hold."""

from deploy.verify.difference import Difference, Verdict
from deploy.verify.verifier import verify

__all__ = ["Difference", "Verdict", "verify"]
