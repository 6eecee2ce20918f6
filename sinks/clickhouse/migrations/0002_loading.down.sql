DROP TABLE IF EXISTS raw.recalls_mv SYNC;

DROP TABLE IF EXISTS raw.struck SYNC;

DROP TABLE IF EXISTS raw.recalls SYNC;

DROP TABLE IF EXISTS raw.refused_blocks SYNC;

DROP TABLE IF EXISTS raw.high_water SYNC;
