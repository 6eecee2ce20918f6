"""Where the stream ends: ClickHouse and the desk."""
