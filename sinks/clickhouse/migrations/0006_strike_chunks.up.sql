CREATE TABLE IF NOT EXISTS raw.strike_chunks
(
    chunk UInt64 COMMENT 'Number of the chunk: they are written one after the other, so only the last may be unfinished',
    bureau LowCardinality(String) COMMENT 'Bureau of the struck event',
    event_id UUID COMMENT 'The struck event: in one chunk only',
    recall_event_id Nullable(UUID) COMMENT 'Recall or correction that strikes it',
    kind LowCardinality(String) COMMENT 'Kind of that event: recall, or the kind of a correction',
    reason LowCardinality(String) COMMENT 'Its reason',
    recorded_at DateTime64(3, 'UTC') COMMENT 'The later of fact and recall'
)
ENGINE = MergeTree
ORDER BY (chunk, event_id, bureau)
SETTINGS non_replicated_deduplication_window = 10000
COMMENT 'Which compensations go into raw.facts as one insert, written before it; raw.struck says which are in';
