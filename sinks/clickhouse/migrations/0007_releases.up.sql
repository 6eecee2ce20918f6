CREATE DATABASE IF NOT EXISTS pub COMMENT 'What is published: releases of statistics';

CREATE DATABASE IF NOT EXISTS stage COMMENT 'A release while it is made; nobody but who makes it reads it';

CREATE DATABASE IF NOT EXISTS audit COMMENT 'True figures, what is sensitive, and the proofs, for auditor and publisher';

CREATE TABLE IF NOT EXISTS ref.statistical_codes
(
    dimension LowCardinality(String) COMMENT 'Column that holds the code',
    code String COMMENT 'The code',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    verified Bool COMMENT 'False where the code comes from general knowledge and no source was read',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY (dimension, code)
COMMENT 'Codes of published tables; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.code_labels
(
    dimension String,
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT '',
    verified UInt8 DEFAULT 1
)
PRIMARY KEY dimension, code
SOURCE(CLICKHOUSE(QUERY 'SELECT dimension, code, en, fr, es, ar, verified FROM ref.statistical_codes FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels of published codes: dictGet(''ref.code_labels'', ''ar'', (''region'', region))';

CREATE TABLE IF NOT EXISTS pub.releases
(
    release UInt32 COMMENT 'Number of the release',
    published_at DateTime('UTC') COMMENT 'When it was made',
    cut_off DateTime('UTC') COMMENT 'No fact recorded later is in it',
    frequency LowCardinality(String) COMMENT 'Its finest period: month or quarter',
    first_period LowCardinality(String) COMMENT 'The first period that it has',
    reason String COMMENT 'Why it was made: the calendar, or an error',
    reference_version LowCardinality(String) COMMENT 'Version of the code lists',
    manifest_sha256 FixedString(64) COMMENT 'Sum of its manifest, hexadecimal'
)
ENGINE = MergeTree
ORDER BY release
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Releases; a row here is what makes one current';

CREATE TABLE IF NOT EXISTS pub.withdrawn_releases
(
    release UInt32 COMMENT 'Number of the release',
    withdrawn_at DateTime('UTC') COMMENT 'When it was withdrawn',
    notice String COMMENT 'What was wrong, and what to use instead'
)
ENGINE = ReplacingMergeTree(withdrawn_at)
ORDER BY release
COMMENT 'Error notices: releases that are current no more; their figures stay in the vintages';

CREATE TABLE IF NOT EXISTS pub.datasets
(
    release UInt32 COMMENT 'Number of the release',
    dataset LowCardinality(String) COMMENT 'Name of the table',
    measure LowCardinality(String) COMMENT 'Tables of one measure have common margins',
    dimensions Array(LowCardinality(String)) COMMENT 'Columns that hold codes',
    unit LowCardinality(String) COMMENT 'Unit of all figures, or varies',
    respondent LowCardinality(String) COMMENT 'Who reports',
    protection LowCardinality(String) COMMENT 'suppression, rounding, noise, threshold or waiver',
    rounding UInt32 COMMENT 'Figures are multiples of it',
    noise UInt16 COMMENT 'Greatest noise of a figure, 0 for none',
    decimals UInt8 COMMENT 'Digits after the point',
    rate_months LowCardinality(String) COMMENT 'Of money: first and last month of the exchange rates used, as 2025-01/2026-03; each amount at the rate of the day of its recording',
    title_en String COMMENT 'Title in English',
    title_fr String COMMENT 'Title in French',
    title_es String COMMENT 'Title in Spanish',
    title_ar String COMMENT 'Title in Arabic',
    description_en String COMMENT 'Description in English',
    description_fr String COMMENT 'Description in French',
    description_es String COMMENT 'Description in Spanish',
    description_ar String COMMENT 'Description in Arabic',
    cells UInt32 COMMENT 'Rows of the release',
    hidden_percent UInt8 COMMENT 'Hidden rows, among these and those that are shown as other than zero, in whole per cents',
    hidden_value_percent UInt8 COMMENT 'At most so many per cents of what is counted are hidden; in small tables rounded up to 5, 10, 25, 50 or 100'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, dataset)
COMMENT 'Catalogue of published tables';

CREATE TABLE IF NOT EXISTS pub.code_parts
(
    release UInt32 COMMENT 'Number of the release',
    dimension LowCardinality(String) COMMENT 'Column that holds the codes',
    code LowCardinality(String) COMMENT 'A code that others add up to',
    way UInt16 COMMENT 'Which of several ways to split it, from 0',
    part LowCardinality(String) COMMENT 'One of the codes that add up to it'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, dimension, code, way, part)
COMMENT 'Code lists: which codes add up to which';

CREATE TABLE IF NOT EXISTS pub.noise_rows
(
    release UInt32 COMMENT 'Number of the release',
    row UInt16 COMMENT 'True count up to the greatest noise; rows beyond take turns for greater counts',
    noises Array(Int16) COMMENT 'What is added for each of 256 cell keys'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, row)
COMMENT 'The noise of perturbed tables; the keys are secret';

CREATE TABLE IF NOT EXISTS pub.accounts_blocked_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, category, release)
COMMENT 'Bank accounts blocked by year and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.accounts_blocked_by_region_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Bank accounts blocked by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.amount_frozen_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, category, release)
COMMENT 'Amount frozen by year and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.amount_frozen_by_region_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Amount frozen by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.amount_intercepted_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, category, release)
COMMENT 'Amount intercepted by year and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.amount_intercepted_by_region_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Amount intercepted by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.amount_seized_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, category, release)
COMMENT 'Amount seized by year and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.amount_seized_by_region_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Amount seized by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.coverage_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    indicator LowCardinality(String) COMMENT 'What is told',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, indicator, release)
COMMENT 'Bureaus that reported, by period and region: every release';

CREATE TABLE IF NOT EXISTS pub.events_by_bureau_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Events by year of the bureaus that agreed: every release';

CREATE TABLE IF NOT EXISTS pub.events_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, category, release)
COMMENT 'Events by period, region and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.events_by_category_and_kind_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    kind LowCardinality(String) COMMENT 'Kind of event, or total; a group of kinds if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, category, kind, release)
COMMENT 'Events by year, region, threat category and kind: every release';

