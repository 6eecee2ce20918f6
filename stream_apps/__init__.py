"""Between the topics: the exactly-once engine, router, cutter, surge."""
