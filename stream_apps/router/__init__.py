"""Checks, books, enriches and routes what bureaus hand over, as pure functions."""