CREATE TABLE IF NOT EXISTS pub.events_by_kind_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    kind LowCardinality(String) COMMENT 'Kind of event, or total; a group of kinds if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, kind, release)
COMMENT 'Events by period, region and kind: every release';

CREATE TABLE IF NOT EXISTS pub.offences_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    offence LowCardinality(String) COMMENT 'ICCS section (2 digits) or division (4 digits), or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, offence, release)
COMMENT 'Events by year, region and offence (ICCS section and division): every release';

CREATE TABLE IF NOT EXISTS pub.operations_vintages
(
    operation LowCardinality(String) COMMENT 'Operation',
    measure LowCardinality(String) COMMENT 'Code of what was measured; never add across measures',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (operation, measure, release)
COMMENT 'Results of operations: every release';

CREATE TABLE IF NOT EXISTS pub.persons_arrested_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, category, release)
COMMENT 'Persons arrested by year and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.persons_arrested_by_region_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Persons arrested by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.reporting_lag_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    statistic LowCardinality(String) COMMENT 'median or p90 (90th percentile)',
    obs_value Nullable(Decimal(18, 1)) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, statistic, release)
COMMENT 'Reporting lag by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.reporting_quality_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    indicator LowCardinality(String) COMMENT 'What is told',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, indicator, release)
COMMENT 'How complete and how classified the reports are: every release';

CREATE TABLE IF NOT EXISTS pub.searches_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    database LowCardinality(String) COMMENT 'Database that was searched, or total',
    result LowCardinality(String) COMMENT 'hit, no-hit or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, database, result, release)
COMMENT 'Database searches by period, database and result: every release';

CREATE TABLE IF NOT EXISTS pub.victims_identified_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, category, release)
COMMENT 'Victims identified by year and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.victims_identified_by_region_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Victims identified by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.victims_rescued_by_category_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, category, release)
COMMENT 'Victims rescued by year and threat category: every release';

CREATE TABLE IF NOT EXISTS pub.victims_rescued_by_region_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, region, release)
COMMENT 'Victims rescued by quarter and region: every release';

CREATE TABLE IF NOT EXISTS pub.withdrawals_by_kind_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    kind LowCardinality(String) COMMENT 'Kind of event, or total; a group of kinds if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, kind, release)
COMMENT 'Withdrawals by period and kind: every release';

CREATE TABLE IF NOT EXISTS pub.withdrawals_by_reason_vintages
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    reason LowCardinality(String) COMMENT 'Reason of the recall, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (time_period, reason, release)
COMMENT 'Withdrawals by year and reason: every release';

CREATE VIEW IF NOT EXISTS pub.accounts_blocked_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.accounts_blocked_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Bank accounts blocked by year and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.accounts_blocked_by_region
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.accounts_blocked_by_region_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Bank accounts blocked by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.amount_frozen_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.amount_frozen_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Amount frozen by year and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.amount_frozen_by_region
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.amount_frozen_by_region_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Amount frozen by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.amount_intercepted_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.amount_intercepted_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Amount intercepted by year and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.amount_intercepted_by_region
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.amount_intercepted_by_region_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Amount intercepted by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.amount_seized_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.amount_seized_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Amount seized by year and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.amount_seized_by_region
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.amount_seized_by_region_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Amount seized by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.coverage
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    indicator LowCardinality(String) COMMENT 'What is told',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, indicator, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.coverage_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Bureaus that reported, by period and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.events_by_bureau
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.events_by_bureau_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Events by year of the bureaus that agreed: the newest release';

