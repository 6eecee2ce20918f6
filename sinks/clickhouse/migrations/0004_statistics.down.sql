DROP VIEW IF EXISTS agg.searches_by_month SYNC;

DROP VIEW IF EXISTS agg.measures_by_month SYNC;

DROP VIEW IF EXISTS agg.events_by_day SYNC;

DROP VIEW IF EXISTS agg.events_by_month SYNC;
