"""Queries: pure functions from a view to a named SQL file and its bound parameters."""
