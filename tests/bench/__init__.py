"""Speeds and memory, each beside a baseline that runs in the same minutes on the same machine.

`python -m tests.bench NAME --json` prints one JSON object, `make bench` runs all for a table.
Rates are medians of at least three runs after one that warms up. No test asserts a speed.
"""
