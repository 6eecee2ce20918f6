"""Questions that a statistician would ask, as SQL over the rollups.

No alias has a column's name: ClickHouse would take the alias in WHERE.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXAMPLES", "OPERATIONS", "REGIONS_AND_CATEGORIES", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question and its SQL."""

    title: str
    sql: str


REGIONS_AND_CATEGORIES = Question(
    "Events by category and region (messages, recalls taken out)",
    """SELECT dictGet('ref.category_labels', 'en', category) AS category_label,
    sumIf(events, region = 'africa') AS africa, sumIf(events, region = 'americas') AS americas,
    sumIf(events, region = 'asia-pacific') AS asia_pacific,
    sumIf(events, region = 'europe') AS europe, sumIf(events, region = 'mena') AS mena,
    sumIf(events, region = 'global') AS general_secretariat, sum(events) AS total
FROM agg.events_by_day
WHERE kind != 'search'
GROUP BY category ORDER BY total DESC, category""",
)

OPERATIONS = Question(
    "Two operations, from the reports of the countries that took part",
    """SELECT dictGet('ref.operation_labels', 'en', operation) AS operation_label,
    uniqExact(bureau) AS countries,
    toInt64(sumIf(value, measure = 'persons-arrested')) AS arrests,
    toInt64(sumIf(value, measure = 'victims-rescued')) AS victims,
    toInt64(sumIf(value, measure = 'accounts-blocked')) AS accounts,
    toInt64(sumIf(value, measure = 'virtual-asset-accounts-blocked')) AS virtual_accounts,
    toInt64(sumIf(value_usd, measure = 'amount-seized')) AS usd
FROM agg.measures_by_month
WHERE operation IN ('storm-makers-ii', 'haechi-iv') AND kind = 'operation_report'
GROUP BY operation ORDER BY operation DESC""",
)

EXAMPLES = (
    Question(
        "1. Who reports what, in Arabic: the two largest categories of each region",
        """SELECT dictGet('ref.region_labels', 'ar', region) AS region_label,
    dictGet('ref.category_labels', 'ar', category) AS category_label, sum(events) AS n
FROM agg.events_by_day
WHERE kind != 'search' AND region != 'global' AND category != 'uncategorised'
GROUP BY region, category ORDER BY region, n DESC LIMIT 2 BY region""",
    ),
    Question(
        "2. Hits per million searches, by database",
        """SELECT dictGet('ref.database_labels', 'en', database) AS database_label,
    sum(events) AS searches, sumIf(events, result = 'hit') AS hits,
    round(1e6 * hits / searches, 1) AS per_million
FROM agg.searches_by_month GROUP BY database ORDER BY searches DESC LIMIT 6""",
    ),
    Question(
        "3. Money in US dollars at the ECB's rate of the day, by measure",
        """SELECT dictGet('ref.measure_labels', 'en', measure) AS measure_label,
    sum(reports) AS n, uniqExact(unit) AS currencies, toInt64(sum(value_usd)) AS usd
FROM agg.measures_by_month
WHERE value_usd != 0 AND operation = '' GROUP BY measure ORDER BY usd DESC""",
    ),
    Question(
        "4. What was taken back, by kind and reason",
        """SELECT dictGet('ref.kind_labels', 'en', kind) AS by_label, reason,
    uniqExact(bureau, event_id) AS events_taken_out, uniqExact(bureau) AS bureaus
FROM raw.struck GROUP BY kind, reason ORDER BY events_taken_out DESC LIMIT 8""",
    ),
    Question(
        "5. Reporting lag by region: hours from event to record, median and 90th percentile",
        """SELECT dictGet('ref.region_labels', 'fr', region) AS region_label, count() AS n,
    round(quantileExact(0.5)(lag), 2) AS median_h, round(quantileExact(0.9)(lag), 2) AS p90_h
FROM (SELECT region, dateDiff('second', occurred_at, recorded_at) / 3600 AS lag
    FROM raw.facts
    WHERE event_id IS NOT NULL AND sign = 1 AND NOT test AND kind != 'operation_report'
        AND (event_id, bureau) NOT IN (SELECT event_id, bureau FROM raw.struck))
GROUP BY region ORDER BY n DESC""",
    ),
)
