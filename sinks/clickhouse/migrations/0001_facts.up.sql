CREATE DATABASE IF NOT EXISTS raw COMMENT 'What was loaded from Kafka, and what guards the loading';

CREATE DATABASE IF NOT EXISTS agg COMMENT 'Rollups of raw.facts, kept by materialized views';

CREATE DATABASE IF NOT EXISTS ref COMMENT 'Codes and their labels in four languages';

CREATE TABLE IF NOT EXISTS raw.facts
(
    event_id Nullable(UUID) COMMENT 'Event; null where searches were folded',
    root Nullable(UUID) COMMENT 'First event id of a chain of corrections',
    root_bureau LowCardinality(Nullable(String)) COMMENT 'Bureau of that first event',
    supersedes_event_id Nullable(UUID) COMMENT 'Event that this one recalls or corrects',
    supersedes_bureau LowCardinality(Nullable(String)) COMMENT 'Bureau of that event',
    supersedes_kind LowCardinality(Nullable(String)) COMMENT 'Kind of that event',
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When it happened; the minute where searches were folded',
    published_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'When the bureau handed it over',
    recorded_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'Append time of the source record; of a compensation the latest of fact, recall and the links between them',
    kind LowCardinality(String) COMMENT 'Kind of event',
    subtype LowCardinality(String) COMMENT 'Subtype; the database of a search or hit; the reason of a recall',
    result LowCardinality(String) COMMENT 'hit or no-hit of a search, else empty',
    category LowCardinality(String) COMMENT 'Primary threat category, or uncategorised',
    categories Array(LowCardinality(String)) COMMENT 'All categories, the primary first',
    category_source LowCardinality(String) COMMENT 'declared, keywords or none',
    offence LowCardinality(String) COMMENT 'ICCS code, or empty; its prefixes are the levels above',
    bureau LowCardinality(String) COMMENT 'Respondent bureau, ISO 3166 alpha-2 or XP',
    sub_bureau LowCardinality(String) COMMENT 'Sub-bureau, or empty',
    system LowCardinality(String) COMMENT 'Source system of the bureau',
    lane LowCardinality(String) COMMENT 'message or search',
    region LowCardinality(String) COMMENT 'Region of the bureau on the day of recording',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that gave the region',
    urgency LowCardinality(String) COMMENT 'Urgency',
    grading_scheme LowCardinality(String) COMMENT 'Scheme of the first grading, or empty',
    grading_source LowCardinality(String) COMMENT 'Reliability of the source, or empty',
    grading_information LowCardinality(String) COMMENT 'Credibility of the information, or empty',
    language LowCardinality(String) COMMENT 'Language of the event',
    operation LowCardinality(String) COMMENT 'Operation, or empty',
    countries Array(LowCardinality(String)) COMMENT 'Countries concerned, ISO 3166 alpha-2',
    restricted LowCardinality(String) COMMENT 'Handling class: none, withheld, directed, restricted or red',
    test Bool COMMENT 'An exercise: never in statistics',
    measures Array(LowCardinality(String)) COMMENT 'Codes of what was measured',
    measure_values Array(Decimal(18, 3)) COMMENT 'Their values, in the order of measures',
    measure_units Array(LowCardinality(String)) COMMENT 'Their units: a unit code or an ISO 4217 currency',
    measure_bases Array(LowCardinality(String)) COMMENT 'period or cumulative',
    measure_usd Array(Nullable(Decimal(18, 2))) COMMENT 'Each in US dollars; null where it is no money or has no rate',
    amount Nullable(Decimal(18, 3)) COMMENT 'First measure of money',
    currency LowCardinality(String) COMMENT 'ISO 4217 code of amount, or empty',
    amount_usd Nullable(Decimal(18, 2)) COMMENT 'amount in US dollars',
    rate_date Nullable(Date) COMMENT 'Day of the exchange rate used',
    source_topic LowCardinality(String) COMMENT 'Topic of the source record',
    source_partition Int32 COMMENT 'Partition of the source record',
    source_offset Int64 CODEC(Delta, ZSTD(1)) COMMENT 'Offset of the source record; the last one where searches were folded',
    router_version LowCardinality(String) COMMENT 'Version of the router that made the fact',
    events Int64 CODEC(T64, ZSTD(1)) COMMENT 'How many events it stands for; more than 1 where searches were folded',
    sign Int8 COMMENT '+1 the fact counts, -1 it is taken back: always sum(sign * …)',
    block_partition Int32 COMMENT 'Partition of fact-blocks that held it',
    block_offset Int64 CODEC(Delta, ZSTD(1)) COMMENT 'Offset of its block there',
    INDEX event_id_bloom event_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX root_bloom root TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX block_offset_range block_offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(recorded_at)
ORDER BY (kind, category, bureau, occurred_at)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'One row a fact, signed: +1 when it counts, -1 when a recall or correction takes it back';
