CREATE TABLE IF NOT EXISTS agg.events_month
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
    test Bool COMMENT 'An exercise: never in statistics',
    events SimpleAggregateFunction(sum, Int64) COMMENT 'Events that count: sum(sign * events)',
    usd SimpleAggregateFunction(sum, Decimal(38, 2)) COMMENT 'First money measure in US dollars: sum(sign * amount_usd)'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(recorded_month)
ORDER BY (region, bureau, kind, subtype, category, offence, operation, urgency, restricted, test, month, recorded_month)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Events a month, by everything that statistics break down by; read it through agg.events_by_month';

CREATE MATERIALIZED VIEW IF NOT EXISTS agg.events_month_mv TO agg.events_month AS
SELECT
    toStartOfMonth(facts.occurred_at) AS month,
    toStartOfMonth(facts.recorded_at) AS recorded_month,
    region,
    bureau,
    kind,
    subtype,
    category,
    offence,
    operation,
    urgency,
    restricted,
    test,
    sum(toInt64(facts.sign) * facts.events) AS events,
    sum(toDecimal128(facts.sign, 0) * toDecimal128(ifNull(facts.amount_usd, 0), 2)) AS usd
FROM raw.facts AS facts
GROUP BY month, recorded_month, region, bureau, kind, subtype, category, offence, operation, urgency, restricted, test;

CREATE TABLE IF NOT EXISTS agg.events_day
(
    day Date COMMENT 'Day on which it happened',
    recorded_month Date COMMENT 'Month in which we learnt it, its first day; sum up to one for the state as known then',
    region LowCardinality(String) COMMENT 'Region of the bureau on the day of recording',
    category LowCardinality(String) COMMENT 'Primary threat category, or uncategorised',
    kind LowCardinality(String) COMMENT 'Kind of event',
    test Bool COMMENT 'An exercise: never in statistics',
    events SimpleAggregateFunction(sum, Int64) COMMENT 'Events that count: sum(sign * events)',
    usd SimpleAggregateFunction(sum, Decimal(38, 2)) COMMENT 'First money measure in US dollars: sum(sign * amount_usd)'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(recorded_month)
ORDER BY (region, category, kind, test, day, recorded_month)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Events a day, for series and seasons; read it through agg.events_by_day';

CREATE MATERIALIZED VIEW IF NOT EXISTS agg.events_day_mv TO agg.events_day AS
SELECT
    toDate(facts.occurred_at) AS day,
    toStartOfMonth(facts.recorded_at) AS recorded_month,
    region,
    category,
    kind,
    test,
    sum(toInt64(facts.sign) * facts.events) AS events,
    sum(toDecimal128(facts.sign, 0) * toDecimal128(ifNull(facts.amount_usd, 0), 2)) AS usd
FROM raw.facts AS facts
GROUP BY day, recorded_month, region, category, kind, test;

CREATE TABLE IF NOT EXISTS agg.measures_month
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
    test Bool COMMENT 'An exercise: never in statistics',
    value SimpleAggregateFunction(sum, Decimal(38, 3)) COMMENT 'Value in its unit: sum(sign * value)',
    value_usd SimpleAggregateFunction(sum, Decimal(38, 2)) COMMENT 'The same in US dollars, where it is money with a rate',
    reports SimpleAggregateFunction(sum, Int64) COMMENT 'How many events reported it: sum(sign)'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(recorded_month)
ORDER BY (region, bureau, kind, category, operation, measure, unit, basis, test, month, recorded_month)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What was measured a month: persons, accounts, amounts, quantities; read it through agg.measures_by_month';

CREATE MATERIALIZED VIEW IF NOT EXISTS agg.measures_month_mv TO agg.measures_month AS
SELECT
    toStartOfMonth(facts.occurred_at) AS month,
    toStartOfMonth(facts.recorded_at) AS recorded_month,
    region,
    bureau,
    kind,
    category,
    operation,
    measure,
    unit,
    basis,
    test,
    sum(toDecimal128(facts.sign, 0) * toDecimal128(measure_value, 3)) AS value,
    sum(toDecimal128(facts.sign, 0) * toDecimal128(ifNull(measure_in_usd, 0), 2)) AS value_usd,
    sum(toInt64(facts.sign)) AS reports
FROM raw.facts AS facts
ARRAY JOIN
    measures AS measure,
    measure_values AS measure_value,
    measure_units AS unit,
    measure_bases AS basis,
    measure_usd AS measure_in_usd
GROUP BY month, recorded_month, region, bureau, kind, category, operation, measure, unit, basis, test;

CREATE TABLE IF NOT EXISTS agg.searches_month
(
    month Date COMMENT 'Month in which it happened, its first day',
    recorded_month Date COMMENT 'Month in which we learnt it, its first day; sum up to one for the state as known then',
    region LowCardinality(String) COMMENT 'Region of the bureau on the day of recording',
    bureau LowCardinality(String) COMMENT 'Respondent bureau, ISO 3166 alpha-2 or XP',
    database LowCardinality(String) COMMENT 'Database that was searched',
    result LowCardinality(String) COMMENT 'hit or no-hit',
    test Bool COMMENT 'An exercise: never in statistics',
    events SimpleAggregateFunction(sum, Int64) COMMENT 'Events that count: sum(sign * events)'
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(recorded_month)
ORDER BY (region, bureau, database, result, test, month, recorded_month)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Searches a month, by database and result; read it through agg.searches_by_month';

CREATE MATERIALIZED VIEW IF NOT EXISTS agg.searches_month_mv TO agg.searches_month AS
SELECT
    toStartOfMonth(facts.occurred_at) AS month,
    toStartOfMonth(facts.recorded_at) AS recorded_month,
    region,
    bureau,
    subtype AS database,
    result,
    test,
    sum(toInt64(facts.sign) * facts.events) AS events
FROM raw.facts AS facts
WHERE kind = 'search'
GROUP BY month, recorded_month, region, bureau, database, result, test;
