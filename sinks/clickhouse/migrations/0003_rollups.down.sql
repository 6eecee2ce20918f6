DROP TABLE IF EXISTS agg.searches_month_mv SYNC;

DROP TABLE IF EXISTS agg.searches_month SYNC;

DROP TABLE IF EXISTS agg.measures_month_mv SYNC;

DROP TABLE IF EXISTS agg.measures_month SYNC;

DROP TABLE IF EXISTS agg.events_day_mv SYNC;

DROP TABLE IF EXISTS agg.events_day SYNC;

DROP TABLE IF EXISTS agg.events_month_mv SYNC;

DROP TABLE IF EXISTS agg.events_month SYNC;
