"""Hostile input, seeded: `python -m tests.fuzz --count N`, `make fuzz N=1000000`.

A target makes a case from random numbers and runs it against the real code; it raises `Finding`
where a promise is broken. The runner bounds time and memory, counts the codes that inputs end in,
and keeps what breaks something under `found/`, to be run again with `--replay FILE`. The same seed
and target give the same cases: case `n` depends on the seed, the target's name and `n` alone.
"""
