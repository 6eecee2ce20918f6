"""A dataset's quality sheet: the headings of ESMS, Eurostat's metadata structure.

Everything that is a number comes from the published tables; whoever asks is a statistician.
"""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from deploy.releases.asking import diff_rows, release_number
from schemas.errors import PermanentError
from sinks.statistics.dataset import Dataset, Protected, find_dataset
from sinks.statistics.periods import REVISED_AFTER_MONTHS
from sinks.statistics.planning import default_rules

__all__ = ["HEADINGS", "quality_sheet"]

HEADINGS = (
    "Contact", "Metadata update", "Statistical presentation", "Unit of measure",
    "Reference period", "Institutional mandate", "Confidentiality", "Release policy",
    "Frequency of dissemination", "Accessibility and clarity", "Quality management", "Relevance",
    "Accuracy and reliability", "Timeliness and punctuality", "Coherence and comparability",
    "Cost and burden", "Data revision", "Statistical processing", "Comment",
)  # fmt: skip
_METHODS = {
    Protected.SUPPRESSION: "Sensitive figures are hidden, and others with them, by proof.",
    Protected.ROUNDING: "Figures are rounded; sensitive ones are hidden, and others with them.",
    Protected.NOISE: "Each figure carries noise by its cell key; none is hidden, none is exact.",
    Protected.THRESHOLD: "Figures are shown where the number of events behind them is, if enough.",
    Protected.WAIVER: "Only bureaus that waived confidentiality in writing are shown.",
}


def quality_sheet(client: Client, name: str, language: str) -> str:
    """Markdown.

    Raises:
        PermanentError: there is no such dataset, or no release.
    """
    dataset, number = find_dataset(name), release_number(client, None, None)
    said = _sections(client, dataset, number, language)
    lines = [f"# {dataset.title[language]}", "", f"`pub.{name}`, release {number}", ""]
    for place, heading in enumerate(HEADINGS, 1):
        lines += [f"## {place}. {heading}", "", said[heading], ""]
    return "\n".join(lines)


def _sections(client: Client, dataset: Dataset, number: int, language: str) -> dict[str, str]:
    made, cut_off, frequency, reference = client.query(
        "SELECT toString(published_at), toString(cut_off), frequency, reference_version "
        f"FROM pub.releases WHERE release = {number}"
    ).result_rows[0]
    described = client.query(
        "SELECT cells, hidden_percent, hidden_value_percent, rate_months FROM pub.datasets "
        f"WHERE release = {number} AND dataset = '{dataset.name}'"
    ).result_rows
    if not described:
        raise PermanentError(
            f"release {number} has no {dataset.name}: it could not be protected",
            code="no-such-dataset",
        )
    cells, hidden, hidden_value, rates = described[0]
    statuses = client.query(
        f"SELECT obs_status, count() FROM pub.{dataset.name}_vintages WHERE release = {number} "
        "GROUP BY obs_status ORDER BY obs_status"
    ).result_rows
    rules = default_rules()
    revised = " and ".join(f"+{months}" for months in REVISED_AFTER_MONTHS)
    return {
        "Contact": "Whoever runs this Liaison: `liaison release list` says which releases it made.",
        "Metadata update": f"With the release, {made} UTC.",
        "Statistical presentation": (
            f"{dataset.description[language]}\n\nBroken down by: {', '.join(dataset.dimensions)}; "
            f"respondent: the {dataset.respondent}; code lists of {reference}."
        ),
        "Unit of measure": f"{dataset.unit}, by ref.code_labels."
        + (f" Exchange rates of {rates}, each of the day of recording." if rates else ""),
        "Reference period": (
            f"{', '.join(dataset.periods) or 'none'} (base: {frequency}), in UTC, of the day on "
            "which it happened."
        ),
        "Institutional mandate": "None is claimed: the product publishes what bureaus reported.",
        "Confidentiality": (
            f"{_METHODS[dataset.protection]} Fewest bureaus {rules.fewest_bureaus}, minimum "
            f"{rules.minimum} ({rules.higher_minimum} for some categories), dominance "
            f"{rules.dominance_percent} %. Hidden of this table: {hidden} % of the figures that "
            f"are not zero, {hidden_value} % of what it counts."
        ),
        "Release policy": "`liaison release calendar`; every release is kept as a vintage.",
        "Frequency of dissemination": f"By {frequency}.",
        "Accessibility and clarity": (
            f"SQL over `pub.{dataset.name}` and `pub.{dataset.name}_vintages`; titles and labels "
            "in English, French, Spanish and Arabic."
        ),
        "Quality management": (
            "Each release is counted from signed facts, attacked before it is published, and "
            "verified again by `liaison verify --statistics`."
        ),
        "Relevance": f"{cells} figures in the newest release.",
        "Accuracy and reliability": "Figures by status: "
        + ", ".join(f"{status} {count}" for status, count in statuses)
        + f". {_coverage(client, number)}",
        "Timeliness and punctuality": (
            f"Facts recorded before {cut_off} UTC. {_lag(client, number)}"
        ),
        "Coherence and comparability": (
            "Figures that add up carry one cut-off; a change of a bureau's region is marked B. "
            "Never add across units, nor figures that carry noise."
        ),
        "Cost and burden": "None beside the reporting itself.",
        "Data revision": (
            f"Periods are revised {revised} months after their end. {_revised(client, dataset)}"
        ),
        "Statistical processing": (
            "The primary category only; corrections and recalls are taken out as of the cut-off; "
            "exercises, searches and recalls are no events."
        ),
        "Comment": "Codes from general knowledge are marked: verified = 0 in ref.code_labels.",
    }


def _coverage(client: Client, number: int) -> str:
    found = client.query(
        "SELECT time_period, maxIf(obs_value, indicator = 'reporting'), "
        "maxIf(obs_value, indicator = 'members') "
        f"FROM pub.coverage_vintages WHERE release = {number} AND region = 'total' "
        "GROUP BY time_period HAVING countIf(indicator = 'reporting' AND obs_value IS NOT NULL) "
        "ORDER BY time_period DESC LIMIT 1"
    ).result_rows
    if not found:
        return "How many bureaus reported is hidden with the number of events."
    period, reporting, members = found[0]
    whole = "" if members is None else f" of {members}"
    return f"In {period} {reporting}{whole} bureaus reported."


def _lag(client: Client, number: int) -> str:
    rows = client.query(
        "SELECT time_period, obs_value FROM pub.reporting_lag_vintages "
        f"WHERE release = {number} AND region = 'total' AND statistic = 'median' "
        "AND obs_value IS NOT NULL ORDER BY time_period DESC LIMIT 1"
    ).result_rows
    return f"Median reporting lag in {rows[0][0]}: {rows[0][1]} hours." if rows else ""


def _revised(client: Client, dataset: Dataset) -> str:
    numbers = [
        row[0]
        for row in client.query(
            "SELECT release FROM pub.releases ORDER BY release DESC LIMIT 2"
        ).result_rows
    ]
    if len(numbers) < 2:
        return "There is one release so far."
    later, earlier = numbers
    changed = sum(None not in row[2:4] for row in diff_rows(client, earlier, later, dataset.name))
    return f"Figures that release {later} changed since release {earlier}: {changed}."
