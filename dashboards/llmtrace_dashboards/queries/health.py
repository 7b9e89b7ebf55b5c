"""How the store is, as a reader of it can tell: what arrives, what is left out, and how much is kept."""

from __future__ import annotations

from llmtrace_dashboards.queries.query import Query, bounds
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, MINUTE_MS, Window

LATELY_MS = 5 * MINUTE_MS
"""What the rate of arrivals is of."""
LAG_MS = HOUR_MS
"""What the lag is of."""


def arrivals(now_ms: int) -> Query:
    """One row: spans of the last minutes and of the last hour, and how long after their end they were received."""
    received = {"lately_ms": now_ms - LATELY_MS, "since_ms": now_ms - LAG_MS}
    return Query(name="arrivals", params=bounds(_around(now_ms)) | received)


def quarantined(now_ms: int) -> Query:
    """Rows (signal, reason, items): what was received in the last day and could not be true."""
    return Query(name="quarantined", params=bounds(Window(start_ms=now_ms - DAY_MS, end_ms=now_ms + DAY_MS)))


def delivered(now_ms: int) -> Query:
    """Attempts at each receiver in the last day."""
    return Query(name="delivered", params=bounds(Window(start_ms=now_ms - DAY_MS, end_ms=now_ms + DAY_MS)))


def rolled_up(now_ms: int) -> Query:
    """One row: how many spans of the last day are stored and how many rolled up, and when the newest of each was."""
    return Query(name="rolled_up", params=bounds(_around(now_ms).outward(HOUR_MS)))


def tables(now_ms: int) -> Query:
    """Those that store something; the largest first."""
    return Query(name="tables", params=bounds(Window(start_ms=0, end_ms=now_ms + DAY_MS)))


def kept(now_ms: int) -> Query:
    """For how many days, by table and project, where somebody has set it."""
    return Query(name="kept", params=bounds(Window(start_ms=0, end_ms=now_ms + DAY_MS)))


def _around(now_ms: int) -> Window:
    """The last day, and what clocks ahead of ours have sent."""
    return Window(start_ms=now_ms - DAY_MS, end_ms=now_ms + DAY_MS)
