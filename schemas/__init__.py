"""What crosses a wire, and nothing else: Avro files, models, codec, topics, reference data."""
