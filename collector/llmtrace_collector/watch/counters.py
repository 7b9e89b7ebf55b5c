"""Counts since the start of the process, for metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(kw_only=True)
class Counters:
    """Each is written by one thread at a time and only grows."""

    evaluations: int = 0
    query_failures: int = 0
    """Scans without an answer, and batches of the mirror that ClickHouse did not take."""
    transitions: int = 0
    unexplained: int = 0
    """Alerts that fired without the explanation they should have: it failed, or took too long."""
    delivered: int = 0
    """Attempts that a receiver took."""
    retried: int = 0
    """Attempts that failed and are made again."""
    failed: int = 0
    """Notices given up."""
