DROP TABLE IF EXISTS ref.member_regions SYNC;

DROP DICTIONARY IF EXISTS ref.urgency_labels;

DROP TABLE IF EXISTS ref.urgencies SYNC;

DROP DICTIONARY IF EXISTS ref.offence_labels;

DROP TABLE IF EXISTS ref.offences SYNC;

DROP DICTIONARY IF EXISTS ref.database_labels;

DROP TABLE IF EXISTS ref.databases SYNC;

DROP DICTIONARY IF EXISTS ref.unit_labels;

DROP TABLE IF EXISTS ref.units SYNC;

DROP DICTIONARY IF EXISTS ref.measure_labels;

DROP TABLE IF EXISTS ref.measures SYNC;

DROP DICTIONARY IF EXISTS ref.operation_labels;

DROP TABLE IF EXISTS ref.operations SYNC;

DROP DICTIONARY IF EXISTS ref.kind_labels;

DROP TABLE IF EXISTS ref.kinds SYNC;

DROP DICTIONARY IF EXISTS ref.category_labels;

DROP TABLE IF EXISTS ref.categories SYNC;

DROP DICTIONARY IF EXISTS ref.member_labels;

DROP TABLE IF EXISTS ref.members SYNC;

DROP DICTIONARY IF EXISTS ref.region_labels;

DROP TABLE IF EXISTS ref.regions SYNC;
