CREATE TABLE IF NOT EXISTS raw.strike_chunks
(
    chunk UInt64 COMMENT 'Number of the chunk: they are written one after the other, so only the last may be unfinished',
    bureau LowCardinality(String) COMMENT 'Bureau of the struck event',
    event_id UUID COMMENT 'The struck event',
    source_topic LowCardinality(String) COMMENT 'Topic of the struck copy, as in raw.facts: each copy is in one chunk only',
    source_partition Int32 COMMENT 'Its partition',
    source_offset Int64 COMMENT 'Its offset',
    recall_event_id Nullable(UUID) COMMENT 'Recall or correction that strikes it',
    kind LowCardinality(String) COMMENT 'Kind of that event: recall, or the kind of a correction',
    reason LowCardinality(String) COMMENT 'Its reason',
    recorded_at DateTime64(3, 'UTC') COMMENT 'The latest of fact, recall and the links between them',
    since DateTime64(3, 'UTC') COMMENT 'The latest of recall and links'
)
ENGINE = MergeTree
ORDER BY (chunk, event_id, bureau)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Which compensations go into raw.facts as one insert, written before it; raw.struck says which are in';
