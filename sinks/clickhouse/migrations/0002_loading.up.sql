CREATE TABLE IF NOT EXISTS raw.high_water
(
    topic_id LowCardinality(String) COMMENT 'Id that Kafka gave the topic; another one is another topic',
    block_partition Int32 COMMENT 'Partition of fact-blocks',
    block_offset Int64 COMMENT 'Offset of the last block that is wholly in',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When it was'
)
ENGINE = ReplacingMergeTree(block_offset)
ORDER BY (topic_id, block_partition)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'How far each partition of fact-blocks is loaded; read it as max(block_offset)';

CREATE TABLE IF NOT EXISTS raw.refused_blocks
(
    topic_id LowCardinality(String) COMMENT 'Id that Kafka gave the topic',
    block_partition Int32 COMMENT 'Partition of fact-blocks',
    block_offset Int64 COMMENT 'Offset of the refused block',
    code LowCardinality(String) COMMENT 'Stable code of the refusal',
    reason String COMMENT 'What ClickHouse said',
    refused_at DateTime64(3, 'UTC') COMMENT 'When it was refused',
    resolved Bool COMMENT 'True in the row that a repair adds'
)
ENGINE = ReplacingMergeTree(resolved)
ORDER BY (topic_id, block_partition, block_offset)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Blocks that are in dlq.blocks instead of raw.facts; verify fails while one is unresolved';

CREATE TABLE IF NOT EXISTS raw.recalls
(
    bureau LowCardinality(String) COMMENT 'Bureau whose event is struck',
    target UUID COMMENT 'Event that is struck',
    root Nullable(UUID) COMMENT 'First event of the chain, or another of it, as the recall names it; the chain is struck with it',
    root_bureau LowCardinality(Nullable(String)) COMMENT 'Bureau of that first event',
    kind LowCardinality(String) COMMENT 'recall strikes the whole chain, any other kind is a correction and strikes its target only',
    reason LowCardinality(String) COMMENT 'Reason of a recall, subtype of a correction',
    recall_event_id Nullable(UUID) COMMENT 'Event that strikes',
    recalled_by LowCardinality(String) COMMENT 'Bureau that struck: the same or XP',
    recorded_at DateTime64(3, 'UTC') COMMENT 'When the strike was recorded',
    block_partition Int32 COMMENT 'Partition of fact-blocks that held it',
    block_offset Int64 COMMENT 'Offset of its block there',
    INDEX root_bloom root TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX block_offset_range block_offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
ORDER BY (target, bureau)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Every recall and correction, kept for events that land after it';

CREATE MATERIALIZED VIEW IF NOT EXISTS raw.recalls_mv TO raw.recalls AS
SELECT
    assumeNotNull(ifNull(facts.supersedes_bureau, facts.bureau)) AS bureau,
    assumeNotNull(facts.supersedes_event_id) AS target,
    facts.root AS root,
    facts.root_bureau AS root_bureau,
    facts.kind AS kind,
    facts.subtype AS reason,
    facts.event_id AS recall_event_id,
    facts.bureau AS recalled_by,
    facts.recorded_at AS recorded_at,
    facts.block_partition AS block_partition,
    facts.block_offset AS block_offset
FROM raw.facts AS facts
WHERE facts.supersedes_event_id IS NOT NULL AND facts.sign = 1;

CREATE TABLE IF NOT EXISTS raw.links
(
    bureau LowCardinality(String) COMMENT 'Bureau of an event',
    event_id UUID COMMENT 'The event; it may never have come',
    other_bureau LowCardinality(String) COMMENT 'Bureau of another event',
    other UUID COMMENT 'An event of the same chain: one of the two names the other',
    recorded_at DateTime64(3, 'UTC') COMMENT 'When the one that names was recorded'
)
ENGINE = MergeTree
ORDER BY (event_id, bureau)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'What holds chains together, each link in both directions: a chain is all that can be reached';

CREATE MATERIALIZED VIEW IF NOT EXISTS raw.links_mv TO raw.links AS
SELECT link.1 AS bureau, link.2 AS event_id, link.3 AS other_bureau, link.4 AS other, recorded_at
FROM
(
    SELECT
        facts.recorded_at AS recorded_at,
        (CAST(facts.bureau, 'String'), assumeNotNull(facts.event_id)) AS own,
        (CAST(ifNull(facts.root_bureau, facts.bureau), 'String'), assumeNotNull(facts.root)) AS first,
        (CAST(ifNull(facts.supersedes_bureau, facts.bureau), 'String'), assumeNotNull(facts.supersedes_event_id)) AS earlier,
        arrayDistinct(arrayConcat(if(isNull(facts.root), [], [first]), if(isNull(facts.supersedes_event_id), [], [earlier]))) AS named,
        arrayJoin(arrayFlatten(arrayMap(n -> [(own.1, own.2, n.1, n.2), (n.1, n.2, own.1, own.2)], arrayFilter(n -> n != own, named)))) AS link
    FROM raw.facts AS facts
    WHERE facts.sign = 1 AND facts.kind != 'recall' AND facts.event_id IS NOT NULL
        AND (facts.root IS NOT NULL OR facts.supersedes_event_id IS NOT NULL)
);

CREATE TABLE IF NOT EXISTS raw.struck
(
    bureau LowCardinality(String) COMMENT 'Bureau of the struck event',
    event_id UUID COMMENT 'The struck event',
    source_topic LowCardinality(String) COMMENT 'Topic of the struck copy, as in raw.facts',
    source_partition Int32 COMMENT 'Its partition',
    source_offset Int64 COMMENT 'Its offset',
    recall_event_id Nullable(UUID) COMMENT 'Recall or correction that struck it',
    kind LowCardinality(String) COMMENT 'Kind of that event: recall, or the kind of a correction',
    reason LowCardinality(String) COMMENT 'Its reason',
    recorded_at DateTime64(3, 'UTC') COMMENT 'As of when it is struck; of the first row that of the compensation',
    since DateTime64(3, 'UTC') COMMENT 'The same but for the event itself: from when on it would be struck if it came earlier',
    struck_at DateTime64(3, 'UTC') COMMENT 'When the compensation was in, or this was known'
)
ENGINE = ReplacingMergeTree
ORDER BY (event_id, bureau, source_topic, source_partition, source_offset, since, ifNull(toString(recall_event_id), ''))
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Facts whose compensation is in raw.facts: the guard against a second one; of several rows of a fact the least by since and recall_event_id holds, since what was recorded earlier may land later';
