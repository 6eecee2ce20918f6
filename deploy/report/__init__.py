"""The report of a release: one HTML page without outside parts, and its figures as pictures."""

from deploy.report.page import Report, report_of
from deploy.report.published import Publication, read_publication

__all__ = ["Publication", "Report", "read_publication", "report_of"]
