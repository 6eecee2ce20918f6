CREATE VIEW IF NOT EXISTS agg.events_by_month
(
    month Date COMMENT 'Month in which it happened, its first day',
    recorded_month Date COMMENT 'Month in which we learnt it, its first day; sum up to one for the state as known then',
    region LowCardinality(String) COMMENT 'Region of the bureau on the day of recording',
    bureau LowCardinality(String) COMMENT 'Respondent bureau, ISO 3166 alpha-2 or XP',
    kind LowCardinality(String) COMMENT 'Kind of event',
    subtype LowCardinality(String) COMMENT 'Subtype; the database of a search or hit',
    category LowCardinality(String) COMMENT 'Primary threat category, or uncategorised',
    offence LowCardinality(String) COMMENT 'ICCS code, or empty',
    operation LowCardinality(String) COMMENT 'Operation, or empty',
    urgency LowCardinality(String) COMMENT 'Urgency',
    restricted LowCardinality(String) COMMENT 'Handling class: none, withheld, directed, restricted or red',
    events Int64 COMMENT 'Events that count: sum(sign * events)',
    usd Decimal(38, 2) COMMENT 'First money measure in US dollars: sum(sign * amount_usd)'
) AS
SELECT
    month,
    recorded_month,
    region,
    bureau,
    kind,
    subtype,
    category,
    offence,
    operation,
    urgency,
    restricted,
    sum(rollup.events) AS events,
    sum(rollup.usd) AS usd
FROM agg.events_month AS rollup
WHERE NOT test
GROUP BY month, recorded_month, region, bureau, kind, subtype, category, offence, operation, urgency, restricted
HAVING events != 0 OR usd != 0
COMMENT 'Events a month, by everything that statistics break down by; exercises left out';

CREATE VIEW IF NOT EXISTS agg.events_by_day
(
    day Date COMMENT 'Day on which it happened',
    recorded_month Date COMMENT 'Month in which we learnt it, its first day; sum up to one for the state as known then',
    region LowCardinality(String) COMMENT 'Region of the bureau on the day of recording',
    category LowCardinality(String) COMMENT 'Primary threat category, or uncategorised',
    kind LowCardinality(String) COMMENT 'Kind of event',
    events Int64 COMMENT 'Events that count: sum(sign * events)',
    usd Decimal(38, 2) COMMENT 'First money measure in US dollars: sum(sign * amount_usd)'
) AS
SELECT
    day,
    recorded_month,
    region,
    category,
    kind,
    sum(rollup.events) AS events,
    sum(rollup.usd) AS usd
FROM agg.events_day AS rollup
WHERE NOT test
GROUP BY day, recorded_month, region, category, kind
HAVING events != 0 OR usd != 0
COMMENT 'Events a day, for series and seasons; exercises left out';

CREATE VIEW IF NOT EXISTS agg.measures_by_month
(
    month Date COMMENT 'Month in which it happened, its first day',
    recorded_month Date COMMENT 'Month in which we learnt it, its first day; sum up to one for the state as known then',
    region LowCardinality(String) COMMENT 'Region of the bureau on the day of recording',
    bureau LowCardinality(String) COMMENT 'Respondent bureau, ISO 3166 alpha-2 or XP',
    kind LowCardinality(String) COMMENT 'Kind of event',
    category LowCardinality(String) COMMENT 'Primary threat category, or uncategorised',
    operation LowCardinality(String) COMMENT 'Operation, or empty',
    measure LowCardinality(String) COMMENT 'Code of what was measured',
    unit LowCardinality(String) COMMENT 'Unit code or ISO 4217 currency; never add across units',
    basis LowCardinality(String) COMMENT 'period or cumulative; never add cumulative figures',
    value Decimal(38, 3) COMMENT 'Value in its unit: sum(sign * value)',
    value_usd Decimal(38, 2) COMMENT 'The same in US dollars, where it is money with a rate',
    reports Int64 COMMENT 'How many events reported it: sum(sign)'
) AS
SELECT
    month,
    recorded_month,
    region,
    bureau,
    kind,
    category,
    operation,
    measure,
    unit,
    basis,
    sum(rollup.value) AS value,
    sum(rollup.value_usd) AS value_usd,
    sum(rollup.reports) AS reports
FROM agg.measures_month AS rollup
WHERE NOT test
GROUP BY month, recorded_month, region, bureau, kind, category, operation, measure, unit, basis
HAVING value != 0 OR value_usd != 0 OR reports != 0
COMMENT 'What was measured a month: persons, accounts, amounts, quantities; exercises left out';

CREATE VIEW IF NOT EXISTS agg.searches_by_month
(
    month Date COMMENT 'Month in which it happened, its first day',
    recorded_month Date COMMENT 'Month in which we learnt it, its first day; sum up to one for the state as known then',
    region LowCardinality(String) COMMENT 'Region of the bureau on the day of recording',
    bureau LowCardinality(String) COMMENT 'Respondent bureau, ISO 3166 alpha-2 or XP',
    database LowCardinality(String) COMMENT 'Database that was searched',
    result LowCardinality(String) COMMENT 'hit or no-hit',
    events Int64 COMMENT 'Events that count: sum(sign * events)'
) AS
SELECT
    month,
    recorded_month,
    region,
    bureau,
    database,
    result,
    sum(rollup.events) AS events
FROM agg.searches_month AS rollup
WHERE NOT test
GROUP BY month, recorded_month, region, bureau, database, result
HAVING events != 0
COMMENT 'Searches a month, by database and result; exercises left out';
