"""The watch's copies of its events and deliveries."""

from __future__ import annotations

from llmtrace_dashboards.queries.query import Query, bounds
from llmtrace_dashboards.state.ranges import DAY_MS, LONGEST_MS, Window
from llmtrace_dashboards.state.view import View


def now(view: View, now_ms: int) -> Query:
    """The state of every alert now: firing first, then pending, then resolved."""
    window = Window(start_ms=now_ms - LONGEST_MS, end_ms=now_ms + DAY_MS)
    return Query(name="alerts_now", params=bounds(window) | {"project": view.project})


def history(view: View, window: Window) -> Query:
    """Changes of state in the range."""
    return Query(name="alert_history", params=bounds(window) | {"project": view.project})


def deliveries(window: Window) -> Query:
    """Delivery attempts in the range."""
    return Query(name="alert_deliveries", params=bounds(window))