CREATE VIEW IF NOT EXISTS pub.events_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.events_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Events by period, region and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.events_by_category_and_kind
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    kind LowCardinality(String) COMMENT 'Kind of event, or total; a group of kinds if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, category, kind, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.events_by_category_and_kind_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Events by year, region, threat category and kind: the newest release';

CREATE VIEW IF NOT EXISTS pub.events_by_kind
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    kind LowCardinality(String) COMMENT 'Kind of event, or total; a group of kinds if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, kind, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.events_by_kind_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Events by period, region and kind: the newest release';

CREATE VIEW IF NOT EXISTS pub.offences
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    offence LowCardinality(String) COMMENT 'ICCS section (2 digits) or division (4 digits), or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, offence, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.offences_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Events by year, region and offence (ICCS section and division): the newest release';

CREATE VIEW IF NOT EXISTS pub.operations
(
    operation LowCardinality(String) COMMENT 'Operation',
    measure LowCardinality(String) COMMENT 'Code of what was measured; never add across measures',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT operation, measure, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.operations_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Results of operations: the newest release';

CREATE VIEW IF NOT EXISTS pub.persons_arrested_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.persons_arrested_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Persons arrested by year and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.persons_arrested_by_region
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.persons_arrested_by_region_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Persons arrested by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.reporting_lag
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    statistic LowCardinality(String) COMMENT 'median or p90 (90th percentile)',
    obs_value Nullable(Decimal(18, 1)) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, statistic, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.reporting_lag_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Reporting lag by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.reporting_quality
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    indicator LowCardinality(String) COMMENT 'What is told',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, indicator, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.reporting_quality_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'How complete and how classified the reports are: the newest release';

CREATE VIEW IF NOT EXISTS pub.searches
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    database LowCardinality(String) COMMENT 'Database that was searched, or total',
    result LowCardinality(String) COMMENT 'hit, no-hit or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, database, result, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.searches_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Database searches by period, database and result: the newest release';

CREATE VIEW IF NOT EXISTS pub.victims_identified_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.victims_identified_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Victims identified by year and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.victims_identified_by_region
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.victims_identified_by_region_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Victims identified by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.victims_rescued_by_category
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    category LowCardinality(String) COMMENT 'Primary threat category, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, category, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.victims_rescued_by_category_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Victims rescued by year and threat category: the newest release';

CREATE VIEW IF NOT EXISTS pub.victims_rescued_by_region
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    region LowCardinality(String) COMMENT 'Region of the respondent bureau, or total for the world; other-regions if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, region, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.victims_rescued_by_region_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Victims rescued by quarter and region: the newest release';

CREATE VIEW IF NOT EXISTS pub.withdrawals_by_kind
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    kind LowCardinality(String) COMMENT 'Kind of event, or total; a group of kinds if merged',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, kind, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.withdrawals_by_kind_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Withdrawals by period and kind: the newest release';

CREATE VIEW IF NOT EXISTS pub.withdrawals_by_reason
(
    time_period LowCardinality(String) COMMENT 'Reference period: month 2026-02, quarter 2026-Q1 or year 2026, in UTC',
    reason LowCardinality(String) COMMENT 'Reason of the recall, or total',
    obs_value Nullable(Int64) COMMENT 'The figure; null where it is hidden, not reported or not applicable',
    unit_measure LowCardinality(String) COMMENT 'Unit, by ref.code_labels',
    obs_status LowCardinality(String) COMMENT 'A normal, B break in the series, P provisional, Q hidden, O not reported, M not applicable; B goes before Q, Q before P',
    conf_status LowCardinality(String) COMMENT 'F free, C confidential',
    cut_off LowCardinality(String) COMMENT 'Facts recorded before it are counted; of several the newest, and a sum of them all',
    release UInt32 COMMENT 'Number of the release'
) AS
SELECT time_period, reason, obs_value, unit_measure, obs_status, conf_status, cut_off, release
FROM pub.withdrawals_by_reason_vintages
WHERE release = (SELECT max(release) FROM pub.releases WHERE release NOT IN (SELECT release FROM pub.withdrawn_releases))
COMMENT 'Withdrawals by year and reason: the newest release';

CREATE TABLE IF NOT EXISTS audit.cells
(
    release UInt32 COMMENT 'Number of the release',
    dataset LowCardinality(String) COMMENT 'Table',
    measure LowCardinality(String) COMMENT 'Measure of the table',
    codes Array(LowCardinality(String)) COMMENT 'Codes in the order of its dimensions',
    state String COMMENT 'Cut-offs as of which it was counted',
    value UInt64 COMMENT 'True figure',
    parts Map(LowCardinality(String), UInt64) COMMENT 'Part of each bureau',
    restricted Map(LowCardinality(String), UInt64) COMMENT 'Restricted events of each bureau, where desks read all else',
    read UInt64 COMMENT 'What desks can have read',
    shows Array(UInt64) COMMENT 'Least and greatest value that a rounded figure leaves possible; empty for exact ones',
    is_hidden Bool COMMENT 'Published without its value',
    reasons Array(LowCardinality(String)) COMMENT 'Why it is sensitive; empty for a secondary one',
    low UInt64 COMMENT 'Least value that a proof has; of a hidden figure',
    high UInt64 COMMENT 'Greatest value that a proof has; of a hidden figure'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, dataset, codes)
COMMENT 'Every cell that is protected by hiding, with the truth';

CREATE TABLE IF NOT EXISTS audit.secrets
(
    release UInt32 COMMENT 'Number of the release',
    measure LowCardinality(String) COMMENT 'Measure',
    at Array(Tuple(String, String)) COMMENT 'Dimension and code, sorted, totals left out',
    cut_off String COMMENT 'As it is published',
    value UInt64 COMMENT 'True figure',
    bars Array(UInt64) COMMENT 'Sensitive: nobody may know it to be above the first or below the second; else empty',
    parts Map(String, UInt64) COMMENT 'What each bureau, and desks, know of it'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, measure, at, cut_off)
COMMENT 'What must not be found out from this release and all before it';

CREATE TABLE IF NOT EXISTS audit.parts
(
    release UInt32 COMMENT 'Number of the release',
    measure LowCardinality(String) COMMENT 'Measure',
    at Array(Tuple(String, String)) COMMENT 'Dimension and code, sorted, totals left out',
    cut_off String COMMENT 'As it is published',
    parts Map(String, UInt64) COMMENT 'What each bureau, and desks, know of it'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, measure, at, cut_off)
COMMENT 'Of figures that say something of numbers of events: offences, the events of their places, what is measured';

CREATE TABLE IF NOT EXISTS audit.proofs
(
    release UInt32 COMMENT 'Number of the release',
    number UInt32 COMMENT 'Which other table',
    others Array(Tuple(measure LowCardinality(String), at Array(Tuple(LowCardinality(String), LowCardinality(String))), cut_off LowCardinality(String), value UInt64)) COMMENT 'Cells that it has otherwise than the truth',
    proves Array(Tuple(measure LowCardinality(String), at Array(Tuple(LowCardinality(String), LowCardinality(String))), cut_off LowCardinality(String), upward Bool, bar UInt64, reader LowCardinality(String))) COMMENT 'For which cells: the cell is at its bar or beyond it there; reader is a bureau, or desks, who know their part, or empty for anybody'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, number)
COMMENT 'Other tables that agree with everything published: a reader can not tell them from the truth';

CREATE TABLE IF NOT EXISTS audit.changes
(
    release UInt32 COMMENT 'Number of the release',
    since UInt32 COMMENT 'Number of the earlier release',
    measure LowCardinality(String) COMMENT 'Measure',
    at Array(Tuple(String, String)) COMMENT 'Place',
    gross UInt64 COMMENT 'What came and went, regardless of sign',
    parts Map(LowCardinality(String), UInt64) COMMENT 'Of each bureau',
    is_sensitive Bool COMMENT 'Whether the difference may not be told'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, since, measure, at)
COMMENT 'What changed between releases';

CREATE TABLE IF NOT EXISTS audit.losses
(
    release UInt32 COMMENT 'Number of the release',
    dataset LowCardinality(String) COMMENT 'Table',
    nonzero UInt32 COMMENT 'Cells that are not zero',
    hidden UInt32 COMMENT 'Hidden ones of them',
    hidden_zeros UInt32 COMMENT 'Hidden zeros',
    primary_cells UInt32 COMMENT 'Sensitive cells',
    by_whole_rows UInt32 COMMENT 'Cells that hiding whole rows would hide',
    value UInt64 COMMENT 'Sum of the finest cells',
    hidden_value UInt64 COMMENT 'Sum of the hidden ones of them'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, dataset)
COMMENT 'What protection costs';

CREATE TABLE IF NOT EXISTS audit.merges
(
    release UInt32 COMMENT 'Number of the release',
    number UInt16 COMMENT 'In which order',
    dimension LowCardinality(String) COMMENT 'Dimension',
    codes Array(LowCardinality(String)) COMMENT 'Codes that became one',
    into LowCardinality(String) COMMENT 'The code that they became'
)
ENGINE = MergeTree
PARTITION BY release
ORDER BY (release, number)
COMMENT 'Codes that were merged, since they could not be protected singly';
