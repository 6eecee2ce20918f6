CREATE TABLE IF NOT EXISTS ref.regions
(
    code String COMMENT 'Slug of the region',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Regions; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.region_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.regions FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.region_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.members
(
    code String COMMENT 'ISO 3166 alpha-2, or XP',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Members and the General Secretariat; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.member_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.members FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.member_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.categories
(
    code String COMMENT 'Slug of the category',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Threat categories; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.category_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.categories FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.category_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.kinds
(
    code String COMMENT 'Slug of the kind',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Kinds of event; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.kind_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.kinds FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.kind_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.operations
(
    code String COMMENT 'Slug of the operation',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Operations; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.operation_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.operations FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.operation_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.measures
(
    code String COMMENT 'Code of the measure',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'What is measured; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.measure_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.measures FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.measure_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.units
(
    code String COMMENT 'Code of the unit',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Units of measures; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.unit_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.units FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.unit_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.databases
(
    code String COMMENT 'Slug of the database',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Databases that are searched; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.database_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.databases FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.database_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.offences
(
    code String COMMENT 'ICCS code',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Offences (ICCS); codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.offence_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.offences FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.offence_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.urgencies
(
    code String COMMENT 'Slug of the urgency',
    en String COMMENT 'Label in English',
    fr String COMMENT 'Label in French',
    es String COMMENT 'Label in Spanish',
    ar String COMMENT 'Label in Arabic',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY code
COMMENT 'Urgencies; codes that left the reference data stay';

CREATE DICTIONARY IF NOT EXISTS ref.urgency_labels
(
    code String,
    en String DEFAULT '',
    fr String DEFAULT '',
    es String DEFAULT '',
    ar String DEFAULT ''
)
PRIMARY KEY code
SOURCE(CLICKHOUSE(QUERY 'SELECT code, en, fr, es, ar FROM ref.urgencies FINAL'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 300 MAX 600)
COMMENT 'Labels: dictGet(''ref.urgency_labels'', ''ar'', code)';

CREATE TABLE IF NOT EXISTS ref.member_regions
(
    code String COMMENT 'ISO 3166 alpha-2 of the member',
    region LowCardinality(String) COMMENT 'Region it belongs to in this period',
    valid_from Date32 COMMENT 'First day',
    valid_until Nullable(Date32) COMMENT 'First day that no longer counts; null while it lasts',
    reference_version LowCardinality(String) COMMENT 'Version of the reference data that last had it',
    loaded_at DateTime64(3, 'UTC') COMMENT 'When that was loaded'
)
ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY (code, valid_from)
COMMENT 'Which region a member belongs to, dated; facts carry the region of their day';
