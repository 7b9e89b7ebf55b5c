"""What the frame around every page asks: filter choices, the newest span, what is new since the page was drawn."""

from __future__ import annotations

from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.state.ranges import DAY_MS, LONGEST_MS, Window
from llmtrace_dashboards.state.view import View


def choices(view: View, window: Window) -> Query:
    """Rows (field, value): what the filters can offer in this range."""
    return Query(name="choices", params=bounds(window) | {"project": view.project})


def last_span(now_ms: int) -> Query:
    """One row: how many spans there are at all and when the newest was."""
    return Query(name="last_span", params=bounds(Window(start_ms=now_ms - LONGEST_MS, end_ms=now_ms + DAY_MS)))


def watermark(view: View, window: Window, drawn_ms: int) -> Query:
    """One row: spans in the window that arrived after `drawn_ms`."""
    return Query(name="watermark", params=bounds(window) | filters(view) | {"drawn_ms": drawn_ms})
