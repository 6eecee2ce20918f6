"""Checks, books, enriches and routes what bureaus hand over; pure functions on the engine's loop."""
