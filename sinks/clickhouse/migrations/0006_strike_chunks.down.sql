DROP TABLE IF EXISTS raw.strike_chunks SYNC;
