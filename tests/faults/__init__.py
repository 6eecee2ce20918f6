"""Faults while traffic runs, and a verifier that shares no code with the router.

`python -m tests.faults --faults 1000` runs a seeded schedule to its end and writes a report.
"""
